"""What a request shows to authenticate its client, before anything of it is believed."""

from base64 import b64decode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from urllib.parse import unquote_plus

from segue_authz.domain.client import Method
from segue_authz.domain.refusal import InvalidClient, InvalidRequest

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


@dataclass(frozen=True)
class Shown:
    """`credential` is a secret, an assertion, or nothing, as the method wants."""

    method: Method
    client_id: str
    credential: str


class InvalidBasicCredentials(InvalidClient):
    """RFC 6749 section 5.2: who used the Authorization header is told its scheme."""

    headers = MappingProxyType({"WWW-Authenticate": 'Basic realm="segue", charset="UTF-8"'})


def shown(authorization: Sequence[str], form: Mapping[str, str]) -> Shown:
    """The one method that the request uses. Raises `InvalidRequest` for more than one, and `InvalidClient`."""
    basic = [value for value in authorization if value.partition(" ")[0].lower() == "basic"]
    assertion = "client_assertion" in form or "client_assertion_type" in form
    if len(basic) + assertion > 1:  # RFC 6749 section 2.3
        raise InvalidRequest("a client authenticates in one way")
    if "client_secret" in form:
        raise InvalidClient("a secret does not belong into the body", because="client_secret_post")
    if assertion:
        if form.get("client_assertion_type") != ASSERTION_TYPE:
            raise InvalidClient("client_assertion_type is not the one of RFC 7523")
        return Shown(Method.PRIVATE_KEY_JWT, form.get("client_id", ""), form.get("client_assertion", ""))
    if basic:
        return _basic(basic[0], form)
    return Shown(Method.NONE, form.get("client_id", ""), "")


def _basic(credentials: str, form: Mapping[str, str]) -> Shown:
    """RFC 6749 section 2.3.1: identifier and secret are form-encoded before they are put together."""
    try:
        text = b64decode(credentials.partition(" ")[2].strip(), validate=True).decode("ascii")
    except ValueError as malformed:
        raise InvalidBasicCredentials("the Authorization header is malformed") from malformed
    client_id, _, secret = (unquote_plus(part) for part in text.partition(":"))
    if form.get("client_id", client_id) != client_id:
        raise InvalidRequest("client_id names another client")
    return Shown(Method.CLIENT_SECRET_BASIC, client_id, secret)
