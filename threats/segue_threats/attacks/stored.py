"""XD-KEY, XD-PRIV, XD-OPS-01: what somebody finds who reads the disk, a backup or the log.

RFC 6819 sections 4.6.7 and 5.1.4.1, ASVS 5.0 chapters 11, 13, 14 and 16. Expected: nothing that opens anything, nothing
that people wrote, and one line for one event.
"""

import hashlib
import json
import re
import secrets
from collections.abc import Sequence
from urllib.parse import quote

from segue.jose import b64url_encode, thumbprint

from segue_threats.attack import Need, PreconditionFailed, attack
from segue_threats.device import Device, members_of
from segue_threats.forge import Key, compact, opened
from segue_threats.grant import Grant
from segue_threats.lab import Lab

HOSTILE = (
    "line\nend",
    "two\r\nends\r\n",
    "escape \x1b[2J\x1b[31m",
    '"}, {"level": "critical',
    "null \x00 byte",
    "separator \u2028 and \x85",
    "backspace \x08\x08\x08",
    "right to left \u202e",
)
"""Ends of lines, terminal sequences, fragments of structured logs."""
WITHDRAWN_AFTER = 301
"""Seconds within which nobody trusts a key any more that its issuer has withdrawn."""
FORGED = "somebody has signed in as the administrator"


async def journey(lab: Lab, text: str) -> Grant:
    """Everything that makes a secret: sign-in, push, pull, refresh, invitation; `text` is written into the task."""
    desktop = await lab.begin()
    event = {"events": [{"kind": "message", "role": "customer", "body": {"text": text}}]}
    lab.works(await desktop.at("POST", "/events", json=event), "writing to the log")
    item = {"type": "fact", "title": text, "body": text, "status": "open"}
    lab.works(await desktop.at("PUT", "/working-set/itm_told", json=item, headers=[("If-None-Match", "*")]), "an item")
    call = {"tool": "look_up", "title": text, "arguments": {"about": text}, "effect": "pure"}
    lab.works(await desktop.at("POST", "/tool-calls", json=call), "proposing a call")
    lab.works(await desktop.at("POST", "/invitations", json={"role": "supervisor"}), "inviting")
    shared = await lab.push(desktop, mode="share")
    await shared.refreshed()
    await lab.pull()
    return desktop


async def failures(lab: Lab, grant: Grant) -> None:
    """Each kind of secret shown where it does not belong, so that somebody has a reason to log it."""
    offer, claim = await lab.claimed(grant)
    others = [grant.refresh_token, grant.access_token, claim.device_code, offer.handle, offer.transfer_code]
    for secret in others:
        await lab.claim_answer(lab.phone(), secret)
        await lab.poll(claim, by=lab.phone(), device_code=secret)
        await grant.refresh(refresh_token=secret)
        await grant.device.form("revocation", {"token": f"{secret}x"})
        await lab.http.get(f"{lab.target.issuer}/sign-in", params={"return_to": f"/device?user_code={secret}"})
        await lab.http.get(f"{grant.address}/events", headers={"Authorization": f"DPoP {secret}"})
        await lab.http.get(f"{grant.address}?access_token={secret}", headers={"Authorization": f"Bearer {secret}"})
        await lab.tries(lab.other_browser().browser.enter_code(f"{lab.target.issuer}/device", user_code=secret))


@attack("XD-KEY-04", Need.INSIDE, Need.CODE, Need.PUSH, Need.PULL)
async def the_database_is_read(lab: Lab) -> None:
    """Do everything that makes a secret, and look for each in every stored value."""
    await journey(lab, "a text")
    met = lab.trail.redactor.met()
    lab.holds(len(met) > 10, "hardly a secret was met, so the search proves nothing")
    kept = lab.inside.stored()
    for secret in met:
        places = sorted({place for place, value in kept if secret in value})
        lab.holds(not places, f"a secret that was {lab.trail.redactor.sweep(secret)} stands in {', '.join(places)}")


def _hashes(secret: str) -> Sequence[str]:
    """Without a key anybody can compute them, and try all short secrets."""
    digest = hashlib.sha256(secret.encode()).digest()
    return digest.hex(), b64url_encode(digest), digest.decode("latin-1")


@attack("XD-KEY-04", Need.INSIDE, Need.CODE, Need.PUSH, Need.PULL)
async def a_short_code_is_found_by_trying(lab: Lab) -> None:
    """Look for a user code and a typed code in the database, as they are, folded, and under plain hashes."""
    asked = await lab.ask()
    offer = await lab.offer(await lab.begin())
    lab.proved += 1
    kept = lab.inside.stored()
    for code in (asked.user_code, offer.transfer_code):
        for spelled in {code, code.replace("-", ""), code.lower(), code.replace("-", "").lower()}:
            for found in (spelled, *_hashes(spelled)):
                places = sorted({place for place, value in kept if found in value})
                lab.holds(not places, f"a code for typing can be found by trying all, in {', '.join(places)}")


@attack("XD-PRIV-02", Need.INSIDE, Need.CODE, Need.PUSH, Need.PULL)
async def the_log_is_read(lab: Lab) -> None:
    """Make every secret, show each where it does not belong, and look for all of them in the log and in the errors."""
    text = f"marker {secrets.token_hex(12)}"
    await failures(lab, await journey(lab, text))
    log = lab.inside.log()
    lab.holds(log.strip(), "nothing was logged, so the search proves nothing")
    for secret in (*lab.trail.redactor.met(), text):
        lab.holds(secret not in log, f"{lab.trail.redactor.sweep(secret)} stands in the log")


@attack("XD-PRIV-03", Need.OWN)
async def a_person_is_forgotten_and_remains(outside: Lab) -> None:
    """Delete an account and look for its names and its task's text in all that is stored; verify the audit."""
    async with outside.instance() as (lab, machine):
        text = f"marker {secrets.token_hex(12)}"
        grant = await journey(lab, text)
        person = lab.target.configuration.people[0]
        lab.holds(not machine.inside.holding(text), "what people wrote is stored as it is")
        entries = members_of(lab.works(await grant.at("GET", "/audit"), "the audit"))["entries"]
        lab.holds(entries and text not in json.dumps(entries), "the audit tells what people wrote")
        lab.holds(machine.inside.holding(person.username), "the name is nowhere, so the search proves nothing")
        await machine.forget(person)
        places = [place for place in machine.inside.holding(person.username) if place != "clients.client_id"]
        names = {row["username"] for row in machine.inside.rows("accounts")}
        lab.holds(person.username not in names, f"a deleted person's name remains in {', '.join(places)}")
        lab.refuses(await grant.refresh(), "a refresh of a deleted person's", errors={"invalid_grant"})
        faults, _ = machine.verified_audit()
        lab.holds(not faults, f"the audit no longer verifies: {faults}")


@attack("XD-PRIV-03", Need.OWN)
async def a_backup_undoes_an_erasure(outside: Lab) -> None:
    """Erase a person, read their task, and put back a backup of the day before: with today's keys it tells nothing."""
    async with outside.instance() as (lab, machine):
        text = f"marker {secrets.token_hex(12)}"
        grant = await journey(lab, text)
        copies = machine.keep_copy()
        shown = lab.works(await grant.at("GET", "/events"), "the log")
        lab.holds(text in shown.text, "the text is not shown before, so the search proves nothing")
        await machine.erase(str(opened(grant.access_token)[1]["sub"]))
        for path in ("/events", "/working-set", "/tool-calls", "/resume"):
            answer = lab.works(await grant.at("GET", path), "reading on")
            lab.holds(text not in answer.text, f"{path} shows what was erased")
        faults, _ = machine.verified_audit()
        lab.holds(not faults, f"the audit no longer verifies: {faults}")
        kept, open_now = machine.data_keys(copies)
        lab.holds(kept, "the backup holds no key, so the search proves nothing")
        lab.holds(open_now == 0, f"{open_now} of {kept} keys of an older backup still open")
        machine.put_back(copies)
        for path in ("/events", "/working-set", "/tool-calls", "/resume"):
            lab.holds(
                text not in (await grant.at("GET", path)).text, f"{path} of an older backup shows what was erased"
            )


@attack("XD-KEY-02", Need.OWN)
async def a_stolen_key_signs_on(outside: Lab) -> None:
    """Take the signing key from the disk, sign tokens for a task, and go on after the operator has replaced it."""
    async with outside.instance() as (lab, machine):
        grant = await lab.begin()
        lab.works(await grant.read(), "the honest read")
        thief, phone = Key(machine.signing_key()), lab.phone()
        stolen = _signed(thief, grant, phone, grant_id=f"{grant.details.get('grant_id', 'grt')}x")
        client_id, secret = await machine.resource_server()
        for token, active in ((grant.access_token, True), (_signed(thief, grant, phone), False), (stolen, False)):
            answer = await lab.http.post(
                lab.target.endpoint("introspection"), data={"token": token}, auth=(client_id, secret)
            )
            told = members_of(lab.works(answer, "introspection")).get("active")
            lab.holds(told is active, "a forged token is active" if told else "no token is active")
        await machine.rotate_keys(compromised=True)
        machine.ahead += WITHDRAWN_AFTER
        lab.works(await (await lab.begin()).read(), "the read under the new key")
        late = _signed(thief, grant, grant.device, iat=lab.clock(), exp=lab.clock() + 300)
        lab.refuses(await grant.read(token=late), "a token by the stolen key", statuses={401})
        for file in machine.private_files():
            lab.holds(file.stat().st_mode & 0o077 == 0, f"others may read {file.name}")
            for line in _secret_lines(file.read_bytes().decode("latin-1")):
                lab.holds(line not in machine.inside.log() and not machine.inside.holding(line), "a key is told")


def _signed(thief: Key, grant: Grant, device: Device, **claims: object) -> str:
    """A token like the one of the grant, for the thief's device, by the key of the server."""
    header, content = opened(grant.access_token)
    header["kid"] = thief.jkt
    return compact(header, {**content, "cnf": {"jkt": device.key.jkt}, **claims}, thief)


def _secret_lines(content: str) -> list[str]:
    return [line for line in content.splitlines() if len(line) > 20 and not line.startswith("-----")]


@attack("XD-KEY-01", Need.OWN)
async def a_rotation_breaks_what_is_valid(outside: Lab) -> None:
    """Rotate the keys while tokens live, and use old and new tokens before, at and after the change."""
    async with outside.instance() as (lab, machine):
        grant = await lab.begin()
        before, _ = opened(grant.access_token)
        await machine.rotate_keys(compromised=False)
        machine.ahead += 6
        published = members_of(await lab.http.get(str(lab.target.metadata["jwks_uri"])))["keys"]
        lab.holds(len(published) == 2, f"{len(published)} keys are published, one of which is the next")
        grant = await grant.refreshed()
        lab.works(await grant.read(), "the read before the new key signs")
        lab.holds(opened(grant.access_token)[0] == before, "the next key signs before anybody can know it")
        machine.ahead += 3600 - 60
        grant = await grant.refreshed()
        lab.works(await grant.read(), "the read in the last minute of the old key")
        machine.ahead += 60
        lab.still_works(await grant.read(), "a token by the old key, while it lives")
        grant = await grant.refreshed()
        lab.holds(opened(grant.access_token)[0] != before, "the old key signs for ever")
        lab.still_works(await grant.read(), "a token by the new key")


@attack("XD-KEY-03", Need.OWN)
async def two_keys_have_one_name(outside: Lab) -> None:
    """Compare the names of the published keys with their thumbprints, and with the keys of another deployment."""
    async with outside.instance() as (lab, machine), outside.instance() as (other, _):
        await machine.rotate_keys(compromised=False)
        machine.ahead += 6
        here, there = [
            members_of(lab.works(await each.http.get(str(each.target.metadata["jwks_uri"])), "the keys"))["keys"]
            for each in (lab, other)
        ]
        for jwk in (*here, *there):
            named = thumbprint({name: jwk[name] for name in ("kty", "crv", "x", "y")})
            lab.holds(jwk["kid"] == named, f"a key is called {jwk['kid']}, and its thumbprint is another")
        lab.holds(len({jwk["kid"] for jwk in (*here, *there)}) == 3, "two keys have one name, or two deployments a key")


@attack("XD-KEY-03", Need.PUSH, Need.PULL, Need.CODE, Need.PAGES)
async def a_secret_is_good_in_the_place_of_another(lab: Lab) -> None:
    """Show every kind of secret in the place of every other kind."""
    grant = await lab.begin()
    asked, (offer, claim) = await lab.ask(), await lab.claimed(grant)
    cookies = list(lab.pages().http.cookies.values())
    page = await lab.pages().http.get(f"{lab.target.issuer}/device")
    forms = re.findall(r'name="csrf" value="([^"]+)"', page.text)
    nonces = list(grant.device.nonces.values())
    if not (cookies and forms and nonces):
        raise PreconditionFailed("not every kind of secret was met")
    lab.works(await grant.read(), "the honest read")
    kinds = {
        "refresh token": [grant.refresh_token],
        "access token": [grant.access_token],
        "device code": [asked.device_code, claim.device_code],
        "transfer code": [offer.handle, offer.transfer_code],
        "user code": [asked.user_code],
        "cookie": cookies,
        "form secret": forms,
        "nonce": nonces,
    }
    for kind, values in kinds.items():
        for value in values:
            if kind != "refresh token":
                lab.refuses(await grant.refresh(refresh_token=value), f"a {kind} as a refresh token")
            if kind != "device code":
                lab.refuses(await lab.poll(asked, device_code=value), f"a {kind} as a device code")
            if kind != "transfer code":
                lab.refuses(await lab.claim_answer(lab.phone(), value), f"a {kind} as a transfer code")
            if kind != "access token":
                lab.refuses(await grant.read(token=value), f"a {kind} as an access token", statuses={400, 401})
            if kind != "cookie":
                thief = lab.other_browser().http
                thief.cookies.update(dict.fromkeys(lab.pages().http.cookies, value))
                answer = await thief.get(f"{lab.target.issuer}/devices")
                lab.holds(not answer.is_success, f"a {kind} is good as a cookie")
    lab.still_works(await grant.refresh(), "the honest refresh")


@attack("XD-OPS-01", Need.INSIDE, Need.CODE, Need.PUSH)
async def a_line_of_log_is_forged(lab: Lab) -> None:
    """Send ends of lines and terminal sequences in names, codes, headers and addresses, and read the log."""
    grant = await lab.begin()
    lab.works(await grant.read(), "the honest read")
    for hostile in HOSTILE:
        text = f"{hostile}{FORGED}"
        await lab.ask_answer(lab.phone(), device_name=text)
        await lab.claim_answer(lab.phone(), text)
        await grant.refresh(refresh_token=text)
        await grant.device.form("token", {"grant_type": text})
        await grant.device.form("token", {"grant_type": "refresh_token", "client_id": text})
        await grant.at("POST", "/events", json={"events": [{"kind": text, "role": text, "body": {}}]})
        for place in (f"{lab.target.issuer}/approve", f"{lab.target.issuer}/confirm", grant.address):
            await lab.http.get(f"{place}/{quote(text)}")
            await lab.pages().http.get(f"{place}/{quote(text)}")
            await lab.pages().http.post(f"{place}/{quote(text)}", data={"decision": text})
        await grant.at("GET", f"/tool-calls/{quote(text)}")
        await lab.tries(lab.pages().browser.enter_code(f"{lab.target.issuer}/device", user_code=text))
        await lab.signed_in(lambda request: request, username=text)
    lines = lab.inside.log().split("\n")
    lab.holds(len(lines) > 10, "hardly anything was logged, so the search proves nothing")
    for line in lines:
        lab.holds(not line.startswith(FORGED), "a line of the log was written by a caller")
        lab.holds(line.isprintable(), f"a line of the log holds control characters: {line!r}")
        if line.startswith("{"):
            lab.holds(isinstance(json.loads(line), dict), "a record of the log cannot be read")
