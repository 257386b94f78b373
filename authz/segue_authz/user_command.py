"""`segue user` beyond adding and locking: letting a person back in who has lost every way to sign in."""

import argparse
import secrets
from typing import Any

from segue.clock import now
from segue_storage.database import Database

from segue_authz.domain import recovery_code
from segue_authz.domain.account_event import AccountEvent, Kind
from segue_authz.domain.identifier import new
from segue_authz.enrolment import NotAcceptable, canonical_username
from segue_authz.serving import read_secret
from segue_authz.settings import from_process
from segue_authz.stores.accounts import Accounts
from segue_authz.stores.passkeys import Passkeys
from segue_authz.stores.recovery_codes import RecoveryCodes
from segue_authz.stores.sign_in_ways import SignInWays
from segue_authz.tokens.derivation import Derivation

LONGEST_HOURS = 7 * 24
_HOUR = 3600


def add_parsers(actions: Any) -> None:
    """Each of them has its `work`."""
    recovery = actions.add_parser(
        "recovery",
        help="print a code by which a person can sign in once, to set up a way to sign in again",
        description=_recovery.__doc__,
    )
    recovery.add_argument("username")
    recovery.add_argument("--hours", type=_hours, default=24, help="how long it is good for (default: 24)")
    recovery.set_defaults(work=_recovery)
    show = actions.add_parser("show", help="print how a person can sign in", description=_show.__doc__)
    show.add_argument("username")
    show.set_defaults(work=_show)


async def _recovery(database: Database, options: argparse.Namespace) -> dict[str, Any]:
    """Print a recovery code, once; make sure first that you give it to the person it is for.

    It is kept as a digest, the person sees on their page that it was made and used, and what they have stays good.
    """
    subject = await _subject(database, options.username)
    derivation, at = Derivation(read_secret(from_process().secret)), now()
    code = recovery_code.generate(secrets.token_bytes)
    event = AccountEvent(new("evt", secrets.token_bytes), subject, Kind.CODE_BY_OPERATOR.value, None, None, at)
    expires_at = at + options.hours * _HOUR
    digest = derivation.recovery_code(subject, code.replace("-", ""))
    await RecoveryCodes(database).add(subject, digest, expires_at=expires_at, event=event, now=at)
    return {"username": options.username, "recovery_code": code, "expires_at": expires_at}


async def _show(database: Database, options: argparse.Namespace) -> dict[str, Any]:
    """Print in which ways a person can sign in."""
    subject = await _subject(database, options.username)
    ways = await SignInWays(database).of(subject)
    return {
        "subject": subject,
        "password": ways.password,
        "passkeys": [each.name for each in await Passkeys(database).of(subject)],
        "other_providers": ways.elsewhere,
        "recovery_codes": await RecoveryCodes(database).left(subject, now=now()),
    }


async def _subject(database: Database, username: str) -> str:
    account = await Accounts(database).by_username(canonical_username(username))
    if account is None:
        raise NotAcceptable(f"there is no user {username}")
    return account.subject


def _hours(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 3 and 1 <= int(text) <= LONGEST_HOURS):
        raise argparse.ArgumentTypeError(f"a whole number from 1 to {LONGEST_HOURS}")
    return int(text)
