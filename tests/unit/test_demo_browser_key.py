"""The key of the browser clients and its proofs, made by Node.js; the vault is a map: there is no IndexedDB."""

import hashlib
import json
import shutil
import subprocess
from importlib.resources import files
from pathlib import Path

import pytest
from segue import jose

NODE = shutil.which("node")
VAULT = """
const kept = new Map();
export const get = async (name) => kept.get(name);
export const putFirst = async (name, value) => kept.get(name) ?? kept.set(name, value).get(name);
"""
PROGRAM = """
import { DeviceKey } from "./segue/device_key.js";
import * as vault from "./segue/vault.js";
const ask = ["GET", "https://tasks.example/a?b#c", { nonce: "n", accessToken: "t" }];
const proofs = [await (await DeviceKey.open()).proof(...ask), await (await DeviceKey.open()).proof(...ask)];
const { privateKey } = await vault.get("device-key");
const taken = [];
for (const format of ["jwk", "pkcs8"]) {
  await crypto.subtle.exportKey(format, privateKey).then(() => taken.push(format), () => {});
}
console.log(JSON.stringify({ proofs, taken }));
"""


@pytest.mark.requirement("RFC9449-4-2-a", "RFC9449-4-2-b", "RFC9449-4-2-c", "RFC9449-4-2-d", "RFC9449-4-2-e")
@pytest.mark.requirement("RFC9449-4-2-f", "RFC9449-4-2-g", "MCP-THEFT-b")
@pytest.mark.skipif(NODE is None, reason="Node.js is not installed")
def test_a_key_in_a_browser_cannot_be_taken_out_and_makes_proofs_as_the_rfc_has_them(tmp_path: Path) -> None:
    assert NODE is not None
    shutil.copytree(str(files("segue_demo") / "static" / "segue"), tmp_path / "segue")
    (tmp_path / "segue" / "vault.js").write_text(VAULT)
    (tmp_path / "package.json").write_text('{"type": "module"}')
    (tmp_path / "program.js").write_text(PROGRAM)
    told = subprocess.run([NODE, "program.js"], cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert told.returncode == 0, told.stderr
    found = json.loads(told.stdout)
    assert found["taken"] == []
    first, second = map(jose.parse, found["proofs"])
    assert first.header == second.header == {"typ": "dpop+jwt", "alg": "ES256", "jwk": first.header["jwk"]}
    assert first.header["jwk"].keys() == {"crv", "kty", "x", "y"}
    claims = first.claims()
    assert claims.pop("jti") != second.claims()["jti"]
    assert isinstance(claims.pop("iat"), int)
    ath = jose.b64url_encode(hashlib.sha256(b"t").digest())
    assert claims == {"htm": "GET", "htu": "https://tasks.example/a", "nonce": "n", "ath": ath}
    for proof in (first, second):
        jose.verify(proof, jose.import_p256(first.header["jwk"]))
