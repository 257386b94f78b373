"""The npm package of the chat front ends: what it consists of, what its types promise, and what it makes of a log."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from server_process import binary
from web_package import ROOT, built_package, run_npm

pytestmark = pytest.mark.requirement("E3")

MODULES = ROOT / "demo_clients" / "segue_demo" / "static" / "segue"
SCRIPT = """
import { Turn } from "./dist/turn.js";
const turn = new Turn(3);
const told = [];
for (const [verb, ...given] of JSON.parse(process.argv[1])) told.push(...turn[verb](...given));
console.log(JSON.stringify({ told, ended: turn.ended }));
"""
SHORT = ("type", "id", "delta")
KINDS = ("const", "function", "class")
NAMES = """
const of = async (name) => Object.keys(await import(`./dist/segue/${name}.js`));
const named = process.argv.slice(1).map(async (name) => [name, await of(name)]);
console.log(JSON.stringify(Object.fromEntries(await Promise.all(named))));
"""


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return built_package(tmp_path_factory.mktemp("web"))


def node(package: Path, script: str, *words: str) -> Any:
    command = [str(binary("node")), "--input-type=module", "-e", script, *words]
    ran = subprocess.run(command, cwd=package, capture_output=True, text=True, timeout=60)
    assert ran.returncode == 0, ran.stderr
    return json.loads(ran.stdout)


def told(package: Path, *taken: tuple[Any, ...]) -> tuple[list[tuple[str, ...]], bool]:
    """What a turn says of what it takes, in short, and whether it has ended."""
    answer = node(package, SCRIPT, json.dumps(taken))
    short = [
        (change["type"], *(change[name] for name in ("id", "delta") if name in change)) for change in answer["told"]
    ]
    return short, answer["ended"]


def event(seq: int, kind: str = "message", *, role: str = "agent", **body: object) -> tuple[str, Any]:
    return "take", {"seq": seq, "kind": kind, "role": role, "body": body}


def delta(offset: int, text: str, *, draft_id: str = "d1") -> tuple[str, Any]:
    return "grow", {"draft_id": draft_id, "role": "agent", "offset": offset, "text": text}


def test_it_consists_of_what_is_built_and_of_nothing_to_be_run_at_installation(package: Path) -> None:
    [packed] = json.loads(run_npm(package, "pack", "--dry-run", "--json", "--ignore-scripts"))
    names = {file["path"] for file in packed["files"]}
    beside = {"LICENSE", "README.md", "package.json"}
    assert {name for name in names if not name.startswith("dist/")} == beside
    built = {path.relative_to(package).as_posix() for path in (package / "dist").rglob("*") if path.is_file()}
    assert names - beside == built
    assert all(name.endswith((".js", ".d.ts")) for name in built)
    described = json.loads((package / "package.json").read_text())
    assert described["license"] == "Apache-2.0"
    assert "dependencies" not in described
    assert all(peer["optional"] for peer in described["peerDependenciesMeta"].values())
    assert described["peerDependencies"].keys() == described["peerDependenciesMeta"].keys()
    assert not {"install", "postinstall", "prepare"} & described["scripts"].keys()
    exported = [path for entry in described["exports"].values() if isinstance(entry, dict) for path in entry.values()]
    assert {path.removeprefix("./") for path in exported} <= names


def test_the_protocol_is_the_demos_byte_for_byte_and_every_module_has_types_for_what_it_exports(package: Path) -> None:
    modules = sorted(path.stem for path in MODULES.glob("*.js"))
    exported = node(package, NAMES, *modules)
    for name in modules:
        built = package / "dist" / "segue" / f"{name}.js"
        assert built.read_bytes() == (MODULES / f"{name}.js").read_bytes()
        types = built.with_suffix(".d.ts").read_text("utf-8")
        missing = [export for export in exported[name] if not any(f"{kind} {export}" in types for kind in KINDS)]
        assert missing == [], name


def test_nothing_of_an_sdk_is_needed_without_it(package: Path) -> None:
    assert node(package, 'const { Grant } = await import("./dist/index.js"); console.log(JSON.stringify(Grant.name))')
    for name in ("ai", "conversation", "index"):
        assert "@tanstack" not in (package / "dist" / f"{name}.js").read_text()


def test_each_piece_of_a_draft_is_told_once_also_when_it_is_told_anew(package: Path) -> None:
    taken = [delta(0, "One "), delta(4, "two"), delta(0, "One two "), delta(8, "three"), ("drop", "d2")]
    said = event(4, text="One two three.", draft_id="d1")
    assert told(package, *taken, said, said) == (
        [
            ("text", "d1", "One "),
            ("text", "d1", "two"),
            ("text", "d1", " "),
            ("text", "d1", "three"),
            ("text", "d1", "."),
            ("text-done", "d1"),
            ("ended",),
        ],
        True,
    )


def test_a_draft_that_is_gone_or_was_something_else_is_taken_back(package: Path) -> None:
    assert told(package, delta(0, "I cannot"), ("drop", "d1"), delta(5, "late", draft_id="d3")) == (
        [("text", "d1", "I cannot"), ("text-gone", "d1")],
        False,
    )
    assert told(package, delta(0, "I cannot"), ("only", [], 3)) == (
        [("text", "d1", "I cannot"), ("text-gone", "d1")],
        False,
    )
    said = event(4, text="I cannot now.", draft_id="d1")
    finished, _ = told(package, delta(0, "I cannot"), ("only", [], 4), said)
    assert finished == [("text", "d1", "I cannot"), ("text", "d1", " now."), ("text-done", "d1"), ("ended",)]
    lost_then, _ = told(package, delta(0, "I cannot"), ("only", [], 4), event(4, text="Else."))
    assert ("text-gone", "d1") in lost_then
    assert told(package, delta(0, "I cannot"), event(4, text="I can", draft_id="d1")) == (
        [("text", "d1", "I cannot"), ("text-gone", "d1"), ("text", "d1", "I can"), ("text-done", "d1"), ("ended",)],
        True,
    )


@pytest.mark.parametrize(
    "unfinished",
    [
        [event(4, "tool_call.started", call_id="c", state="running"), event(5, text="Wait.")],
        [event(4, "tool_call.unknown", call_id="c", state="unknown"), event(5, text="Wait.")],
        [event(4, text="Wait.", continues=True)],
        [delta(0, "And"), event(4, text="Wait.")],
        [event(4, "tool_call.succeeded", call_id="c", state="succeeded")],
        [event(4, text="by the system", role="system")],
    ],
)
def test_an_answer_goes_on_while_something_of_it_is_unfinished(
    package: Path, unfinished: list[tuple[str, Any]]
) -> None:
    assert not told(package, *unfinished)[1]


@pytest.mark.parametrize(
    "end",
    [
        event(9, text="Done."),
        event(9, role="customer", text="Something else"),
        event(9, "task.status_changed", **{"from": "active", "to": "paused"}),
    ],
)
def test_an_answer_ends_with_the_agents_last_word_the_next_question_or_a_task_that_rests(
    package: Path, end: tuple[str, Any]
) -> None:
    call = [event(4, "tool_call.proposed", call_id="c", state="approved"), event(5, "tool_call.succeeded", call_id="c")]
    _, ended = told(package, *call, end)
    assert ended
