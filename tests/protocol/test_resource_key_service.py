"""Data keys wrapped by a key service in the place of the key file: nothing opens without it, and nothing is lost."""

import dataclasses
import secrets
from collections.abc import Sequence

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from resource_world import TASK, StoreWorld, texts
from segue_resource.stores import tables
from segue_resource.stores.keys.keeper import Keeper
from segue_resource.stores.keys.key_wrapper import KeysUnavailable, Wrapped
from segue_resource.stores.keys.master_key import load_with
from segue_resource.stores.keys.rotation import Rotation
from segue_resource.stores.keys.sealing import Place, seal, unseal

pytest_plugins = ["resource_fixtures"]
pytestmark = [pytest.mark.anyio, pytest.mark.requirement("T18")]


@dataclasses.dataclass
class Service:
    """A key service in this process, which may be away."""

    keys: dict[str, AESGCM] = dataclasses.field(default_factory=dict)
    away: bool = False

    @property
    def key_id(self) -> str:
        return self.key_ids[-1]

    @property
    def key_ids(self) -> Sequence[str]:
        self._reach()
        return list(self.keys)

    def wrap(self, data_key: bytes, *, nonce: bytes, place: Place) -> Wrapped:
        return Wrapped(self.key_id, seal(self.keys[self.key_id], data_key, nonce=nonce, place=place))

    def unwrap(self, wrapped: Wrapped, *, place: Place) -> bytes:
        self._reach()
        return unseal(self.keys[wrapped.key_id], wrapped.value, place=place)

    def refresh(self) -> None:
        self._reach()

    def rotate(self) -> str:
        self.keys[f"service/{len(self.keys) + 1}"] = AESGCM(secrets.token_bytes(32))
        return self.key_id

    def destroy_others(self, key_id: str) -> list[str]:
        gone = [each for each in self.key_ids if each != key_id]
        self.keys = {key_id: self.keys[key_id]}
        return gone

    def _reach(self) -> None:
        if self.away:
            raise KeysUnavailable("the key service does not answer")


async def test_a_key_service_wraps_rotates_and_while_it_is_away_nothing_opens(store: StoreWorld) -> None:
    service = Service()
    service.rotate()
    store.key_wrapper = service
    await store.restart()
    await store.begin("tsk_wrapped")
    device = store.device(task_id="tsk_wrapped")
    await device.say("by the service")
    assert texts(await device.log()) == ["by the service"]
    service.away = True
    away = await device.get("/events")
    assert (away.status_code, away.json()["type"]) == (503, "urn:segue:problem:unavailable")
    assert (await device.say("not now")).status_code == 503
    service.away = False
    keeper = Keeper(load_with(store.settings.key_file, service), secrets.token_bytes)
    await store.database.write(  # the task that the fixture made is wrapped by the key file
        lambda c: c.execute(tables.data_keys.delete().where(tables.data_keys.c.task_id == TASK)).rowcount
    )
    rotated = await Rotation(store.database, keeper=keeper, clock=store.clock).rotate(destroy_old=True)
    assert (rotated.key_id, rotated.wrapped, rotated.destroyed[-1]) == ("service/2", 1, "service/1")
    assert texts(await device.log()) == ["by the service"]
