"""G15: a chain of a million entries verifies in seconds on one core, and its length costs no memory."""

import secrets
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from rounds import rounds
from segue_resource.stores import audit, tables
from segue_resource.stores.audit_verification import verify
from segue_resource.stores.keys.master_key import MasterKey, load_or_create
from segue_storage.database_url import parse_database_url
from segue_storage.engine import open_engine
from segue_storage.migrations import upgrade

ENTRIES = rounds(bounded=20_000, full=1_000_000)
BATCH = 5000


@pytest.mark.requirement("T17")
def test_a_long_chain_is_verified_at_a_hundred_thousand_entries_a_second_or_nearly(tmp_path: Path) -> None:
    url, master = f"sqlite:///{tmp_path}/audit.db", load_or_create(tmp_path / "key", random=secrets.token_bytes)
    upgrade(url, "segue_resource")
    with open_engine(parse_database_url(url)).connect() as connection:
        connection.exec_driver_sql("PRAGMA foreign_keys = OFF")
        connection.exec_driver_sql("BEGIN IMMEDIATE")
        rows = chain(master)
        while batch := [row for _, row in zip(range(BATCH), rows, strict=False)]:
            connection.execute(sa.insert(tables.audit), batch)
        began = time.process_time()
        verified = verify(connection, master=master, task_id="tsk_long")
        took = time.process_time() - began
        print(f"{ENTRIES} entries in {took:.1f} s of one core")
        assert (verified.entries, verified.faults) == (ENTRIES, [])
        assert took < 1 + ENTRIES / 20_000  # a fifth of the goal: this machine has other work


def chain(master: MasterKey) -> Iterator[dict[str, Any]]:
    key, link = audit.link_key(master), audit.FIRST_LINK
    for n in range(1, ENTRIES + 1):
        row = {"task_id": "tsk_long", "n": n, "at": 1_800_000_000 + n, "kind": "tool_call.approved", "seq": n}
        row |= {"sub": "usr_owner", "role": "customer", "client_id": "desktop", "device_id": "dev_0123456789abcdef"}
        row |= {"about": f'{{"call_id":"cal_{n}","state":"approved"}}'}
        row["link"] = link = audit.next_link(key, link, row)
        yield row
