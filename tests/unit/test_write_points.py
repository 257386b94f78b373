"""What a wire reads of PostgreSQL's protocol: the points at which a server writes, however its bytes come."""

import pytest
from campaign.postgresql_messages import READY, WritePoints

STARTUP = (8).to_bytes(4, "big") + (196608).to_bytes(4, "big")


def message(kind: bytes, content: bytes) -> bytes:
    return kind + (len(content) + 4).to_bytes(4, "big") + content


def query(statement: str) -> bytes:
    return message(b"Q", statement.encode() + b"\0")


def prepared(name: str, statement: str) -> bytes:
    return message(b"P", f"{name}\0{statement}\0".encode() + b"\0\0")


def bound(name: str) -> bytes:
    return message(b"B", f"\0{name}\0".encode() + b"\0\0\0\0\0\0") + message(b"E", b"\0\0\0\0\0") + message(b"S", b"")


CONVERSATION = STARTUP + b"".join(
    [
        query("BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE"),
        query("SELECT 1 FROM grants FOR NO KEY UPDATE"),
        query("SELECT 1 FROM grants FOR UPDATE OF grants"),
        prepared("_pg3_0", "UPDATE grants SET generation = $1"),
        bound("_pg3_0"),
        query("RELEASE SAVEPOINT job; SAVEPOINT job"),
        query("WITH a AS (INSERT INTO events VALUES (1)), b AS (INSERT INTO heads VALUES (1)) SELECT 1"),
        query("ROLLBACK TO SAVEPOINT job"),
        query("COMMIT"),
        query("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"),
        query("COMMIT"),
        bound("_pg3_0"),
        query("ROLLBACK"),
        query("COMMIT"),
    ]
)
POINTS = [
    "UPDATE grants",
    "INSERT INTO events and INSERT INTO heads",
    "COMMIT of UPDATE grants",
    "UPDATE grants",
]


@pytest.mark.parametrize("size", [1, 3, 7, 64, len(CONVERSATION)])
def test_the_points_are_seen_in_pieces_of_any_size(size: int) -> None:
    points = WritePoints()
    pieces = [CONVERSATION[at : at + size] for at in range(0, len(CONVERSATION), size)]
    assert [point for piece in pieces for point in points.feed(piece)] == POINTS


def test_an_answer_is_over_when_the_server_is_ready() -> None:
    assert READY.search(b"C\x00\x00\x00\x0bCOMMIT\0" + b"Z\x00\x00\x00\x05I")
    assert not READY.search(b"C\x00\x00\x00\x0bCOMMIT\0")
