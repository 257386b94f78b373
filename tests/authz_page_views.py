"""One ordinary view of each page, for tests to change."""

from dataclasses import replace

from segue_authz.pages import (
    Approve,
    ArrivalRow,
    Confirm,
    ConfirmStep,
    Consent,
    DeviceRow,
    Devices,
    EnterCode,
    EventRow,
    Going,
    IdentityRow,
    Invitation,
    Message,
    Notifications,
    PasskeyRow,
    ProviderRow,
    Recovery,
    Security,
    SignIn,
    TaskAccess,
    TaskChoice,
    TransferRow,
    Unproved,
    UserCode,
    Waiting,
    WaitingRow,
    account,
    approve,
    confirm,
    confirm_step,
    consent,
    devices,
    enter_code,
    going,
    invitation,
    invitation_code,
    message,
    notifications,
    recovery,
    security,
    sign_in,
    unproved,
    user_code,
    waiting,
)
from starlette.responses import Response

NOW = 1_800_000_000
ORIGIN = "http://localhost:8403"
SIGN_IN = SignIn(csrf="form-token", return_to="/authorize?x=1&y=2", client_name="Segue desktop")
ONCE_MORE = SignIn(csrf="form-token", return_to="/approve/trf_1?chosen=x", username="dana", anew=True, signed_in=True)
BY_OTHERS = replace(SIGN_IN, providers=(ProviderRow("works", "Example Works"), ProviderRow("other", "Others")))
GOING = Going("Example Works", "https://id.example/auth?state=s&nonce=n")
LINKED = Security(
    csrf="form-token",
    person_name="Dana Example",
    username="dana",
    now=NOW,
    fresh=True,
    may_add=True,
    anew="/sign-in?anew=yes",
    passkeys=(),
    passkeys_possible=True,
    has_password=True,
    only_one_way=False,
    codes_left=3,
    codes=(),
    events=(EventRow("upstream-linked", "Example Works", "192.0.2.7", NOW - 60),),
    identities=(
        IdentityRow("upi_1", "Example Works", "dana@works.example", NOW - 60, offered=True),
        IdentityRow("upi_2", "https://gone.example", "", NOW - 90_000, offered=False),
    ),
    providers=BY_OTHERS.providers,
)
SECURED = replace(
    LINKED,
    passkeys=(
        PasskeyRow("psk_1", "Telephone", NOW - 90_000, NOW - 60, synced=True, this_session=True),
        PasskeyRow("psk_2", "Key on the ring", NOW - 900_000, None, synced=False, this_session=False),
    ),
    codes=tuple(f"BCDF-GHJK-LMNP-QRS{letter}" for letter in "BCDFGHJKLM"),
    codes_left=10,
    events=(
        EventRow("codes-made", None, "192.0.2.7", NOW),
        EventRow("passkey-added", "Key on the ring", "192.0.2.7", NOW - 900_000),
        EventRow("code-by-operator", None, None, NOW - 950_000),
    ),
)
CONSENT = Consent(
    csrf="form-token",
    request="client_id=a&state=b",
    client_name="Segue desktop",
    client_id="segue-desktop",
    redirect_host="localhost:8403",
    actions=("task:read", "working_set:write"),
    tasks=(
        TaskChoice("tsk_1", "Acme contract revision", "One question open", NOW - 300),
        TaskChoice("tsk_2", "Quarterly report", "Waiting for figures", NOW - 90_000),
    ),
    proposed_name="New lease",
    person_name="Dana Example",
    now=NOW,
)
REASON = "it names lease_acme.docx too, both speak of clause 7 and Acme, it was active 20 minutes ago"
CONTINUED = replace(CONSENT, tasks=(replace(CONSENT.tasks[0], because=REASON), CONSENT.tasks[1]))
UNVERIFIED = replace(CONSENT, verified=False, published_at="client.example", client_id="https://client.example/a.json")
INVITATION = Invitation(
    csrf="form-token",
    code="WDJB-MJHT-KLPQ-RSTV",
    task_name="Acme contract revision",
    inviter_name="Dana Example",
    role="human_agent",
    actions=("events:append", "events:read", "handoffs:write", "task:read", "tool_calls:approve"),
    expires_in=80_000,
    person_name="Kim Example",
)
CLAIMED = Confirm(
    csrf="form-token",
    transfer_id="trf_1",
    task_name="Acme contract revision",
    owner_name="Dana Example",
    mode="move",
    actions=("events:read", "task:read", "tool_calls:claim", "working_set:read"),
    state="claimed",
    device_name="Blue phone",
    client_name="Segue phone",
    network="192.0.2.7",
    claimed_at=NOW - 12,
    started_at=NOW - 40,
    expires_in=97,
    attempts_left=2,
    contested=False,
    running_tool_calls=1,
    person_name="Dana Example",
    now=NOW,
)
OFFERED = replace(CLAIMED, state="offered", device_name=None, network=None, claimed_at=None)
STATES = ("offered", "claimed", "approved", "redeemed", "denied", "cancelled", "expired")
ENTER_CODE = EnterCode(csrf="form-token", person_name="Dana Example")
REQUESTED = Approve(
    csrf="form-token",
    transfer_id="trf_1",
    client_name="Segue phone",
    device_name="Blue phone",
    network="192.0.2.7",
    requested_at=NOW - 12,
    actions=CLAIMED.actions,
    tasks=CONSENT.tasks,
    may_begin=True,
    proposed_name="New lease",
    chosen=None,
    mode="move",
    state="requested",
    expires_in=97,
    attempts_left=2,
    person_name="Dana Example",
    now=NOW,
)
PULL_STATES = ("requested", "approved", "redeemed", "denied", "cancelled", "expired")
DEVICES = Devices(
    csrf="form-token",
    person_name="Dana Example",
    devices=(
        DeviceRow(
            "dev_1",
            "Blue phone",
            "Segue phone",
            "192.0.2.7",
            NOW - 90_000,
            False,
            (
                TaskAccess("grt_1", "Acme contract revision", "write", "move", NOW - 7_200, NOW - 60, "trf_1"),
                TaskAccess("grt_2", "Quarterly report", "read", None, NOW - 90_000, None, None),
            ),
        ),
        DeviceRow("dev_2", "Desk", "Segue desktop", None, NOW - 600_000, True, ()),
    ),
    transfers=(
        TransferRow(
            "trf_1",
            "push",
            "Acme contract revision",
            "Blue phone",
            "Segue phone",
            "192.0.2.7",
            "move",
            "redeemed",
            NOW - 7_200,
        ),
        TransferRow("trf_2", "pull", None, "Kiosk", "Segue phone", "198.51.100.4", None, "denied", NOW - 8_000),
        TransferRow("trf_3", "push", "Quarterly report", None, None, None, "share", "expired", NOW - 9_000),
    ),
    now=NOW,
)
CONFIRM_STEP = ConfirmStep(
    csrf="form-token",
    title="End all access?",
    text="Every device loses every task, and transfers under way are cancelled. You stay signed in here.",
    fields=(("revoke_all", "yes"),),
    label="End all access",
    back="/devices",
)
MESSAGE = Message("Not here", "There is no such page.", 404, ("Start", "/"))


WAITING = Waiting(
    csrf="form-token",
    person_name="Dana Example",
    requests=(WaitingRow("trf_9", "Helpful agent", "Night shift", "198.51.100.7", "Order 4711", NOW - 20),),
    now=NOW,
)
ASKED = ArrivalRow(
    "grt_8", "Night shift phone", "Segue phone", True, "192.0.2.7", NOW - 14_400, "Acme contract revision"
)
JOINED = ArrivalRow("grt_9", "Hall tablet", "Helpful agent", False, None, NOW - 300, "Quarterly report")
NEWLY_JOINED = replace(DEVICES, questions=(ASKED,), arrivals=(JOINED,))
BY_BACKCHANNEL = replace(REQUESTED, backchannel=True, binding_message="Order 4711")
USER_CODE = UserCode("form-token", "Dana Example", has_one=True)
NOTIFICATIONS = Notifications("form-token", "Dana Example", key="BKey", told=False)

NEW_CODES = ("BCDF-GHJK-LMNP-QRST", "VWXZ-BCDF-GHJK-LMNP", "QRST-VWXZ-BCDF-GHJK", "LMNP-QRST-VWXZ-BCDF")
RECOVERY = Recovery("form-token")
UNPROVED = Unproved("/devices", "/sign-in", None)


def pulled(state: str) -> Approve:
    """A pull in this state, with the tasks that are told in it."""
    kept = {"requested": 2, "approved": 1, "redeemed": 1, "denied": 0, "cancelled": 0, "expired": 0}[state]
    return replace(REQUESTED, state=state, tasks=REQUESTED.tasks[:kept], may_begin=state == "requested")


def every_page(*, https: bool = False) -> dict[str, Response]:
    """Each kind of page, by name."""
    wrong = replace(CLAIMED, attempts_left=1, error="That did not match.")
    return {
        "sign-in": sign_in(SIGN_IN, https=https),
        "sign-in with an error": sign_in(replace(SIGN_IN, error="That did not match."), https=https),
        "sign-in too often": sign_in(replace(SIGN_IN, retry_after=30), https=https),
        "sign-in once more": sign_in(ONCE_MORE, https=https),
        "sign-in by passkey alone": sign_in(
            replace(SIGN_IN, acr_values="phr", any_way=False, password=False), https=https
        ),
        "recovery": recovery(RECOVERY, https=https),
        "recovery with an error": recovery(Recovery("form-token", "dana", "That did not match."), https=https),
        "recovery too often": recovery(Recovery("form-token", "dana", "Too often.", 300), https=https),
        "account security": security(SECURED, https=https),
        "account security after a code": security(
            replace(SECURED, fresh=False, passkeys=(), has_password=False), https=https
        ),
        "account security stale": security(replace(SECURED, fresh=False, may_add=False, codes=()), https=https),
        "account security with an error": security(
            replace(SECURED, error="That name is too long.", error_at="name"), https=https
        ),
        "sign-in by others": sign_in(BY_OTHERS, https=https),
        "account security with new codes": security(replace(SECURED, codes=NEW_CODES), https=https),
        "to another provider": going(GOING, https=https),
        "unproved session": unproved(UNPROVED, https=https),
        "account security linked elsewhere": security(LINKED, https=https),
        "account security with one way left": security(replace(LINKED, only_one_way=True), https=https),
        "consent": consent(CONSENT, form_action_origin=ORIGIN, https=https),
        "consent with an error": consent(
            replace(CONSENT, error="Choose a task."), form_action_origin=ORIGIN, https=https
        ),
        "consent unverified": consent(UNVERIFIED, form_action_origin=ORIGIN, https=https),
        "enter-code": enter_code(ENTER_CODE, https=https),
        "enter-code with an error": enter_code(replace(ENTER_CODE, error="That code is not known."), https=https),
        "enter-code too often": enter_code(replace(ENTER_CODE, error="Too many.", retry_after=600), https=https),
        "consent that may continue a task": consent(CONTINUED, form_action_origin=ORIGIN, https=https),
        "approve that may continue a task": approve(replace(REQUESTED, tasks=CONTINUED.tasks), https=https),
        "approve with an error": approve(replace(REQUESTED, attempts_left=1, error="That did not match."), https=https),
        "approve that has changed": approve(replace(REQUESTED, error="Look again.", error_at="asks"), https=https),
        "approve without a task": approve(replace(REQUESTED, tasks=(), may_begin=False), https=https),
        **{f"approve {state}": approve(pulled(state), https=https) for state in PULL_STATES},
        "approve that takes a sign-in": approve(replace(REQUESTED, sign_in_due=True), https=https),
        "confirm that takes a sign-in": confirm(replace(CLAIMED, sign_in_due=True), https=https),
        "invitation": invitation(INVITATION, https=https),
        "invitation that has changed": invitation(INVITATION, error="Look again.", https=https),
        "invitation code": invitation_code(ENTER_CODE, https=https),
        "invitation code with an error": invitation_code(replace(ENTER_CODE, error="Not known."), https=https),
        "devices": devices(DEVICES, https=https),
        "devices with a notice": devices(replace(DEVICES, notice="That access has ended."), https=https),
        "devices of an app that nobody checked": devices(
            replace(DEVICES, devices=(replace(DEVICES.devices[0], client_verified=False),)), https=https
        ),
        "devices that have joined": devices(NEWLY_JOINED, https=https),
        "devices of nobody": devices(replace(DEVICES, devices=(), transfers=()), https=https),
        "confirm step": confirm_step(CONFIRM_STEP, https=https),
        "account": account("Dana Example", "form-token", https=https),
        "account with a question": account(
            "Dana Example", "form-token", questions=(ASKED,), arrivals=("grt_9",), now=NOW, https=https
        ),
        "message": message(MESSAGE, https=https),
        "approve by the backchannel": approve(BY_BACKCHANNEL, https=https),
        "waiting": waiting(WAITING, https=https),
        "waiting for nothing": waiting(replace(WAITING, requests=()), https=https),
        "user code": user_code(USER_CODE, https=https),
        "user code with an error": user_code(replace(USER_CODE, has_one=False, error="Too short."), https=https),
        "user code with a notice": user_code(replace(USER_CODE, notice="From now on."), https=https),
        "notifications": notifications(NOTIFICATIONS, https=https),
        "notifications told": notifications(replace(NOTIFICATIONS, told=True), https=https),
        "confirm with an error": confirm(wrong, https=https),
        "confirm without facts": confirm(replace(CLAIMED, network=None), https=https),
        **{f"confirm {state}": confirm(replace(CLAIMED, state=state), https=https) for state in STATES},
    }
