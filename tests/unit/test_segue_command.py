"""The `segue` command finds what the installed parts contribute, and its exit status tells the truth."""

from collections.abc import Callable
from importlib.metadata import EntryPoint, version

import pytest
from segue import command


def good(argv: list[str]) -> int:
    """Do a good thing.

    More about it.
    """
    print("good", *argv)
    return 7 if argv else 0


def silent(argv: list[str]) -> None:
    pass


@pytest.fixture(autouse=True)
def _commands(monkeypatch: pytest.MonkeyPatch) -> None:
    handlers: dict[str, Callable[..., object]] = {"good": good, "silent": silent}
    points = [EntryPoint(name, name, command.GROUP) for name in ("silent", "good", "broken")]
    monkeypatch.setattr(command, "entry_points", lambda group: points)
    monkeypatch.setattr(EntryPoint, "load", lambda self: handlers.get(self.value) or _fail())


def _fail() -> None:
    raise ImportError("no module named gone")


@pytest.mark.parametrize("argv", [[], ["--help"], ["-h"], ["help"]])
def test_help_lists_every_command_in_one_line(argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(argv) == 0
    assert capsys.readouterr().out.splitlines()[3:] == [
        "  broken  (cannot be loaded: ImportError: no module named gone)",
        "  good    Do a good thing.",
        "  silent  ",
    ]


def test_the_version_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["--version"]) == 0
    assert capsys.readouterr().out == f"segue {version('segue')}\n"


def test_a_command_gets_the_rest_of_the_line_and_decides_the_status(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["good", "--json", "x"]) == 7
    assert capsys.readouterr().out == "good --json x\n"


def test_a_command_that_returns_nothing_succeeded() -> None:
    assert command.main(["silent"]) == 0


def test_an_unknown_command_is_refused_with_a_hint(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["goood"]) == 2
    assert capsys.readouterr().err == (
        "segue: there is no command 'goood'. Did you mean `segue good`? `segue --help` lists them.\n"
    )


def test_the_words_come_from_the_command_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["segue", "nothing-like-it"])
    assert command.main() == 2
