"""Peers of the bench: installed once from what their locks name, asked line by line, and missing with a reason."""

import io
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from segue_bench import peers
from segue_bench.measure import Missing
from segue_bench.peers import Peer, Refused
from segue_bench.subjects.store_peers.python_peers import serve

pytestmark = pytest.mark.requirement("E5")
ECHO = """
import json, sys
for line in sys.stdin:
    asked = json.loads(line)
    if asked == "end": sys.exit("no more flour")
    print(json.dumps({"error": "burnt"} if asked == "burn" else asked), flush=True)
"""


@pytest.fixture
def peer(tmp_path: Path) -> Iterator[Peer]:
    peer = Peer([sys.executable, "-c", ECHO], tmp_path)
    yield peer
    peer.close()


def test_a_peer_answers_each_line_and_what_it_refuses_is_refused(peer: Peer) -> None:
    assert peer.ask({"eggs": 2}) == {"eggs": 2}
    with pytest.raises(Refused, match="burnt"):
        peer.ask("burn")
    assert peer.ask([1]) == [1]


def test_a_peer_that_ends_is_refused_with_its_last_words(peer: Peer) -> None:
    for _ in range(2):
        with pytest.raises(Refused, match="no more flour"):
            peer.ask("end")


@pytest.fixture
def lock(tmp_path: Path) -> Path:
    source = tmp_path / "oven" / "cakes"
    source.mkdir(parents=True)
    (source / "package.json").write_text("{}")
    return source


def test_peers_are_installed_once_and_anew_when_their_lock_changes(
    lock: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    monkeypatch.setattr(shutil, "which", lambda name: sys.executable)
    monkeypatch.setattr(peers, "_run", lambda command, folder: (folder / "node_modules").mkdir())
    first = peers.npm(lock, into=tmp_path / "kept", say=said.append)
    assert (first / "node_modules").is_dir()
    assert peers.npm(lock, into=tmp_path / "kept", say=said.append) == first
    assert said == ["installs cakes peers, once"]
    (lock / "package.json").write_text('{"private": true}')
    assert peers.npm(lock, into=tmp_path / "kept", say=said.append) != first


def test_a_peer_that_cannot_be_installed_is_missing_with_the_reason_and_tried_again(
    lock: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(command: list[str], **_: object) -> None:
        raise subprocess.CalledProcessError(1, command, stderr="npm warn\nnpm error the flour is out\n")

    monkeypatch.setattr(shutil, "which", lambda name: "npm")
    monkeypatch.setattr(subprocess, "run", fail)
    for _ in range(2):
        with pytest.raises(Missing, match=r"npm could not install it: npm error the flour is out"):
            peers.npm(lock, into=tmp_path / "kept", say=lambda _: None)


def test_without_npm_its_peers_are_missing(lock: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(Missing, match="apt-get install npm"):
        peers.npm(lock, into=tmp_path, say=lambda _: None)


@pytest.mark.anyio
async def test_a_store_of_others_is_begun_and_goes_on_as_long_as_patience_lasts(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    kept: list[object] = []

    async def begin(name: str, database: str, said: list[serve.Turn]) -> serve.GoOn:
        kept.append((name, database, said))

        async def go_on(turn: serve.Turn) -> None:
            kept.append(turn)

        return go_on

    lines = [
        None,
        {"begin": "talk", "database": "sqlite:///x", "said": [["a", "b"]]},
        {"go_on": "talk", "said": [["c", "d"], ["e", "f"]], "patience": 60},
        {"go_on": "talk", "said": [["g", "h"], ["i", "j"]], "patience": 0},
        {"go_on": "nobody", "said": [], "patience": 0},
    ]
    monkeypatch.setitem(serve.PEERS, "fake", (begin, "pytest"))
    monkeypatch.setattr(sys, "stdin", io.StringIO("".join(json.dumps(line) + "\n" for line in lines)))
    await serve.main("fake")
    ready, begun, two, one, refused = map(json.loads, capsys.readouterr().out.splitlines())
    assert ready == {"ready": f"pytest {pytest.__version__}"}
    assert (begun, len(two), len(one), refused) == ({}, 2, 1, {"error": "KeyError: 'nobody'"})
    assert kept == [("talk", "sqlite:///x", [["a", "b"]]), ["c", "d"], ["e", "f"], ["g", "h"]]
