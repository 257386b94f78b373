"""What every released version has written is read by this one as it was read then (goal G20 of the task store)."""

import json
import secrets
from pathlib import Path

import golden
import pytest
from resource_world import ISSUER, START, STORE, StoreWorld, texts
from segue.testing import TestIssuer
from segue_resource.settings import Settings
from segue_resource.stores.files.blob_files import BlobFiles
from segue_storage.database import open_database
from segue_storage.ephemeral import open_ephemeral

pytestmark = pytest.mark.anyio


@pytest.mark.requirement("T8", "T17", "R19", "R44")
@pytest.mark.parametrize("corpus", golden.formats(), ids=lambda folder: folder.name)
async def test_events_of_a_released_version_read_as_they_did(corpus: Path, database_url: str, tmp_path: Path) -> None:
    golden.put_back(database_url, corpus)
    clock = lambda: START + 60  # noqa: E731
    world = StoreWorld(
        Settings(url=STORE, issuer=ISSUER, database=database_url, key_file=corpus / "master.key"),
        open_database(database_url, threads=1),
        open_ephemeral(None, clock),
        BlobFiles(tmp_path / "blobs"),
        TestIssuer(issuer=ISSUER, audience=STORE, clock=clock),
        now=clock(),
    )
    try:
        await world.restart()
        device = world.device(epoch=2, transfer_id="trf_1")
        told = json.loads((corpus / "events.json").read_text())
        assert await device.log() == told
        said = secrets.token_urlsafe()
        assert (await device.say(said)).status_code == 201  # and it goes on
        assert texts(await device.log()) == [*texts(told), said]
    finally:
        await world.stop()
        await world.ephemeral.aclose()
        await world.database.aclose()


def test_there_is_a_corpus() -> None:
    assert golden.formats()
