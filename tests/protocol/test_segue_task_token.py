"""A verified token is remembered, and never longer than it is good."""

import tracemalloc

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from segue import jose
from segue.authority import ACTIONS, TaskAuthority
from segue.issuer_keys import KeysUnavailable, UnknownKey
from segue.task_token import REMEMBERED_TOKENS, InvalidToken, TaskToken, TaskTokenVerifier
from segue.testing import TestDevice, TestIssuer

pytestmark = pytest.mark.anyio


class World:
    """An issuer, a verifier that counts its verifications, and a device."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1_800_000_000
        self.issuer = TestIssuer(clock=lambda: self.now)
        self.device = TestDevice()
        self.keys: dict[str, EllipticCurvePublicKey] = {self.issuer.kid: self.issuer.private_key.public_key()}
        self.away = False
        self.remember(REMEMBERED_TOKENS)
        self.verifications = 0
        self._verify = jose.verify
        monkeypatch.setattr(jose, "verify", self._counted)

    def remember(self, count: int) -> None:
        self.verifier = TaskTokenVerifier(
            issuer=self.issuer.issuer,
            audience=self.issuer.audience,
            keys=self,
            clock=lambda: self.now,
            remembered=count,
        )

    def _counted(self, jws: jose.Jws, key: EllipticCurvePublicKey) -> None:
        self.verifications += 1
        self._verify(jws, key)

    async def key(self, kid: str) -> EllipticCurvePublicKey:
        if self.away:
            raise KeysUnavailable("away")
        if kid not in self.keys:
            raise UnknownKey(kid)
        return self.keys[kid]


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    return World(monkeypatch)


@pytest.mark.requirement("R37", "RFC9449-6-a")
async def test_a_good_token_is_read_whole(world: World) -> None:
    token = world.issuer.token(
        world.device, task_id="tsk_9", actions=["task:read"], epoch=3, transfer_id="trf_1", jti="j", acr=None
    )
    assert await world.verifier.verify(token) == TaskToken(
        iss="https://id.example",
        sub="usr_test",
        aud="https://agent.example",
        client_id="test-client",
        jti="j",
        iat=world.now,
        exp=world.now + 300,
        jkt=world.device.jkt,
        auth_time=world.now,
        acr=None,
        device_id=f"dev_{world.device.jkt[:16]}",
        grant_id=f"grt_{world.device.jkt[:16]}",
        authority=TaskAuthority(task_id="tsk_9", actions=frozenset({"task:read"}), epoch=3, transfer_id="trf_1"),
    )


async def test_a_token_is_verified_once(world: World) -> None:
    token = world.issuer.token(world.device)
    assert await world.verifier.verify(token) is await world.verifier.verify(token)
    assert world.verifications == 1


@pytest.mark.requirement("XD-AGT-09", "XD-JOSE-11", "RFC6749-7")
async def test_a_remembered_token_ends_when_it_expires(world: World) -> None:
    token = world.issuer.token(world.device, lifetime=300)
    await world.verifier.verify(token)
    world.now += 299
    await world.verifier.verify(token)
    world.now += 1
    with pytest.raises(InvalidToken, match="expired"):
        await world.verifier.verify(token)


@pytest.mark.requirement("XD-OPS-05")
async def test_a_remembered_token_is_not_good_before_its_time(world: World) -> None:
    token = world.issuer.token(world.device)
    await world.verifier.verify(token)
    world.now -= 6
    with pytest.raises(InvalidToken):
        await world.verifier.verify(token)


@pytest.mark.requirement("XD-KEY-01")
async def test_a_remembered_token_ends_with_its_key(world: World) -> None:
    token = world.issuer.token(world.device)
    await world.verifier.verify(token)
    del world.keys[world.issuer.kid]
    with pytest.raises(InvalidToken):
        await world.verifier.verify(token)


async def test_another_key_of_the_same_name_does_not_honour_a_remembered_token(world: World) -> None:
    token, kid = world.issuer.token(world.device), world.issuer.kid
    await world.verifier.verify(token)
    world.issuer.rotate()
    world.keys[kid] = world.issuer.private_key.public_key()
    with pytest.raises(InvalidToken):
        await world.verifier.verify(token)


@pytest.mark.requirement("XD-OPS-06")
async def test_a_remembered_token_needs_keys_too(world: World) -> None:
    token = world.issuer.token(world.device)
    await world.verifier.verify(token)
    world.away = True
    with pytest.raises(KeysUnavailable):
        await world.verifier.verify(token)


@pytest.mark.requirement("XD-DOS-06")
async def test_the_oldest_is_forgotten_first(world: World) -> None:
    world.remember(2)
    tokens = [world.issuer.token(world.device, task_id=f"tsk_{n}") for n in range(3)]
    for token in (*tokens, tokens[2], tokens[1]):
        await world.verifier.verify(token)
    assert world.verifications == 3
    await world.verifier.verify(tokens[0])
    assert world.verifications == 4


@pytest.mark.requirement("XD-DOS-06")
async def test_a_flood_of_the_longest_tokens_takes_bounded_room(world: World) -> None:
    world.remember(100)
    longest = dict.fromkeys(("sub", "client_id"), "\U0001f511" * 180)
    longest |= dict.fromkeys(("acr", "device_id", "grant_id"), "a" * 255)
    tokens = [
        world.issuer.token(world.device, actions=ACTIONS, task_id=f"tsk_{n:064}", jti=f"{n:0255}", **longest)
        for n in range(300)
    ]
    tracemalloc.start()
    for token in tokens:
        await world.verifier.verify(token)
    room, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(world.verifier._remembered) == 100
    assert room < 100 * 8192


@pytest.mark.requirement("XD-DOS-06")
async def test_a_token_that_ended_makes_room_when_it_is_shown_again(world: World) -> None:
    expired, orphaned = (world.issuer.token(world.device, task_id=task_id) for task_id in ("tsk_1", "tsk_2"))
    await world.verifier.verify(expired)
    world.now += 300
    orphaned = world.issuer.token(world.device)
    await world.verifier.verify(orphaned)
    world.keys.clear()
    for token in (expired, orphaned):
        with pytest.raises(InvalidToken):
            await world.verifier.verify(token)
    assert len(world.verifier._remembered) == 0


@pytest.mark.requirement("XD-JOSE-05", "XD-AGT-09", "U2")
async def test_a_forged_token_is_never_remembered(world: World) -> None:
    token = world.issuer.token(world.device)
    head, payload, _ = token.split(".")
    other = TestIssuer(clock=lambda: world.now).token(world.device).split(".")
    for forged in (f"{head}.{payload}.{other[2]}", f"{head}.{other[1]}.{other[2]}", ".".join(other)):
        for _ in range(2):
            with pytest.raises(InvalidToken):
                await world.verifier.verify(forged)
    assert len(world.verifier._remembered) == 0


@pytest.mark.requirement("XD-JOSE-05", "XD-AGT-09", "U2")
async def test_only_the_whole_text_of_a_remembered_token_finds_it(world: World) -> None:
    token = world.issuer.token(world.device, actions=["task:read"])
    await world.verifier.verify(token)
    head, payload, signature = token.split(".")
    more = world.issuer.token(world.device, actions=["task:write"]).split(".")[1]
    for forged in (f"{head}.{payload}.{'A' * 86}", f"{head}.{more}.{signature}", token[:-1], token + "A"):
        with pytest.raises(InvalidToken):
            await world.verifier.verify(forged)
    assert token not in repr(vars(world.verifier._remembered))


async def test_a_remembered_token_is_not_good_before_its_nbf(world: World) -> None:
    token = world.issuer.token(world.device, nbf=world.now)
    await world.verifier.verify(token)
    world.now -= 1
    with pytest.raises(InvalidToken):
        await world.verifier.verify(token)


async def test_a_refused_token_is_not_remembered(world: World) -> None:
    token = world.issuer.token(world.device, iat=world.now + 6, exp=world.now + 100)
    with pytest.raises(InvalidToken):
        await world.verifier.verify(token)
    world.now += 1
    await world.verifier.verify(token)


@pytest.mark.requirement("XD-TOK-01")
@pytest.mark.parametrize("wrong", [{"audience": ""}, {"issuer": ""}, {"audience": "http://agent.example"}])
def test_a_verifier_without_a_proper_audience_does_not_start(world: World, wrong: dict[str, str]) -> None:
    names = {"issuer": "https://id.example", "audience": "https://agent.example", **wrong}
    with pytest.raises(ValueError, match="must be a URL"):
        TaskTokenVerifier(keys=world, clock=lambda: 0, **names)
