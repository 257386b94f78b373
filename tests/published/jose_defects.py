"""Defects of JOSE libraries: each shown at the check of a task token, or of a client assertion."""

import base64
import hashlib
import json
import tracemalloc
import zlib
from collections.abc import Callable
from typing import Any

from authz_vectors import asked, makers, with_the_client
from authz_world import World
from segue import jose
from segue.task_token import TaskTokenVerifier
from segue_authz.client_auth import assertion
from segue_authz.client_auth.shown import ASSERTION_TYPE
from segue_vectors import ASSERTIONS, TOKENS, refusal_of_token

from published.defect import Attack, Flaw, Patch, replays

BIG = 1_000_000


def token_named(name: str) -> str:
    """The vector of that name."""
    return str(next(case["token"] for case in TOKENS["cases"] if case["name"] == name))


def accepted(*names: str) -> Attack:
    """Whether the task-token check lets any of these vectors in; the good one it must."""

    async def attack(_: World) -> bool:
        assert await refusal_of_token({"token": token_named("plain")}) is None
        return any([await refusal_of_token({"token": token_named(name)}) is None for name in names])

    return attack


def named(attack: Attack, name: str) -> Attack:
    attack.__name__ = name  # type: ignore[attr-defined]
    return attack


def enter(name: str, ids: list[str], attack: Attack, *, product: str, wrong: str, section: str, flaw: Flaw) -> None:
    replays(*ids, product=product, wrong=wrong, section=section, flaw=flaw)(named(attack, name))


def _any_algorithm(patch: Patch) -> None:
    """The header says what the algorithm is."""

    def lenient(text: str) -> dict[str, Any]:
        header = jose._object(jose.b64url_decode(text))
        if "crit" in header or "b64" in header:
            raise jose.Malformed("an extension")
        return header

    patch.setattr(jose, "read_header", lenient)


def _verified_by(check: Callable[[jose.Jws, Any], bool]) -> Flaw:
    """`check` decides first; where it does not accept, the true check does."""

    def put_in(patch: Patch) -> None:
        _any_algorithm(patch)
        verify = jose.verify
        patch.setattr(jose, "verify", lambda jws, key: None if check(jws, key) else verify(jws, key))

    return put_in


def _by_the_key_it_brings(jws: jose.Jws, _: Any) -> bool:
    return "jwk" in jws.header and _good(jws, jose.import_p256(jws.header["jwk"]))


def _good(jws: jose.Jws, key: Any) -> bool:
    try:
        TRUE_VERIFY(jws, key)
    except jose.BadSignature:
        return False
    return True


TRUE_VERIFY = jose.verify


def _by_hmac(jws: jose.Jws, key: Any) -> bool:
    """A library that takes whatever it is given for the secret of an HMAC."""
    secrets = makers("signing").encodings(makers("signing").ISSUER, TOKENS["jwks"]["keys"][0]).values()
    signing = makers("signing")
    return jws.header.get("alg") == "HS256" and any(
        signing.hs256(secret)(jws.signing_input) == jws.signature for secret in secrets
    )


enter(
    "a_token_brings_its_own_key",
    ["CVE-2026-27962", "CVE-2018-0114"],
    accepted("it brings its key", "it brings its private key"),
    product="Authlib; Cisco node-jose",
    wrong="The key in a token's own header was used to verify it, so that anybody could sign.",
    section="RFC 7515 section 4.1.3, RFC 8725 section 3.10",
    flaw=_verified_by(_by_the_key_it_brings),
)
enter(
    "a_token_that_says_it_is_not_signed_is_believed",
    ["CVE-2026-28802"],
    accepted("alg is 'none' and nothing is signed"),
    product="Authlib",
    wrong="A token with the algorithm none and an empty signature was taken for a signed one.",
    section="RFC 8725 section 2.1, section 3.2",
    flaw=_verified_by(lambda jws, _: jws.header.get("alg") == "none" and not jws.signature),
)
enter(
    "a_public_key_is_used_as_a_shared_secret",
    ["CVE-2022-29217", "CVE-2024-33663", "CVE-2024-37568"],
    accepted(*(f"alg is HS256, signed with the public key as {form}" for form in ("PEM", "DER", "JWK", "point"))),
    product="PyJWT; python-jose; Authlib",
    wrong="Some writing of a public key was taken for an HMAC secret: whoever read the key could sign.",
    section="RFC 8725 section 2.1, section 3.1",
    flaw=_verified_by(_by_hmac),
)
enter(
    "a_signature_of_zeros_is_a_good_one",
    ["CVE-2022-21449"],
    accepted("the signature is all zero"),
    product="Java, ECDSA",
    wrong="r and s were not checked to be above zero, and a signature of zeros fitted every text and key.",
    section="RFC 7518 section 3.4, RFC 8725 section 3.4",
    flaw=_verified_by(lambda jws, _: not any(jws.signature)),
)


def _extensions_are_ignored(patch: Patch) -> None:
    read = jose._object

    def lenient(data: bytes) -> dict[str, Any]:
        return {name: value for name, value in read(data).items() if name not in ("crit", "b64")}

    patch.setattr(jose, "_object", lenient)


enter(
    "an_extension_that_must_be_understood_is_ignored",
    ["CVE-2025-59420", "CVE-2026-32597"],
    accepted("crit names an extension that is not there", "crit names cnf", "crit names an extension"),
    product="Authlib; PyJWT",
    wrong="Tokens with an unknown critical extension were accepted, where stricter readers refuse them.",
    section="RFC 7515 section 4.1.11",
    flaw=_extensions_are_ignored,
)


def _part_of_the_issuer_will_do(patch: Patch) -> None:
    read = TaskTokenVerifier._read

    def careless(self: TaskTokenVerifier, claims: dict[str, Any]) -> Any:
        issuer = claims.get("iss")
        if isinstance(issuer, str) and issuer in self._issuer:
            claims = {**claims, "iss": self._issuer}
        return read(self, claims)

    patch.setattr(TaskTokenVerifier, "_read", careless)


enter(
    "a_part_of_the_issuers_name_will_do",
    ["CVE-2024-53861"],
    accepted("iss is a prefix", "iss is empty"),
    product="PyJWT",
    wrong="The issuer was looked for inside a text instead of being compared with it whole.",
    section="RFC 8725 section 3.8, RFC 9068 section 4",
    flaw=_part_of_the_issuer_will_do,
)


def _work_done_for(token: str) -> int:
    """How many rounds of key derivation and calls of a decompressor a token causes; neither is really done."""
    done = 0
    derive, inflate, decompressor = hashlib.pbkdf2_hmac, zlib.decompress, zlib.decompressobj

    def counted(*words: Any, **_: Any) -> bytes:
        nonlocal done
        done += words[3] if len(words) > 3 else 1
        return b""

    hashlib.pbkdf2_hmac = zlib.decompress = counted  # type: ignore[assignment]
    zlib.decompressobj = counted  # type: ignore[assignment]
    try:
        jose.parse(token).claims()
    except jose.Malformed:
        pass
    finally:
        hashlib.pbkdf2_hmac, zlib.decompress, zlib.decompressobj = derive, inflate, decompressor
    return done


async def an_encrypted_token_makes_the_server_work(_: World) -> bool:
    assert _work_done_for(token_named("plain")) == 0
    names = ("it asks for two billion rounds of key derivation", "it says that it is encrypted")
    return any(_work_done_for(token_named(name)) for name in names)


def _tokens_are_decrypted(patch: Patch) -> None:
    parse = jose.parse

    def obliging(token: str) -> jose.Jws:
        parts = token.split(".")
        if len(parts) == 5:
            header = json.loads(base64.urlsafe_b64decode(parts[0] + "=="))
            if "p2c" in header:
                hashlib.pbkdf2_hmac("sha256", b"", b"", header["p2c"])
            zlib.decompress(base64.urlsafe_b64decode(parts[3] + "=="))
        return parse(token)

    patch.setattr(jose, "parse", obliging)


enter(
    "an_encrypted_token_makes_the_server_work",
    ["CVE-2023-6681", "CVE-2024-28102", "CVE-2024-33664"],
    an_encrypted_token_makes_the_server_work,
    product="jwcrypto; python-jose",
    wrong="A token could name the rounds of a key derivation, or inflate to any size, before anything was verified.",
    section="RFC 8725 section 2.3, section 3.6",
    flaw=_tokens_are_decrypted,
)


def _bytes_taken_for(token: str) -> int:
    tracemalloc.start()
    try:
        jose.parse(token)
    except jose.Malformed:
        pass
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    return peak


async def a_long_token_takes_memory_before_it_is_refused(_: World) -> bool:
    header, payload, signature = token_named("plain").split(".")
    long = ("." * BIG, f"{header}.{'A' * BIG}.{signature}", f"{'A' * BIG}.{payload}.{signature}")
    assert _bytes_taken_for(f"{header}.{payload}.{signature}") < BIG / 10
    return any(_bytes_taken_for(token) > BIG / 10 for token in long)


def _tokens_have_any_length(patch: Patch) -> None:
    patch.setattr(jose, "MAX_TOKEN", BIG * 10)


enter(
    "a_long_token_takes_memory_before_it_is_refused",
    ["CVE-2025-61920", "CVE-2025-30204"],
    a_long_token_takes_memory_before_it_is_refused,
    product="Authlib; golang-jwt",
    wrong="Parts of any length were decoded, and any number of dots was split at, before the token was refused.",
    section="RFC 8725 section 2.3; OWASP ASVS 5.0, 5.2.1",
    flaw=_tokens_have_any_length,
)


async def an_assertion_made_for_another_server_opens_this_one(world: World) -> bool:
    await with_the_client(world)
    names = ("plain", "aud is another server", "aud is a list with another server", "aud is the token endpoint")
    vectors = {case["name"]: case["assertion"] for case in ASSERTIONS["cases"]}
    opened = {}
    for name in names:
        claims = jose.parse(vectors[name]).claims() | {"jti": name}
        signed = makers("signing").jws({"alg": "ES256", "kid": "ec"}, claims, makers("signing").CLIENT)
        form = {"token": "x", "client_assertion_type": ASSERTION_TYPE, "client_assertion": signed}
        opened[name] = (await asked(world, "/revoke", data=form)).status_code == 200
    assert opened.pop("plain")
    return any(opened.values())


def _any_server_may_be_meant(patch: Patch) -> None:
    read = assertion.read

    def careless(text: str) -> tuple[dict[str, Any], dict[str, Any]]:
        header, claims = read(text)
        return header, {**claims, "aud": ASSERTIONS["issuer"]}

    patch.setattr(assertion, "read", careless)


enter(
    "an_assertion_made_for_another_server_opens_this_one",
    ["CVE-2025-27370"],
    an_assertion_made_for_another_server_opens_this_one,
    product="OpenID Federation and other specifications, private_key_jwt",
    wrong="What an assertion's audience may be was so wide that another server could have one made out to this one.",
    section="RFC 7523 section 3, RFC 8725 section 3.9",
    flaw=_any_server_may_be_meant,
)
