"""What one device may do with one task, and what a token minted from it may say."""

from dataclasses import dataclass, replace

READING = ":read"
MAX_ACTORS = 3
"""How many clients may act one for the other (RFC 8693 section 4.1): each further one is a further place to lose at."""


@dataclass(frozen=True)
class Authentication:
    """When and how the person signed in (RFC 9068 section 2.2.1): seconds since the epoch, and the `acr`."""

    auth_time: int
    acr: str


@dataclass(frozen=True)
class Grant:
    """Tokens are minted from it; withdrawing it withdraws them all. `generation` counts refreshes.

    `resource` is the one audience that was asked for, if one was. A grant that came of a token exchange has a parent,
    with which it ends, and `actors`: the clients that act for the person, the present one first (RFC 8693 section 4.1).
    `status_index` is the number that the store has given it, for the status list.
    """

    grant_id: str
    subject: str
    client_id: str
    device_id: str
    jkt: str
    task_id: str
    actions: frozenset[str]
    epoch: int
    authentication: Authentication
    created_at: int
    expires_at: int
    transfer_id: str | None = None
    token_lifetime: int = 300
    generation: int = 0
    rotated_at: int | None = None
    revoked_at: int | None = None
    parent_grant_id: str | None = None
    resource: str | None = None
    actors: tuple[str, ...] = ()
    status_index: int = 0


@dataclass(frozen=True)
class Standing:
    """Everything that decides whether a grant still mints, read in one transaction. `parent` is that of its parent."""

    grant: Grant
    account_enabled: bool
    client_enabled: bool
    device_enabled: bool
    client_actions: frozenset[str]
    task_epoch: int
    parent: "Standing | None" = None


class Withdrawn(Exception):
    """The grant mints nothing any more; the message says why, for the log alone."""


def mintable_actions(standing: Standing, *, now: int) -> frozenset[str]:
    """The actions a token may carry at this moment; never more than was granted.

    A grant whose task has moved on keeps reading and nothing else (specs/protocol.md section 3). One that came of an
    exchange never outlives its parent, nor is it ever wider. Raises `Withdrawn`.
    """
    grant = standing.grant
    for standing_still, reason in (
        (grant.revoked_at is None, "the grant is revoked"),
        (now < grant.expires_at, "the grant has expired"),
        (standing.account_enabled, "the account is disabled"),
        (standing.client_enabled, "the client is disabled"),
        (standing.device_enabled, "the device is revoked"),
    ):
        if not standing_still:
            raise Withdrawn(reason)
    actions = grant.actions & standing.client_actions
    if grant.epoch < standing.task_epoch:
        actions = frozenset(action for action in actions if action.endswith(READING))
    if grant.parent_grant_id is not None:
        if standing.parent is None:
            raise Withdrawn("the grant that it came of is not known")
        actions &= mintable_actions(standing.parent, now=now)
    if not actions:
        raise Withdrawn("nothing is left of what was granted")
    return actions


REPEAT_LIFETIME = 300
"""Seconds in which a spent refresh token may be repeated by its key while the successor is unused (decision 0009).

As long as an access token lives: one that was minted with the lost answer is good for no less.
"""


class Reused(Exception):
    """A refresh token came back after its successor could have been used: two parties hold the family."""


def rotate(grant: Grant, *, generation: int, now: int) -> Grant:
    """Use the refresh token of `generation`: the grant with its next one, or the same grant when this is a repeat.

    RFC 9700 section 4.14.2. Raises `Reused`.
    """
    if generation == grant.generation:
        return replace(grant, generation=generation + 1, rotated_at=now)
    repeated = generation == grant.generation - 1 and grant.rotated_at is not None
    if repeated and now - (grant.rotated_at or 0) <= REPEAT_LIFETIME:
        return grant
    raise Reused("a spent refresh token was used again")
