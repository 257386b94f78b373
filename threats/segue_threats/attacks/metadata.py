"""XD-META: a server that announces one thing and does another, or lets anybody announce.

RFC 8414, RFC 9207, RFC 9728. Expected: what is announced works, and nothing else does.
"""

from segue_threats.attack import Need, attack
from segue_threats.lab import Lab


@attack("XD-META-01", Need.CODE)
async def another_server_answers(lab: Lab) -> None:
    """Look for the issuer in the metadata and in the answer of the authorization endpoint, byte for byte."""
    metadata = lab.works(await lab.http.get(lab.target.metadata_address), "the metadata")
    lab.holds(metadata.json().get("issuer") == lab.target.issuer, "the metadata names another issuer")
    device = lab.desktop()
    request = lab.authorization(device)
    back = await lab.person().authorize(request.url, redirect_uri=device.client.redirect_uri)
    lab.holds(back.get("iss") == lab.target.issuer, "the authorization response does not say whose it is")
    lab.holds(back.get("state"), "the authorization response lacks the state")


@attack("XD-META-04")
async def a_client_registers_itself(lab: Lab) -> None:
    """Register a client, by the announced endpoint and by the usual ones."""
    grant = await lab.grant()
    lab.works(await grant.refresh(), "the honest client")
    borrowed = {"client_name": "Segue", "redirect_uris": ["https://evil.example/"]}
    announced = str(lab.target.metadata.get("registration_endpoint", f"{lab.target.issuer}/register"))
    for address in {announced, f"{lab.target.issuer}/register", f"{lab.target.issuer}/clients"}:
        answer = await lab.http.post(address, json=borrowed)
        lab.refuses(answer, f"registering at {address}")


@attack("XD-META-05")
async def what_is_not_announced_works(lab: Lab) -> None:
    """Ask for grants, response types and endpoints that the metadata does not list."""
    grant = await lab.grant()
    lab.works(await grant.refresh(), "the honest refresh")
    listed = set(lab.target.metadata.get("grant_types_supported", ()))
    for kind in {"password", "client_credentials", "urn:ietf:params:oauth:grant-type:saml2-bearer"} - listed:
        answer = await grant.device.form("token", {"grant_type": kind, "username": "x", "password": "x"})
        lab.refuses(answer, f"the grant {kind}", errors={"unsupported_grant_type", "unauthorized_client"})
    lab.holds("implicit" not in listed, "the implicit grant is announced")
    lab.holds("password" not in listed, "the password grant is announced")
    algorithms = set(lab.target.metadata.get("dpop_signing_alg_values_supported", ()))
    lab.holds(
        algorithms and not algorithms & {"none", "HS256", "HS384", "HS512"}, f"proofs may be signed by {algorithms}"
    )


@attack("XD-META-05", Need.CODE)
async def response_types_that_are_not_announced_work(lab: Lab) -> None:
    """Ask for tokens straight from the authorization endpoint."""
    device = lab.desktop()
    lab.works(await (await lab.begin(device)).refresh(), "the honest flow")
    for kind in ("token", "id_token", "code token", ""):
        answer = await lab.http.get(lab.authorization(device, response_type=kind).url)
        told = answer.headers.get("Location", "")
        lab.holds(answer.is_error or "error=" in told, f"the response type {kind!r} goes on")
        lab.holds("access_token=" not in told, f"the response type {kind!r} gives a token")
