"""The task store takes the security events of its issuer, and a withdrawn device reads nothing more (A15)."""

import pytest
from event_attacks import event
from resource_world import ISSUER, STORE, StoreWorld

pytest_plugins = ["resource_fixtures"]
pytestmark = [pytest.mark.anyio, pytest.mark.requirement("A15", "RFC8935-2-2")]

TYPE = {"Content-Type": "application/secevent+jwt"}


async def test_a_pushed_event_ends_what_the_device_may_do(store: StoreWorld) -> None:
    ended, other = store.device(grant_id="grt_1"), store.device(grant_id="grt_2")
    assert (await ended.send("GET", "")).status_code == 200
    signed = event(store.issuer, iss=ISSUER, aud=STORE, iat=store.now)
    answer = await store.http.post("/signals", content=signed, headers=TYPE)
    assert (answer.status_code, answer.content) == (202, b"")
    assert (await ended.send("GET", "")).status_code == 401
    assert (await other.send("GET", "")).status_code == 200


@pytest.mark.requirement("XD-TOK-13", "RFC8935-2-3")
async def test_a_made_up_event_ends_nothing(store: StoreWorld) -> None:
    device = store.device(grant_id="grt_1")
    for signed, err in (
        (event(store.issuer, iss=ISSUER, aud=STORE, iat=store.now, header={"typ": "at+jwt"}), "invalid_request"),
        (event(store.issuer, iss=ISSUER, aud="https://other.example", iat=store.now), "invalid_audience"),
        (event(store.issuer, iss="https://other.example", aud=STORE, iat=store.now), "invalid_issuer"),
        (event(store.issuer, iss=ISSUER, aud=STORE, iat=store.now)[:-8] + "AAAAAAAA", "invalid_key"),
    ):
        answer = await store.http.post("/signals", content=signed, headers=TYPE)
        assert (answer.status_code, answer.json()["err"]) == (400, err)
    assert (await device.send("GET", "")).status_code == 200
