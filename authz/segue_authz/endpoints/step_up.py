"""Whether a sign-in is enough for a decision, and the way of the person to a new one and back to the same decision.

NIST SP 800-63B section 4.2.3; RFC 9470 for the devices that start a transfer. Signing in anew gives the browser a new
session, to which what it had reserved goes over (`sign_in/session.py`). The way back carries a mark of that session and
that decision, and, sealed, what the person had chosen.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qs, quote, urlencode

from starlette.responses import RedirectResponse, Response

from segue_authz.domain.account import PASSKEY_ACR, RECOVERY_ACR, BrowserSession
from segue_authz.domain.grant import Authentication
from segue_authz.domain.refusal import AccessDenied
from segue_authz.domain.sign_in_policy import LONGEST_AGE, SignInPolicy
from segue_authz.endpoints.reauthentication import GOOD_FOR, signed_in_for, unmarked
from segue_authz.endpoints.services import Services

KEPT = ("task", "name", "mode", "code")
"""Of a form, what is still there when the person comes back. A check value is asked for again."""
NO_PASSKEY = "this task asks for a passkey, and your account has none"


class NotEnough(Exception):
    """The person has to sign in once more before this decision; `by_passkey`: in that way alone."""

    def __init__(self, *, by_passkey: bool) -> None:
        super().__init__("the sign-in is not enough for this decision")
        self.by_passkey = by_passkey


@dataclass(frozen=True)
class Decision:
    """What a sign-in is to serve: `name` tells it from every other of its `kind`.

    A sign-in serves one decision of each kind: one authorization request, and the one transfer that it was made for.
    """

    kind: str
    name: str


def transfer(transfer_id: str) -> Decision:
    return Decision("transfer", transfer_id)


async def check_session(
    services: Services, policy: SignInPolicy, session: BrowserSession, decision: Decision, *, here: str
) -> None:
    """What a person decides on a page, whose address with its mark is `here`.

    Raises `NotEnough`, and `AccessDenied` if no sign-in of theirs would do.
    """
    for_this = signed_in_for(services, session, here)
    taken_for_present = policy.max_age > 0 and (session.bound or policy.unbound_browser == "accept")
    present = for_this or (taken_for_present and services.clock() - session.auth_time <= policy.max_age)
    await _check(
        services, policy, session.subject, Authentication(session.auth_time, session.acr), decision, present=present
    )


async def check_grant(
    services: Services, policy: SignInPolicy, subject: str, authentication: Authentication, decision: Decision
) -> None:
    """What a device begins with a token: the sign-in that its grant came of. Raises as `check_session` does."""
    present = services.clock() - authentication.auth_time <= (policy.max_age or GOOD_FOR)
    await _check(services, policy, subject, authentication, decision, present=present)


async def _check(
    services: Services,
    policy: SignInPolicy,
    subject: str,
    authentication: Authentication,
    decision: Decision,
    *,
    present: bool,
) -> None:
    by_passkey = await _by_passkey(services, policy, subject)
    strong = (
        authentication.acr == PASSKEY_ACR if by_passkey else policy.strength == "any" or not _recovered(authentication)
    )
    unspent = not policy.once or await services.sign_ins.serves(*_names(services, subject, authentication, decision))
    if not (present and strong and unspent):
        raise NotEnough(by_passkey=by_passkey)


async def spend(
    services: Services, policy: SignInPolicy, subject: str, authentication: Authentication, decision: Decision
) -> None:
    """Let the sign-in serve this decision, and none after it if the policy says so. Raises `NotEnough`."""
    if not policy.once:
        return
    names, until = _names(services, subject, authentication, decision), authentication.auth_time + 2 * LONGEST_AGE
    if not await services.sign_ins.spend(*names, until=until):
        raise NotEnough(by_passkey=await _by_passkey(services, policy, subject))


async def _by_passkey(services: Services, policy: SignInPolicy, subject: str) -> bool:
    if policy.strength == "any":
        return False
    has_one = await services.sign_ins.has_passkey(subject)
    if policy.strength == "require_phishing_resistant" and not has_one:
        raise AccessDenied(NO_PASSKEY)
    return has_one


def _recovered(authentication: Authentication) -> bool:
    """A recovery code lets somebody set up another way to sign in, and stands for none."""
    return authentication.acr == RECOVERY_ACR


def _names(services: Services, subject: str, authentication: Authentication, decision: Decision) -> tuple[str, str]:
    """The sign-in, and the decision it serves. A person's sign-ins are told apart by their second."""
    sign_in = f"{decision.kind} {subject} {authentication.auth_time}"
    digest = services.derivation.digest
    return digest("sign_in", sign_in), digest("sign_in_served", f"{sign_in} {decision.name}")


def lead(services: Services, session: BrowserSession, path: str, form: Mapping[str, str], why: NotEnough) -> Response:
    """Send the person to the sign-in page and back to `path`, whose query may end in an earlier mark."""
    path, _, query = unmarked(path).partition("?")
    kept = {name: form[name] for name in KEPT if form.get(name)}
    fields = [field for field in query.split("&") if field and not field.startswith(("chosen=", "anew="))]
    sealed = services.sealing.seal(json.dumps(kept), row=_row(session, path))
    here = f"{path}?{'&'.join([*fields, urlencode({'chosen': sealed})])}"
    ways = f"&acr_values={PASSKEY_ACR}" if why.by_passkey else ""
    return RedirectResponse(f"/sign-in?anew=yes{ways}&return_to={quote(here, safe='')}", status_code=303)


def chosen(services: Services, session: BrowserSession, here: str) -> dict[str, str]:
    """What the person had chosen before they signed in once more; nothing if anybody else has written the address."""
    path, _, query = unmarked(here).partition("?")
    sealed = parse_qs(query).get("chosen", [""])[-1]
    try:
        kept = json.loads(services.sealing.unseal(sealed, row=_row(session, path)))
    except ValueError:
        return {}
    return {name: str(kept[name]) for name in KEPT if name in kept}


def _row(session: BrowserSession, path: str) -> str:
    return f"chosen by {session.subject} at {path}"
