"""Running servers and a person with a desktop (device A) and a phone (device B), for agents of each framework."""

from collections.abc import AsyncIterator, Iterator

import pytest
from clients_place import Place, running_place
from journey import Journey, open_journey
from segue_demo.enrolled import Person


@pytest.fixture(scope="session")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with running_place(tmp_path_factory.mktemp("place")) as running:
        yield running


@pytest.fixture(scope="module")
def person(place: Place, request: pytest.FixtureRequest) -> Person:
    """One for each file: how often somebody may move a task is limited."""
    return place.enrol(request.module.__name__.rpartition(".")[2])


@pytest.fixture
async def journey(place: Place, person: Person) -> AsyncIterator[Journey]:
    """`begin()` is a new task's grant at the desktop, `hand_over(grant)` moves it and is the phone's grant."""
    async with open_journey(place.site, person) as made:
        yield made
