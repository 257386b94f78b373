"""The key file as a ring: the newest master key wraps, older ones unwrap, and what was derived stays what it was."""

import secrets
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from segue.jose import b64url_encode
from segue_resource.stores.keys.durable_file import replace_durably
from segue_resource.stores.keys.key_ring import BadKeyFile, Generation, read_ring
from segue_resource.stores.keys.master_key import load
from segue_resource.stores.keys.sealing import Damaged, Place

pytestmark = pytest.mark.requirement("T18")

PLACE = Place("data_keys", "tsk_1", "1/usr_1")
NOW = 1_800_000_000


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A key file as earlier releases made it."""
    file = tmp_path / "master.key"
    file.write_text(b64url_encode(bytes(range(32))) + "\n")
    file.chmod(0o600)
    return file


def test_a_file_of_one_line_opens_what_it_wrapped_and_derives_what_it_derived(path: Path) -> None:
    master = load(path)
    by_hand = HKDF(hashes.SHA256(), 32, salt=None, info=b"segue audit").derive(bytes(range(32)))
    assert master.derive("audit") == by_hand
    assert master.key_id == Generation(bytes(range(32)), 0).key_id


def test_a_new_generation_wraps_the_old_one_unwraps_and_what_is_derived_stays(path: Path) -> None:
    master = load(path, random=secrets.token_bytes, clock=lambda: NOW)
    before, derived = master.wrapper.wrap(b"d" * 32, nonce=bytes(12), place=PLACE), master.derive("audit")
    made = master.wrapper.rotate()
    assert master.key_id == made != before.key_id
    assert master.wrapper.unwrap(before, place=PLACE) == b"d" * 32
    assert load(path).derive("audit") == derived
    assert path.stat().st_mode & 0o777 == 0o600
    assert [generation.made_at for generation in read_ring(path).generations] == [0, NOW]


def test_what_an_old_generation_wrapped_is_lost_once_it_is_destroyed_and_the_file_does_not_tell_it(path: Path) -> None:
    master = load(path, random=secrets.token_bytes)
    old, derived = master.wrapper.wrap(b"d" * 32, nonce=bytes(12), place=PLACE), master.derive("audit")
    kept = master.wrapper.rotate()
    assert master.wrapper.destroy_others(kept) == [old.key_id]
    for again in (master, load(path)):
        with pytest.raises(Damaged, match=old.key_id):
            again.wrapper.unwrap(old, place=PLACE)
        assert again.derive("audit") == derived
    assert b64url_encode(bytes(range(32))) not in path.read_text()
    assert [file.name for file in path.parent.iterdir()] == ["master.key"]


def test_what_stood_in_the_file_is_overwritten_when_it_is_replaced(path: Path) -> None:
    with path.open("rb") as former:
        replace_durably(path, "other\n", draft="d1")
        assert set(former.read()) == {0}
    assert path.read_text() == "other\n"


def test_a_process_that_meets_a_generation_it_does_not_know_reads_the_file_again(path: Path) -> None:
    running, operator = load(path), load(path, random=secrets.token_bytes)
    operator.wrapper.rotate()
    wrapped = operator.wrapper.wrap(b"d" * 32, nonce=bytes(12), place=PLACE)
    assert wrapped.key_id not in running.wrapper.key_ids
    assert running.wrapper.unwrap(wrapped, place=PLACE) == b"d" * 32
    assert running.key_id == wrapped.key_id


def test_a_file_that_is_away_for_a_moment_takes_no_key_from_a_running_process(path: Path) -> None:
    running = load(path)
    wrapped = running.wrapper.wrap(b"d" * 32, nonce=bytes(12), place=PLACE)
    path.unlink()
    running.wrapper.refresh()
    assert running.wrapper.unwrap(wrapped, place=PLACE) == b"d" * 32


@pytest.mark.parametrize(
    "change",
    [
        lambda lines: lines[:1],
        lambda lines: lines[:2],
        lambda lines: [*lines[:2], lines[2].replace("key ", "key 0")],
        lambda lines: [*lines[:2], lines[2][:-1]],
        lambda lines: [*lines, "key of another kind"],
        lambda lines: [lines[0], "root short", *lines[2:]],
        lambda lines: ["segue-key-ring 2", *lines[1:]],
    ],
)
def test_a_ring_that_is_not_whole_is_refused_without_repeating_it(path: Path, change: object) -> None:
    load(path, random=secrets.token_bytes).wrapper.rotate()
    lines = path.read_text().splitlines()
    path.write_text("\n".join(change(lines)) + "\n")  # type: ignore[operator]
    with pytest.raises(BadKeyFile) as refused:
        load(path)
    assert not any(word in str(refused.value) for line in lines[1:] for word in line.split() if len(word) > 16)


def test_a_generation_that_is_not_there_is_no_reason_to_destroy_the_others(path: Path) -> None:
    master = load(path, random=secrets.token_bytes)
    with pytest.raises(BadKeyFile, match="nothing was destroyed"):
        master.wrapper.destroy_others("0" * 16)
    assert load(path).key_id == master.key_id
