"""Finds live credentials in what is to be stored: a task goes to other devices and people, and they would with it.

XD-TASK-10: a task holds references (`vault://team/crm`), which each device resolves by its own right. What is
recognised are the members that say what they are, and the shapes that issuers give their secrets; nothing here knows
every secret.
"""

import re
from typing import Any

_NAMED = frozenset(
    {
        *("password", "passwd", "passphrase", "apikey", "clientsecret", "accesstoken", "refreshtoken", "idtoken"),
        *("privatekey", "secretkey", "sessiontoken", "authorization", "cookie", "setcookie"),
    }
)
"""Names of members, without case and separators."""
_SHORTEST = 8
"""Characters from which on the value of such a member is taken for the thing itself."""
_REFERENCE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:(//)?[^\s@]+")
_SEPARATORS = str.maketrans("", "", "-_ ")
_SHAPES = {
    "a private key": r"-----BEGIN (?:[A-Z0-9]{1,20} ){0,4}PRIVATE KEY-----",
    "a signed token": r"(?<![\w-])eyJ[\w-]{8,}\.eyJ[\w-]{8,}\.[\w-]{16,}",
    "a refresh token": r"(?<![\w-])grt_[\w-]{8,64}\.[0-9]{1,9}\.[\w-]{43}",
    "a device code": r"(?<![\w-])trf_[\w-]{8,64}\.[\w-]{43}",
    "an authorization header": r"(?i:\bauthorization: *(?:bearer|dpop|basic) +)\S{12}"
    r"|(?i:\b(?:bearer|dpop|basic) +)(?=\S{0,300}[0-9])(?=\S{0,300}[A-Z])[\w.~+/-]{20}",
    "a cookie": r"(?i:\b(?:set-)?cookie: *)[^\s=;]{1,200}=[^\s;]{8}",
    "an access key": r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b|\bAIza[\w-]{35}|\bya29\.[\w-]{20}",
    "an API key": r"\b[srp]k[-_](?:live|test|proj|ant)[-_][\w-]{16}|\bsk-[A-Za-z0-9]{32}",
    "a personal access token": r"\bgh[pousr]_[A-Za-z0-9]{36}|\bgithub_pat_\w{22}|\bglpat-[\w-]{20}",
    "a chat token": r"\bxox[abeoprs]-[A-Za-z0-9-]{10}",
    "an address with a password": r"\b[a-z][a-z0-9+.-]{1,30}://[^/\s:@]{1,100}:[^/\s:@]{4,200}@",
}
"""No run of characters is read again from each of its places: texts are long, and who writes them may be hostile."""
_SHORTEST_SHAPE = 15
_HINTS = (
    *("private key-----", "eyj", "grt_", "trf_", "bearer ", "dpop ", "basic ", "cookie:", "akia", "asia", "aiza"),
    *("ya29.", "sk_", "sk-", "rk_", "rk-", "pk_", "pk-", "ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_"),
    *("glpat-", "xox", "://"),
)
"""One of these is in every text that has such a shape; to look for them costs next to nothing."""
_ANY = re.compile("|".join(f"(?P<s{number}>{shape})" for number, shape in enumerate(_SHAPES.values())), re.ASCII)
_WORDS = {f"s{number}": words for number, words in enumerate(_SHAPES)}


def credential_in(value: Any) -> str | None:
    """What the first one is, in words; None if there is none. `value` is decoded JSON, of bounded depth."""
    match value:
        case str():
            if len(value) < _SHORTEST_SHAPE:
                return None
            lower = value.lower()
            found = _ANY.search(value) if any(hint in lower for hint in _HINTS) else None
            return None if found is None else _WORDS[str(found.lastgroup)]
        case dict():
            for name, member in value.items():
                if said := _named(name, member) or credential_in(name) or credential_in(member):
                    return said
        case list():
            for member in value:
                if said := credential_in(member):
                    return said
    return None


def _named(name: str, member: Any) -> str | None:
    if not isinstance(member, str) or len(member) < _SHORTEST or _REFERENCE.fullmatch(member):
        return None
    return f"a member {name[:40]}" if name.translate(_SEPARATORS).lower() in _NAMED else None
