"""One ordinary view of each page about the account itself: the ways to sign in, and the devices that joined."""

from dataclasses import replace

from authz_page_views import DEVICES, NOW, SIGN_IN
from segue_authz.pages import (
    ArrivalRow,
    EventRow,
    Going,
    IdentityRow,
    PasskeyRow,
    ProviderRow,
    Recovery,
    Security,
    Unproved,
    account,
    devices,
    going,
    recovery,
    security,
    sign_in,
    unproved,
)
from starlette.responses import Response

PROVIDERS = (ProviderRow("work", "Example Works"), ProviderRow("school", "Example School"))
WITH_PROVIDERS = replace(SIGN_IN, providers=PROVIDERS)
GOING = Going("Example Works", "https://id.works.example/authorize?client_id=segue")
RECOVERY = Recovery("form-token")
UNPROVED = Unproved("/devices", "/sign-in", None)
SECURITY = Security(
    csrf="form-token",
    person_name="Dana Example",
    username="dana",
    now=NOW,
    fresh=True,
    may_add=True,
    anew="/sign-in?anew=yes",
    passkeys=(
        PasskeyRow("psk_1", "Blue phone", NOW - 900_000, NOW - 60, synced=True, this_session=True),
        PasskeyRow("psk_2", "Key on the ring", NOW - 90_000, None, synced=False, this_session=False),
    ),
    passkeys_possible=True,
    has_password=True,
    only_one_way=False,
    codes_left=9,
    codes=(),
    events=(
        EventRow("passkey-added", "Key on the ring", "192.0.2.7", NOW - 90_000),
        EventRow("code-used", None, "198.51.100.4", NOW - 95_000),
    ),
    identities=(IdentityRow("idn_1", "Example Works", "dana@works.example", NOW - 500_000, offered=True),),
    providers=PROVIDERS,
)
CODES = tuple(f"{first}-RSTV-WXZB-CDFG" for first in ("BCDF", "GHJK", "LMNP", "QRST", "VWXZ", "HJKL", "MNPQ", "CDFG"))
ARRIVAL = ArrivalRow("grt_9", "Green tablet", "Segue phone", True, "192.0.2.9", NOW - 20_000, "Quarterly report")
JOINED = replace(DEVICES, questions=(ARRIVAL,), arrivals=(replace(ARRIVAL, grant_id="grt_8", joined_at=NOW - 70),))


def account_pages() -> dict[str, Response]:
    """Each of them, in each state."""
    return {
        "sign-in with other providers": sign_in(WITH_PROVIDERS),
        "sign-in once more": sign_in(replace(SIGN_IN, username="dana", anew=True, signed_in=True)),
        "sign-in by a passkey alone": sign_in(replace(SIGN_IN, password=False)),
        "sign-in without passkeys": sign_in(replace(SIGN_IN, passkey=False)),
        "recovery": recovery(RECOVERY),
        "recovery with an error": recovery(replace(RECOVERY, username="dana", error="That did not match.")),
        "recovery too often": recovery(replace(RECOVERY, retry_after=300)),
        "going to another provider": going(GOING),
        "unproved session": unproved(UNPROVED),
        "security": security(SECURITY),
        "security to look at": security(replace(SECURITY, fresh=False, may_add=False)),
        "security after a recovery code": security(replace(SECURITY, fresh=False)),
        "security with new recovery codes": security(replace(SECURITY, codes=CODES)),
        "security with an error": security(replace(SECURITY, error="That did not work.")),
        "security with a notice": security(replace(SECURITY, notice="The passkey was removed.")),
        "security of a new account": security(
            replace(SECURITY, passkeys=(), identities=(), providers=(), events=(), codes_left=0, only_one_way=True)
        ),
        "account asked about a device": account(
            "Dana Example", "form-token", waiting=2, questions=(ARRIVAL,), arrivals=("grt_8",), now=NOW
        ),
        "devices that joined": devices(JOINED),
    }
