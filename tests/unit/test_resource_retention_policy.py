"""The retention policy: strict about its file, with an end to everything, and open about what comes from where."""

import json
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from segue_resource.__main__ import main as serve
from segue_resource.domain.agenda import Act, Due, Standing, Tier, agenda
from segue_resource.domain.lifecycle import Status
from segue_resource.domain.retention import DAY, MEANINGS, Retention, Rules
from segue_resource.retention_file import from_table, read
from segue_resource.tasks_command import tasks
from segue_storage.setting import BadSetting

pytestmark = pytest.mark.requirement("T19", "R27", "R33")

POLICY = """
[retention]
debug_window = "7d"
close_after = "90d"

[retention.classes.default]
keep_messages = "60d"

[retention.classes.scratch]
pause_after = "12h"
close_after = "1d"
keep_messages = "1h"
keep_versions = "never"
erase_after = "never"

[retention.clients]
my-notebook = "scratch"
"""


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    file = tmp_path / "retention.toml"
    file.write_text(POLICY)
    monkeypatch.setenv("SEGUE_RESOURCE_RETENTION", str(file))
    return file


def shown(capsys: pytest.CaptureFixture[str], *options: str) -> dict[tuple[str | None, str], tuple[str, str | None]]:
    assert tasks(["policy", "--json", *options]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert all(row["does"] for row in rows)
    return {(row["class"], row["setting"]): (row["value"], row["from"]) for row in rows}


def test_without_a_file_everything_ends_and_the_server_says_so(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SEGUE_RESOURCE_RETENTION", raising=False)
    assert all(value is not None for value in vars(read(None).general).values())
    rows = shown(capsys)
    assert {origin for (name, _), (_, origin) in rows.items() if name} == {"built in"}
    assert {setting for name, setting in rows if name} == {field.name for field in fields(Rules)}
    assert {setting for _, setting in rows} >= set(MEANINGS)
    assert serve(["--check"]) == 0
    told = json.loads(capsys.readouterr().out)["SEGUE_RESOURCE_RETENTION"]
    assert told.startswith("(built in): pause_after 30d, close_after 180d, keep_messages 180d, erase_after 730d")


def test_each_value_says_where_it_comes_from_and_the_floor_shows(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = shown(capsys)
    assert rows[None, "debug_window"] == ("7d", "set for all")
    assert rows["default", "close_after"] == ("90d", "set for all")
    assert rows["default", "keep_messages"] == ("60d", "class default")
    assert rows["default", "pause_after"] == ("30d", "built in")
    assert rows["scratch", "pause_after"] == ("12h", "class scratch")
    assert rows["scratch", "keep_messages"] == ("7d", "debug_window; class scratch: 1h")
    assert rows["scratch", "erase_after"] == ("never", "class scratch")
    assert {name for name, _ in shown(capsys, "--class", "scratch")} == {None, "scratch"}
    assert tasks(["policy", "--class", "unheard-of"]) == 2
    assert "default, scratch" in capsys.readouterr().err


def test_people_read_it_in_lines_that_fit(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert tasks(["policy", "--file", str(file)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "scratch    pause_after = 12h (class scratch)" in lines
    assert max(map(len, lines)) <= 97


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "must hold one table, retention"),
        ("[retention", "cannot be read"),
        ("[retention]\nclose_afer = '1d'", "retention.close_afer is not a setting; those are debug_window, notice"),
        ("[retention]\nnotice = 'never'", "retention.notice is 'never'; it must be a duration such as"),
        ("[retention]\npause_after = 3600", 'retention.pause_after is 3600; it must be a duration such as "90d"'),
        ("[retention]\npause_after = '0s'", 'from "1s" to "36500d", or "never"'),
        ("[retention]\npause_after = '40000d'", "'40000d'"),
        ("[retention]\npause_after = '1 d'", "'1 d'"),
        ("[retention]\npause_after = '\u0661d'", "it must be a duration"),
        ("[retention]\nclasses = 3", "retention.classes must be a table"),
        ("[retention.classes]\nscratch = 3", "retention.classes.scratch cannot be used"),
        ("[retention.classes.Scratch]", "retention.classes.Scratch cannot be used"),
        ("[retention.classes.scratch]\ndebug_window = '1d'", "retention.classes.scratch.debug_window is not a setting"),
        ("[retention.clients]\nmine = 'scratch'", "retention.clients.mine is 'scratch'; it must be one of default"),
        ("[retention.clients]\nmine = 3", "retention.clients.mine is 3; it must be one of default"),
        (
            "[retention.classes.scratch]\nclose_after = '1d'",
            "retention.classes.scratch.close_after is 1d; it must be at least 30d, which is pause_after",
        ),
        ("[retention]\nerase_after = '100d'", "erase_after is 100d; it must be at least 180d, which is keep_messages"),
    ],
)
def test_a_value_that_cannot_be_is_named_with_what_would_be_accepted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, text: str, told: str
) -> None:
    (tmp_path / "bad.toml").write_text(text)
    with pytest.raises(BadSetting) as bad:
        read(tmp_path / "bad.toml")
    assert told in str(bad.value)
    monkeypatch.setenv("SEGUE_RESOURCE_RETENTION", str(tmp_path / "bad.toml"))
    assert serve(["--check"]) == 1
    assert told in capsys.readouterr().err


def test_a_file_that_is_not_there_is_a_failure(tmp_path: Path) -> None:
    with pytest.raises(BadSetting, match="cannot be read"):
        read(tmp_path / "missing.toml")


def test_the_class_of_a_task_is_that_of_its_client_unless_one_is_given(file: Path) -> None:
    policy = read(file)
    assert [policy.class_of(client) for client in ("my-notebook", "another", None)] == ["scratch", "default", "default"]


def test_a_class_that_the_policy_has_no_more_is_kept_as_the_default_one(file: Path) -> None:
    policy = read(file)
    assert policy.rules("gone") == policy.rules("default")
    assert policy.kept("gone", "keep_messages") == 60 * DAY


def test_another_policy_has_another_mark(file: Path) -> None:
    one, same = read(file), read(file)
    assert one.mark == same.mark
    assert one.mark != from_table({"close_after": "91d"}).mark
    assert from_table({"notice": "1d"}).mark != from_table({"notice": "2d"}).mark


CLOSED = Standing("tsk_1", "default", Status.CLOSED, last_at=0, ended_at=1000, reckoned_at=0)


def what(standing: Standing, **policy: Any) -> list[tuple[Act, Tier | None]]:
    return [(due.act, due.tier) for due in agenda(standing, Retention(**policy))]


def test_a_task_that_never_ends_by_itself_has_no_agenda() -> None:
    never = Rules(*(None for _ in fields(Rules)))
    assert what(CLOSED, general=never) == []
    assert what(Standing("tsk_1", "default", Status.OPEN, 0, None, 0), general=never) == []


def test_a_closed_task_has_an_end_in_which_everything_has_its_time() -> None:
    assert what(CLOSED) == [
        (Act.ARCHIVE, None),
        (Act.DROP, Tier.MESSAGES),
        (Act.DROP, Tier.VERSIONS),
        (Act.DROP, Tier.ARTIFACTS),
        (Act.DROP, Tier.TOOL_CALLS),
        (Act.ERASE, None),
    ]
    assert agenda(CLOSED, Retention())[-1] == Due(1000 + 730 * DAY, Act.ERASE)
