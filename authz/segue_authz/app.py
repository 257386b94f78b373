"""The authorization server as an ASGI application; the only module that puts the parts together."""

import json
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager, nullcontext
from typing import Any

from segue.clock import Clock
from segue.epoch import EpochsElsewhere
from segue.middleware import TaskTokenMiddleware
from segue_storage.database import Database
from segue_storage.ephemeral import Ephemeral
from segue_storage.going_away import GoingAway, heard_at_signals
from segue_storage.tally import Tally
from segue_storage.watching import Watcher, Watching
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.types import Lifespan

from segue_authz import pages
from segue_authz.checking_in import CheckingIn
from segue_authz.client_auth.attestation import Attesters
from segue_authz.delivery import Delivery, working
from segue_authz.domain.identifier import Random
from segue_authz.domain.policy import Policies
from segue_authz.domain.proximity import Locator, NoLocator
from segue_authz.domain.task_card import TaskCards
from segue_authz.endpoints import (
    authorize,
    backchannel_authentication,
    bound_session,
    claim,
    confirm,
    device,
    device_authorization,
    devices,
    health,
    introspection,
    invitation,
    language,
    metadata,
    notification,
    pushed_request,
    registration,
    revocation,
    signal_stream,
    signals,
    status_list,
    token,
    transfer,
    user_code,
    waiting,
    withdrawal,
)
from segue_authz.endpoints.account_security import page as security
from segue_authz.endpoints.account_security import passkeys as own_passkeys
from segue_authz.endpoints.account_security import password as own_password
from segue_authz.endpoints.account_security import recovery_codes as own_recovery_codes
from segue_authz.endpoints.account_security import upstream as own_upstream
from segue_authz.endpoints.answer import Handler, protocol_endpoint
from segue_authz.endpoints.page import page_endpoint
from segue_authz.endpoints.reading import reader_of
from segue_authz.endpoints.services import Services
from segue_authz.endpoints.sign_in import page, passkey, password, recovery, session, upstream, upstream_logout
from segue_authz.housekeeping import Chore, Housekeeping
from segue_authz.observed import watch
from segue_authz.outbound import Outbound
from segue_authz.pages.text import gettext, reading
from segue_authz.parts import DPOP_NONCE, make_services
from segue_authz.settings import Settings
from segue_authz.signalling import Signalling
from segue_authz.stores.leftovers import drop_leftovers
from segue_authz.tokens.signing_keys import SigningKeys
from segue_authz.upstream.provider import Provider

_CORS = Middleware(
    CORSMiddleware,
    allow_origins=["*"],
    allow_methods=["GET", "POST"],
    allow_headers=["Authorization", "Content-Type", "DPoP"],
    expose_headers=["DPoP-Nonce", "WWW-Authenticate", "Retry-After"],
    max_age=600,
)
"""Any page may call the protocol endpoints: they honour no cookie, and a token is worth nothing without its key."""

Address = tuple[str, str, Handler]
OPEN: tuple[Address, ...] = (
    ("GET", "/.well-known/oauth-authorization-server", metadata.metadata),
    ("GET", "/jwks", metadata.jwks),
    ("POST", "/par", pushed_request.push),
    ("POST", "/token", token.token),
    ("POST", "/revoke", revocation.revoke),
    ("POST", "/introspect", introspection.introspect),
    ("POST", "/device_authorization", device_authorization.authorize_device),
    ("POST", "/backchannel_authentication", backchannel_authentication.authenticate),
    ("POST", "/transfer/claim", claim.claim_transfer),
    ("POST", "/register", registration.register),
    ("GET", "/register/{client_id}", registration.show),
    ("PUT", "/register/{client_id}", registration.change),
    ("DELETE", "/register/{client_id}", registration.remove),
    ("POST", "/sign-in/upstream/{provider}/logout", upstream_logout.log_out),
    ("GET", "/withdrawals", withdrawal.withdrawals),
    ("GET", "/status", status_list.status_lists),
    ("GET", "/status/{number}", status_list.status_list),
    ("GET", "/.well-known/ssf-configuration", signals.configuration),
    ("POST", "/signals/stream", signal_stream.begin),
    ("GET", "/signals/stream", signal_stream.show),
    ("PATCH", "/signals/stream", signal_stream.change),
    ("PUT", "/signals/stream", signal_stream.replace_whole),
    ("DELETE", "/signals/stream", signal_stream.end),
    ("GET", "/signals/status", signals.show_status),
    ("POST", "/signals/status", signals.set_status),
    ("POST", "/signals/verify", signals.verify),
    ("POST", "/signals/poll/{stream_id}", signals.poll),
    ("GET", "/healthz", health.alive),
    ("GET", "/readyz", health.ready),
)
PROTECTED: tuple[Address, ...] = (
    ("POST", "/transfer", transfer.start_transfer),
    ("GET", "/transfer/{transfer_id}", transfer.read_transfer),
    ("POST", "/transfer/{transfer_id}/cancel", transfer.cancel_transfer),
)
"""What a task token for this server opens."""


def create_app(
    settings: Settings,
    *,
    database: Database,
    ephemeral: Ephemeral,
    cards: TaskCards,
    keys: SigningKeys,
    secret: bytes,
    clock: Clock,
    random: Random,
    policies: Policies | None = None,
    locator: Locator | None = None,
    outbound: Outbound | None = None,
    attesters: Attesters | None = None,
    providers: Sequence[Provider] = (),
    telemetry: Watcher | None = None,
    lifespan: Lifespan[Starlette] | None = None,
) -> Starlette:
    """The server over what it is given; whoever opened that closes it, in `lifespan` or elsewhere.

    `policies` is the transfer policy, `balanced` by default; `locator` knows places of networks, if anybody does;
    `outbound` is the way to addresses that clients and browsers name;
    `attesters` vouch for devices; `providers` are others at which people may sign in. `telemetry` watches, and changes
    nothing.
    """
    if telemetry is not None:
        database, ephemeral = telemetry.database(database), telemetry.ephemeral(ephemeral)
        watch(telemetry, database=database, keys=keys, clock=clock)
    outbound, going_away = outbound or Outbound(), GoingAway()
    services = make_services(
        settings,
        database=database,
        ephemeral=ephemeral,
        cards=cards,
        keys=keys,
        secret=secret,
        clock=clock,
        random=random,
        policies=policies or Policies(),
        locator=locator or NoLocator(),
        outbound=outbound,
        attesters=attesters or Attesters([]),
        providers=providers,
        going_away=going_away,
        tally=Tally() if telemetry is None else telemetry.tally,
    )
    derivation, sealing = services.derivation, services.sealing
    routes = [
        *_protocol_routes(services, derivation.key(DPOP_NONCE)),
        *_page_routes(services),
        *_bound_session_routes(services),
        pages.static_routes(),
        pages.worker_route(),
    ]
    handlers = {404: _not_found, 405: _not_found, 500: _failed}
    delivery = Delivery(
        database,
        derivation=derivation,
        sealing=sealing,
        issuer=settings.issuer,
        clock=clock,
        outbound=outbound,
    )
    signalling = Signalling(
        services.signals, events=services.security_events, sealing=sealing, clock=clock, post=delivery.post
    )
    checking_in = CheckingIn(database, after=settings.check_in, clock=clock)
    drop: Chore = lambda: drop_leftovers(database, now=clock())  # noqa: E731
    housekeeping = Housekeeping(drop if telemetry is None else telemetry.chore("leftovers", drop))
    app = Starlette(
        routes=routes,
        middleware=[Middleware(Watching, telemetry=telemetry, routes=lambda: _paths(routes))],
        exception_handlers=handlers,
        lifespan=_hearing(
            going_away,
            working(_watched(lifespan, telemetry), delivery, signalling, checking_in, housekeeping),
        ),
    )
    app.state.delivery, app.state.signalling, app.state.checking_in = delivery, signalling, checking_in
    app.router.redirect_slashes = False
    return app


def _paths(routes: Iterable[BaseRoute]) -> dict[int, str]:
    """What is asked, by the identity of what answers: the path as it is written here, without anybody's ids."""
    served = [route for route in routes if isinstance(route, Route | Mount)]
    return {id(route.endpoint if isinstance(route, Route) else route.app): route.path for route in served}


def _watched(around: Lifespan[Starlette] | None, telemetry: Watcher | None) -> Lifespan[Starlette] | None:
    if telemetry is None:
        return around

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        async with (around or (lambda _: nullcontext()))(app), telemetry.lifespan(app):
            yield

    return lifespan


def _hearing(going_away: GoingAway, around: Lifespan[Starlette]) -> Lifespan[Starlette]:
    """The lifespan, during which a signal to stop is heard."""

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        with heard_at_signals(going_away):
            async with around(app):
                yield

    return lifespan


def _protocol_routes(services: Services, nonce_secret: bytes) -> list[Route]:
    def route(method: str, path: str, handler: Handler, *further: Middleware) -> Route:
        endpoint = protocol_endpoint(services, handler)
        return Route(path, endpoint, methods=[method, "OPTIONS"], middleware=[_CORS, *further])

    def together(path: str, handlers: dict[str, Handler]) -> Route:
        """One route for each address, so that it knows all of its methods."""
        endpoints = {method: protocol_endpoint(services, handler) for method, handler in handlers.items()}

        async def endpoint(request: Request) -> Response:
            return await endpoints.get(request.method, next(iter(endpoints.values())))(request)

        return Route(path, endpoint, methods=[*endpoints, "OPTIONS"], middleware=[_CORS])

    async def own_document(url: str) -> bytes:
        """The middleware's view of our own metadata and keys, without a way over the network."""
        own: dict[str, Any] = services.keys.jwks() if url.endswith("/jwks") else metadata.document(services)
        own.pop("withdrawal_endpoint", None)  # the transfer endpoint reads the grant itself
        return json.dumps(own).encode()

    protected = Middleware(
        TaskTokenMiddleware,
        issuer=services.settings.issuer,
        audience=services.settings.issuer,
        replay=services.ephemeral,
        epochs=EpochsElsewhere(),
        nonce_secret=nonce_secret,
        fetch=own_document,
        clock=services.clock,
    )
    return [
        *(together(path, handlers) for path, handlers in _by_path(OPEN).items()),
        *(route(*address, protected) for address in PROTECTED),
        route("GET", "/.well-known/oauth-protected-resource", transfer.read_transfer, protected),  # answered by it
    ]


def _by_path(addresses: Iterable[Address]) -> dict[str, dict[str, Handler]]:
    grouped: dict[str, dict[str, Handler]] = {}
    for method, path, handler in addresses:
        grouped.setdefault(path, {})[method] = handler
    return grouped


def _page_routes(services: Services) -> list[Route]:
    def route(path: str, handler: Handler, method: str) -> Route:
        return Route(path, page_endpoint(services, handler), methods=[method])

    return [
        route("/", page.home, "GET"),
        route("/sign-in", page.show, "GET"),
        route("/sign-in", password.sign_in, "POST"),
        route("/sign-in/passkey", passkey.options, "GET"),
        route("/sign-in/passkey", passkey.sign_in, "POST"),
        route("/sign-in/recovery", recovery.show, "GET"),
        route("/sign-in/recovery", recovery.sign_in, "POST"),
        route("/sign-out", session.sign_out, "POST"),
        route("/signed-out", session.signed_out, "GET"),
        route("/sign-in/upstream/{provider}", upstream.begin, "POST"),
        route("/sign-in/upstream/{provider}/callback", upstream.answer, "GET"),
        route("/account/upstream", own_upstream.change, "POST"),
        route("/account/security", security.show, "GET"),
        route("/account/passkeys/options", own_passkeys.options, "GET"),
        route("/account/passkeys/add", own_passkeys.add, "POST"),
        route("/account/passkeys", own_passkeys.change, "POST"),
        route("/account/password", own_password.change, "POST"),
        route("/account/recovery-codes", own_recovery_codes.make, "POST"),
        route("/language", language.choose, "POST"),
        route("/authorize", authorize.ask, "GET"),
        route("/authorize", authorize.decide, "POST"),
        route("/device", device.show_code_form, "GET"),
        route("/device", device.enter_code, "POST"),
        route("/approve/{transfer_id}", device.show, "GET"),
        route("/approve/{transfer_id}", device.decide, "POST"),
        route("/requests", waiting.show, "GET"),
        route("/requests", waiting.look, "POST"),
        route("/requests/waiting", waiting.count, "GET"),
        route("/user-code", user_code.show, "GET"),
        route("/user-code", user_code.change, "POST"),
        route("/notices", notification.show, "GET"),
        route("/notices", notification.change, "POST"),
        route("/notices/latest", notification.latest, "GET"),
        route("/notices/latest", notification.shown, "POST"),
        route("/invitation", invitation.show, "GET"),
        route("/invitation", invitation.answer, "POST"),
        route("/devices", devices.show, "GET"),
        route("/devices", devices.withdraw, "POST"),
        route("/confirm/{transfer_id}", confirm.show, "GET"),
        route("/confirm/{transfer_id}", confirm.decide, "POST"),
    ]


def _bound_session_routes(services: Services) -> list[Route]:
    """What browsers ask of their own accord. No other page may: there is no CORS here."""
    handlers = {bound_session.REGISTER: bound_session.register, bound_session.REFRESH: bound_session.refresh}
    endpoint = bound_session.browser_endpoint
    return [Route(path, endpoint(services, handler), methods=["POST"]) for path, handler in handlers.items()]


async def _failed(_: Request, __: Exception) -> Response:
    """A bug or an outage: logged by the server with its cause, never told."""
    content = {"error": "server_error", "error_description": "the server could not answer"}
    return JSONResponse(content, status_code=500, headers={"Cache-Control": "no-store"})


async def _not_found(request: Request, failure: Exception) -> Response:
    """404, or 405 with the methods that the address has (RFC 9110 section 15.5.6)."""
    status, headers = getattr(failure, "status_code", 404), getattr(failure, "headers", None)
    if "text/html" in request.headers.get("accept", ""):
        with reading(reader_of(request)):
            view = pages.Message(
                gettext("There is nothing here"), gettext("The address may be incomplete."), status=status
            )
            response = pages.message(view)
    else:
        content = {"error": "invalid_request", "error_description": "there is nothing here"}
        response = JSONResponse(content, status_code=status)
    response.headers.update(headers or {})
    return response
