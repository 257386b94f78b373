"""Whom a backchannel request is for: exactly one hint, which points at a person and proves nothing else (CIBA 7.1)."""

from dataclasses import dataclass

from segue_authz.client_auth import login_hint_token
from segue_authz.domain.account import Account
from segue_authz.domain.backchannel import Proof
from segue_authz.domain.client import Client
from segue_authz.domain.refusal import InvalidRequest
from segue_authz.endpoints.services import Services
from segue_authz.enrolment import canonical_username
from segue_authz.tokens.id_token import NoIdToken

_HINTS = ("login_hint", "id_token_hint", "login_hint_token")
_LONGEST = 200


@dataclass(frozen=True)
class Hinted:
    """`account` is None if nobody is called so; `person` is what the request counts under all the same."""

    account: Account | None
    person: str
    proof: Proof


async def read_hint(services: Services, form: dict[str, str], client: Client) -> Hinted:
    """Raises `InvalidRequest` and `ExpiredLoginHintToken`, neither of which depends on who has an account."""
    given = [name for name in _HINTS if form.get(name)]
    if len(given) != 1:
        raise InvalidRequest("exactly one of login_hint, id_token_hint and login_hint_token is required")
    if given == ["login_hint"]:
        return await _by_username(services, form["login_hint"])
    if given == ["login_hint_token"]:
        return await _by_token(services, form["login_hint_token"], client)
    try:
        subject = services.id_tokens.subject_of(form["id_token_hint"], client_id=client.client_id, now=services.clock())
    except NoIdToken as invalid:
        raise InvalidRequest("id_token_hint is not valid", because=str(invalid)) from invalid
    return await _by_subject(services, subject, Proof.ID_TOKEN)


async def _by_token(services: Services, text: str, client: Client) -> Hinted:
    hint = login_hint_token.verify(text, client, issuer=services.settings.issuer, now=services.clock())
    use = f"{login_hint_token.TYPE} {hint.jti}"
    if not await services.clients.first_assertion(client.client_id, use, until=hint.until, now=services.clock()):
        raise InvalidRequest("login_hint_token is not valid", because="it was used before")
    if hint.subject is not None:
        return await _by_subject(services, hint.subject, Proof.NOTHING)
    return await _by_username(services, hint.username or "")


async def _by_username(services: Services, hint: str) -> Hinted:
    username = canonical_username(hint[: _LONGEST + 1])
    if not 0 < len(hint) <= _LONGEST or not username.isprintable():
        raise InvalidRequest("the hint is no user name")
    account = await services.accounts.by_username(username)
    return _hinted(services, account, f"username {username}", Proof.NOTHING)


async def _by_subject(services: Services, subject: str, proof: Proof) -> Hinted:
    if not 0 < len(subject) <= _LONGEST or not subject.isprintable():
        raise InvalidRequest("the hint is no subject")
    return _hinted(services, await services.accounts.by_subject(subject), f"subject {subject}", proof)


def _hinted(services: Services, account: Account | None, named: str, proof: Proof) -> Hinted:
    """Under one name for one person, however they are called, and under what was said for nobody."""
    person = services.derivation.digest("person", f"subject {account.subject}" if account else named)
    return Hinted(account, person, proof)
