"""Where a person's rows are is visible: what a request to the authorization server executes names it."""

import pytest
from authz_world import PHONE, World
from recorded_statements import PUBLISHED, nameless, recorded

pytestmark = pytest.mark.anyio

LOCATING = PUBLISHED["authz"]["locating"]
EXCEPTIONS = PUBLISHED["authz"]["exceptions"]


@pytest.mark.requirement("T8")
async def test_every_statement_of_a_persons_own_requests_names_where_their_rows_are(world: World) -> None:
    with recorded() as executed:
        desktop = await world.desktop()
        phone = world.device(PHONE, network="192.0.2.99")
        offer = (await desktop.offer("share")).json()
        claim = (await phone.claim(offer["transfer_code"])).json()
        await phone.redeem(claim["device_code"])
        await desktop.browser.confirm(offer["transfer_id"], claim["check_value"])
        world.now += 10
        answers = [await phone.redeem(claim["device_code"]), await phone.refresh()]
        tablet = world.device(PHONE)
        asked = (await tablet.ask_for_task()).json()
        entered = await desktop.browser.enter_code(asked["user_code"])
        world.now += 10
        value = (await tablet.redeem(asked["device_code"])).json()["check_value"]
        await desktop.browser.approve(entered.headers["location"], task="new", name="New", check_value=value)
        world.now += 10
        answers += [await tablet.redeem(asked["device_code"]), await desktop.browser.http.get("/devices")]
        answers += [await phone.send("POST", "/revoke", {"client_id": PHONE, "token": phone.tokens["refresh_token"]})]
    assert [answer.status_code for answer in answers] == [200] * 5
    assert len(executed) > 40
    assert nameless(executed, LOCATING, excepted=EXCEPTIONS.__contains__) == set()
