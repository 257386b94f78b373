"""What each page is told: raw values as stored. Making them safe and readable is the pages' work, not the caller's."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SignIn:
    """The sign-in form. `return_to` is a reference the server has checked; `retry_after` is in seconds.

    `anew`: whether or not somebody is `signed_in` already. `acr_values`: the ways that will do, empty for
    `any_way`; `password` and `passkey` say which of them are offered.
    """

    csrf: str
    return_to: str
    username: str = ""
    error: str | None = None
    client_name: str | None = None
    retry_after: int | None = None
    anew: bool = False
    acr_values: str = ""
    any_way: bool = True
    password: bool = True
    passkey: bool = True
    signed_in: bool = False
    error_at: str | None = None
    providers: tuple["ProviderRow", ...] = ()

    @property
    def decides(self) -> bool:
        """Whether the person comes from a page on which declining takes no sign-in."""
        return self.anew and self.return_to.startswith(("/approve/", "/confirm/"))


@dataclass(frozen=True, slots=True)
class ProviderRow:
    """Another provider at which people may sign in; `name` is a part of its address here."""

    name: str
    label: str


@dataclass(frozen=True, slots=True)
class Going:
    """The way to another provider; `url` is the request to it. The browser goes there by itself."""

    label: str
    url: str


@dataclass(frozen=True, slots=True)
class Recovery:
    """The form for a recovery code. `retry_after` is in seconds."""

    csrf: str
    username: str = ""
    error: str | None = None
    retry_after: int | None = None


@dataclass(frozen=True, slots=True)
class Unproved:
    """A bound session came without its bound cookie. Both are paths of ours; the page goes on to `at_once` by itself.

    Whoever comes from another site is not let refresh, whoever goes on from this page is (DBSC, "Identify if a request
    is allowed to refresh").
    """

    again: str
    sign_in: str
    at_once: str | None


@dataclass(frozen=True, slots=True)
class EnterCode:
    """The form for the code another device shows. `retry_after` is in seconds."""

    csrf: str
    person_name: str
    error: str | None = None
    retry_after: int | None = None


@dataclass(frozen=True, slots=True)
class TaskChoice:
    """An open task the person may hand over, with its one-line state.

    `role` is what they are in it and `actions` what that gives: a device gets no more of this task. `because` is why a
    new session may continue it, empty where nobody claims that. `closes_at`: when the task
    will be closed if nobody goes on with it.
    """

    task_id: str
    name: str
    state: str
    last_at: int
    role: str = "customer"
    actions: tuple[str, ...] = ()
    because: str = ""
    closes_at: int | None = None


@dataclass(frozen=True, slots=True)
class Consent:
    """The question of the authorization endpoint.

    `chosen` is a task id or `new`, kept when the form comes back. `may_begin` is false when the client named the task.
    `verified` is false when nobody here answers for what the client says of itself; `published_at` is the host of the
    document in which it says so, if it does.
    """

    csrf: str
    request: str
    client_name: str
    client_id: str
    redirect_host: str
    actions: tuple[str, ...]
    tasks: tuple[TaskChoice, ...]
    proposed_name: str
    person_name: str
    now: int
    error: str | None = None
    chosen: str | None = None
    may_begin: bool = True
    verified: bool = True
    published_at: str | None = None


@dataclass(frozen=True, slots=True)
class Confirm:
    """A push transfer as its owner sees it, in any state.

    `device_name` is what the claiming device says of itself, `place` where it says it is; `client_name` and `network`
    are what the server knows. `task_name` is None if it cannot be told any more.
    `mode` is `move` or `share`. `state` is one of those in section 6.1 of the protocol. Times are seconds. `error_at`
    is the identifier of what the error leads to: the field, or the part of the page to look at again. `nearness` is
    `near` or `far`, by the network the server sees; None when that is not to be shown. `sign_in_due`: approving takes
    signing in once more. `back` is the query of the page's address, which tells who has done that for it.
    """

    csrf: str
    transfer_id: str
    task_name: str | None
    owner_name: str
    mode: str
    actions: tuple[str, ...]
    state: str
    device_name: str | None
    client_name: str | None
    network: str | None
    claimed_at: int | None
    started_at: int
    expires_in: int
    attempts_left: int
    contested: bool
    running_tool_calls: int
    person_name: str
    now: int
    nearness: str | None = None
    place: str | None = None
    error: str | None = None
    error_at: str = "check_value"
    sign_in_due: bool = False
    back: str = ""


@dataclass(frozen=True, slots=True)
class Approve:
    """A pull transfer as the person sees it who entered its code.

    `state` is `requested`, `approved`, `redeemed`, `denied` or `expired`. While it is requested `tasks` are those the
    person may choose from; afterwards the one that was chosen, if it can still be told. `chosen` is a task id or `new`,
    kept with `mode` and `proposed_name` when the form comes back. `backchannel`: it came without a code, with what the
    client wants to be compared as `binding_message`. The rest is as in `Confirm`.
    """

    csrf: str
    transfer_id: str
    client_name: str
    device_name: str
    network: str
    requested_at: int
    actions: tuple[str, ...]
    tasks: tuple[TaskChoice, ...]
    may_begin: bool
    proposed_name: str
    chosen: str | None
    mode: str
    state: str
    expires_in: int
    attempts_left: int
    person_name: str
    now: int
    nearness: str | None = None
    place: str | None = None
    error: str | None = None
    error_at: str = "check_value"
    sign_in_due: bool = False
    back: str = ""
    backchannel: bool = False
    binding_message: str | None = None


@dataclass(frozen=True, slots=True)
class Invitation:
    """An invitation as the person sees it who has its `code`. `inviter_name` is the account's, `expires_in` seconds.

    `back` is as in `Confirm`.
    """

    csrf: str
    code: str
    task_name: str
    inviter_name: str
    role: str
    actions: tuple[str, ...]
    expires_in: int
    person_name: str
    error: str | None = None
    back: str = ""


@dataclass(frozen=True, slots=True)
class TaskAccess:
    """What a device can reach. `access` is `write` or `read`; `mode` is None when no transfer brought it."""

    grant_id: str
    task_name: str
    access: str
    mode: str | None
    since: int
    last_used_at: int | None
    transfer_id: str | None


@dataclass(frozen=True, slots=True)
class DeviceRow:
    """A device of the person. `name` is what it says of itself; the rest is what the server knows.

    Of an app that is not `client_verified` the name too is what it says of itself.
    """

    device_id: str
    name: str
    client_name: str
    network: str | None
    created_at: int
    this_device: bool
    access: tuple[TaskAccess, ...]
    client_verified: bool = True
    kept_at: int | None = None
    """When the person said that it is still theirs."""


@dataclass(frozen=True, slots=True)
class ArrivalRow:
    """A device that has got a task. `device_name` is what it says of itself; `task_name` is None where it is not told.

    Of an app that is not `client_verified` the name too is what it says of itself.
    """

    grant_id: str
    device_name: str
    client_name: str
    client_verified: bool
    network: str | None
    joined_at: int
    task_name: str | None = None


@dataclass(frozen=True, slots=True)
class TransferRow:
    """A transfer of the person. `direction` is `push` or `pull`; `state` as in the protocol, or `reported`."""

    transfer_id: str
    direction: str
    task_name: str | None
    device_name: str | None
    client_name: str | None
    network: str | None
    mode: str | None
    state: str
    at: int


@dataclass(frozen=True, slots=True)
class Devices:
    """Everything that can reach the person's tasks, and how it came to that; `notice` tells what was just done.

    `questions` are devices that the person is asked about, `arrivals` those that joined and have not been seen.
    """

    csrf: str
    person_name: str
    devices: tuple[DeviceRow, ...]
    transfers: tuple[TransferRow, ...]
    now: int
    notice: str | None = None
    questions: tuple[ArrivalRow, ...] = ()
    arrivals: tuple[ArrivalRow, ...] = ()


@dataclass(frozen=True, slots=True)
class WaitingRow:
    """A request that came by the backchannel. `device_name` and `binding_message` are what it says of itself."""

    transfer_id: str
    client_name: str
    device_name: str
    network: str
    binding_message: str | None
    at: int


@dataclass(frozen=True, slots=True)
class Waiting:
    """The requests that wait for the person."""

    csrf: str
    person_name: str
    requests: tuple[WaitingRow, ...]
    now: int


@dataclass(frozen=True, slots=True)
class UserCode:
    """The form for the code by which apps may ask the person; `notice` tells what was just done."""

    csrf: str
    person_name: str
    has_one: bool
    error: str | None = None
    notice: str | None = None


@dataclass(frozen=True, slots=True)
class Notifications:
    """Whether this browser is `told` what there is; `key` is the server's, for its push service (RFC 8292)."""

    csrf: str
    person_name: str
    key: str
    told: bool


@dataclass(frozen=True, slots=True)
class PasskeyRow:
    """A passkey of the person. `this_session`: it is the one that they signed in with here."""

    passkey_id: str
    name: str
    created_at: int
    used_at: int | None
    synced: bool
    this_session: bool


@dataclass(frozen=True, slots=True)
class EventRow:
    """What has happened to the ways in which the person signs in. `kind` is one of `domain.account_event`."""

    kind: str
    about: str | None
    network: str | None
    at: int


@dataclass(frozen=True, slots=True)
class IdentityRow:
    """An account elsewhere by which the person signs in. `called` is what they are called there.

    `offered`: one can sign in by it at present.
    """

    identity_id: str
    label: str
    called: str
    linked_at: int
    offered: bool


@dataclass(frozen=True, slots=True)
class Security:
    """How the person signs in. `fresh`: they have just done so and may change it, else `anew` is the way to it.

    `may_add`: they may add a way, though nothing else if they came in by a recovery code. `codes` are shown this once.
    """

    csrf: str
    person_name: str
    username: str
    now: int
    fresh: bool
    may_add: bool
    anew: str
    passkeys: tuple[PasskeyRow, ...]
    passkeys_possible: bool
    has_password: bool
    only_one_way: bool
    codes_left: int
    codes: tuple[str, ...]
    events: tuple[EventRow, ...]
    notice: str | None = None
    error: str | None = None
    error_at: str = "passkeys"
    identities: tuple[IdentityRow, ...] = ()
    providers: tuple[ProviderRow, ...] = ()


@dataclass(frozen=True, slots=True)
class ConfirmStep:
    """Asks once more before something is ended: `fields` come back with `sure=yes`; `back` is a path."""

    csrf: str
    title: str
    text: str
    fields: tuple[tuple[str, str], ...]
    label: str
    back: str


@dataclass(frozen=True, slots=True)
class Message:
    """One statement with at most one way on: `action` is a label and a path or http(s) address.

    `detail` is what the makers of an application need, in English.
    """

    title: str
    text: str
    status: int = 200
    action: tuple[str, str] | None = None
    detail: str | None = None
