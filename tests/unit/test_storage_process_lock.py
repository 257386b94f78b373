"""Embedded state is held by one process."""

import subprocess
import sys
from pathlib import Path

import pytest
from segue_storage.process_lock import AlreadyHeld, hold

HOLD_UNTIL_TOLD = """
import sys
from pathlib import Path
from segue_storage.process_lock import hold
with hold(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "segue.lock"


@pytest.mark.requirement("E5", "XD-RACE-10")
def test_a_second_process_is_refused_and_told_what_to_use_instead(path: Path) -> None:
    with _other_process(path), pytest.raises(AlreadyHeld, match="postgresql:// and _REDIS to redis://") as refused:
        hold(path).__enter__()
    assert str(path) in str(refused.value)


@pytest.mark.requirement("E5", "XD-RACE-10")
def test_a_second_server_in_the_same_process_is_refused(path: Path) -> None:
    with hold(path), pytest.raises(AlreadyHeld):
        hold(path).__enter__()


@pytest.mark.requirement("T8")
def test_a_killed_process_holds_nothing(path: Path) -> None:
    with _other_process(path) as other:
        other.kill()
        other.wait()
        with hold(path):
            pass


def test_what_was_let_go_can_be_held_again(path: Path) -> None:
    for _ in range(2):
        with hold(path):
            pass


def _other_process(path: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-c", HOLD_UNTIL_TOLD, str(path)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"held\n"
    return process
