"""How long the browser clients wait between two polls, run by Node.js with a clock that is none."""

import shutil
import subprocess
from importlib.resources import files
from pathlib import Path

import pytest

NODE = shutil.which("node")
PROGRAM = """
const waits = [];
globalThis.document = { addEventListener() {}, removeEventListener() {} };
globalThis.setTimeout = (done, milliseconds) => { waits.push(Math.round(milliseconds / 1000)); queueMicrotask(done); };
globalThis.fetch = async () => { throw new TypeError("nobody there"); };
const { poll } = await import("./segue/device_code.js");
const waiting = { device_code: "trf_1.x", ends_at: Date.now() + 3600_000 };
let polls = 0;
const heard = { wanted: () => ++polls < 5, onPending() {}, onTrouble() {} };
await poll({ issuer: "https://id.example", client_id: "phone", key: {} }, waiting, heard);
console.log(waits.join(" "));
"""


@pytest.mark.requirement("A1", "RFC8628-3-2-a", "RFC8628-3-5-c")
@pytest.mark.skipif(NODE is None, reason="Node.js is not installed")
def test_a_page_that_reaches_nobody_asks_less_and_less_often_and_begins_with_five_seconds(tmp_path: Path) -> None:
    assert NODE is not None
    shutil.copytree(str(files("segue_demo") / "static" / "segue"), tmp_path / "segue")
    (tmp_path / "package.json").write_text('{"type": "module"}')
    (tmp_path / "program.js").write_text(PROGRAM)
    told = subprocess.run([NODE, "program.js"], cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert told.stdout.split() == ["5", "10", "20", "20", "20"], told.stderr
