"""Late writes that do not look at what was read."""

import sqlalchemy as sa
from segue_authz.domain.transfer import Transfer
from segue_authz.stores import transfers as store
from segue_authz.stores.port import Stored
from segue_authz.stores.tables import transfers
from segue_authz.stores.transfer_row import to_values

from threat_flaws.flaw import Patch, flaw


@flaw("XD-RACE-04")
def the_whole_record_is_written_back(patch: Patch) -> None:
    def write(connection: sa.Connection, stored: Stored, new: Transfer) -> bool:
        row = transfers.c.transfer_id == stored.transfer.offer.transfer_id
        return connection.execute(transfers.update().where(row).values(**to_values(new))).rowcount == 1

    patch.setattr(store, "replace_in", write)
