"""Of every table it is said where its rows would be."""

import segue_authz.stores.tables as authz
import segue_resource.stores.tables as resource
from recorded_statements import PUBLISHED


def test_every_table_of_the_task_store_has_a_key_or_is_whole() -> None:
    listed = [table for tables in PUBLISHED["key"].values() for table in tables] + PUBLISHED["whole"]["resource"]
    assert sorted(listed) == sorted(resource.metadata.tables)


def test_every_table_of_the_authorization_server_is_located_or_is_whole() -> None:
    assert sorted([*PUBLISHED["authz"]["locating"], *PUBLISHED["whole"]["authz"]]) == sorted(authz.metadata.tables)
