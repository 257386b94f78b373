"""`segue thief` robs a person of one thing at a time, and says honestly what it was worth."""

import json
import subprocess
import sys
from pathlib import Path

import httpx2
import pytest
from deployment import running_deployment
from segue_demo.running import running
from segue_demo.thief.thief import Thief
from segue_demo.thief.victim import overheard

COMMAND = [sys.executable, "-c", "import sys; from segue_demo.thief.command import main; sys.exit(main(sys.argv[1:]))"]
LET_IN = "put into the thief's browser to let the thief's own device in"


def robbed(*words: str, password: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run([*COMMAND, *words], input=password, capture_output=True, text=True, timeout=120, check=False)


@pytest.mark.requirement("E6", "A6", "A7", "PROFILE-bound-at-claim", "MCP-THEFT-b")
def test_a_code_a_token_and_a_refresh_token_stolen_at_servers_elsewhere_are_worth_nothing(tmp_path: Path) -> None:
    with running_deployment(tmp_path) as there:
        site, person = there.site, there.person
        servers = ["--authz", site.issuer, "--resource", site.store, "--redirect-uri", site.desktop_redirect_uri]
        words = ["codes", "tokens", "refresh_tokens", "--json", *servers, "--username", person.username]
        done = robbed(*words, password=person.password)
    assert done.returncode == 0, done.stdout + done.stderr
    findings = json.loads(done.stdout)
    assert [found["stolen"] for found in findings] == [
        *["transfer code"] * 2,
        "device code",
        "transfer code",
        "authorization code",
        *["access token"] * 4,
        *["refresh token"] * 3,
    ]
    assert all(found["worthless"] for found in findings)


@pytest.mark.requirement("E6")
def test_a_stolen_cookie_is_worth_a_sign_in_until_the_person_signs_out_and_the_exit_status_says_so() -> None:
    done = robbed("cookies")
    assert done.returncode == 1, done.stdout + done.stderr
    assert f"4 attempts, 3 of them worth nothing.\nWorth something: a stolen cookie, {LET_IN}.\n" in done.stdout


@pytest.mark.requirement("E6", "A13", "XD-DBSC-04")
def test_the_cookies_of_a_bound_session_are_worth_nothing_after_their_minutes() -> None:
    done = robbed("bound_cookies", "--json")
    assert done.returncode == 1, done.stdout + done.stderr
    findings = {found["tried"]: (found["answer"], found["worthless"]) for found in json.loads(done.stdout)}
    assert findings == {
        "the session bound once more, to the thief's key": ("400 invalid_request", True),
        "copied with the short-lived one, and used within its minutes": ("200 accepted", False),
        "put into the thief's browser once the short-lived one has ended": ("303 sign_in_first", True),
        "a new short-lived one asked for, with the thief's key": ("403 invalid_request", True),
    }


@pytest.mark.requirement("E6")
def test_nothing_found_out_is_neither_of_the_two() -> None:
    nowhere = robbed("--authz", "http://127.0.0.1:1", "--resource", "http://127.0.0.1:2")
    assert nowhere.returncode == 2
    assert "nothing was found out" in nowhere.stderr
    assert "Traceback" not in nowhere.stderr


@pytest.mark.anyio
@pytest.mark.requirement("E6", "A6")
async def test_with_the_keys_the_same_goods_are_worth_something_so_that_it_is_the_keys_that_matter() -> None:
    async with (
        running(lan=None, base=0, state=None, job_seconds=1) as demo,
        overheard(demo.site, demo.person) as victim,
        httpx2.AsyncClient(timeout=20) as http,
    ):
        thief = Thief(victim, http=http, with_keys=True)
        kinds = thief.codes(), thief.tokens(), thief.refresh_tokens()
        found = [each for goods in kinds async for each in goods]
    worth = [(each.stolen, each.answer) for each in found if not each.worthless]
    assert worth == [
        ("transfer code", "200 accepted"),
        ("device code", "400 authorization_pending"),
        ("authorization code", "200 accepted"),
        ("access token", "200 accepted"),
        ("refresh token", "200 accepted"),
        ("refresh token", "200 accepted"),
    ]
