"""The transmitter of security events: what it is, and what a stream tells, if anything (A15).

OpenID SSF 1.0 sections 7 and 8.1, RFC 8936.
"""

import asyncio
from dataclasses import replace
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from segue_authz.domain.refusal import InvalidRequest, NotFound, StreamConflict, TooManyRequests
from segue_authz.domain.signal_stream import Method, Status, Stream
from segue_authz.endpoints.answer import NO_STORE, answered
from segue_authz.endpoints.operation import TEXT, URI, WORDS, Members, Proof, operation
from segue_authz.endpoints.receiver import own_stream, read_json, receiver, text, words
from segue_authz.endpoints.services import Services
from segue_authz.stores.signals import VERIFY_EVERY

LONGEST_WAIT = 20
"""Seconds that an answer to a poll waits for something to tell."""
LOOK_EVERY = 0.3
MOST = 100
"""Events in one answer to a poll."""
_CACHE = {"Cache-Control": "public, max-age=300", "X-Content-Type-Options": "nosniff"}

_STATUS: Members = {"stream_id": TEXT, "status": {"enum": [status.value for status in Status]}, "reason?": TEXT}


@operation(
    "What this transmitter of security events is (OpenID SSF 1.0)",
    answers={200: {"issuer": URI, "jwks_uri": URI, "spec_version": {"const": "1_0"}}},
)
async def configuration(services: Services, _: Request) -> Response:
    """SSF section 7.1."""
    issuer = services.settings.issuer
    content = {
        "spec_version": "1_0",
        "issuer": issuer,
        "jwks_uri": f"{issuer}/jwks",
        "delivery_methods_supported": [method.value for method in Method],
        "configuration_endpoint": f"{issuer}/signals/stream",
        "status_endpoint": f"{issuer}/signals/status",
        "verification_endpoint": f"{issuer}/signals/verify",
        "authorization_schemes": [{"spec_urn": "urn:ietf:rfc:6749"}, {"spec_urn": "urn:ietf:rfc:9449"}],
        "default_subjects": "ALL",
    }
    return JSONResponse(content, headers=_CACHE)


@operation(
    "Whether a stream tells anything",
    query={"stream_id": TEXT},
    answers={200: _STATUS},
    refuses=[NotFound],
    proof=Proof.SERVICE,
)
async def show_status(services: Services, request: Request) -> Response:
    """SSF section 8.1.2.1."""
    client = await receiver(services, request)
    return answered(_status(await own_stream(services, client, request.query_params.get("stream_id"))))


@operation(
    "Let a stream tell, wait, or be silent",
    body=_STATUS,
    answers={200: _STATUS},
    refuses=[StreamConflict, NotFound],
    proof=Proof.SERVICE,
)
async def set_status(services: Services, request: Request) -> Response:
    """SSF section 8.1.2.2."""
    client, asked = await receiver(services, request), await read_json(request)
    stream = await own_stream(services, client, asked.get("stream_id"))
    if asked.get("status") not in tuple(Status):
        raise InvalidRequest("status is none of enabled, paused and disabled")
    status, reason = Status(asked["status"]), text(asked, "reason")
    if not await services.signals.set_status(stream, status, reason=reason, now=services.clock()):
        raise StreamConflict("somebody else has just changed the stream")
    return answered(_status(replace(stream, status=status, reason=reason)))


@operation(
    "Ask for an event that shows that the stream works",
    body={"stream_id": TEXT, "state?": TEXT},
    answers={204: {}},
    refuses=[NotFound, TooManyRequests],
    proof=Proof.SERVICE,
)
async def verify(services: Services, request: Request) -> Response:
    """SSF section 8.1.4.2."""
    client, asked = await receiver(services, request), await read_json(request)
    stream = await own_stream(services, client, asked.get("stream_id"))
    if not await services.signals.verify(stream, state=text(asked, "state"), now=services.clock()):
        raise TooManyRequests(f"a stream is verified once in {VERIFY_EVERY} seconds")
    return Response(status_code=204, headers=NO_STORE)


@operation(
    "What has ended, for a server that asks (RFC 8936)",
    body={
        "maxEvents?": {"type": "integer", "minimum": 0},
        "returnImmediately?": {"type": "boolean"},
        "ack?": WORDS,
        "setErrs?": {"type": "object"},
    },
    answers={200: {"sets": {"type": "object"}, "moreAvailable": {"type": "boolean"}}},
    refuses=[NotFound],
    proof=Proof.SERVICE,
)
async def poll(services: Services, request: Request) -> Response:
    """RFC 8936 section 2. What could not be read is not told again either: it would be no better."""
    client, asked = await receiver(services, request), await read_json(request)
    stream = await own_stream(services, client, request.path_params["stream_id"], method=Method.POLL)
    most, arrived, at_once = _poll(asked)
    if arrived:
        await services.signals.acknowledge(stream, arrived)
    until = asyncio.get_running_loop().time() + (0 if at_once else LONGEST_WAIT)
    while True:
        found = await services.signals.waiting(stream, most=most + 1) if most else []
        if found or not most or asyncio.get_running_loop().time() >= until:
            break
        await asyncio.sleep(LOOK_EVERY)
    sets = {signal.jti: services.security_events.token(stream, signal) for signal in found[:most]}
    return answered({"sets": sets, "moreAvailable": len(found) > most})


def _status(stream: Stream) -> dict[str, Any]:
    told = {"stream_id": stream.stream_id, "status": stream.status.value}
    return told if stream.reason is None else {**told, "reason": stream.reason}


def _poll(asked: dict[str, Any]) -> tuple[int, list[str], bool]:
    """How many events are wanted, which have arrived, and whether the answer may wait. Raises `InvalidRequest`."""
    most, at_once, errors = (
        asked.get("maxEvents", MOST),
        asked.get("returnImmediately", False),
        asked.get("setErrs", {}),
    )
    if type(most) is not int or most < 0 or not isinstance(at_once, bool) or not isinstance(errors, dict):
        raise InvalidRequest("maxEvents, returnImmediately or setErrs is malformed")
    return min(most, MOST), [*words(asked, "ack"), *words({"setErrs": list(errors)}, "setErrs")], at_once
