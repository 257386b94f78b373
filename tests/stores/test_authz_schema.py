"""The migrations make exactly the tables that the code knows, on both databases."""

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from segue_authz.stores.tables import metadata
from segue_storage.database_url import parse_database_url
from segue_storage.engine import open_engine
from segue_storage.migrations import upgrade


@pytest.mark.requirement("E5")
def test_the_migrated_schema_is_the_one_the_code_knows(database_url: str) -> None:
    upgrade(database_url, "segue_authz")
    engine = open_engine(parse_database_url(database_url))
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"include_name": _ours, "compare_type": True})
        assert compare_metadata(context, metadata) == []
    engine.dispose()


def _ours(name: str | None, kind: str, _: object) -> bool:
    return not (kind == "table" and name is not None and name.startswith("alembic_version"))


@pytest.mark.requirement("E5")
def test_every_reference_between_tables_is_a_foreign_key_but_those_to_rows_written_later() -> None:
    """`transfers.grant_id` is set by the compare-and-set that comes before the grant, in one transaction."""
    without = {
        f"{table.name}.{column.name}"
        for table in metadata.sorted_tables
        for column in table.columns
        if column.name.endswith(("subject", "client_id", "device_id", "grant_id"))
        and not column.primary_key
        and not column.foreign_keys
    }
    assert without == {"transfers.grant_id", "transfers.claim_client_id"}
    assert isinstance(metadata, sa.MetaData)
