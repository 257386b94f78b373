"""The grant of the browser clients, run by Node.js: what needs no page is shown without one."""

import json
import shutil
import subprocess
from importlib.resources import files
from pathlib import Path

import pytest

NODE = shutil.which("node")
PROGRAM = """
import {{ Grant }} from "./segue/grant.js";
const tokens = {{ token_type: {kind}, refresh_token: "r", authorization_details: [{{ task_id: "tsk_1" }}] }};
try {{ await Grant.keep({{}}, tokens); }} catch (failure) {{ console.log(failure.error ?? failure.name); }}
"""


@pytest.mark.requirement("RFC9449-5-g")
@pytest.mark.skipif(NODE is None, reason="Node.js is not installed")
@pytest.mark.parametrize(("kind", "end"), [("Bearer", "unbound_token"), (None, "unbound_token"), ("DPoP", "kept")])
def test_a_token_that_is_not_bound_to_the_key_never_reaches_the_vault(
    tmp_path: Path, kind: str | None, end: str
) -> None:
    assert NODE is not None
    shutil.copytree(str(files("segue_demo") / "static" / "segue"), tmp_path / "segue")
    (tmp_path / "package.json").write_text('{"type": "module"}')
    (tmp_path / "program.js").write_text(PROGRAM.format(kind=json.dumps(kind)))
    told = subprocess.run([NODE, "program.js"], cwd=tmp_path, capture_output=True, text=True, timeout=60)
    where = "ReferenceError"  # there is no IndexedDB here: the vault was asked to keep it
    assert told.stdout.strip() == (where if end == "kept" else end), told.stderr
