"""`segue bench --quick` really run: peers installed from their registries, Segue beside them, and a report."""

import json
from pathlib import Path

import pytest
from segue_bench import command
from segue_bench.subjects.middleware import BARE, KNOWN, NEW_DEVICE, NEW_TOKEN, TWICE
from segue_bench.subjects.middleware.library import NODE, PYTHON
from server_process import binary

pytestmark = pytest.mark.requirement("E5")


def test_the_middleware_is_measured_beside_every_library(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    binary("npm")
    words = ["middleware", "--quick", "--rounds", "1", "--json", "--report", str(tmp_path / "report")]
    status = command.main([*words, "--peers", str(tmp_path / "peers")])
    printed = capsys.readouterr()
    (result,) = json.loads(printed.out)["results"]
    assert result["missing"] == {}
    assert [figure["what"] for figure in result["figures"]] == [
        *(BARE, KNOWN, *PYTHON, *NODE),
        *(TWICE, NEW_TOKEN, NEW_DEVICE),
    ]
    assert all(0 < figure["median"] <= figure["p99"] for figure in result["figures"])
    assert len(result["targets"]) == 3 + len(PYTHON) + len(NODE)
    assert status == (0 if all(target["met"] for target in result["targets"]) else 1)
    assert result["conditions"].keys() == {*PYTHON, *NODE}
    assert all(version[0].isdigit() for version in result["conditions"].values())
    assert "verify" in result["profile"]
    assert printed.err.splitlines()[-1] == "middleware: round 1 of 1"
    told = (tmp_path / "report" / "bench.html").read_text("utf-8") + printed.out
    assert not any(where in told for where in (str(tmp_path), str(Path.cwd()), "site-packages"))
