"""All checks of one resource server, the same for ASGI and WSGI: who is let in, and what everybody else is told."""

import dataclasses
import hashlib
import json
import logging
import os
from typing import NamedTuple, Protocol

from segue.challenge import refusal_problem, resource_metadata_url, unavailable_problem
from segue.clock import Clock
from segue.credentials import presented_token
from segue.dpop import ProofChecker
from segue.epoch import EpochMemory
from segue.issuer_keys import PAUSE, Keys, KeysUnavailable
from segue.nonce import Nonces
from segue.refusal import Refused
from segue.replay import MemoryUnavailable, ReplayMemory
from segue.request import ProtectedRequest
from segue.security_event import SecurityEventReader
from segue.step_up import Sensitive, require_known_actions, unmet
from segue.task_token import InvalidToken, TaskToken, TaskTokenVerifier
from segue.withdrawals import WithdrawalsUnavailable

_log = logging.getLogger("segue")


class Withdrawn(Protocol):
    """Which grants the issuer has withdrawn."""

    async def includes(self, grant_id: str) -> bool:
        """Whether the grant is withdrawn. Raises `WithdrawalsUnavailable`."""
        ...


class Admitted(NamedTuple):
    """A request that may go on. Under an `epoch` above its own, the token is left with what reads.

    `step_up` are the actions for which the person has to sign in anew.
    """

    token: TaskToken
    epoch: int
    step_up: Sensitive


class Guard:
    """Admits requests with a token and a proof of its key. Its parts are shared by all requests."""

    def __init__(
        self,
        *,
        issuer: str,
        audience: str,
        keys: Keys,
        withdrawals: Withdrawn,
        replay: ReplayMemory,
        epochs: EpochMemory,
        nonce_secret: bytes | None,
        clock: Clock,
        sensitive: Sensitive | None = None,
    ) -> None:
        self._audience = audience
        self._clock = clock
        self._sensitive = require_known_actions(sensitive or {})
        self._withdrawals = withdrawals
        self._epochs = epochs
        self._tokens = TaskTokenVerifier(issuer=issuer, audience=audience, keys=keys, clock=clock)
        self._proofs = ProofChecker(replay=replay, nonces=Nonces(nonce_secret or os.urandom(32)), clock=clock)
        self.events = SecurityEventReader(issuer=issuer, audience=audience, keys=keys, clock=clock)
        self.fresh_nonce = self._proofs.fresh_nonce
        self.metadata = _metadata(issuer=issuer, audience=audience)
        self.metadata_headers = [
            ("content-type", "application/json"),
            ("content-length", str(len(self.metadata))),
            ("access-control-allow-origin", "*"),
            ("cache-control", "public, max-age=300"),
        ]
        self.metadata_path = "/" + resource_metadata_url(audience).split("/", 3)[3]

    async def admit(self, request: ProtectedRequest) -> Admitted:
        """The request's token, or the `Problem` to answer with.

        The token first: only its own device can use up room in the memory of proofs. What may change while a token
        lives, its grant and its task's epoch, is asked for every request.
        """
        try:
            presented = presented_token(request)
            digest = hashlib.sha256(presented.encode("ascii")).digest()
            token = await self._tokens.verify(presented, digest=digest)
            await self._proofs.check(
                [value.decode("latin-1") for value in request.proofs],
                htm=request.method,
                htu=self._audience + request.path,
                access_token_digest=digest,
                expected_jkt=token.jkt,
            )
            if await self._withdrawals.includes(token.grant_id):
                raise InvalidToken("the task token has been withdrawn")
            epoch = await self._epochs.raise_to(token.authority.task_id, token.authority.epoch)
        except Refused as refused:
            _log.info("refused: %s: %s", type(refused).__name__, refused.because)
            raise refusal_problem(refused, audience=self._audience) from refused
        except (KeysUnavailable, MemoryUnavailable, WithdrawalsUnavailable) as outage:
            _log.error("cannot verify: %s", outage)
            raise unavailable_problem(retry_after=PAUSE) from outage
        step_up = unmet(self._sensitive, token, now=self._clock()) if self._sensitive else {}
        return Admitted(token if token.authority.epoch >= epoch else _reading_only(token), epoch, step_up)


def _reading_only(token: TaskToken) -> TaskToken:
    """The task has moved: the device it left may read along (specs/protocol.md section 7)."""
    reads = frozenset(action for action in token.authority.actions if action.endswith(":read"))
    return dataclasses.replace(token, authority=dataclasses.replace(token.authority, actions=reads))


def _metadata(*, issuer: str, audience: str) -> bytes:
    """RFC 9728 section 2. No method of sending bearer tokens is named: none is supported (sections 2 and 3.2)."""
    return json.dumps(
        {
            "resource": audience,
            "authorization_servers": [issuer],
            "authorization_details_types_supported": ["task"],
            "dpop_signing_alg_values_supported": ["ES256"],
            "dpop_bound_access_tokens_required": True,
        }
    ).encode("ascii")
