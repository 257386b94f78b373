"""Signing keys follow one another without a failed request, on the schedule that `segue keys show` prints."""

import json
from pathlib import Path
from typing import Any

import pytest
from authz_world import Device, World
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from segue.issuer_keys import FRESH
from segue.jose import parse
from segue_authz import keys_command
from segue_authz.keys_command import AHEAD, OVERLAP
from segue_authz.tokens import signing_keys
from segue_authz.tokens.signing_keys import LOOK_EVERY, NoSigningKey, SigningKeys

pytestmark = [pytest.mark.anyio, pytest.mark.requirement("A14")]


class Operator:
    """Somebody who runs `segue keys` at the world's time."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self.now = 1_000
        self._folder = folder
        self._capsys = capsys
        monkeypatch.setattr(keys_command, "clock_now", lambda: self.now)

    def keys(self, *words: str) -> tuple[int, Any]:
        """The exit status, and what was printed."""
        self._capsys.readouterr()
        status = keys_command.main([*words, "--keys", str(self._folder), "--json"])
        printed = self._capsys.readouterr()
        return status, json.loads(printed.out) if status == 0 else printed.err

    def states(self) -> list[str]:
        return [row["state"] for row in self.keys("show")[1]]


@pytest.fixture
def operator(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Operator:
    signing_keys.create(tmp_path / "keys", now=1)
    return Operator(tmp_path / "keys", monkeypatch, capsys)


async def published(world: World) -> list[str]:
    async with world.http() as http:
        return [key["kid"] for key in (await http.get("/jwks")).json()["keys"]]


async def offered(desktop: Device, token: str) -> int:
    """The status of an offer with this token."""
    return (await desktop.send("POST", "/transfer", {"mode": "move"}, token=token)).status_code


@pytest.mark.requirement("XD-KEY-01")
async def test_the_next_key_is_published_before_it_signs_and_the_last_one_while_its_tokens_live(
    world: World, operator: Operator
) -> None:
    desktop = await world.desktop()

    async def signed_by() -> str:
        answer = await desktop.refresh()
        assert answer.status_code == 200
        return str(parse(answer.json()["access_token"]).header["kid"])

    first = await signed_by()
    operator.now = world.now
    _, rows = operator.keys("rotate")
    assert [row["state"] for row in rows] == ["signs", "next"]
    second = rows[1]["kid"]
    assert rows[0]["signs_until"] == rows[1]["signs_from"] == world.now + AHEAD
    world.now += LOOK_EVERY
    assert await published(world) == [first, second]
    assert await signed_by() == first
    world.now += AHEAD - LOOK_EVERY - 1
    assert await signed_by() == first
    old = await desktop.issuer_token()
    world.now += 1
    assert await signed_by() == second
    assert await published(world) == [first, second]
    assert (await offered(desktop, old)) == 201  # a token by the old key still opens
    operator.now = world.now + OVERLAP
    assert operator.states() == ["published", "signs"]
    operator.keys("rotate")
    world.now = operator.now
    assert first not in await published(world)


async def test_the_next_key_is_added_once_and_an_old_one_kept_while_it_may_be_needed(operator: Operator) -> None:
    operator.keys("rotate")
    status, words = operator.keys("rotate")
    assert (status, "the next key is there already" in words) == (1, True)
    operator.now += AHEAD + OVERLAP - 1
    operator.keys("rotate")
    assert operator.states() == ["published", "signs", "next"]
    assert operator.keys("rotate", "--in", "-1")[0] == 1


@pytest.mark.requirement("XD-KEY-02")
async def test_a_key_that_is_known_to_others_is_gone_at_once(world: World, operator: Operator) -> None:
    desktop = await world.desktop()
    stolen = (await published(world))[0]
    assert await offered(desktop, await desktop.issuer_token()) == 201
    world.now += FRESH - LOOK_EVERY
    token = await desktop.issuer_token()
    operator.now = world.now
    operator.keys("rotate", "--compromised")
    world.now += LOOK_EVERY
    assert stolen not in await published(world)
    assert await offered(desktop, token) == 401
    assert (await desktop.refresh()).status_code == 200


async def test_a_folder_that_cannot_be_read_leaves_the_keys_that_were_known(world: World) -> None:
    before, damaged = await published(world), world.settings.keys / "2.pem"
    damaged.write_text("not a key")
    world.now += LOOK_EVERY
    assert await published(world) == before
    with pytest.raises(NoSigningKey, match=r"2\.pem"):
        SigningKeys(world.settings.keys)


@pytest.mark.parametrize("key", [rsa.generate_private_key(65537, 2048), ec.generate_private_key(ec.SECP384R1())])
async def test_a_key_of_another_kind_stops_the_server(tmp_path: Path, key: Any) -> None:
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (tmp_path / "1.pem").write_bytes(pem)
    with pytest.raises(NoSigningKey, match="P-256"):
        SigningKeys(tmp_path)


async def test_keys_are_their_owners_alone_and_whole_or_not_there(operator: Operator, tmp_path: Path) -> None:
    operator.keys("rotate")
    files = list((tmp_path / "keys").iterdir())
    assert {file.suffix for file in files} == {".pem"}
    assert {file.stat().st_mode & 0o777 for file in files} == {0o600}
