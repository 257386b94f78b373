"""Profiles that an operator may hold all clients to, beyond what the protocol asks of each.

`fapi2` is the FAPI 2.0 Security Profile (final, 2025), as far as an authorization server can keep it; specs/fapi2.toml
goes through it clause by clause.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from segue_authz.domain.client import Method


@dataclass(frozen=True)
class Profile:
    """`methods` are those by which clients authenticate; `request_lifetime` in seconds, of a pushed request, in which
    the person must have decided; they may have to sign in first.

    `pushed_alone`: an authorization request is pushed or not heard. `codes_once`: a spent code is refused, also to who
    spent it and lost the answer. `rotates`: each use of a refresh token gives the next one. `exact_audience`: the
    audience of a client assertion is a string, not a list of one.
    """

    name: str
    methods: frozenset[Method]
    request_lifetime: int
    pushed_alone: bool
    codes_once: bool
    rotates: bool
    exact_audience: bool


SEGUE = Profile(
    "segue",
    frozenset(Method),
    request_lifetime=600,
    pushed_alone=False,
    codes_once=False,
    rotates=True,
    exact_audience=False,
)
FAPI2 = Profile(
    "fapi2",
    frozenset({Method.PRIVATE_KEY_JWT}),
    request_lifetime=540,
    pushed_alone=True,
    codes_once=True,
    rotates=False,
    exact_audience=True,
)

PROFILES: Mapping[str, Profile] = {profile.name: profile for profile in (SEGUE, FAPI2)}
