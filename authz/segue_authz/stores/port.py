"""The ports of what must hold under races: transfers, grants, authorization codes, and taking grants back.

The docstrings are the contract. `segue_authz.store_contract` checks a store against it; names in brackets are the laws
of that kit. What holds for every method:

- Each call is one transaction: it happens whole or, when it raises, not at all [whole-or-nothing].
- It is decided by what is stored at that moment, whichever process stored it: nothing is cached, nothing is checked
  first and done afterwards [linearizable].
- What was answered is durable, and the next read in any process sees it.
- No transfer, code or grant is ever deleted, for the sake of those who come too late [tombstones-stay].
- An exception that is not named here says that the store is away; whether the call happened may then be unknown.

Times are seconds since the epoch.
"""

from dataclasses import dataclass
from typing import Protocol

from segue_authz.domain.grant import Authentication, Grant, Standing
from segue_authz.domain.transfer import Offered, Redeemed, Requested, Transfer

INTERVAL, SLOWER, MAX_INTERVAL = 2, 5, 60
"""Seconds between polls, by how much one that comes too early lengthens that, and where it ends."""


@dataclass(frozen=True)
class Stored:
    """A transfer as it was read. `contested_at`: when another key first tried the code that had been claimed."""

    transfer: Transfer
    version: int
    contested_at: int | None = None


@dataclass(frozen=True)
class Issued:
    """A grant as it stands after it was written, refreshed or found again, with the actions a token may carry now."""

    grant: Grant
    actions: frozenset[str]


@dataclass(frozen=True)
class NewDevice:
    """What is kept of a device when it first gets a grant: what it calls itself, and where it was seen."""

    name: str
    network: str


@dataclass(frozen=True)
class AuthorizationCode:
    """What the person approved, and who may redeem it: this client, key, and verifier of `code_challenge` (S256)."""

    code_digest: str
    client_id: str
    subject: str
    redirect_uri: str
    code_challenge: str
    jkt: str
    task_id: str
    actions: frozenset[str]
    authentication: Authentication
    expires_at: int
    grant_id: str | None = None
    browser: str | None = None
    """The session of the browser in which the person approved: the client is in that browser too."""
    resource: str | None = None


class CodeTaken(Exception):
    """A transfer, finished or not, has this code already; another one has to be drawn."""


class TransferStore(Protocol):
    """Transfers, finished ones too. Which step is possible is the domain's business, that it happens once is here."""

    async def add(self, offered: Offered, *, handle_digest: str, code_digest: str) -> None:
        """Offer the task, and cancel what the same grant has offered before and is unfinished [newest-offer].

        However many are added at once, one is left that can go on. Offers of other grants are not touched. Raises
        `CodeTaken` if there is a transfer with this code, and then nothing has happened [whole-or-nothing].
        """
        ...

    async def request(self, requested: Requested, *, code_digest: str) -> None:
        """Begin a pull. Raises `CodeTaken` as `add` does."""
        ...

    async def by_id(self, transfer_id: str) -> Stored | None:
        """The transfer as it is now, whatever became of it."""
        ...

    async def by_code(self, digest: str) -> Stored | None:
        """The transfer whose handle or typed code has this digest, whatever became of it."""
        ...

    async def replace(self, stored: Stored, new: Transfer) -> Stored | None:
        """Compare and set: the transfer as it now is, or None, and no change, if it is no longer what was read.

        [compare-and-set, finished-stays, first-key, tries-counted]: the version decides, never the state, and a change
        that lost is not tried again. Each change of a transfer raises its version by one.
        """
        ...

    async def redeem(self, stored: Stored, redeemed: Redeemed, grant: Grant, *, now: int) -> Issued | None:
        """Redeem, raise the epoch on *move*, and write the grant with its device: one transaction.

        None, and no change, if the transfer is no longer what was read [redeem-once]. On *move* the epoch of the task
        rises by one, and the grant has the epoch that this gives [epoch-once]. `epoch`, `device_id` and `actions` of
        `grant` are proposals: the store puts in the task's epoch, the device that the key already is, and of the
        actions what the source may still give. Raises `Withdrawn` if that is nothing, or if the source is no longer
        at the epoch of the task, counting the moves that are going on [holder-gives]; then nothing has happened.
        """
        ...

    async def poll(self, transfer_id: str, *, now: int) -> bool:
        """Note a poll; False, and a longer interval from now on, if it came too early (RFC 8628 section 3.5).

        The first is never too early, and a second is forgiven. The interval begins with `INTERVAL`, and a poll that
        is too early adds `SLOWER`, to `MAX_INTERVAL` at most. Neither state nor version are touched [poll-apart].
        """
        ...

    async def contest(self, transfer_id: str, *, now: int) -> bool:
        """Mark that a second key tried the code: whether this call was the first. The version stays [poll-apart]."""
        ...


class GrantStore(Protocol):
    """What devices may do. Every answer is read in the transaction that decides [revocation-seen]."""

    async def standing(self, grant_id: str) -> Standing | None:
        """The grant with all that decides whether it still mints, as of one moment."""
        ...

    async def issued(self, grant_id: str, *, now: int) -> Issued:
        """The grant as it stands. Raises `Withdrawn`, and `LookupError` if there is none."""
        ...

    async def refresh(self, grant_id: str, *, generation: int, now: int) -> Issued | None:
        """Advance the grant by one generation, or answer a repeat; None if there is no such grant.

        Of the uses of one generation one advances it, the others get the same successor [refresh-once]. Raises
        `Withdrawn`, and `Reused` after having revoked the grant in the same transaction [reuse-ends].
        """
        ...

    async def delegate(self, proposed: Grant, *, device: NewDevice, now: int) -> Issued:
        """Write a grant that came of `parent_grant_id`, or extend the one that this client and key have of it already.

        It has the epoch of its parent. Whatever ends the parent ends it, at once and in every answer
        [revocation-seen], and what the parent can no longer give it does not give. Raises `Withdrawn` if the parent or
        the grant itself has ended; then nothing has happened.
        """
        ...

    async def knows_device(self, subject: str, client_id: str, jkt: str) -> bool:
        """Whether the key has held a grant of this person before that no other device gave it, and is not revoked."""
        ...

    async def revoke(self, grant_id: str, *, now: int) -> bool:
        """Whether this call revoked it."""
        ...

    async def revoke_device(self, device_id: str, *, now: int) -> bool:
        """Whether this call revoked it. Its grants mint nothing any more, those to come included."""
        ...


class AuthorizationCodeStore(Protocol):
    """Authorization codes, spent ones too (RFC 6749 section 4.1.2)."""

    async def add(self, code: AuthorizationCode) -> None: ...

    async def find(self, code_digest: str) -> AuthorizationCode | None:
        """The code; `grant_id` is set once it is spent."""
        ...

    async def redeem(self, code: AuthorizationCode, grant: Grant, *, device: NewDevice, now: int) -> Issued:
        """Write the grant if the code is unspent, else answer the grant it was spent for [code-once].

        Raises `Withdrawn`, and then the code is not spent [whole-or-nothing]: also if the code itself was ended.
        """
        ...


class WithdrawalStore(Protocol):
    """Taking back. Each call ends what it names whole, says how many grants it ended, and keeps them for the record.

    Once it has answered no read finds any of them live, and no transfer under way becomes a grant [revocation-seen].
    """

    async def grant(self, subject: str, grant_id: str, *, now: int) -> int:
        """End one grant of the person."""
        ...

    async def device(self, subject: str, device_id: str, *, now: int) -> int:
        """End all grants of one device of the person, and keep it from getting others."""
        ...

    async def everything(self, subject: str, *, now: int) -> int:
        """End all grants of the person, the transfers that are under way and the codes that are unspent."""
        ...

    async def report(self, subject: str, transfer_id: str, *, now: int) -> int | None:
        """The person did not start this transfer: end it and all that came of it, and remember which client it was.

        None if the person has no such transfer, or has reported it before.
        """
        ...

    async def reports(self, client_id: str, *, since: int) -> int:
        """How many transfers of this client persons have reported after `since`."""
        ...

    async def since(self, since: int, *, now: int) -> list[str]:
        """The grants that were live and have been withdrawn after `since`, by whatever way."""
        ...
