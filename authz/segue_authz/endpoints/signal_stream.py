"""A server's stream of security events: begun, read, changed and ended by itself (OpenID SSF 1.0 section 8.1.1)."""

from dataclasses import replace
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from segue_authz.delivery import may_be_notified
from segue_authz.domain.identifier import new
from segue_authz.domain.refusal import InvalidRequest, NotFound, StreamConflict
from segue_authz.domain.signal_stream import SUPPORTED, Method, Stream
from segue_authz.endpoints.answer import NO_STORE, answered
from segue_authz.endpoints.operation import SECONDS, TEXT, URI, WORDS, Members, Proof, Schema, operation
from segue_authz.endpoints.receiver import LONGEST, own_stream, read_json, receiver, text, words
from segue_authz.endpoints.services import Services
from segue_authz.stores.signals import VERIFY_EVERY

_DELIVERY: Schema = {
    "type": "object",
    "required": ["method"],
    "properties": {
        "method": {"enum": [method.value for method in Method]},
        "endpoint_url": URI,
        "authorization_header": {"type": "string", "maxLength": LONGEST},
    },
}
_ASKED: Members = {"events_requested?": WORDS, "delivery?": _DELIVERY, "description?": TEXT}
_TOLD: Members = {
    "stream_id": TEXT,
    "iss": URI,
    "aud": TEXT,
    "events_supported": WORDS,
    "events_requested": WORDS,
    "events_delivered": WORDS,
    "delivery": {"type": "object"},
    "min_verification_interval": SECONDS,
    "description?": TEXT,
}
_NAMED: Members = {"stream_id?": TEXT}


@operation(
    "A server begins to hear of withdrawals",
    body=_ASKED,
    answers={201: _TOLD},
    refuses=[StreamConflict],
    proof=Proof.SERVICE,
)
async def begin(services: Services, request: Request) -> Response:
    """SSF section 8.1.1.1. Whoever may hear has one stream."""
    client, asked, now = await receiver(services, request), await read_json(request), services.clock()
    nothing = Stream(
        new("str", services.random), client.client_id, client.audience, Method.POLL, None, None, (), now, now
    )
    stream = _configured(services, nothing, {"events_requested": [], "delivery": {"method": Method.POLL}, **asked})
    if not await services.signals.add(stream):
        raise StreamConflict("the client has a stream already")
    return answered(_told(services, stream), status=201)


@operation(
    "What a stream is", query=_NAMED, answers={200: _TOLD}, refuses=[NotFound], proof=Proof.SERVICE, several=True
)
async def show(services: Services, request: Request) -> Response:
    """SSF section 8.1.1.2. Without an identifier all streams are asked for: those of one client are one or none."""
    client = await receiver(services, request)
    if "stream_id" in request.query_params:
        return answered(_told(services, await own_stream(services, client, request.query_params["stream_id"])))
    stream = await services.signals.stream(client.client_id)
    return JSONResponse([] if stream is None else [_told(services, stream)], headers=NO_STORE)


@operation(
    "Change a part of a stream",
    body={"stream_id": TEXT, **_ASKED},
    answers={200: _TOLD},
    refuses=[NotFound],
    proof=Proof.SERVICE,
)
async def change(services: Services, request: Request) -> Response:
    """SSF section 8.1.1.3."""
    client, asked = await receiver(services, request), await read_json(request)
    return await _changed(services, await own_stream(services, client, asked.get("stream_id")), asked)


@operation(
    "Replace a stream",
    body={"stream_id": TEXT, **_ASKED},
    answers={200: _TOLD},
    refuses=[NotFound],
    proof=Proof.SERVICE,
)
async def replace_whole(services: Services, request: Request) -> Response:
    """SSF section 8.1.1.4: what is not given is as if it had never been."""
    client, asked = await receiver(services, request), await read_json(request)
    stream = replace(await own_stream(services, client, asked.get("stream_id")), description=None)
    return await _changed(services, stream, {"events_requested": [], "delivery": {"method": Method.POLL}, **asked})


@operation("End a stream", query={"stream_id": TEXT}, answers={204: {}}, refuses=[NotFound], proof=Proof.SERVICE)
async def end(services: Services, request: Request) -> Response:
    """SSF section 8.1.1.5."""
    client = await receiver(services, request)
    await services.signals.remove(await own_stream(services, client, request.query_params.get("stream_id")))
    return Response(status_code=204, headers=NO_STORE)


async def _changed(services: Services, stream: Stream, asked: dict[str, Any]) -> Response:
    changed = _configured(services, stream, asked)
    if not await services.signals.change(changed):
        raise NotFound("there is no such stream")
    return answered(_told(services, changed))


def _configured(services: Services, stream: Stream, asked: dict[str, Any]) -> Stream:
    """The stream as it is asked for; what nobody asks for stays. Raises `InvalidRequest`."""
    if "events_requested" in asked:
        stream = replace(stream, events=tuple(each for each in words(asked, "events_requested") if each in SUPPORTED))
    if "description" in asked:
        stream = replace(stream, description=text(asked, "description"))
    if "delivery" in asked:
        stream = _delivered(services, stream, asked["delivery"])
    return stream


def _delivered(services: Services, stream: Stream, delivery: object) -> Stream:
    """SSF section 6.1. Where to push is checked again, with what its name resolves to, whenever something is pushed."""
    if not isinstance(delivery, dict) or delivery.get("method") not in tuple(Method):
        raise InvalidRequest("delivery.method is neither push nor poll")
    if delivery["method"] == Method.POLL:
        return replace(stream, method=Method.POLL, endpoint_url=None, endpoint_authorization=None)
    url, authorization = text(delivery, "endpoint_url"), text(delivery, "authorization_header")
    if url is None or not may_be_notified(url):
        raise InvalidRequest("delivery.endpoint_url is no public https address")
    if authorization is not None and not (authorization.isascii() and authorization.isprintable()):
        raise InvalidRequest("delivery.authorization_header is no header's value")
    sealed = services.sealing.seal(authorization, row=stream.stream_id) if authorization else None
    return replace(stream, method=Method.PUSH, endpoint_url=url, endpoint_authorization=sealed)


def _told(services: Services, stream: Stream) -> dict[str, Any]:
    """SSF section 8.1.1. The header that was given is not told to anybody."""
    issuer = services.settings.issuer
    polled = f"{issuer}/signals/poll/{stream.stream_id}"
    delivery = {"method": stream.method.value, "endpoint_url": stream.endpoint_url or polled}
    described = {} if stream.description is None else {"description": stream.description}
    return {
        "stream_id": stream.stream_id,
        "iss": issuer,
        "aud": stream.audience,
        "events_supported": list(SUPPORTED),
        "events_requested": list(stream.events),
        "events_delivered": list(stream.events),
        "delivery": delivery,
        "min_verification_interval": VERIFY_EVERY,
        **described,
    }
