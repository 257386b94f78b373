"""Flaws of what is stored and logged, and of the keys."""

import hashlib
import logging
from typing import Any

from segue import guard
from segue_authz import keys_command
from segue_authz.endpoints import introspection
from segue_authz.endpoints import token as token_endpoint
from segue_authz.stores.accounts import Accounts
from segue_authz.tokens import signing_keys
from segue_authz.tokens.derivation import Derivation
from segue_resource.stores.ending import erasures
from segue_resource.stores.keys import task_keys
from segue_resource.stores.keys.rotation import Rotation
from segue_storage.logs import PlainFormatter
from starlette.requests import Request

from threat_flaws.flaw import Patch, flaw


@flaw("XD-KEY-04", "the database is read")
def secrets_are_stored_as_they_are(patch: Patch) -> None:
    patch.setattr(Derivation, "digest", lambda _, __, value: value)


@flaw("XD-KEY-04", "a short code is found by trying")
def short_codes_are_stored_under_a_plain_hash(patch: Patch) -> None:
    patch.setattr(Derivation, "digest", lambda _, __, value: hashlib.sha256(value.encode()).hexdigest())


@flaw("XD-KEY-02")
def a_well_signed_token_is_an_active_one(patch: Patch) -> None:
    patch.setattr(introspection, "accounts_for", lambda *_: True)


@flaw("XD-KEY-01", "a rotation breaks what is valid")
def the_next_key_signs_at_once(patch: Patch) -> None:
    patch.setattr(keys_command, "AHEAD", 0)


@flaw("XD-KEY-03", "two keys have one name")
def keys_are_called_by_a_name_that_others_have(patch: Patch) -> None:
    patch.setattr(signing_keys, "thumbprint", lambda _: "key-1")


@flaw("XD-PRIV-02")
def a_token_that_is_shown_is_logged(patch: Patch) -> None:
    find = guard.presented_token

    def telling(request: Any) -> str:
        token = find(request)
        logging.getLogger("segue").info("presented: %s", token)
        return token

    patch.setattr(guard, "presented_token", telling)


@flaw("XD-PRIV-02")
def a_form_that_is_refused_is_logged(patch: Patch) -> None:
    read = token_endpoint.read_form

    async def telling(request: Request) -> dict[str, str]:
        form = await read(request)
        logging.getLogger("segue_authz").info("asked with %s", form)
        return form

    patch.setattr(token_endpoint, "read_form", telling)


@flaw("XD-PRIV-03")
def a_deleted_account_keeps_its_name(patch: Patch) -> None:
    patch.setattr(Accounts, "delete", Accounts.disable)


@flaw("XD-PRIV-03")
def what_people_write_is_stored_as_it_is(patch: Patch) -> None:
    patch.setattr(task_keys, "seal", lambda _, content, **__: content)
    patch.setattr(task_keys, "unseal", lambda _, sealed, **__: sealed)


@flaw("XD-PRIV-03", "a backup undoes an erasure")
def an_erasure_leaves_the_keys(patch: Patch) -> None:
    patch.setattr(erasures, "_destroy", lambda *_: 0)


@flaw("XD-PRIV-03", "a backup undoes an erasure")
def old_master_keys_are_kept(patch: Patch) -> None:
    async def kept(*_: Any, **__: Any) -> list[str]:
        return []

    patch.setattr(Rotation, "_destroy", kept)


@flaw("XD-OPS-01")
def what_is_logged_is_not_escaped(patch: Patch) -> None:
    patch.setattr(PlainFormatter, "formatMessage", logging.Formatter.formatMessage)
