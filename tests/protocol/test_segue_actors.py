"""Who acts for whom (RFC 8693 section 4.1): read from a token that came of an exchange, and kept on record."""

from typing import Any

import pytest
from participating import audit
from resource_world import StoreWorld
from segue.issuer_keys import Keys, UnknownKey
from segue.task_token import MAX_ACTORS, InvalidToken, TaskTokenVerifier
from segue.testing import TestDevice, TestIssuer

pytest_plugins = ["resource_fixtures"]
pytestmark = pytest.mark.anyio


class OneKey(Keys):
    def __init__(self, issuer: TestIssuer) -> None:
        self._issuer = issuer

    async def key(self, kid: str) -> Any:
        if kid != self._issuer.kid:
            raise UnknownKey(kid)
        return self._issuer.private_key.public_key()


async def actors_of(act: Any) -> tuple[str, ...]:
    issuer = TestIssuer()
    verifier = TaskTokenVerifier(
        issuer=issuer.issuer, audience=issuer.audience, keys=OneKey(issuer), clock=lambda: 1_800_000_000
    )
    issuer._clock = lambda: 1_800_000_000
    return (await verifier.verify(issuer.token(TestDevice(), client_id="backend", act=act))).actors


@pytest.mark.requirement("RFC8693-4-1-b")
async def test_a_handler_sees_who_acts_the_present_one_first() -> None:
    assert await actors_of(None) == ()
    assert await actors_of({"sub": "backend"}) == ("backend",)
    assert await actors_of({"sub": "backend", "act": {"sub": "first"}}) == ("backend", "first")


def nested(depth: int) -> dict[str, Any]:
    return {"sub": "backend"} | ({"act": nested(depth - 1)} if depth > 1 else {})


@pytest.mark.requirement("XD-JOSE-11", "RFC8693-4-1-c")
@pytest.mark.parametrize(
    "act",
    [
        "backend",
        [],
        {},
        {"sub": "another client"},
        {"sub": 7},
        {"sub": ""},
        {"sub": "backend", "iss": "https://other.example"},
        {"sub": "backend", "act": {"act": {"sub": "first"}}},
        {"sub": "backend", "act": "first"},
        nested(MAX_ACTORS + 1),
    ],
)
async def test_an_act_that_is_no_chain_of_a_few_clients_spoils_the_token(act: Any) -> None:
    assert len(await actors_of(nested(MAX_ACTORS))) == MAX_ACTORS
    with pytest.raises(InvalidToken):
        await actors_of(act)


@pytest.mark.requirement("T17", "XD-AGT-06")
async def test_the_audit_says_who_acted_for_the_device_in_what_was_done_and_in_what_was_read(store: StoreWorld) -> None:
    backend = store.device(client_id="backend", act={"sub": "backend", "act": {"sub": "first"}})
    await backend.read("/resume")
    assert (await backend.propose("pure")) is not None
    await backend.post("/status", {"to": "active"})
    entries = await audit(store.device())
    its = [entry for entry in entries if entry["client_id"] == "backend"]
    assert {entry["kind"] for entry in its} >= {"state.released", "task.status_changed"}
    assert all(entry["about"]["act"] == ["backend", "first"] for entry in its)
    assert not any("act" in entry["about"] for entry in entries if entry["client_id"] != "backend")
