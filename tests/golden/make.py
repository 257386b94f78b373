"""`python -m golden.make FOLDER`, in tests/: write a corpus with this release. See the package."""

import asyncio
import json
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

from resource_world import StoreWorld, event, item, open_store_world

from golden import HERE, stored


async def live(world: StoreWorld) -> None:
    """A little of everything that a log tells of."""
    await world.begin()
    desktop = world.device()
    said = [event("May we cap the liability?", role="customer"), event("Yes: at twelve months of fees.")]
    await desktop.post("/events", {"events": said})
    await desktop.put("cap", item("The cap", status="open"))
    await desktop.put("cap", item("The cap is twelve months"), version=1)
    call_id, fence = await desktop.running("reconcilable")
    await desktop.step(call_id, "complete", fence=fence, result={"found": 3})
    await desktop.post("/status", {"to": "paused", "reason": "lunch"})
    await desktop.post("/status", {"to": "resumed"})
    phone = desktop.after_move(2)
    await phone.say("Going on from the phone: ärger, 警告, 🙂")


async def log_of_a_life(place: Path, url: str) -> list[dict[str, Any]]:
    async with open_store_world(place, database_url=url, ephemeral_url=None) as world:
        await live(world)
        return await world.device(epoch=2, transfer_id="trf_1").log()


def make(folder: Path) -> None:
    with tempfile.TemporaryDirectory() as name:
        place, url = Path(name), f"sqlite:///{name}/resource.db"
        events = asyncio.run(log_of_a_life(place, url))
        folder.mkdir()
        (folder / "rows.json").write_text(json.dumps(stored(url), indent=1, ensure_ascii=False) + "\n")
        (folder / "events.json").write_text(json.dumps(events, indent=1, ensure_ascii=False) + "\n")
        shutil.copyfile(place / "master.key", folder / "master.key")


if __name__ == "__main__":
    make(HERE / sys.argv[1])
