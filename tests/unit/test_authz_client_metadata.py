"""Whatever a client says of itself is either refused in an orderly way or comes out checked (RFC 7591 section 2)."""

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some
from rounds import rounds
from segue_authz.client_documents import _client
from segue_authz.client_metadata import Described, read
from segue_authz.domain.client import Method, acceptable_uri
from segue_authz.domain.refusal import Refusal

pytestmark = pytest.mark.requirement("A14", "XD-META-04")

CLIENT = "https://client.example/app.json"
WORDS = ["https://client.example/", "http://localhost:1/", "http://evil.example/", "authorization_code", "code", "none"]
WORDS += [
    "task",
    "refresh_token",
    "client_secret_basic",
    "private_key_jwt",
    "EC",
    "P-256",
    "OKP",
    "Ed25519",
    "RSA",
    "AQAB",
]
atoms = some.one_of(some.none(), some.booleans(), some.integers(), some.floats(), some.text(max_size=8))
words = some.sampled_from(WORDS)
keys = some.dictionaries(
    some.sampled_from(["kty", "crv", "x", "y", "n", "e", "d", "k", "kid", "alg", "use", "key_ops"]),
    some.one_of(words, atoms, some.lists(atoms, max_size=2)),
)
values = some.one_of(
    atoms,
    words,
    some.lists(some.one_of(words, atoms), max_size=3),
    some.builds(lambda found: {"keys": found}, some.lists(some.one_of(keys, atoms), max_size=2)),
    some.dictionaries(some.text(max_size=4), atoms, max_size=2),
)
MEMBERS = ["redirect_uris", "client_name", "token_endpoint_auth_method", "grant_types", "response_types", "jwks"]
MEMBERS += ["jwks_uri", "require_signed_request_object", "authorization_details_types", "dpop_bound_access_tokens"]
MEMBERS += ["software_statement", "scope", "client_id", "client_secret", "logo_uri"]
GOOD = {"redirect_uris": ["https://client.example/"], "token_endpoint_auth_method": "none", "client_id": CLIENT}
documents = some.one_of(
    some.builds(lambda changes: GOOD | changes, some.dictionaries(some.sampled_from(MEMBERS), values, max_size=3)),
    values,
)
often = settings(
    max_examples=rounds(bounded=300, full=20_000),
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)


def require_checked(described: Described) -> None:
    assert described.redirect_uris
    assert all(map(acceptable_uri, described.redirect_uris))
    assert described.name.isprintable()
    assert all("d" not in key and key["kty"] != "oct" for key in described.jwks)
    assert described.jwks or not (described.method is Method.PRIVATE_KEY_JWT or described.require_signed_request_object)


@often
@given(documents)
def test_metadata_is_refused_or_checked(metadata: Any) -> None:
    with suppress(Refusal):
        require_checked(read(metadata))


@often
@given(documents)
def test_a_document_is_refused_or_describes_a_public_client_of_its_host(document: Any) -> None:
    with suppress(Refusal):
        client = _client(CLIENT, document)
        assert (client.client_id, client.method, client.verified) == (CLIENT, Method.NONE, False)
        hosts = ("https://client.example/", "http://localhost:")
        assert all(uri.startswith(hosts) for uri in client.redirect_uris)
