"""The authorization code flow of a public client: PKCE (RFC 7636), `dpop_jkt` (RFC 9449 s. 10), `iss` (RFC 9207)."""

import hashlib
import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from segue.jose import b64url_encode

from segue_client.device import Device, Refused
from segue_client.grant import Grant


@dataclass(frozen=True)
class AuthorizationRequest:
    """What the client keeps while the person is at the authorization server: send them to `url`."""

    url: str
    redirect_uri: str
    state: str
    verifier: str
    resource: str | None = None


async def begin(
    device: Device,
    *,
    redirect_uri: str,
    actions: Sequence[str],
    task_id: str | None = None,
    name: str | None = None,
    about: str | None = None,
    sign_in: Mapping[str, str] | None = None,
    resource: str | None = None,
) -> AuthorizationRequest:
    """Ask for one task: a named one, or one the person chooses on the page (`name` proposes a name for a new one).

    `sign_in` is the body of a refusal with `insufficient_user_authentication`: the person then signs in as the resource
    server wants it (RFC 9470 section 4). `resource` limits what comes of it to one resource server (RFC 8707).

    `about` says what the session is about, so that the task it may continue is shown first. Such a request is pushed
    (RFC 9126), so that nothing of it stands in an address.

    Raises `Refused`, also if the server does not say that it knows PKCE.
    """
    metadata = await device.metadata()
    if "S256" not in (metadata.get("code_challenge_methods_supported") or ()):
        raise Refused(status=200, error="no_pkce", description="the server does not name S256", body=metadata)
    state, verifier = secrets.token_urlsafe(16), secrets.token_urlsafe(32)
    task = {"type": "task", "task_id": task_id, "name": name, "about": about, "actions": list(actions)}
    query = {
        "response_type": "code",
        "client_id": device.client_id,
        "redirect_uri": redirect_uri,
        "state": state,
        "code_challenge": b64url_encode(hashlib.sha256(verifier.encode()).digest()),
        "code_challenge_method": "S256",
        "dpop_jkt": device.key.jkt,
        "authorization_details": json.dumps([{key: value for key, value in task.items() if value is not None}]),
    }
    query |= {name: str(value) for name, value in (sign_in or {}).items() if name in ("max_age", "acr_values")}
    query |= {} if resource is None else {"resource": resource}
    if about is not None:
        pushed = await device.post_form(metadata["pushed_authorization_request_endpoint"], **query)
        query = {"client_id": device.client_id, "request_uri": pushed["request_uri"]}
    endpoint = metadata["authorization_endpoint"]
    return AuthorizationRequest(f"{endpoint}?{urlencode(query)}", redirect_uri, state, verifier, resource)


async def finish(device: Device, request: AuthorizationRequest, answer: Mapping[str, str]) -> Grant:
    """Exchange the code that came back to `redirect_uri`; `answer` is its query. Raises `Refused`."""
    if answer.get("state") != request.state or answer.get("iss") != device.issuer:
        raise Refused(status=400, error="wrong_answer", description="not an answer to this request", body=answer)
    if "code" not in answer:
        raise Refused(status=400, error=answer.get("error", "no_code"), description="no code came back", body=answer)
    tokens = await device.post_form(
        (await device.metadata())["token_endpoint"],
        grant_type="authorization_code",
        code=answer["code"],
        redirect_uri=request.redirect_uri,
        code_verifier=request.verifier,
        **({} if request.resource is None else {"resource": request.resource}),
    )
    return Grant.from_tokens(device, tokens)
