"""What the kit is given: a way to open the stores under test, as often as it likes and in any process."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

from segue_authz.domain.account import Account
from segue_authz.domain.client import Client
from segue_authz.stores.port import AuthorizationCodeStore, GrantStore, TransferStore, WithdrawalStore


class AccountBook(Protocol):
    """As much of the accounts as the kit needs: whether one is enabled decides what its grants mint."""

    async def add(self, account: Account) -> None: ...

    async def disable(self, subject: str, *, now: int) -> bool: ...


class ClientBook(Protocol):
    """As much of the clients as the kit needs."""

    async def add(self, client: Client) -> None: ...

    async def disable(self, client_id: str, *, now: int) -> bool: ...


@dataclass(frozen=True)
class Stores:
    """All stores over one database, as one process has them. `aclose` gives up the connections."""

    accounts: AccountBook
    clients: ClientBook
    codes: AuthorizationCodeStore
    grants: GrantStore
    transfers: TransferStore
    withdrawals: WithdrawalStore
    aclose: Callable[[], Awaitable[None]]


OpenStores = Callable[[], Stores]
"""Opens the same database each time, whose tables are there already. For the races of processes it must be picklable:
a function of a module, or a `functools.partial` of one. The database need not be empty and is not left empty."""
