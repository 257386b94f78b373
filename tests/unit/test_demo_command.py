"""`segue demo` as a command: what it prints, what it keeps, and what it says when it cannot run."""

import stat
from pathlib import Path

import httpx2
import pytest
from segue_authz.domain.client import acceptable_uri
from segue_client import pull_transfer
from segue_client.device import Device
from segue_demo import announcement, demo, enrolled
from segue_demo.check import Step
from segue_demo.enrolled import OtherSite, Person
from segue_demo.qr_text import qr_lines
from segue_demo.running import CannotRun, Running, running
from segue_demo.servers import Certificate
from segue_demo.site import PHONE_ACTIONS, Site
from terminal_program import photographed

SITE = Site.at("localhost", range(8400, 8405))


def shown(site: Site, capsys: pytest.CaptureFixture[str], certificate: Certificate | None = None) -> str:
    person = Person("demo", "bada-fiki-lomu")
    state = Path("/state")
    announcement.show(Running(site, person, state, False, state / "jobs.jsonl", certificate), as_json=False)
    return capsys.readouterr().out


@pytest.mark.requirement("E6")
def test_it_prints_where_to_go_how_to_sign_in_and_what_to_do_next(capsys: pytest.CaptureFixture[str]) -> None:
    text = shown(SITE, capsys)
    assert SITE.desktop in text
    assert SITE.phone in text
    assert "bada-fiki-lomu" in text
    assert "Continue on another device" in text
    assert f"{SITE.issuer}/devices\n" in text
    assert f"{SITE.issuer}/device\n" in text


@pytest.mark.requirement("E6")
def test_the_code_in_the_terminal_can_be_read_by_a_camera() -> None:
    assert photographed(qr_lines("https://192.0.2.7:8404/")) == "https://192.0.2.7:8404/"


@pytest.mark.requirement("E6")
def test_a_step_that_failed_is_told_with_its_reason(capsys: pytest.CaptureFixture[str]) -> None:
    steps = [Step("first", 0.1), Step("second", 0.2, "CheckFailed: it did not")]
    for step in steps:
        announcement.tell_step(step)
    announcement.tell_outcome(steps, passed=False)
    text = capsys.readouterr().out
    assert "ok" in text.splitlines()[0]
    assert "FAILED" in text.splitlines()[1]
    assert "CheckFailed: it did not" in text


@pytest.mark.requirement("A5")
def test_the_phone_cannot_pass_the_task_on_and_every_address_may_be_registered() -> None:
    assert "task:transfer" not in PHONE_ACTIONS
    assert all(acceptable_uri(uri) for uri in (SITE.desktop_redirect_uri, SITE.phone_consumption_uri))


WORDS = [["--port", "80"], ["--port", "65532"], ["--port", "\uff18\uff14\uff10\uff10"], ["--job-seconds", "0"]]


@pytest.mark.requirement("E6")
@pytest.mark.parametrize("words", WORDS)
def test_a_number_out_of_bounds_is_refused(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        demo.main(words)
    assert "a number" in capsys.readouterr().err


@pytest.mark.anyio
@pytest.mark.requirement("E5")
async def test_kept_state_has_one_demo_at_a_time_and_stays_at_its_addresses(tmp_path: Path) -> None:
    async with running(lan=None, base=0, state=tmp_path, job_seconds=1) as first:
        assert stat.S_IMODE((tmp_path / "demo-password").stat().st_mode) == 0o600
        with pytest.raises(CannotRun, match="in use by another demo"):
            async with running(lan=None, base=0, state=tmp_path, job_seconds=1):
                pass
    with pytest.raises(CannotRun, match=f"belongs to a demo at {first.site.issuer}"):
        async with running(lan=None, base=0, state=tmp_path, job_seconds=1):
            pass


@pytest.mark.requirement("E6")
def test_a_password_is_made_once_and_is_no_fixed_one(tmp_path: Path) -> None:
    passwords = set()
    for folder in (tmp_path / "a", tmp_path / "b"):
        folder.mkdir()
        first = enrolled.password(folder)
        assert enrolled.password(folder) == first
        passwords.add(first)
    assert len(passwords) == 2


@pytest.mark.requirement("E5")
def test_a_site_at_other_addresses_is_refused(tmp_path: Path) -> None:
    enrolled.remember(SITE, tmp_path)
    enrolled.remember(SITE, tmp_path)
    with pytest.raises(OtherSite):
        enrolled.remember(Site.at("localhost", range(9000, 9005)), tmp_path)


ALONE = ["--authz", "http://localhost:8400", "--resource", "http://localhost:8401"]


@pytest.mark.requirement("E6")
@pytest.mark.parametrize(
    "words",
    [ALONE[:2], ALONE[2:], [*ALONE, "--check"], [*ALONE, "--lan"], [*ALONE, "--open"], [*ALONE, "--policy", "x"]],
)
def test_the_pages_alone_want_both_servers_and_nothing_that_needs_their_state(words: list[str]) -> None:
    with pytest.raises(SystemExit):
        demo.main(words)


@pytest.mark.requirement("E6")
def test_a_server_address_that_proofs_could_not_name_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        demo.main(["--authz", "http://id.example/", "--resource", "https://tasks.example"])
    assert "it must be a URL" in capsys.readouterr().err


@pytest.mark.anyio
@pytest.mark.requirement("A11", "E6")
async def test_a_policy_file_holds_in_the_demo(tmp_path: Path) -> None:
    file = tmp_path / "policy.toml"
    file.write_text("[transfer_policy]\nshort_lived_codes = 30\n")
    async with (
        running(lan=None, base=0, state=tmp_path / "state", job_seconds=1, policy=file) as demo,
        httpx2.AsyncClient(trust_env=False) as http,
    ):
        phone = Device(issuer=demo.site.issuer, client_id=demo.site.phone_client_id, http=http)
        asked = await pull_transfer.ask(phone, actions=["task:read"], device_name="Phone")
    assert asked.user_code_expires_in == 60


@pytest.mark.anyio
@pytest.mark.requirement("A11", "E6")
async def test_a_policy_that_cannot_be_stops_the_demo_with_its_reason(tmp_path: Path) -> None:
    file = tmp_path / "policy.toml"
    file.write_text("[transfer_policy]\nshort_lived_codes = 3\n")
    with pytest.raises(CannotRun, match="short_lived_codes is 3"):
        async with running(lan=None, base=0, state=tmp_path / "state", job_seconds=1, policy=file):
            pass
