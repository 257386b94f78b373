"""Sealing and the key files: what is sealed opens at its own place alone, and a key file is whole or it is none."""

import itertools
import os
import secrets
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from segue.jose import b64url_encode
from segue_resource.key_files import load_master_key, load_nonce_secret
from segue_resource.settings import Settings
from segue_resource.stores.keys.master_key import BadKeyFile, load, load_or_create
from segue_resource.stores.keys.sealing import Damaged, Place, seal, unseal

KEY = AESGCM(bytes(32))
PLACE = Place("events", "tsk_1", "7")


def settings(folder: Path, database: str = "sqlite:////tmp/x.db", **members: Path) -> Settings:
    files = {"key_file": folder / "master.key", **members}
    return Settings(url="https://tasks.example", issuer="https://id.example", database=database, **files)


@pytest.mark.requirement("T18", "R31")
@pytest.mark.parametrize("content", [b"", b"x", b"x" * 10_000, secrets.token_bytes(10_000)])
def test_what_is_sealed_opens_again_and_repetition_is_made_small(content: bytes) -> None:
    sealed = seal(KEY, content, nonce=bytes(12), place=PLACE)
    assert unseal(KEY, sealed, place=PLACE) == content
    assert content not in sealed or not content
    assert len(sealed) <= len(content) + 29
    assert content != b"x" * 10_000 or len(sealed) < 200


@pytest.mark.requirement("T18", "R31")
def test_a_sealed_value_opens_at_no_other_place_and_under_no_other_key() -> None:
    sealed = seal(KEY, b"text", nonce=bytes(12), place=PLACE)
    for place in (Place("tasks", "tsk_1", "7"), Place("events", "tsk_2", "7"), Place("events", "tsk_1", "8")):
        with pytest.raises(Damaged):
            unseal(KEY, sealed, place=place)
    with pytest.raises(Damaged):
        unseal(AESGCM(bytes(31) + b"x"), sealed, place=PLACE)


@pytest.mark.requirement("T18", "T23")
def test_every_flipped_bit_and_every_cut_is_noticed() -> None:
    sealed = seal(KEY, b"text" * 30, nonce=bytes(12), place=PLACE)
    flipped = [sealed[:n] + bytes([sealed[n] ^ 1]) + sealed[n + 1 :] for n in range(len(sealed))]
    for wrong in itertools.chain(flipped, (sealed[:n] for n in range(len(sealed)))):
        with pytest.raises(Damaged):
            unseal(KEY, wrong, place=PLACE)


@pytest.mark.requirement("T18")
def test_the_embedded_default_makes_its_master_key_once_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "state" / "master.key"
    first = load_or_create(path, random=secrets.token_bytes)
    assert load_or_create(path, random=secrets.token_bytes).key_id == first.key_id
    assert path.stat().st_mode & 0o777 == 0o600
    assert os.listdir(path.parent) == ["master.key"]


@pytest.mark.requirement("T18")
def test_elsewhere_a_missing_master_key_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(BadKeyFile, match=r"master\.key"):
        load_master_key(settings(tmp_path, "postgresql://db.example/x"), random=secrets.token_bytes)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.requirement("T18")
@pytest.mark.parametrize("text", ["", "short", b64url_encode(bytes(31)), b64url_encode(bytes(32)) + "=", "ü"])
def test_a_file_that_is_no_master_key_is_refused_without_repeating_it(tmp_path: Path, text: str) -> None:
    path = tmp_path / "master.key"
    path.write_text(text)
    with pytest.raises(BadKeyFile, match="must hold") as refused:
        load(path)
    assert not text or text not in str(refused.value)


@pytest.mark.requirement("T18", "T23")
def test_a_data_key_opens_under_the_master_key_it_was_wrapped_with(tmp_path: Path) -> None:
    one = load_or_create(tmp_path / "one", random=secrets.token_bytes)
    two = load_or_create(tmp_path / "two", random=secrets.token_bytes)
    wrapped = one.wrapper.wrap(b"k" * 32, nonce=bytes(12), place=PLACE)
    assert one.wrapper.unwrap(wrapped, place=PLACE) == b"k" * 32
    with pytest.raises(Damaged, match=one.key_id):
        two.wrapper.unwrap(wrapped, place=PLACE)
    with pytest.raises(Damaged):
        one.wrapper.unwrap(wrapped, place=Place("data_keys", "tsk_2", "1"))


@pytest.mark.requirement("A6")
def test_the_nonce_secret_is_shared_by_a_file_or_belongs_to_one_process(tmp_path: Path) -> None:
    file = tmp_path / "nonce"
    own = settings(tmp_path)
    shared = settings(tmp_path, nonce_secret_file=file)
    assert load_nonce_secret(own, random=secrets.token_bytes) != load_nonce_secret(own, random=secrets.token_bytes)
    for content in (None, b"x" * 31):
        if content is not None:
            file.write_bytes(content)
        with pytest.raises(BadKeyFile, match="nonce"):
            load_nonce_secret(shared, random=secrets.token_bytes)
    file.write_bytes(b"x" * 32)
    assert load_nonce_secret(shared, random=secrets.token_bytes) == b"x" * 32
