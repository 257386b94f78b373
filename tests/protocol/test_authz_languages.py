"""In which language the pages answer: the person's own choice, an application's word, the browser's wish, English."""

import asyncio
import re
from urllib.parse import urlencode

import httpx2
import pytest
from authz_world import DESKTOP, PASSWORD, USERNAME, World
from html_page import read_page

pytestmark = [pytest.mark.anyio, pytest.mark.requirement("PAGES-languages")]
TITLES = {"en": "Sign in", "de": "Anmelden", "ar": "تسجيل الدخول"}


def spoken(page: httpx2.Response) -> str:
    """The language of the page, by all its signs at once."""
    root = read_page(page.text).one("html").attributes
    assert root["dir"] == ("rtl" if root["lang"] == "ar" else "ltr")
    assert page.headers["Content-Language"] == root["lang"]
    assert page.headers["Vary"] == "Accept-Language, Cookie"
    return root["lang"]


async def choose(http: httpx2.AsyncClient, tag: str, return_to: str = "/sign-in", **headers: str) -> httpx2.Response:
    return await http.post("/language", data={"language": tag, "here": return_to}, headers=headers)


@pytest.mark.parametrize("tag", TITLES)
async def test_a_page_answers_in_the_language_that_the_browser_asks_for(world: World, tag: str) -> None:
    page = await world.http().get("/sign-in", headers={"Accept-Language": f"{tag}-XX,fr;q=0.2"})
    assert (spoken(page), read_page(page.text).one("h1").words) == (tag, TITLES[tag])


@pytest.mark.parametrize(
    "header",
    ["", "fr,it;q=0.5", "de;q=0", "\x01\x02", '"><script>', "../../etc/passwd", "de_DE.UTF-8/../x", "q" * 9_000],
)
async def test_without_a_wish_that_is_known_the_page_is_english(world: World, header: str) -> None:
    assert spoken(await world.http().get("/sign-in", headers={"Accept-Language": header})) == "en"


async def test_a_choice_is_kept_in_this_browser_and_stands_before_all_else(world: World) -> None:
    http = world.http()
    chosen = await choose(http, "ar", "/sign-in?return_to=%2Fdevices")
    assert (chosen.status_code, chosen.headers["location"]) == (303, "/sign-in?return_to=%2Fdevices")
    (cookie,) = chosen.headers.get_list("set-cookie")
    assert cookie.startswith("segue-language=ar;")
    assert {"HttpOnly", "Path=/", "SameSite=lax", "Max-Age=31536000"} <= set(cookie.split("; "))
    assert spoken(await http.get("/sign-in?ui_locales=en", headers={"Accept-Language": "de"})) == "ar"
    assert spoken(await world.http().get("/sign-in", headers={"Accept-Language": "de"})) == "de"


@pytest.mark.parametrize("tag", ["", "fr", "AR", "ar\r\nSet-Cookie: a=b", "../de", "d" * 10_000])
async def test_a_language_that_is_not_spoken_cannot_be_chosen(world: World, tag: str) -> None:
    refused = await choose(world.http(), tag)
    assert refused.status_code == 400
    assert "segue-language" not in refused.headers.get("set-cookie", "")


@pytest.mark.parametrize("value", ["fr", "<script>", "../../../etc", "de; ar", "%00", "x" * 4_000])
async def test_a_cookie_that_says_nothing_known_counts_for_nothing(world: World, value: str) -> None:
    headers = {"Cookie": f"segue-language={value}; segue-ui-locales={value}", "Accept-Language": "de"}
    assert spoken(await world.http().get("/sign-in", headers=headers)) == "de"


@pytest.mark.requirement("XD-WEB-01")
async def test_another_site_chooses_no_language_and_sends_nobody_elsewhere(world: World) -> None:
    refused = await choose(world.http(), "ar", **{"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"})
    assert (refused.status_code, refused.headers.get("set-cookie")) == (403, None)
    for elsewhere in ("https://evil.example/", "//evil.example", "/\\evil.example", "javascript:alert(1)"):
        assert (await choose(world.http(), "ar", elsewhere)).headers["location"] == "/"


async def test_each_page_offers_the_others_without_script_and_comes_back_to_itself(world: World) -> None:
    browser = world.browser()
    await browser.sign_in()
    for path in ("/", "/devices", "/device", "/requests", "/user-code", "/notices", "/invitation"):
        page = await browser.http.get(path)
        (form,) = [
            each for each in read_page(page.text, foot=True).all("form") if each.attributes["action"] == "/language"
        ]
        assert form.fields()["here"] == path
        back = await browser.http.post("/language", data={**form.fields(), "language": "de"})
        assert spoken(await browser.http.get(back.headers["location"])) == "de"


async def test_what_a_strangers_link_carries_is_not_repeated_in_the_page(world: World) -> None:
    browser = world.browser()
    await browser.sign_in()
    page = await browser.http.get("/device?user_code=BCDF-GHJK&evil=1")
    assert "evil" not in page.text
    assert "BCDF" not in page.text


async def test_a_page_that_answers_a_form_comes_back_where_it_can_be_got(world: World) -> None:
    browser = world.browser()
    page = await browser.http.get("/sign-in?return_to=%2Fdevices")
    wrong = await browser.submit("/sign-in", page, username=USERNAME, password="wrong")
    assert wrong.status_code == 401
    (form,) = [
        each for each in read_page(wrong.text, foot=True).all("form") if each.attributes["action"] == "/language"
    ]
    assert form.fields()["here"] == "/sign-in?return_to=%2Fdevices"
    await browser.sign_in()
    out = await browser.submit("/sign-out", await browser.http.get("/"))
    (form,) = [each for each in read_page(out.text, foot=True).all("form") if each.attributes["action"] == "/language"]
    assert form.fields()["here"] == "/"


async def test_an_applications_word_holds_through_signing_in_and_choosing(world: World) -> None:
    device, browser = world.device(), world.browser()
    asked = "/authorize?" + urlencode(device.request("v" * 43) | {"ui_locales": "fr de en"})
    first = await browser.http.get(asked, headers={"Accept-Language": "en"})
    sign_in = await browser.http.get(first.headers["location"])
    assert (first.status_code, spoken(sign_in)) == (303, "de")
    signed_in = await browser.submit("/sign-in", sign_in, username=USERNAME, password=PASSWORD)
    page = await browser.http.get(asked)
    assert spoken(page) == "de"
    again = await browser.submit("/authorize", page, task="", name="", decision="approve")
    assert (again.status_code if signed_in.status_code == 303 else 400, spoken(again)) == (400, "de")


async def test_a_pushed_request_says_the_language_and_no_address_has_to(world: World) -> None:
    device, browser = world.device(), world.browser()
    pushed = await device.http.post("/par", data=device.request("v" * 43) | {"ui_locales": "ar"})
    await browser.sign_in()
    address = "/authorize?" + urlencode({"client_id": DESKTOP, "request_uri": pushed.json()["request_uri"]})
    assert spoken(await browser.http.get(address)) == "ar"
    assert (await choose(browser.http, "de", address)).headers["location"] == address
    assert spoken(await browser.http.get(address)) == "de"


@pytest.mark.parametrize("ui_locales", ["xx", "\x00", "<b>", "de" * 5_000, " ", "de-\ud7ff"])
async def test_a_word_that_is_not_known_is_no_error(world: World, ui_locales: str) -> None:
    browser = world.browser()
    await browser.sign_in()
    page = await browser.http.get("/sign-in?" + urlencode({"anew": "yes", "ui_locales": ui_locales}))
    assert (page.status_code, spoken(page)) in ((200, "en"), (200, "de"))


async def test_the_metadata_names_the_languages(world: World) -> None:
    told = (await world.http().get("/.well-known/oauth-authorization-server")).json()
    assert told["ui_locales_supported"] == list(TITLES)


async def test_a_refusal_is_told_to_the_person_in_their_language_and_to_a_client_in_english(world: World) -> None:
    http = world.http()
    page = await http.get("/authorize?client_id=nobody", headers={"Accept-Language": "de"})
    assert (page.status_code, spoken(page)) == (400, "de")
    assert "Die App, die Sie hierher geschickt hat, ist nicht bekannt." in page.text
    answer = await http.post("/token", data={"grant_type": "x"}, headers={"Accept-Language": "de"})
    assert re.fullmatch(r"[ -~]+", answer.json()["error_description"])
    assert "Content-Language" not in answer.headers


async def test_what_only_makers_of_apps_understand_is_shown_as_english_beside_a_sentence_for_the_person(
    world: World,
) -> None:
    query = "client_id=segue-desktop&client_id=again"
    page = await world.http().get(f"/authorize?{query}", headers={"Accept-Language": "ar"})
    detail = read_page(page.text).fact("detail")
    assert (spoken(page), detail.attributes["lang"], detail.attributes["dir"]) == ("ar", "en", "ltr")
    assert detail.words == "A parameter is repeated."


async def test_where_there_is_nothing_the_page_says_so_in_the_language(world: World) -> None:
    headers = {"Accept": "text/html", "Accept-Language": "ar"}
    page = await world.http().get("/nowhere", headers=headers)
    assert (page.status_code, spoken(page)) == (404, "ar")


async def test_two_people_at_once_each_read_their_own_language(world: World) -> None:
    async def read(tag: str) -> str:
        return spoken(await world.http().get("/sign-in", headers={"Accept-Language": tag}))

    tags = ["de", "ar", "en"] * 8
    assert await asyncio.gather(*map(read, tags)) == tags
