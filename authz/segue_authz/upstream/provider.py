"""A provider at which people may sign in, as the operator describes it, and what its word counts for here."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from segue_authz.domain.account import UPSTREAM_ACR
from segue_authz.outbound import Network

PrivateKey = EllipticCurvePrivateKey | Ed25519PrivateKey | RSAPrivateKey
Required = Mapping[str, tuple[str | bool, ...]]


class Admits(StrEnum):
    """Whom a provider may sign in here."""

    LINKED = "linked"
    """People of this server who have linked their account there themselves."""
    ANYBODY = "anybody"
    """Those, and whoever has an account there: the first sign-in makes one here."""


@dataclass(frozen=True)
class Provider:
    """`name` is a part of its addresses here, `label` what people read. It has a `secret` or a `key`, never both.

    `require` are claims of the ID token of which each must have one of the values. `acr` says what a sign-in that the
    provider calls so is called here; nothing else that it says of strength counts. `networks` are networks of the
    operator in which it may be, beside the public internet.
    """

    name: str
    label: str
    issuer: str
    client_id: str
    secret: str | None = field(default=None, repr=False)
    key: PrivateKey | None = field(default=None, repr=False)
    scopes: tuple[str, ...] = ("openid",)
    admits: Admits = Admits.LINKED
    require: Required = field(default_factory=dict)
    acr: Mapping[str, str] = field(default_factory=dict)
    networks: tuple[Network, ...] = ()

    def lets_in(self, claims: Mapping[str, Any]) -> bool:
        """Whether the signed claims are those of somebody who may come in at all."""
        return all(_one_of(claims.get(name), values) for name, values in self.require.items())

    def own_acr(self, acr: str | None) -> str:
        """What a sign-in there is called here: never more than the operator has said."""
        return self.acr.get(acr or "", UPSTREAM_ACR)

    def asks_for(self, wanted: Collection[str]) -> tuple[str, ...]:
        """The provider's names for what a request wants of a sign-in here."""
        return tuple(theirs for theirs, own in self.acr.items() if own in wanted)

    def shown(self) -> dict[str, Any]:
        """Without secrets, for `segue authz --check`."""
        return {
            "label": self.label,
            "issuer": self.issuer,
            "client_id": self.client_id,
            "authenticates by": "private_key_jwt" if self.key else "client secret",
            "scopes": " ".join(self.scopes),
            "admits": self.admits.value,
            "require": {name: list(values) for name, values in self.require.items()},
            "acr": dict(self.acr),
            "networks": [str(network) for network in self.networks],
        }


def _one_of(value: Any, values: tuple[str | bool, ...]) -> bool:
    """A list has to hold one of them. `1` is not `True` here."""
    said = value if isinstance(value, list) else [value]
    return any(type(each) is type(good) and each == good for each in said for good in values)
