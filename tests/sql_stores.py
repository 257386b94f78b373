"""The authorization server's SQL stores, as the storage contract kit wants them opened."""

from collections.abc import Callable

from segue_authz.store_contract import Stores
from segue_authz.stores.accounts import Accounts
from segue_authz.stores.authorization_codes import AuthorizationCodes
from segue_authz.stores.clients import Clients
from segue_authz.stores.grants import Grants
from segue_authz.stores.transfers import Transfers
from segue_authz.stores.withdrawals import Withdrawals
from segue_storage.database import Database, open_database

THREADS = 4


def open_sql_stores(
    url: str,
    *,
    around: Callable[[Database], Database] = lambda database: database,
    codes: type[AuthorizationCodes] = AuthorizationCodes,
    grants: type[Grants] = Grants,
    transfers: type[Transfers] = Transfers,
    withdrawals: type[Withdrawals] = Withdrawals,
) -> Stores:
    """The stores over one database, with something `around` it, and with one or the other of another class."""
    database = around(open_database(url, threads=THREADS))
    return Stores(
        accounts=Accounts(database),
        clients=Clients(database),
        codes=codes(database),
        grants=grants(database),
        transfers=transfers(database),
        withdrawals=withdrawals(database),
        aclose=database.aclose,
    )
