"""Flaws that show when something fails, is put back, or is changed behind the server's back."""

from collections.abc import Sequence
from typing import Any

import segue_authz.stores.restored
from segue import issuer_keys
from segue.clock import Forward
from segue.replay import MemoryUnavailable
from segue.withdrawals import Withdrawals, WithdrawalsUnavailable
from segue_authz.endpoints.sign_in import password
from segue_resource.stores import audit, audit_verification
from sqlalchemy.exc import OperationalError

from threat_flaws.flaw import Patch, flaw


@flaw("XD-OPS-05", "the clock is set back")
def the_machines_clock_is_believed(patch: Patch) -> None:
    patch.setattr(Forward, "__call__", lambda self: self._machine())


@flaw("XD-OPS-05", "a backup is put back")
def a_backup_is_believed(patch: Patch) -> None:
    async def believed(*_: Any, **__: Any) -> None:
        """Nothing is ended."""

    patch.setattr(segue_authz.stores.restored, "void_everything", believed)


@flaw("XD-OPS-06", "the memory is out of reach")
def tries_that_cannot_be_counted_are_free(patch: Patch) -> None:
    count = password.may_try

    async def generous(*asked: Any) -> bool:
        try:
            return await count(*asked)
        except MemoryUnavailable:
            return True

    patch.setattr(password, "may_try", generous)


@flaw("XD-OPS-06", "the issuer is out of reach")
def an_issuer_that_is_silent_has_said_yes(patch: Patch) -> None:
    includes = Withdrawals.includes

    async def hopeful(self: Withdrawals, grant_id: str) -> bool:
        try:
            return await includes(self, grant_id)
        except WithdrawalsUnavailable:
            return False

    patch.setattr(Withdrawals, "includes", hopeful)
    patch.setattr(issuer_keys, "STALE", 10**9)


@flaw("XD-OPS-02", "the record is changed")
def an_entry_does_not_prove_who_it_was(patch: Patch) -> None:
    anonymous = audit.LINKED.index("sub")
    linked = audit.link_over

    def link_over(key: bytes, link: bytes, values: Sequence[Any]) -> bytes:
        return linked(key, link, [*values[:anonymous], *values[anonymous + 1 :]])

    for module in (audit, audit_verification):
        patch.setattr(module, "link_over", link_over)


@flaw("XD-OPS-02", "something is done without a trace")
def an_entry_that_cannot_be_written_is_left_out(patch: Patch) -> None:
    write = audit.Chain.write

    def careless(self: audit.Chain) -> None:
        try:
            write(self)
        except OperationalError:
            return

    patch.setattr(audit.Chain, "write", careless)
