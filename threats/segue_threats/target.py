"""The server under test: where it is, what it offers, who may be asked to approve."""

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from ssl import SSLContext
from typing import TYPE_CHECKING, Any

import httpx2
from segue.target_uri import well_known

from segue_threats.attack import Need
from segue_threats.forge import Key, Proof
from segue_threats.inside import Inside

if TYPE_CHECKING:
    from segue_threats.machine import Machine


class BadTarget(Exception):
    """Why there is nothing to attack, in words for the person who started it."""


@dataclass(frozen=True)
class Client:
    """A client registered for the test. `parameters` go with each of its authorization requests.

    One that asks by the backchannel has a `secret` (client_secret_basic).
    """

    client_id: str
    parameters: Mapping[str, str]
    redirect_uri: str = ""
    secret: str = ""


@dataclass(frozen=True)
class Person:
    """A test person: driven through Segue's pages with a password, or asked by a command (see `approver`)."""

    username: str = ""
    password: str = ""
    command: tuple[str, ...] = ()


@dataclass(frozen=True)
class ResourceServer:
    """One that introspects tokens, with a secret."""

    client_id: str
    secret: str


@dataclass(frozen=True)
class Configuration:
    """What the target does not say of itself. `resource` is an address that wants a token; it may have `{task_id}`.

    Tokens are for the first of the `resource_servers`. `another` starts an instance like it for an attack alone.
    """

    issuer: str
    authorization_device: Client | None
    consumption_device: Client | None
    people: Sequence[Person]
    task_store: str | None = None
    resource: str | None = None
    resource_servers: Sequence[ResourceServer] = ()
    backchannel_clients: deque[Client] = field(default_factory=deque)
    registration_token: str = ""
    trust: SSLContext | bool = True
    inside: Inside | None = None
    another: "Callable[..., AbstractAsyncContextManager[tuple[Configuration, Machine]]] | None" = None


@dataclass(frozen=True)
class Target:
    """A configuration and the metadata (RFC 8414) its issuer publishes, with the address where it stands."""

    configuration: Configuration
    metadata_address: str
    metadata: Mapping[str, Any]
    gives_nonces: bool

    @property
    def issuer(self) -> str:
        return self.configuration.issuer

    def endpoint(self, name: str) -> str:
        """`token` is `token_endpoint` of the metadata. Raises `KeyError`."""
        return str(self.metadata[f"{name}_endpoint"])

    def protected(self, task_id: str) -> str:
        """The address that a token opens."""
        if self.configuration.task_store:
            return f"{self.configuration.task_store}/tasks/{task_id}"
        return (self.configuration.resource or "").replace("{task_id}", task_id)

    def offers(self) -> frozenset[Need]:
        """What attacks may count on."""
        told, here = self.metadata, self.configuration
        found = {
            Need.CODE: "authorization_endpoint" in told and here.authorization_device,
            Need.PULL: "device_authorization_endpoint" in told and here.consumption_device,
            Need.PUSH: "transfer_endpoint" in told and here.authorization_device and here.consumption_device,
            Need.REVOCATION: "revocation_endpoint" in told,
            Need.RESOURCE: here.resource or here.task_store,
            Need.TASK_STORE: here.task_store,
            Need.INTROSPECTION: "introspection_endpoint" in told and len(here.resource_servers) > 1,
            Need.BACKCHANNEL: "backchannel_authentication_endpoint" in told and here.backchannel_clients,
            Need.REGISTRATION: "registration_endpoint" in told and here.registration_token,
            Need.NONCES: self.gives_nonces,
            Need.PAGES: all(person.password for person in here.people) and here.people,
            Need.PEOPLE: len(here.people) > 1,
            Need.INSIDE: here.inside,
            Need.OWN: here.another,
        }
        return frozenset(need for need, there in found.items() if there)


async def discover(configuration: Configuration) -> Target:
    """Read the metadata and see whether the token endpoint gives nonces. Raises `BadTarget`."""
    async with httpx2.AsyncClient(verify=configuration.trust, timeout=20) as http:
        try:
            address, metadata = await _metadata(http, configuration.issuer)
            gives_nonces = await _gives_nonces(http, str(metadata["token_endpoint"]), configuration)
        except (httpx2.HTTPError, ValueError, KeyError) as failure:
            raise BadTarget(f"{configuration.issuer} has no usable metadata: {failure}") from failure
    return Target(configuration, address, metadata, gives_nonces)


async def _gives_nonces(http: httpx2.AsyncClient, endpoint: str, configuration: Configuration) -> bool:
    """Whether an invented refresh, proved without a nonce, brings one (RFC 9449 section 8)."""
    client = configuration.authorization_device or configuration.consumption_device
    form = {"grant_type": "refresh_token", "refresh_token": "x", "client_id": client.client_id if client else "x"}
    proof = Proof.honest(Key(), "POST", endpoint, nonce=None, access_token=None)
    answer = await http.post(endpoint, data=form, headers={"DPoP": proof.text()})
    return "DPoP-Nonce" in answer.headers


async def _metadata(http: httpx2.AsyncClient, issuer: str) -> tuple[str, Mapping[str, Any]]:
    """RFC 8414 section 3, or where OpenID Connect Discovery has it. Raises `BadTarget`, `ValueError`."""
    places = well_known(issuer, "oauth-authorization-server"), f"{issuer.rstrip('/')}/.well-known/openid-configuration"
    for place in places:
        answer = await http.get(place)
        if answer.status_code == 200:
            metadata: Mapping[str, Any] = answer.json()
            if metadata.get("issuer") != issuer:
                raise BadTarget(f"{place} is the metadata of {metadata.get('issuer')!r}, not of {issuer!r}")
            return place, metadata
    raise BadTarget(f"{issuer} publishes no metadata")
