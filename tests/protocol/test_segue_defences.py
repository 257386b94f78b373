"""Each defence of the middleware is switched off by itself, and then a vector has another outcome or an attack works.

The refusals are found in the source, each condition by itself; what has another form is listed here. So no check can
be added without something that fails when it is taken out.
"""

from collections.abc import Iterator
from types import ModuleType

import event_attacks
import fetch_attacks
import issuer_attacks
import pytest
import request_attacks
import wsgi_attacks
from attacked import Attack
from segue import (
    admission,
    answer,
    authority,
    bounded,
    credentials,
    dpop,
    epoch,
    fetch,
    guard,
    issuer_documents,
    issuer_keys,
    jose,
    middleware,
    nonce,
    replay,
    requires,
    security_event,
    strict_json,
    target_uri,
    task_token,
    withdrawals,
    wsgi,
)
from segue_vectors import PROOFS, TOKENS, Memory, outcome_of, refusal_of_proof, refusal_of_token
from switched_off import Defence, refusals, rewritten

pytestmark = [pytest.mark.anyio, pytest.mark.requirement("U2", "E1")]

CHECKS = (
    strict_json, jose, target_uri, authority, task_token, nonce, replay, dpop, credentials, epoch,
    issuer_documents, issuer_keys, withdrawals, requires, fetch, security_event,
)  # fmt: skip
READERS = {authority, dpop, jose, nonce, strict_json, target_uri, task_token}
"""What vectors can show."""
OWN_ATTACKS = {
    fetch: fetch_attacks.attack.all,
    security_event: event_attacks.attack.all,
    wsgi: wsgi_attacks.attacks.all,
}
ELSEWHERE = {"authority.parse_requested", "authority._is_name", "authority._is_text"}
"""What the authorization server asks, not the middleware."""
OTHER_FORMS = (
    (jose, "verify", "public_key.verify(", "str("),
    (nonce, "Nonces.accepts", "return hmac", "return True or hmac"),
    (dpop, "ProofChecker._use_up", "proof.iat + WINDOW - now + 1 + CLOCK_STEP", "1"),
    (dpop, "ProofChecker._use_up", "{proof.jkt}.{proof.jti}", "{proof.jti}"),
    (dpop, "ProofChecker.check", " and len(header) <= LONGEST_REMEMBERED", ""),
    (bounded, "Recent.put", "len(self._entries) > self._capacity", "False"),
    (task_token, "TaskTokenVerifier.verify", "same_key and ", ""),
    (task_token, "TaskTokenVerifier._parsed", 'token.partition(".")[0] == text', "True"),
    (task_token, "TaskTokenVerifier.verify", "known.good_from <= self._clock() < known.token.exp", "True"),
    (guard, "Guard.admit", "await self._withdrawals.includes(token.grant_id)", "False"),
    (guard, "Guard.admit", "token.authority.epoch >= epoch", "True"),
    (issuer_keys, "IssuerKeys.key", "0 <= self._clock() - self._loaded_at < FRESH", "True"),
    (issuer_keys, "IssuerKeys.key", "not _within(self._tried_at, PAUSE, self._clock)", "True"),
    (issuer_keys, "IssuerKeys.key", "async with self._reading:", "if True:"),
    (issuer_keys, "IssuerKeys.key", "if self._has(kid, younger_than=STALE):", "if kid in self._keys:"),
    (issuer_keys, "_read_jwks", 'or jwk.get("use", "sig") != "sig"', ""),
    (issuer_keys, "_read_jwks", 'or jwk.get("alg", "ES256") != "ES256"', ""),
    (fetch, "_get", "build_opener(_NoRedirect, *proxies)", "build_opener(*proxies)"),
    (middleware, "TaskTokenMiddleware._serve", 'scope["method"] == "OPTIONS" and', ""),
    (middleware, "TaskTokenMiddleware._serve", 'any(name == _PREFLIGHT for name, _ in scope["headers"])', "True"),
    (middleware, "TaskTokenMiddleware.__call__", '== "lifespan"', 'in ("lifespan", "websocket")'),
    (admission, "Admission.receive", "[left, withdrawn]", "[left]"),
    (wsgi, "TaskTokenMiddleware.__call__", 'method == "OPTIONS" and ', ""),
    (wsgi, "TaskTokenMiddleware.__call__", '"HTTP_ACCESS_CONTROL_REQUEST_METHOD" in environ', "True"),
    (wsgi, "_Body._checked", " or not admitted()", ""),
    (answer, "Answer.send", "if not kept:", "if False:"),
    (answer, "Answer.send", 'if not kept or b"no-store" in kept.lower():', "if True:"),
)

SAID_TWICE = {
    "jose.parse: len(token) > MAX_TOKEN": "parse_under measures again; this spares reading the header",
    "dpop._signer: len(header) > jose.MAX_TOKEN": "parse_under measures the whole; this spares reading the header",
    "jose.read_header: not isinstance(header.get('typ', ''), str)": "whoever needs typ compares it with a text",
    "jose.read_header: not isinstance(header.get('kid', ''), str)": "whoever needs kid asks for a text",
    "issuer_keys.IssuerKeys._load: not isinstance(jwks_uri, str)": "an address that is no text cannot be matched",
    "issuer_documents.read_document: not isinstance(document, dict)": "what has no members fails to have one",
    "issuer_keys._read_jwks: not isinstance(jwks, list)": "what is no list has no keys, and none are refused",
    "issuer_keys._read_jwks: not isinstance(kid, str)": "no token can name such a key",
    "withdrawals.Withdrawals._find_endpoint: not isinstance(endpoint, str)": "such an address cannot be asked",
    "withdrawals.Withdrawals.known: not digests and (not len(self._told))": "nothing holds it; this spares a digest",
    "requires.check: not isinstance(token, TaskToken)": "nothing has no authority; this says what is missing",
    "requires._place_of: place is None": "nothing holds no token; this says what is missing",
}
"""What is refused without these too, by what comes after them."""


def defences() -> Iterator[Defence]:
    for module in CHECKS:
        for defence in refusals(module):
            if f"{module.__name__}.{defence.function}".removeprefix("segue.") not in ELSEWHERE:
                yield defence
    for form in OTHER_FORMS:
        yield rewritten(*form)


DEFENCES = {defence.name.removeprefix("segue."): defence for defence in defences()}


async def missed(module: ModuleType) -> str:
    """The first vector with another outcome, or attack that works; nothing if all is well."""
    dpop._own.cache_clear()
    attacks = OWN_ATTACKS.get(module, request_attacks.attack.all + issuer_attacks.attack.all)
    return (await _wrong_vector() if module in READERS else "") or await _attack_that_works(attacks)


async def _wrong_vector() -> str:
    try:
        for case in PROOFS["cases"]:
            name = f"proof: {case['name']}"
            if outcome_of(await refusal_of_proof(case, Memory())) != case["expect"]:
                return name
        for case in TOKENS["cases"]:
            name = f"token: {case['name']}"
            if outcome_of(await refusal_of_token(case)) != case["expect"]:
                return name
    except Exception as error:
        return f"{name}: {type(error).__name__}"
    return ""


async def _attack_that_works(attacks: list[Attack]) -> str:
    for attack in attacks:
        try:
            if await attack():
                return attack.__name__
        except Exception as error:
            return f"{attack.__name__}: {type(error).__name__}"
    return ""


@pytest.mark.parametrize("module", [fetch, wsgi, jose])
async def test_with_all_defences_no_vector_is_wrong_and_no_attack_works(module: ModuleType) -> None:
    assert await missed(module) == ""


@pytest.mark.parametrize("name", DEFENCES)
async def test_without_this_defence_something_gets_through(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    DEFENCES[name].switch_off(monkeypatch)
    assert bool(await missed(DEFENCES[name].module)) == (name not in SAID_TWICE)


def test_what_is_said_twice_is_a_defence() -> None:
    assert SAID_TWICE.keys() <= DEFENCES.keys()
