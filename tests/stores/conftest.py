"""A fixture with the way to open the authorization server's stores, once for each kind of database."""

from collections.abc import Callable
from functools import partial

import pytest
from segue_authz.store_contract import Stores
from segue_storage.migrations import upgrade
from sql_stores import open_sql_stores


@pytest.fixture(scope="module", params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)])
def open_stores(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Stores]:
    """One database for all tests of a module: each check brings a person of its own."""
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path_factory.mktemp('contract')}/segue.sqlite3"
    else:
        url = request.getfixturevalue("postgresql_database")
    upgrade(url, "segue_authz")
    return partial(open_sql_stores, url)
