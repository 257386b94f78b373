"""Published defects of other products do not work here, and each does once the same flaw is put in.

The table is specs/published-defects.md.
"""

import re
from collections.abc import AsyncIterator
from pathlib import Path

import published.grant_defects
import published.jose_defects
import published.web_defects  # noqa: F401  importing them enters their replays
import pytest
from authz_world import World, open_world
from published.defect import DEFECTS, Defect
from published.grant_defects import APPROVED, WITHOUT_A_PERSON

pytestmark = [pytest.mark.anyio, pytest.mark.requirement("U3")]

SPECS = Path(__file__).parents[2] / "specs"


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    """On SQLite: none of these is about where things are kept."""
    opened = await open_world(tmp_path, database_url=f"sqlite:///{tmp_path}/authz.db", ephemeral_url=None)
    yield opened
    await opened.aclose()


EACH = pytest.mark.parametrize("defect", [pytest.param(defect, id=defect.name) for defect in DEFECTS])


@EACH
async def test_a_published_defect_does_not_work_here(world: World, defect: Defect) -> None:
    assert not await defect.attack(world)


@EACH
async def test_it_works_once_the_same_flaw_is_put_in(
    world: World, defect: Defect, monkeypatch: pytest.MonkeyPatch
) -> None:
    defect.flaw(monkeypatch)
    world.restart()
    assert await defect.attack(world)


async def test_every_grant_by_which_a_person_gives_something_looks_at_the_account_again(world: World) -> None:
    async with world.http() as http:
        offered = (await http.get("/.well-known/oauth-authorization-server")).json()["grant_types_supported"]
    assert set(offered) == APPROVED.keys() | WITHOUT_A_PERSON


def test_every_defect_that_the_threats_name_is_replayed() -> None:
    told = set(re.findall(r"CVE-\d{4}-\d+", (SPECS / "threats.yaml").read_text()))
    assert told <= {each for defect in DEFECTS for each in defect.ids}


def test_the_table_has_a_row_for_each_replay_and_no_other() -> None:
    lines = (SPECS / "published-defects.md").read_text().splitlines()
    assert [line for line in lines if line.startswith("| ")][1:] == [row(defect) for defect in DEFECTS]


def row(defect: Defect) -> str:
    return f"| {', '.join(defect.ids)} | {defect.product} | {defect.wrong} | {defect.section} | `{defect.name}` |"
