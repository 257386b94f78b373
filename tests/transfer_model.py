"""What specs/protocol.md section 6 says about transfers and their grants, written down a second time and simply.

No code is shared with the server, no time passes by itself, and nothing happens at the same time as something else.
A step is its name and its arguments; a step that is more than one request or write `yield`s in between.
"""

from collections.abc import Generator
from copy import deepcopy
from dataclasses import dataclass, field

from segue.authority import ACTIONS

HOME = -1
"""The grant that is there from the beginning: the desktop's. Any other has the number of its transfer."""
START = 1_800_000_000
OWN, OTHER, STRANGER = "own", "other", "stranger"
"""Browsers: two of the person's, and one of another account."""
PERSON = "person"

CODE, ENTERING, DECISION, GRACE, GRANT_LIFETIME, HOME_LIFETIME = 120, 240, 300, 300, 2_000, 30 * 86_400
INTERVAL, SLOWER, SLOWEST, TRIES = 2, 5, 60, 2
LIFETIMES = (INTERVAL, INTERVAL + SLOWER, GRACE, CODE, ENTERING, DECISION, ENTERING + DECISION, GRANT_LIFETIME)

READING = frozenset({"task:read", "working_set:read", "events:read", "tool_calls:read", "audit:read"})
WORKING = frozenset({"task:transfer", "working_set:write", "events:append", "tool_calls:claim"})
PHONE_ACTIONS = (READING | WORKING) - {"audit:read"}
DESK_ACTIONS = ACTIONS

UNFINISHED = ("requested", "offered", "claimed", "approved")
Step = tuple[str, *tuple[object, ...]]


@dataclass(frozen=True)
class Observed:
    """Transfers: state, opened by, key, tries while undecided, contested. Grants: name, key, task, epoch, generation,
    withdrawn, actions. Epochs by task.
    """

    transfers: tuple[tuple[str, str | None, str | None, int, bool], ...]
    grants: tuple[tuple[int, str, str, int, int, bool, frozenset[str]], ...]
    epochs: tuple[tuple[str, int], ...]


@dataclass
class Grant:
    key: str
    subject: str
    task: str
    actions: frozenset[str]
    epoch: int
    expires_at: int
    generation: int = 0
    rotated_at: int = 0
    revoked: bool = False


@dataclass
class Transfer:
    state: str
    deadline: int
    actions: frozenset[str]
    pull: bool = False
    subject: str | None = None
    task: str = ""
    mode: str = ""
    source: int | None = None
    key: str | None = None
    enter_until: int = 0
    opened_by: str | None = None
    tries: int = 0
    contested: bool = False
    reported: bool = False
    interval: int = INTERVAL
    polled_at: int | None = None
    changes: int = 0

    @property
    def entering(self) -> bool:
        """A pull whose code nobody has entered yet."""
        return self.state == "requested" and self.opened_by is None

    @property
    def ends_at(self) -> int:
        """Until when its next step is possible."""
        return self.enter_until if self.entering else self.deadline

    def becomes(self, state: str) -> None:
        self.state, self.changes = state, self.changes + 1

    def ends(self) -> None:
        """Withdrawn from outside."""
        if self.state in UNFINISHED:
            self.becomes("denied" if self.state == "requested" else "cancelled")


def _home() -> dict[int, Grant]:
    return {HOME: Grant("desk", PERSON, "home", DESK_ACTIONS, 1, START + HOME_LIFETIME)}


@dataclass
class Model:
    now: int = START
    enabled: bool = True
    grants: dict[int, Grant] = field(default_factory=_home)
    transfers: list[Transfer] = field(default_factory=list)
    epochs: dict[str, int] = field(default_factory=lambda: {"home": 1})
    devices: dict[tuple[str, str], bool] = field(default_factory=lambda: {(PERSON, "desk"): True})
    """Which keys of which person are devices, and whether they still may be."""

    def do(self, step: Step) -> str:
        return self.do_both(step, None, after=0)[0]

    def do_both(self, first: Step, second: Step | None, *, after: int) -> tuple[str, str]:
        """The second happens after so many parts of the first, or after all of it if there are not as many."""
        parts = self._parts(first)
        other = None
        while True:
            if after == 0 and second is not None:
                other = self.do(second)
            after -= 1
            try:
                next(parts)
            except StopIteration as end:
                return end.value, other or (self.do(second) if second else "")

    def copy(self) -> "Model":
        return deepcopy(self)

    def observed(self) -> Observed:
        transfers = [
            (
                each.state,
                each.opened_by,
                each.key,
                each.tries * (each.state in ("requested", "claimed")),
                each.contested,
            )
            for each in self.transfers
        ]
        grants = [
            (name, each.key, each.task, each.epoch, each.generation, each.revoked, each.actions)
            for name, each in sorted(self.grants.items())
        ]
        return Observed(tuple(transfers), tuple(grants), tuple(sorted(self.epochs.items())))

    def deadlines(self) -> list[int]:
        """The moments from which on something is not as it was: that of the newest transfer first, then the nearest."""
        unfinished = [each for each in self.transfers if each.state in UNFINISHED]
        moments = {each.deadline for each in unfinished} | {each.enter_until for each in unfinished}
        moments |= {each.polled_at + each.interval - 1 for each in self.transfers if each.polled_at is not None}
        moments |= {each.rotated_at + GRACE + 1 for each in self.grants.values()}
        moments |= {each.expires_at for each in self.grants.values()}
        newest = [each.ends_at for each in unfinished[-1:]]
        return [moment for moment in newest + sorted(moments) if moment > self.now]

    # The devices.

    def push(self, grant: int, mode: str) -> str:
        source = self.grants[grant]
        if not self._has_token(grant) or "task:transfer" not in self._mintable(source):
            return "refused"
        for earlier in self.transfers:
            if earlier.source == grant:
                earlier.ends()
        actions = self._mintable(source) & PHONE_ACTIONS
        offered = Transfer("offered", self.now + CODE, actions, False, source.subject, source.task, mode, grant)
        self.transfers.append(offered)
        return "offered"

    def pull(self, key: str) -> str:
        requested = Transfer("requested", self.now + ENTERING + DECISION, PHONE_ACTIONS, pull=True, key=key)
        requested.enter_until = self.now + ENTERING
        self.transfers.append(requested)
        return "requested"

    def claim(self, transfer: int, key: str) -> str:
        each = self.transfers[transfer]
        if each.source is None or self.grants[each.source].key == key:
            return "invalid_grant"
        if each.state == "claimed" and each.key == key and self.now < each.deadline:
            return "claimed"
        if each.state == "offered" and self.now < each.deadline and key != "desk":
            each.key, each.deadline = key, self.now + DECISION
            each.becomes("claimed")
            return "claimed"
        if each.state in ("claimed", "approved", "redeemed") and each.key != key:
            each.contested = True
        return "invalid_grant"

    def redeem(self, transfer: int, key: str) -> str:
        each = self.transfers[transfer]
        if each.key is None:
            return "invalid_grant"
        if each.state in ("denied", "cancelled"):
            return "access_denied"
        if each.key != key:
            if each.state == "redeemed":
                self.grants[transfer].revoked = True
            return "invalid_grant"
        if each.state == "redeemed":
            repeatable = self.grants[transfer].generation == 0 and self._mintable(self.grants[transfer])
            return self._granted(transfer) if repeatable else "invalid_grant"
        if self.now >= each.deadline:
            return "expired_token"
        return self._redeem(transfer, each) if each.state == "approved" else self._poll(each)

    def _has_token(self, grant: int) -> bool:
        """A device that wants something of the authorization server gets a token for it first."""
        return self.refresh(grant, self.grants[grant].generation, None).startswith("granted")

    def _poll(self, each: Transfer) -> str:
        early = each.polled_at is not None and self.now - each.polled_at < each.interval - 1
        each.polled_at = self.now
        if early:
            each.interval = min(each.interval + SLOWER, SLOWEST)
            return "slow_down"
        shows = each.state == "requested" and each.opened_by is not None
        return "authorization_pending" + (" with check value" if shows else "")

    def _redeem(self, transfer: int, each: Transfer) -> str:
        actions, epoch = each.actions, self.epochs.get(each.task, 1)
        if each.source is not None:
            source = self.grants[each.source]
            actions &= self._mintable(source) if source.epoch == epoch else frozenset()
        epoch += each.mode == "move"
        grant = Grant(each.key or "", each.subject or "", each.task, actions, epoch, self.now + GRANT_LIFETIME)
        if not actions or not self._mintable(grant, new=True):
            return "access_denied"
        each.becomes("redeemed")
        self.epochs[each.task], self.grants[transfer] = epoch, grant
        self.devices.setdefault((grant.subject, grant.key), True)
        return self._granted(transfer)

    def refresh(self, grant: int, generation: int, key: str | None) -> str:
        each = self.grants[grant]
        if key not in (None, each.key):
            each.revoked = each.revoked or generation < each.generation
            return "invalid_grant"
        if not self._mintable(each):
            return "invalid_grant"
        if generation == each.generation:
            each.generation, each.rotated_at = generation + 1, self.now
        elif generation != each.generation - 1 or self.now > each.rotated_at + GRACE:
            each.revoked = True
            return "invalid_grant"
        return self._granted(grant)

    def cancel(self, transfer: int) -> Generator[None, None, str]:
        each = self.transfers[transfer]
        if each.source is None or not self._has_token(each.source):
            return "refused"
        yield
        each.ends()
        return "seen"

    def give_up(self, transfer: int, key: str) -> str:
        each = self.transfers[transfer]
        if each.key == key and each.state == "redeemed":
            self.grants[transfer].revoked = True
        elif each.key == key and each.state in UNFINISHED:
            each.becomes("cancelled")
        return "seen"

    def give_back(self, grant: int) -> str:
        self.grants[grant].revoked = True
        return "seen"

    # The person.

    def enter(self, transfer: int, browser: str) -> str:
        each = self.transfers[transfer]
        if self._signed_out(browser):
            return "signed out"
        account = account_of(browser)
        if not each.pull:
            return self._open_push(each, browser)
        if each.state != "requested" or (each.entering and self.now >= each.enter_until):
            return "unknown"
        if each.opened_by is None:
            each.opened_by, each.subject, each.changes = browser, account, each.changes + 1
        if each.subject != account:
            each.becomes("denied")
            return "unknown"
        return "opened" if each.opened_by == browser else "elsewhere"

    def decide(self, transfer: int, browser: str, value: str, choice: str) -> Generator[None, None, str]:
        each = self.transfers[transfer]
        answer = self._look(each, browser)
        if answer != "opened":
            return answer
        yield
        in_time = each.state in ("requested", "claimed") and self.now < each.deadline
        may = in_time and each.opened_by == browser and not self._signed_out(browser)
        if not may or (browser == STRANGER and choice != "new"):
            return "opened"
        each.tries, each.changes = each.tries + 1, each.changes + 1
        counted = each.changes
        yield
        if each.changes == counted and value == "right":
            if each.pull:
                each.task, each.mode = (f"of {transfer}", "share") if choice == "new" else ("home", choice)
            each.deadline = self.now + DECISION
            each.becomes("approved")
        elif each.changes == counted and each.tries == TRIES:
            each.becomes("denied")
        return "opened"

    def decline(self, transfer: int, browser: str) -> Generator[None, None, str]:
        each = self.transfers[transfer]
        answer = self._look(each, browser)
        if answer == "opened":
            yield
            if each.opened_by == browser and each.state in UNFINISHED:
                each.becomes("denied")
        return answer

    def report(self, transfer: int) -> str:
        each = self.transfers[transfer]
        if each.subject == PERSON and not each.reported:
            each.reported = True
            self._undo(transfer)
        return "seen"

    def _undo(self, transfer: int) -> None:
        self.transfers[transfer].ends()
        if transfer in self.grants:
            self.grants[transfer].revoked = True
            for number, each in enumerate(self.transfers):
                if each.source == transfer:
                    self._undo(number)

    def revoke_device(self, key: str) -> str:
        if (PERSON, key) in self.devices:
            self.devices[PERSON, key] = False
            for grant in self.grants.values():
                grant.revoked = grant.revoked or (grant.subject, grant.key) == (PERSON, key)
        return "seen"

    def revoke_everything(self) -> str:
        for each in self.transfers:
            if each.subject == PERSON:
                each.ends()
        for grant in self.grants.values():
            grant.revoked = grant.revoked or grant.subject == PERSON
        return "seen"

    def disable_account(self) -> str:
        self.enabled = False
        return "seen"

    def enable_account(self) -> str:
        self.enabled = True
        return "seen"

    # The world.

    def wait(self, seconds: int) -> str:
        self.now += seconds
        return "seen"

    def restart(self) -> str:
        return "seen"

    def _parts(self, step: Step) -> Generator[None, None, str]:
        name, *arguments = step
        answer = getattr(self, name)(*arguments)
        return answer if isinstance(answer, str) else (yield from answer)

    def _open_push(self, each: Transfer, browser: str) -> str:
        if each.subject != account_of(browser):
            return "unknown"
        if each.state in ("offered", "claimed"):
            if each.opened_by is None:
                each.opened_by, each.changes = browser, each.changes + 1
            if each.opened_by != browser:
                return "elsewhere"
        return "opened"

    def _look(self, each: Transfer, browser: str) -> str:
        """The page of the decision. That of a push opens it, that of a pull is there once its code was entered."""
        if self._signed_out(browser):
            return "signed out"
        if not each.pull:
            return self._open_push(each, browser)
        if each.state in ("requested", "approved"):
            return "opened" if each.opened_by == browser else "unknown"
        return "unknown" if each.task and each.subject != account_of(browser) else "opened"

    def _mintable(self, grant: Grant, *, new: bool = False) -> frozenset[str]:
        """What its tokens may carry at this moment."""
        usable = self.devices.get((grant.subject, grant.key), new) and not grant.revoked
        if not usable or self.now >= grant.expires_at or (grant.subject == PERSON and not self.enabled):
            return frozenset()
        actions = grant.actions & (DESK_ACTIONS if grant.key == "desk" else PHONE_ACTIONS)
        return actions if new or grant.epoch == self.epochs[grant.task] else actions & READING

    def _granted(self, name: int) -> str:
        grant = self.grants[name]
        return f"granted {name}.{grant.generation} epoch {grant.epoch}: {' '.join(sorted(self._mintable(grant)))}"

    def _signed_out(self, browser: str) -> bool:
        return account_of(browser) == PERSON and not self.enabled


def account_of(browser: str) -> str:
    return STRANGER if browser == STRANGER else PERSON
