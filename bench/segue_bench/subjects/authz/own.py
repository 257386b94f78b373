"""authz on one core, with rows for everything that it will be asked, written as its own stores write them."""

import json
import os
import secrets
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa
from segue.device_key import DeviceKey
from segue_authz.domain.client import Client
from segue_authz.domain.grant import Authentication, Grant
from segue_authz.domain.policy import Policies
from segue_authz.domain.transfer import Approved, Asked, Claim, Offer, Requested
from segue_authz.stores import client_row, tables, transfer_row
from segue_authz.stores.actions_text import to_text
from segue_authz.stores.port import INTERVAL
from segue_authz.tokens import signing_keys
from segue_authz.tokens.derivation import Derivation
from segue_storage.database_url import parse_database_url
from segue_storage.engine import open_engine
from segue_storage.migrations import upgrade

from segue_bench.ground import free_port, listens, started
from segue_bench.subjects.authz.contender import ASK, DEVICE_CODE, POLL, REDEEM, REFRESH, Contender, Form

ACTIONS = frozenset({"task:read", "task:write", "events:read", "events:append"})
PERSON = "person"
LIFETIME = 3_000
"""Seconds that everything lives that is prepared."""


@contextmanager
def authz(database: str, memory: str, *, count: int, keys: list[DeviceKey], core: int) -> Iterator[Contender]:
    """Running, on PostgreSQL and Redis at these URLs, with `count` requests of each way prepared."""
    with tempfile.TemporaryDirectory(prefix="segue-bench-") as name:
        folder, secret = Path(name), secrets.token_bytes(32)
        port, store = free_port(), free_port()
        signing_keys.create(folder / "keys", now=1)
        (folder / "secret").write_bytes(secret)
        upgrade(database, "segue_authz")
        forms = _prepared(database, Derivation(secret), count=count, keys=keys)
        settings = {
            "SEGUE_STATE": name,
            "SEGUE_AUTHZ_ISSUER": f"http://localhost:{port}",
            "SEGUE_RESOURCE_URL": f"http://localhost:{store}",
            "SEGUE_AUTHZ_DATABASE": database,
            "SEGUE_AUTHZ_REDIS": memory,
            "SEGUE_AUTHZ_KEYS": str(folder / "keys"),
            "SEGUE_AUTHZ_SECRET_FILE": str(folder / "secret"),
        }
        beside = folder / "task-store"
        beside.mkdir()
        asked = [sys.executable, "-m", "segue_bench.subjects.authz.task_store", str(store)]
        command = [str(Path(sys.executable).with_name("segue")), "authz", "--port", str(port)]
        with (
            started(asked, beside, lambda: listens(store)),
            started(command, folder, lambda: listens(port), core=core, env=os.environ | settings) as served,  # noqa: TID251
        ):
            paths = dict.fromkeys((POLL, REFRESH, REDEEM), "/token") | {ASK: "/device_authorization"}
            yield Contender("authz", f"http://localhost:{port}", served, keys, paths, forms, frozenset(paths))


def _prepared(database: str, derivation: Derivation, *, count: int, keys: list[DeviceKey]) -> dict[str, list[Form]]:
    now = int(time.time())  # noqa: TID251  as the server's
    signed_in = Authentication(now, "pwd")
    requested, approved, grants = list[Requested](), list[Approved](), list[Grant]()
    for number in range(count):
        device = number % len(keys)
        claim = Claim("phone", keys[device].jkt, "A phone", "127.0.0.1", now)
        asked = Asked(f"trf_p{number}", None, None, ACTIONS, now)
        requested.append(Requested(asked, claim, now + LIFETIME, enter_until=now + LIFETIME))
        offer = Offer(f"trf_a{number}", PERSON, f"tsk_a{number}", None, "phone", ACTIONS, "move", now)
        approved.append(Approved(offer, claim, now + LIFETIME, "browser", signed_in, _explained()))
        names = (f"grt_{number}", PERSON, "phone", f"dev_{device}", keys[device].jkt, f"tsk_g{number}")
        grants.append(Grant(*names, ACTIONS, 1, signed_in, now, now + LIFETIME))
    _write(database, requested, approved, grants, now=now)
    details = json.dumps([{"type": "task", "actions": sorted(ACTIONS)}])
    tokens = [derivation.refresh_token(grant.grant_id, 0) for grant in grants]
    return {
        POLL: [_redemption(derivation, one) for one in requested],
        REFRESH: [{"grant_type": "refresh_token", "client_id": "phone", "refresh_token": token} for token in tokens],
        REDEEM: [_redemption(derivation, one) for one in approved],
        ASK: [{"client_id": "phone", "authorization_details": details, "device_name": "A phone"}] * count,
    }


def _redemption(derivation: Derivation, transfer: Requested | Approved) -> Form:
    code = derivation.device_code(transfer.offer.transfer_id, transfer.claim.jkt)
    return {"grant_type": DEVICE_CODE, "client_id": "phone", "device_code": code}


def _explained() -> str:
    """Decided under the policy in force, as the page writes it."""
    policies = Policies()
    policy = {
        name: sorted(value) if isinstance(value, frozenset) else value for name, value in vars(policies.general).items()
    }
    return json.dumps({"policy": policy, "sign_in_policy": vars(policies.sign_in.general)})


def _write(
    database: str, requested: list[Requested], approved: list[Approved], grants: list[Grant], *, now: int
) -> None:
    """The rows, and statistics of them as a database in use has."""
    client = Client("phone", "Phone", ACTIONS, consumption_uris=("https://phone.example/",))
    devices = {grant.device_id: grant.jkt for grant in grants}
    first = {"handle_digest": None, "version": 1, "attempts": 0, "poll_interval": INTERVAL}
    engine = open_engine(parse_database_url(database))
    with engine.connect() as connection:
        account = {"subject": PERSON, "username": "person", "name": "A person", "password_hash": "none"}
        connection.execute(tables.accounts.insert(), [account])
        connection.execute(tables.clients.insert(), [client_row.to_values(client)])
        held = {"subject": PERSON, "client_id": "phone", "name": "A phone", "network": "127.0.0.1", "created_at": now}
        connection.execute(
            tables.devices.insert(), [held | {"device_id": name, "jkt": jkt} for name, jkt in devices.items()]
        )
        for transfers in (requested, approved):
            connection.execute(
                tables.transfers.insert(),
                [transfer_row.to_values(one) | first | {"code_digest": one.offer.transfer_id} for one in transfers],
            )
        connection.execute(tables.task_epochs.insert(), [{"task_id": grant.task_id, "epoch": 1} for grant in grants])
        connection.execute(tables.grants.insert(), [_grant_row(grant) for grant in grants])
        connection.execute(tables.status_entries.insert(), [{"grant_id": grant.grant_id} for grant in grants])
        connection.execute(sa.text("VACUUM ANALYZE"))
    engine.dispose()


def _grant_row(grant: Grant) -> dict[str, object]:
    values = {name: value for name, value in vars(grant).items() if name not in ("authentication", "status_index")}
    return values | vars(grant.authentication) | {"actions": to_text(grant.actions), "actors": []}
