"""The authorization server decides the vectors of specs/vectors as they say: proofs, tokens, client assertions."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from authz_vectors import ASKING, asked, makers, with_the_client, with_the_grant
from authz_world import DESKTOP, ISSUER, World, open_world
from segue_authz.client_auth.shown import ASSERTION_TYPE
from segue_authz.stores.tables import client_assertions
from segue_vectors import ASSERTIONS, TOKENS

pytestmark = pytest.mark.anyio


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    """On SQLite alone: what is decided here is decided before anything is asked of the database."""
    opened = await open_world(tmp_path, database_url=f"sqlite:///{tmp_path}/authz.db", ephemeral_url=None)
    yield opened
    await opened.aclose()


ANOTHER_GRANT = {"a client acts, for which another acted"}
"""Good at a resource server, and here not the token that its grant accounts for: that one came of no exchange."""


def outcomes(cases: list[Any]) -> dict[str, str]:
    return {case["name"]: case["expect"] for case in cases}


@pytest.mark.requirement("A14", "RFC7523-3", "XD-TOK-10", *(f"XD-JOSE-{number:02}" for number in range(1, 10)))
async def test_every_client_assertion_has_the_outcome_of_its_vector(world: World) -> None:
    await with_the_client(world)
    found = {}
    for case in ASSERTIONS["cases"]:
        form = {"token": "x", "client_assertion_type": ASSERTION_TYPE, "client_assertion": case["assertion"]}
        named = await asked(world, "/revoke", data={**form, "client_id": ASSERTIONS["client_id"]})
        found[case["name"]] = "accepted" if named.status_code == 200 else named.json()["error"]
        await forget_assertions(world)
        unnamed = await asked(world, "/revoke", data=form)
        assert unnamed.status_code == named.status_code, case["name"]
        await forget_assertions(world)
    assert found == outcomes(ASSERTIONS["cases"])


async def forget_assertions(world: World) -> None:
    """The cases have one `jti`; that it is used once is another test's business."""
    await world.database.write(lambda connection: connection.execute(client_assertions.delete()).rowcount)


@pytest.mark.requirement("A14", "RFC7662-2-2", *(f"XD-JOSE-{number:02}" for number in range(1, 12)))
async def test_every_task_token_is_worth_at_introspection_what_its_vector_says(world: World) -> None:
    await with_the_grant(world)
    found = {}
    for case in TOKENS["cases"]:
        answer = await asked(world, "/introspect", data={"token": case["token"]}, auth=ASKING)
        active = answer.status_code == 200 and answer.json()["active"]
        found[case["name"]] = "accepted" if active else "invalid_token"
        assert answer.status_code == 200 or not case["token"], case["name"]
    expected = outcomes(TOKENS["cases"])
    assert found == expected | dict.fromkeys(ANOTHER_GRANT, "invalid_token")


@pytest.mark.requirement(
    "A6",
    "RFC9449-11-1-a",
    "RFC9449-11-3",
    "RFC9449-11-5",
    "RFC9449-11-6",
    *(f"RFC9449-4-3-{number}" for number in range(2, 13)),
    *(f"XD-DPOP-{number:02}" for number in (3, 6, 9, 11, 13)),
)
async def test_the_token_endpoint_decides_a_proof_as_the_vectors_decide_one_for_its_own_address(world: World) -> None:
    vectors = makers("proof_vectors")
    form = {"grant_type": "refresh_token", "client_id": DESKTOP, "refresh_token": "none of ours"}
    nonce = (await asked(world, "/token", data=form)).headers["DPoP-Nonce"]
    request = vectors.Asked("POST", f"{ISSUER}/token", nonce, None, now=world.now)
    good = [(section, name) for section, named in vectors.accepted_proofs(request).items() for name in named]
    for number, (section, name) in enumerate(good):
        proof = vectors.accepted_proofs(replace(request, jti=f"jti-{number}"))[section][name]
        assert await refusal(world, form, proof) == "invalid_grant", name
    for named in vectors.refused_proofs(request).values():
        for name, proof in named.items():
            assert await refusal(world, form, proof) == "invalid_dpop_proof", name


async def refusal(world: World, form: dict[str, str], proof: str) -> str:
    return str((await asked(world, "/token", data=form, headers=[(b"DPoP", proof.encode())])).json()["error"])
