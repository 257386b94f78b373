"""A transfer of one task to one Consumption Device: its states and the only ways from one to the next.

There are two beginnings. A *push* begins at the Authorization Device with `Offered` and becomes `Claimed`; a *pull*
begins at the Consumption Device with `Requested`. From `Approved` on they are the same.

States are values that carry what is known in them; a transition takes one and gives the next, or raises `NotPossible`.
Whether the step happened is decided by the store, which replaces the old value by the new one or not at all.
Protocol: specs/protocol.md section 6; RFC 10027 sections 4.2 and 6.1.
"""

from dataclasses import dataclass, replace
from typing import Literal

from segue_authz.domain.grant import Authentication

Mode = Literal["move", "share"]

DECISION_LIFETIME = 300
"""Seconds from the claim to the person's decision, and from there to the redemption."""
CHECK_VALUE_ATTEMPTS = 2
"""With four digits, two guesses succeed one time in 5,000."""


class NotPossible(Exception):
    """The transfer is not in a state that allows this step; the message says why, for the log alone."""


class AwaitingDecision(NotPossible):
    """The device has claimed the transfer, and the person has not decided yet."""


class Lapsed(NotPossible):
    """The time for this step is over."""


class Refused(NotPossible):
    """The person declined, or the transfer was cancelled."""


class AnotherKey(NotPossible):
    """The step was taken with a key that is not the claiming device's."""


class AnotherPerson(NotPossible):
    """A second account entered the code: it has been spread, and nobody shall get anything for it."""


@dataclass(frozen=True)
class Offer:
    """What is given: fixed when the Authorization Device starts a push, or when the person approves a pull.

    `source_grant_id` is the grant that is passed on; None for a pull, which the person's own authority grants.
    """

    transfer_id: str
    subject: str
    task_id: str
    source_grant_id: str | None
    consumption_client_id: str
    actions: frozenset[str]
    mode: Mode
    created_at: int
    sensitivity: str = "normal"


@dataclass(frozen=True)
class Asked:
    """What a Consumption Device asks for: one task by its identifier, or the person's choice, which may be new.

    `about` is what it says of the session, sealed: only the task store, which orders the tasks by it, reads it.
    """

    transfer_id: str
    task_id: str | None
    name: str | None
    actions: frozenset[str]
    created_at: int
    about: str | None = None


@dataclass(frozen=True)
class Claim:
    """Who asks for the task. `network` and `client_id` are verified facts, `device_name` is what the device says.

    `place` is where the person at the device says it is, if they do; nothing follows from it. `attester` is who vouches
    for the device, if somebody did whose word counted then.
    """

    client_id: str
    jkt: str
    device_name: str
    network: str
    claimed_at: int
    place: str | None = None
    attester: str | None = None


@dataclass(frozen=True)
class Requested:
    """A pull before the decision. `opened_by` is set by the first who enters the code, in time for that.

    `subject` is set then too, or before if the device asked as somebody (RFC 10027 section 6.1.15).
    """

    offer: Asked
    claim: Claim
    expires_at: int
    opened_by: str | None = None
    subject: str | None = None
    attempts: int = 0
    enter_until: int | None = None


@dataclass(frozen=True)
class Offered:
    offer: Offer
    expires_at: int
    opened_by: str | None = None


@dataclass(frozen=True)
class Claimed:
    offer: Offer
    claim: Claim
    expires_at: int
    opened_by: str | None = None
    attempts: int = 0


@dataclass(frozen=True)
class Approved:
    offer: Offer
    claim: Claim
    expires_at: int
    opened_by: str
    authentication: Authentication
    explained: str = ""
    """What spoke for the decision, as JSON, so that it can be explained afterwards."""


@dataclass(frozen=True)
class Redeemed:
    offer: Offer
    claim: Claim
    grant_id: str


@dataclass(frozen=True)
class Denied:
    """`attempts` says how many wrong check values led here."""

    offer: Offer | Asked
    claim: Claim | None
    attempts: int = 0


@dataclass(frozen=True)
class Cancelled:
    offer: Offer | Asked
    claim: Claim | None


Transfer = Requested | Offered | Claimed | Approved | Redeemed | Denied | Cancelled


def claim(transfer: Transfer, by: Claim) -> Claimed:
    """Bind the transfer to the Consumption Device's key. The first key wins; the same key may repeat."""
    match transfer:
        case Claimed(claim=earlier) if earlier.jkt == by.jkt and by.claimed_at < transfer.expires_at:
            return transfer
        case Offered(offer, expires_at, opened_by) if by.claimed_at < expires_at:
            if by.client_id != offer.consumption_client_id:
                raise NotPossible("the code is meant for another client")
            return Claimed(offer, by, expires_at=by.claimed_at + DECISION_LIFETIME, opened_by=opened_by)
        case Offered():
            raise Lapsed("the code has lapsed")
        case Claimed() | Approved() | Redeemed() if transfer.claim.jkt != by.jkt:
            raise AnotherKey("the code has been claimed by another key")
        case _:
            raise NotPossible(f"{type(transfer).__name__} cannot be claimed")


def open_for_decision(transfer: Transfer, *, browser: str, subject: str, now: int) -> Transfer:
    """Reserve the decision for the browser session that opened the page first (RFC 10027 section 6.1.14)."""
    match transfer:
        case Requested() if transfer.subject not in (None, subject):
            raise AnotherPerson("an account has entered the code that is not the one it was first for")
        case Requested(opened_by=None) if now >= (transfer.enter_until or transfer.expires_at):
            raise Lapsed("the code has lapsed")
        case Requested(opened_by=None):
            return replace(transfer, opened_by=browser, subject=subject)
        case Offered(opened_by=None) | Claimed(opened_by=None):
            return replace(transfer, opened_by=browser)
        case Requested() | Offered() | Claimed() if transfer.opened_by != browser:
            raise NotPossible("another browser session has opened this transfer")
        case _:
            return transfer


def attempt(transfer: Transfer, *, browser: str, now: int) -> Claimed | Requested:
    """Spend one try at the check value; to be stored before the value is compared (RFC 10027 section 6.1.11)."""
    match transfer:
        case Claimed() | Requested() if now >= transfer.expires_at:
            raise Lapsed("the time to decide is over")
        case Claimed() | Requested() if transfer.opened_by != browser:
            raise NotPossible("only the browser session that opened the transfer may decide")
        case Claimed() | Requested() if transfer.attempts < CHECK_VALUE_ATTEMPTS:
            return replace(transfer, attempts=transfer.attempts + 1)
        case _:
            raise NotPossible(f"{type(transfer).__name__} cannot be decided")


def approve(
    transfer: Claimed | Requested,
    offer: Offer,
    *,
    browser: str,
    authentication: Authentication,
    now: int,
    explained: str = "",
) -> Approved:
    """Let the claiming device redeem what `offer` says. The only way into `Approved`."""
    if transfer.opened_by != browser or now >= transfer.expires_at:
        raise NotPossible("only the browser session that opened the transfer may decide, and in time")
    return Approved(
        offer,
        transfer.claim,
        expires_at=now + DECISION_LIFETIME,
        opened_by=browser,
        authentication=authentication,
        explained=explained,
    )


def deny(transfer: Transfer, *, browser: str) -> Denied:
    """End the transfer by the person's word. Possible until it is redeemed."""
    match transfer:
        case Offered(offer, opened_by=opener) if opener == browser:
            return Denied(offer, None)
        case Requested() | Claimed() | Approved() if transfer.opened_by == browser:
            return Denied(transfer.offer, transfer.claim)
        case _:
            raise NotPossible(f"{type(transfer).__name__} cannot be declined by this browser session")


def void(transfer: Claimed | Requested) -> Denied:
    """End the transfer: the last try at the check value was wrong, or a second account entered the code."""
    return Denied(transfer.offer, transfer.claim, transfer.attempts)


def cancel(transfer: Transfer) -> Cancelled:
    """Withdraw it from one of the two devices. Possible until it is redeemed."""
    match transfer:
        case Offered(offer):
            return Cancelled(offer, None)
        case Requested() | Claimed() | Approved():
            return Cancelled(transfer.offer, transfer.claim)
        case _:
            raise NotPossible(f"{type(transfer).__name__} cannot be cancelled")


def redeem(transfer: Transfer, *, jkt: str, client_id: str, grant_id: str, now: int) -> Redeemed:
    """Turn the approval into a grant for the claiming key. The only way into `Redeemed` (RFC 8628 section 3.5)."""
    match transfer:
        case Requested() | Claimed() | Approved() | Redeemed() if transfer.claim.jkt != jkt:
            raise AnotherKey("the key is not the one that claimed the transfer")
        case Requested() | Claimed() | Approved() | Redeemed() if transfer.claim.client_id != client_id:
            raise NotPossible("the client is not the one that claimed the transfer")
        case Redeemed():
            return transfer
        case Denied() | Cancelled():
            raise Refused(f"the transfer is {type(transfer).__name__.lower()}")
        case Requested() | Claimed() if now < transfer.expires_at:
            raise AwaitingDecision("the person has not decided yet")
        case Approved(offer, claim) if now < transfer.expires_at:
            return Redeemed(offer, claim, grant_id)
        case _:
            raise Lapsed("the transfer has lapsed")


def state_name(transfer: Transfer, *, now: int) -> str:
    """The state in the words of specs/protocol.md section 6.1."""
    match transfer:
        case Requested() | Offered() | Claimed() | Approved() if now >= transfer.expires_at:
            return "expired"
        case _:
            return type(transfer).__name__.lower()
