"""Headers that every kind of token must be refused with: another algorithm, an extension, a key that it brings."""

import base64
import datetime

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from signing import (
    OTHER,
    P384,
    Groups,
    Object,
    b64,
    changed,
    encodings,
    es384,
    hs256,
    jwk_of,
    jws,
    merged,
    rs256,
)
from spelling import ambiguous_header

NONES = ("none", "None", "NONE", "nOnE", "none ", " none", "none\0", "\uff4eone", "")
MISSPELT = ("es256", "Es256", "ES256 ", "ES256\0", "ECDSA", "SHA256withECDSA", ["ES256"], {"ES256": 1}, 256, True)
FOREIGN = ("HS256", "HS384", "HS512", "RS256", "RS384", "PS256", "PS512", "ES384", "ES512", "ES256K", "EdDSA", "dir")


def refused_everywhere(header: Object, claims: Object, key: ec.EllipticCurvePrivateKey) -> Groups:
    """`header`, `claims` and `key` make a good token; its public key is known to the attacker."""

    def good(changes: object) -> str:
        return jws(changes, claims, key)

    by_public = {
        f"alg is HS256, signed with the public key as {form}": jws({**header, "alg": "HS256"}, claims, hs256(secret))
        for form, secret in encodings(key, jwk_of(key)).items()
    }
    return merged(
        {
            section: {name: good(text) for name, text in named.items()}
            for section, named in ambiguous_header(header).items()
        },
        {
            "RFC8725-3.1": {
                **{f"alg is {alg!r} and nothing is signed": _unsigned(header, claims, alg) for alg in NONES},
                **{f"alg is {alg!r} and the signature is good": good({**header, "alg": alg}) for alg in NONES},
                **{f"alg is {alg} and the signature is by ES256": good({**header, "alg": alg}) for alg in FOREIGN},
                **by_public,
                "alg is HS256, signed with nothing": jws({**header, "alg": "HS256"}, claims, hs256(b"")),
                "alg is RS256, signed with a key of RSA": jws({**header, "alg": "RS256"}, claims, rs256),
                "alg is ES384, signed by a P-256 key": jws({**header, "alg": "ES384"}, claims, es384(key)),
                "alg is ES256, signed by a P-256 key over SHA-384": jws(header, claims, es384(key)),
                "alg is ES384, signed by a P-384 key": jws({**header, "alg": "ES384"}, claims, es384(P384)),
                "alg is missing": good(changed(header, alg=None)),
                "alg is null": good({**header, "alg": None}),
            },
            "RFC7518-3.1": {f"alg is {alg!r}": good({**header, "alg": alg}) for alg in MISSPELT},
            "RFC7515-4.1.11": {
                "crit is empty": good({**header, "crit": []}),
                "crit is a string": good({**header, "crit": "exp"}),
                "crit is null": good({**header, "crit": None}),
                "crit names an extension": good({**header, "crit": ["exp"], "exp": 1}),
                "crit names an extension that is not there": good({**header, "crit": ["bork"]}),
                "crit names alg": good({**header, "crit": ["alg"]}),
                "crit names cnf": good({**header, "crit": ["cnf"], "cnf": {"jkt": "x"}}),
                "crit names an extension twice": good({**header, "crit": ["exp", "exp"], "exp": 1}),
            },
            "RFC7797-6": {
                "the payload is said to be unencoded": good({**header, "crit": ["b64"], "b64": False}),
                "the payload is said to be encoded, and that this is critical": good(
                    {**header, "crit": ["b64"], "b64": True}
                ),
                "b64 comes without crit": good({**header, "b64": False}),
            },
            "RFC7515-5.2": {
                "the signature is by another key": jws(header, claims, OTHER),
                "the signature is of another header": _transplanted(header, claims, key),
                "the signature is of another payload": good(header).rpartition(".")[0]
                + "."
                + jws(header, {**claims, "jti": "x"}, key).rpartition(".")[2],
            },
            "RFC7519-7.2": {
                "the payload is another JWS": jws({**header, "cty": "JWT"}, good(header).encode(), key),
                "the payload is another JWS in quotes": jws({**header, "cty": "JWT"}, good(header), key),
            },
        },
    )


def brought_keys(header: Object, claims: Object) -> Groups:
    """A token that brings the key by which it is signed, for verifiers that know their keys."""
    jwk = jwk_of(OTHER)
    chain = [base64.b64encode(_certificate()).decode()]  # section 4.1.6: not base64url
    brought: dict[str, Object] = {
        "brings its key": {"jwk": jwk},
        "brings its private key": {"jwk": {**jwk, "d": b64((0xE0).to_bytes(32, "big"))}},
        "brings a certificate of its key": {"x5c": chain},
        "names a certificate of its key": {"x5c": chain, "x5t#S256": b64(bytes(32))},
        "says where its key is": {"jku": "https://evil.example/jwks"},
        "says where its certificate is": {"x5u": "https://evil.example/x5u"},
        "says that its key is on this machine": {"jku": "file:///etc/passwd", "x5u": "http://169.254.169.254/"},
    }
    return {
        "RFC8725-3.10": {
            **{f"it {name}": jws({**header, **more}, claims, OTHER) for name, more in brought.items()},
            **{
                f"it {name}, no kid": jws(changed(header, kid=None, **more), claims, OTHER)
                for name, more in brought.items()
            },
        }
    }


def _unsigned(header: Object, claims: Object, alg: str) -> str:
    return jws({**header, "alg": alg}, claims, OTHER, signature=b"")


def _transplanted(header: Object, claims: Object, key: ec.EllipticCurvePrivateKey) -> str:
    signature = jws({**header, "cty": "x"}, claims, key).rpartition(".")[2]
    return jws(header, claims, key).rpartition(".")[0] + "." + signature


def _certificate() -> bytes:
    """Self-signed, and the same each time."""
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "evil.example")])
    begin = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(OTHER.public_key())
    builder = builder.serial_number(1).not_valid_before(begin).not_valid_after(begin.replace(year=2036))
    certificate = builder.sign(OTHER, hashes.SHA256(), ecdsa_deterministic=True)
    return certificate.public_bytes(serialization.Encoding.DER)
