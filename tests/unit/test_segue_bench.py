"""`segue bench middleware` measures every way that can be had, each of which really serves, and says what it missed."""

import builtins
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from cryptography.exceptions import InvalidSignature
from joserfc.errors import JoseError
from jwt import PyJWTError
from segue.bench import command
from segue.bench.comparison import BARE, KNOWN, NEW_DEVICE, NEW_TOKEN, Comparison, compare
from segue.bench.request import Sender, Sent
from segue.bench.timing import Figures, figures
from segue.bench.way import Bare, Joserfc, Library, Middleware, PyJwt, Refused

pytestmark = pytest.mark.requirement("E1")


def test_all_ways_are_measured_in_one_run_for_programs(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    argv = ["middleware", "--json", "--rounds", "2", "--requests", "3", "--node-folder", str(tmp_path)]
    status = command.main(argv)
    document = json.loads(capsys.readouterr().out)
    assert list(document["microseconds"]) == [BARE, KNOWN, NEW_TOKEN, NEW_DEVICE, "joserfc", "PyJWT"]
    for taken in document["microseconds"].values():
        assert taken["count"] == 6
        assert 0 < taken["median"] <= taken["p99"]
    assert document["times_bare"][BARE] == document["times_segue"][KNOWN] == 1
    assert list(document["skipped"]) == ["oauth4webapi"]
    assert len(document["targets"]) == 3
    assert status == (0 if all(document["targets"].values()) else 1)


def test_people_get_a_table_with_what_was_not_measured_and_why(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    real = builtins.__import__

    def without_libraries(name: str, *arguments: Any, **options: Any) -> Any:
        if name in ("joserfc", "jwt"):
            raise ImportError(name)
        return real(name, *arguments, **options)

    monkeypatch.setattr(builtins, "__import__", without_libraries)
    monkeypatch.setattr(shutil, "which", lambda name: None)
    command.main(["middleware", "--rounds", "2", "--requests", "3", "--node-folder", str(tmp_path)])
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].startswith("cryptography alone")
    assert [line.split("not measured: ")[1] for line in lines if "not measured" in line] == [
        "joserfc is not installed: pip install 'segue[bench]'",
        "PyJWT is not installed: pip install 'segue[bench]'",
        "Node.js is not installed",
    ]


@pytest.mark.skipif(shutil.which("node") is None, reason="Node.js is not installed")
def test_a_node_way_that_serves_is_measured_and_one_that_refuses_is_not(tmp_path: Path) -> None:
    package = tmp_path / "node_modules" / "oauth4webapi"
    package.mkdir(parents=True)
    (package / "package.json").write_text('{"name": "oauth4webapi", "type": "module", "exports": "./index.js"}')
    source = "export const jwksCache = Symbol(); export const customFetch = Symbol();"
    answer = "export async function validateJwtAccessToken(server, request) { request.headers.get('dpop').at(0); %s }"
    (package / "index.js").write_text(source + answer % "")
    measured = compare(rounds=2, requests=3, node_folder=tmp_path)
    assert (measured.figures["oauth4webapi"].count, measured.skipped) == (6, {})
    (package / "index.js").write_text(source + answer % 'throw new Error("no")')
    with pytest.raises(Refused, match="no"):
        compare(rounds=2, requests=3, node_folder=tmp_path)


@pytest.mark.parametrize("kind", [Joserfc, PyJwt])
def test_a_librarys_way_refuses_what_it_must(kind: type[Library]) -> None:
    """Or the comparison would be with something that checks less."""
    sender = Sender()
    serving = kind(sender.issuer.jwks["keys"][0])
    (good,) = sender.known(1, nonce=serving.nonce)
    other = sender.new_device(1, nonce=serving.nonce)[0]
    (stale,) = sender.known(1, nonce="another")
    assert len(serving.times([good])) == 1
    head, payload, _ = good.token.split(".")
    forged = f"{head}.{payload}.{other.token.split('.')[2]}"
    for bad in (
        good,
        stale,
        Sent(good.token, other.proof),
        Sent(forged, sender.known(1, nonce=serving.nonce)[0].proof),
    ):
        with pytest.raises((Refused, JoseError, PyJWTError)):
            serving.times([bad])


def test_the_middlewares_way_refuses_what_it_must() -> None:
    sender = Sender()
    middleware = Middleware(sender)
    (good,) = sender.known(1, nonce=middleware.nonce)
    middleware.times([good])
    for bad in (good, sender.known(1, nonce="another")[0]):
        with pytest.raises(Refused):
            middleware.times([bad])
    middleware.close()


def test_the_bare_way_verifies() -> None:
    good, other = Sender().known(2, nonce="x")
    header, payload, _ = good.proof.split(".")
    with pytest.raises(InvalidSignature):
        Bare().times([Sent(good.token, f"{header}.{payload}.{other.proof.split('.')[2]}")])


def test_targets_are_missed_by_who_is_slower() -> None:
    def measured(segue: float) -> Comparison:
        return Comparison({BARE: Figures(100, 100, 9), KNOWN: Figures(segue, 1, 9), "PyJWT": Figures(390, 1, 9)}, {})

    assert list(measured(120).targets().values()) == [True, True]
    assert list(measured(131).targets().values()) == [True, False]
    assert list(measured(141).targets().values()) == [False, False]


def test_the_figures_are_the_middle_and_what_99_of_100_do_not_exceed() -> None:
    taken = figures([number * 1000 for number in range(1, 1001)])
    assert taken.median == 500.5
    assert 989 <= taken.p99 <= 992


def test_numbers_out_of_bounds_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    for wrong in ("1", "0", "-3", "x", "1000000"):
        with pytest.raises(SystemExit):
            command.main(["middleware", "--rounds", wrong])
    assert "usage" in capsys.readouterr().err
