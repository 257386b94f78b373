"""The OpenAPI document of the authorization server says what its protocol endpoints serve, the whole of it."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator
from segue_authz.app import OPEN, PROTECTED
from segue_authz.client_auth.attestation import Attester, Attesters
from segue_authz.domain.profile import SEGUE
from segue_authz.endpoints import metadata
from segue_authz.endpoints.services import Services
from segue_authz.openapi import Undescribed, describe, text
from segue_authz.settings import Registering
from starlette.requests import Request
from starlette.responses import Response

SPECS = Path(__file__).parents[2] / "specs"
COMMITTED = SPECS / "openapi" / "authz.json"
COMMAND = "python -m segue_authz.openapi > specs/openapi/authz.json"
MACHINES = {"/healthz", "/readyz", "/.well-known/oauth-authorization-server", "/jwks"}
"""What monitors and libraries ask for by itself."""


@pytest.fixture(scope="module")
def described() -> dict[str, Any]:
    return describe([*OPEN, *PROTECTED])


def test_the_committed_document_is_what_the_endpoints_say(described: dict[str, Any]) -> None:
    assert COMMITTED.read_text() == text(described), f"the authorization server has changed; run `{COMMAND}`"
    assert json.loads(COMMITTED.read_text()) == json.loads(json.dumps(described))


def test_it_is_openapi_3_1(described: dict[str, Any]) -> None:
    OpenAPIV31SpecValidator(described).validate()


async def _undescribed(_: Services, __: Request) -> Response:
    return Response()


def test_an_endpoint_that_says_nothing_of_itself_is_found_and_its_author_told_what_to_do() -> None:
    with pytest.raises(Undescribed) as told:
        describe([("POST", "/new", _undescribed)])
    for word in ("POST /new", "@operation(", COMMAND):
        assert word in str(told.value)


def test_the_protocol_tells_of_every_request(described: dict[str, Any]) -> None:
    protocol = (SPECS / "protocol.md").read_text()
    untold = [path for path in described["paths"].keys() - MACHINES if path.partition("{")[0] not in protocol]
    assert untold == []


def test_every_endpoint_of_the_metadata_is_described(described: dict[str, Any]) -> None:
    issuer = described["servers"][0]["url"]

    class Named:
        settings = type(
            "Settings",
            (),
            {"issuer": issuer, "registration": Registering.INVITED, "client_documents": (), "profile": SEGUE},
        )
        grant_types: tuple[str, ...] = ()
        attesters = Attesters([Attester("Maker", (), frozenset())])

    told = metadata.document(Named())  # type: ignore[arg-type]
    addresses = {told[name].removeprefix(issuer) for name in told if re.search("_(endpoint|uri)$", name)}
    assert addresses - {"/authorize"} <= described["paths"].keys()
    content = described["paths"]["/.well-known/oauth-authorization-server"]["get"]["responses"]["200"]["content"]
    assert content["application/json"]["schema"]["properties"].keys() == told.keys()
