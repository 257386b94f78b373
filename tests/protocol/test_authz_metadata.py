"""Authorization server metadata (RFC 8414), and who answers with what they name (RFC 7662, 8707, 9701)."""

from typing import Any
from urllib.parse import urlsplit

import pytest
from authz_world import ISSUER, STORE, World
from segue_storage.database import DatabaseUnavailable

pytestmark = [pytest.mark.anyio, pytest.mark.requirement("A14")]

NEEDED = {
    "issuer", "authorization_endpoint", "token_endpoint", "jwks_uri", "response_types_supported",
    "device_authorization_endpoint", "introspection_endpoint", "revocation_endpoint",
    "pushed_authorization_request_endpoint", "backchannel_authentication_endpoint",
}  # fmt: skip


async def told(world: World) -> dict[str, Any]:
    answer = await world.http().get("/.well-known/oauth-authorization-server")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
    return dict(answer.json())


@pytest.mark.requirement("RFC8414-2-a", "RFC8414-2-b", "RFC8414-3-2")
async def test_what_is_required_is_there_and_what_is_empty_is_not(world: World) -> None:
    metadata = await told(world)
    assert metadata.keys() >= NEEDED
    assert [name for name, value in metadata.items() if value in ([], "", None)] == []
    issuer = urlsplit(metadata["issuer"])
    assert (metadata["issuer"], issuer.query, issuer.fragment) == (ISSUER, "", "")


@pytest.mark.requirement("RFC8414-2-c", "RFC9701-7")
async def test_signatures_of_clients_are_by_listed_algorithms_and_never_by_none(world: World) -> None:
    metadata = await told(world)
    for endpoint in ("token", "revocation", "introspection"):
        methods = metadata[f"{endpoint}_endpoint_auth_methods_supported"]
        algorithms = metadata[f"{endpoint}_endpoint_auth_signing_alg_values_supported"]
        assert "private_key_jwt" in methods
        assert algorithms
        assert "none" not in algorithms
    assert metadata["introspection_signing_alg_values_supported"] == ["ES256"]


@pytest.mark.requirement("RFC8707-2-a", "XD-TOK-02")
@pytest.mark.parametrize("resource", [f"{STORE}#", f"{STORE}#a", "/tasks", "tasks.example", " ", "urn:x"])
async def test_a_resource_that_is_no_address_of_a_server_is_refused(world: World, resource: str) -> None:
    desktop = await world.desktop()
    answer = await desktop.refresh(resource=resource)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_target")
    assert (await desktop.refresh()).status_code == 200, "a refused request uses nothing up"


@pytest.mark.requirement("E5")
async def test_readiness_names_what_is_missing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    assert (await world.http().get("/readyz")).json() == {"status": "ready"}

    async def away(_: object) -> None:
        raise DatabaseUnavailable("away")

    monkeypatch.setattr(world.database, "read", away)
    missing = await world.http().get("/readyz")
    assert (missing.status_code, missing.json()["error_description"]) == (503, "not ready: database")
    assert (await world.http().get("/healthz")).status_code == 200
