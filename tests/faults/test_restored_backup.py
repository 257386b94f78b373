"""Both servers are put back from a backup, as the operator's documents say: once means once after it too.

What was redeemed, rotated, claimed or run after the backup is in no database any more, and still cannot be done again.
"""

import asyncio
import json
import secrets
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest
from backed_up import Restore, back_up
from cryptography.hazmat.primitives.asymmetric import ec
from deployment import SEGUE, Deployment, running_deployment
from journey import Journey, open_journey, said
from segue import jose
from segue.clock import now
from segue_client import authorization, push_transfer
from segue_client.device import Device, Refused
from segue_client.grant import Grant
from segue_demo.site import DESKTOP_ACTIONS, TASK_NAME

pytestmark = [pytest.mark.anyio, pytest.mark.requirement("XD-OPS-05", "T9", "R15", "R38", "R45")]

PAYMENT = {"tool": "pay", "title": "Pay the invoice", "arguments": {}, "effect": "irreversible"}
SUM = {"tool": "sum", "title": "Add it up", "arguments": {}, "effect": "pure"}
MACHINE = "machine"


@pytest.fixture(
    params=["embedded", pytest.param("scaled", marks=[pytest.mark.postgresql, pytest.mark.redis])],
)
def deployment(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Deployment]:
    database, redis = None, None
    if request.param == "scaled":
        database = request.getfixturevalue("postgresql_server").create_database()
        redis = request.getfixturevalue("redis_url")
    with running_deployment(tmp_path, database=database, redis=redis) as running:
        yield running


def command(deployment: Deployment, *words: str) -> Any:
    """What the operator's command prints for programs."""
    run = [str(SEGUE), *words, "--json"]
    ended = subprocess.run(run, env=deployment.environment(), capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    return json.loads(ended.stdout)


class Backup:
    """Of both databases, which are one on PostgreSQL."""

    def __init__(self, deployment: Deployment, request: pytest.FixtureRequest) -> None:
        self._deployment = deployment
        self._restores: dict[str, Restore] = {}
        for name, url in {"authz": deployment.authz_database, "resource": deployment.resource_database}.items():
            folder = deployment.folder / f"backup of {name}"
            folder.mkdir()
            if url not in self._restores:
                self._restores[url] = back_up(url, folder, request)[1]

    def put_back(self) -> None:
        """While nobody serves."""
        restored = {url: restore() for url, restore in self._restores.items()}
        self._deployment.authz_database = restored[self._deployment.authz_database]
        self._deployment.resource_database = restored[self._deployment.resource_database]


class Machine:
    """A client that signs an assertion for each request (RFC 7523)."""

    def __init__(self, deployment: Deployment) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        keys = deployment.folder / "machine.jwks"
        keys.write_text(json.dumps({"keys": [jose.public_jwk(self._key.public_key())]}))
        ended = subprocess.run(
            [
                str(SEGUE),
                *(
                    "client",
                    "add",
                    MACHINE,
                    "--name",
                    "Machine",
                    "--jwks",
                    str(keys),
                    "--redirect-uri",
                    deployment.site.desktop_redirect_uri,
                ),
            ],
            env=deployment.environment(),
            capture_output=True,
            check=False,
        )
        assert ended.returncode == 0, ended.stderr
        self._issuer = deployment.site.issuer

    def assertion(self, *, lasts: int = 60) -> str:
        claims = {
            "iss": MACHINE,
            "sub": MACHINE,
            "aud": self._issuer,
            "jti": secrets.token_urlsafe(),
            "exp": now() + 60,
        }
        return jose.sign({"typ": "JWT"}, claims, self._key)

    async def show(self, http: httpx2.AsyncClient, assertion: str) -> int:
        form = {
            "token": "nothing",
            "client_id": MACHINE,
            "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
            "client_assertion": assertion,
        }
        return (await http.post(f"{self._issuer}/revoke", data=form)).status_code


@dataclass
class Before:
    """What there is when the backup is made."""

    desktop: Grant
    refresh_token: str
    other: Device
    asked: authorization.AuthorizationRequest
    code: Any
    phone: Device
    claim: push_transfer.Claim
    payment: str
    sum: str
    invitation: Any


async def begin(journey: Journey) -> Before:
    """A task with calls that may run, an invitation, a transfer that may be redeemed, and a code that may be spent."""
    desktop = await journey.begin()
    task = journey.task(desktop)
    await task.append([said("before the backup")])
    payment = (await task.propose(PAYMENT))["call_id"]
    await task.step(payment, "approve")
    added = (await task.propose(SUM))["call_id"]
    invitation = await task.invite("supervisor")
    uri = journey.site.desktop_redirect_uri
    another = journey.desktop()
    asked = await authorization.begin(another, redirect_uri=uri, actions=sorted(DESKTOP_ACTIONS), name=TASK_NAME)
    code = await journey.browser.authorize(asked.url, redirect_uri=uri, name=TASK_NAME)
    offer = await push_transfer.start(desktop, mode="move")
    phone = journey.phone()
    scanned = push_transfer.scanned_code(offer.transfer_uri, issuer=journey.site.issuer)
    claim = await push_transfer.claim(phone, transfer_code=scanned, device_name="Phone")
    await journey.browser.confirm(offer.confirmation_uri, check_value=claim.check_value)
    return Before(desktop, desktop.refresh_token, another, asked, code, phone, claim, payment, added, invitation)


@dataclass
class After:
    """What the devices got by using it up."""

    phone: Grant
    other: Grant


async def use_up(journey: Journey, before: Before) -> After:
    other = await authorization.finish(before.other, before.asked, before.code)
    await before.desktop.refresh(journey.site.issuer)
    phone = await push_transfer.redeem(before.phone, before.claim)
    task = journey.task(phone)
    for call_id in (before.payment, before.sum):
        claimed = await task.step(call_id, "claim", lease=30)
        await task.step(call_id, "start", fence=claimed["fence"], lease=30)
        await task.step(call_id, "complete", fence=claimed["fence"], result="done")
    return After(phone, other)


async def check_used_up(journey: Journey, before: Before, after: After) -> None:
    """Nothing that was used gives anything again, and nothing that was given for it goes on."""
    with pytest.raises(Refused, match=r"invalid_grant|access_denied"):
        await push_transfer.redeem(before.phone, before.claim)
    with pytest.raises(Refused, match="invalid_grant"):
        await authorization.finish(before.other, before.asked, before.code)
    for refresh_token in (before.refresh_token, before.desktop.refresh_token):
        before.desktop.refresh_token = refresh_token
        with pytest.raises(Refused, match="invalid_grant"):
            await before.desktop.refresh(journey.site.store)
    for grant in (after.phone, after.other):
        with pytest.raises(Refused, match="invalid_grant"):
            await grant.refresh(journey.site.store)


async def check_not_run_again(journey: Journey, before: Before, after: After) -> None:
    """Also not by a device whose token still lives. What may be repeated may be; the person settles the other."""
    with pytest.raises(Refused, match="outcome-unknown"):
        await journey.task(after.phone).step(before.payment, "claim", lease=30)
    anew = await journey.begin(task=before.desktop.task_id)
    task = journey.task(anew)
    paying = await task.tool_call(before.payment)
    assert (paying["state"], paying["waits_for"]) == ("unknown", "person")
    with pytest.raises(Refused, match="outcome-unknown"):
        await task.step(before.payment, "claim", lease=30)
    settled = await task.step(before.payment, "settle", attempt=paying["attempt"], outcome="happened", result="paid")
    assert settled["state"] == "succeeded"
    assert (await task.step(before.sum, "claim", lease=30))["state"] == "claimed"
    invitations = (await journey.at_store(anew, "GET", f"/tasks/{anew.task_id}/invitations")).json()["invitations"]
    assert [invitation["state"] for invitation in invitations] == ["withdrawn"]
    assert anew.epoch > after.phone.epoch


async def test_what_was_used_after_the_backup_is_not_used_again(
    deployment: Deployment, request: pytest.FixtureRequest
) -> None:
    machine = await asyncio.to_thread(Machine, deployment)
    async with open_journey(deployment.site, deployment.person) as journey:
        before = await begin(journey)
        backup = await asyncio.to_thread(Backup, deployment, request)
        after, assertion = await use_up(journey, before), machine.assertion()
        assert await machine.show(journey.http, assertion) == 200
        deployment.kill()
        await asyncio.to_thread(backup.put_back)
        ended = await asyncio.to_thread(command, deployment, "restored")
        assert ended == {"grants": 1, "codes": 1, "sessions": 1}
        doubted = await asyncio.to_thread(command, deployment, "tasks", "restored")
        assert doubted == {"tool_calls": 1, "invitations": 1}
        await asyncio.to_thread(deployment.start)
        assert await machine.show(journey.http, assertion) == 401
        assert await machine.show(journey.http, machine.assertion(lasts=300)) == 401  # it could be from before as well
        await check_used_up(journey, before, after)
        await check_not_run_again(journey, before, after)
        verified = await asyncio.to_thread(command, deployment, "tasks", "verify")
        assert verified["faults"] == []
