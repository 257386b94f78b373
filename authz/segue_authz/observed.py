"""What the authorization server has numbers for, beside its requests and its database."""

from collections.abc import Awaitable, Callable, Iterator, Mapping

import httpx2
from segue.clock import Clock
from segue_storage.catalogue import Catalogue, Counted, Read
from segue_storage.database import Database
from segue_storage.seen import Seen
from segue_storage.watching import Watcher

from segue_authz.stores.undelivered import undelivered
from segue_authz.tokens.signing_keys import SigningKeys

STAGES = ("requested", "offered", "claimed", "approved", "denied", "cancelled", "redeemed", "contested")
PROOF_REFUSALS = ("InvalidDPoPProof", "ReplayedProof", "UntimelyProof", "WrongKey")
"""By the names that `segue` has for them."""
LIMITED = (
    *("backchannel", "bound-session", "claim", "client-document", "invitation", "par", "registration", "request"),
    *("recovery", "sign-in", "transfer", "upstream", "upstream-logout", "user-code"),
)
SIGNING_KEY_AGE = "segue_signing_key_age_seconds"
SIGNAL_AGE = "segue_oldest_signal_seconds"
NOTICE_AGE = "segue_oldest_notice_seconds"


def _of_answer(seen: Seen) -> Iterator[tuple[str, str]]:
    if "refused" in seen.members:
        yield "refused", seen.members["refused"]
    if "reused" in seen.members:
        yield "reused", ""


CATALOGUE = Catalogue(
    service="segue-authz",
    counted=(
        Counted("transfer", "segue_transfers", "Transfers that came to a stage.", "stage", STAGES),
        Counted("reused", "segue_refresh_token_reuses", "Spent refresh tokens shown again; each ended its grant."),
        Counted("refused", "segue_proof_refusals", "Proofs refused.", "reason", PROOF_REFUSALS),
        Counted("limited", "segue_rate_limits", "Requests above a limit, by what is limited.", "what", LIMITED),
    ),
    read=(
        Read(SIGNING_KEY_AGE, "Since the key that signs began to."),
        Read(SIGNAL_AGE, "Since the oldest withdrawal happened that a receiver has not acknowledged."),
        Read(NOTICE_AGE, "How long the oldest notice to a client or a browser is due."),
    ),
    of_answer=_of_answer,
)


def watch(telemetry: Watcher, *, database: Database, keys: SigningKeys, clock: Clock) -> None:
    """What is asked for when somebody looks."""

    async def waiting() -> Mapping[str, float]:
        signal, notice = await undelivered(database, now=clock())
        return {SIGNAL_AGE: signal, NOTICE_AGE: notice}

    telemetry.gauge(SIGNING_KEY_AGE, lambda: clock() - keys.current.signs_from)
    telemetry.look(waiting)


def carrying(telemetry: Watcher) -> Callable[[httpx2.Request], Awaitable[None]]:
    """What an HTTP client does with each request, so that the next server goes on with the trace."""

    async def carry(request: httpx2.Request) -> None:
        request.headers.update(telemetry.carried())

    return carry
