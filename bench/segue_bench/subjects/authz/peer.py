"""oidc-provider on one core, which keeps everything in Redis."""

import json
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from segue.device_key import DeviceKey

from segue_bench import peers
from segue_bench.ground import started
from segue_bench.measure import Missing, Say
from segue_bench.subjects.authz.contender import ASK, DEVICE_CODE, POLL, REDEEM, REFRESH, Contender

SOURCE = Path(__file__).with_name("oidc_provider")


@contextmanager
def oidc_provider(memory: str, *, count: int, key: DeviceKey, core: int, into: Path, say: Say) -> Iterator[Contender]:
    """Running, on the Redis at that URL, with `count` requests of each way prepared. Raises `Missing`."""
    node = shutil.which("node")
    if node is None:
        raise Missing("node is not installed (Debian: apt-get install nodejs)")
    script = peers.npm(SOURCE, into=into, say=say) / "server.mjs"
    with tempfile.TemporaryDirectory(prefix="segue-bench-") as name:
        prepared = Path(name, "prepared.json")
        command = [node, str(script), memory, key.jkt, str(count), str(prepared)]
        with started(command, Path(name), prepared.exists, core=core) as served:
            made: dict[str, Any] = json.loads(prepared.read_text())
            token = {"client_id": "phone", "grant_type": DEVICE_CODE}
            forms = {
                POLL: [token | {"device_code": code} for code in made["pending"]],
                REFRESH: [
                    {"client_id": "phone", "grant_type": "refresh_token", "refresh_token": one}
                    for one in made["tokens"]
                ],
                REDEEM: [token | {"device_code": code} for code in made["codes"]],
                ASK: [{"client_id": "phone", "scope": "tasks"}] * count,
            }
            paths = dict.fromkeys((POLL, REFRESH, REDEEM), "/token") | {ASK: "/device/auth"}
            proved = frozenset({POLL, REFRESH, REDEEM})  # it takes none where a device asks
            yield Contender("oidc-provider", made["issuer"], served, [key], paths, forms, proved)
