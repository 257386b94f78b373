"""The task store as an ASGI application; the only module that puts the parts together."""

from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, nullcontext

from segue.clock import Clock
from segue.epoch import EpochsElsewhere
from segue.fetch import Fetch
from segue.issuer_keys import IssuerKeys
from segue.middleware import TaskTokenMiddleware
from segue.step_up import SignIn
from segue_storage.database import Database
from segue_storage.ephemeral import Ephemeral
from segue_storage.going_away import GoingAway, heard_at_signals
from segue_storage.watching import Watcher, Watching
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import BaseRoute, Router
from starlette.types import ASGIApp

from segue_resource.domain.resume import ParagraphWriter
from segue_resource.domain.summary import SummaryWriter
from segue_resource.endpoints.beside import Beside, OwnLifespan, ServedBeside
from segue_resource.endpoints.health import HealthEndpoints
from segue_resource.endpoints.outside import Outside, WithoutTaskToken
from segue_resource.endpoints.problems import ProblemAnswers
from segue_resource.endpoints.request_log import RequestLog
from segue_resource.endpoints.service_token import ServiceTokens
from segue_resource.housekeeping import Chore, keep_house
from segue_resource.key_files import load_master_key, load_nonce_secret
from segue_resource.observed import WITHDRAWALS_HEARD, of_transaction, watch
from segue_resource.parts import Parts
from segue_resource.settings import Settings
from segue_resource.stores.files.blobs import BlobStore
from segue_resource.stores.keys.key_wrapper import KeyWrapper
from segue_resource.stores.keys.master_key import Random
from segue_resource.stores.keys.task_keys import Keeper
from segue_resource.stores.task_store import TaskStore
from segue_resource.stores.unit import Happened


def create_app(
    settings: Settings,
    *,
    database: Database,
    ephemeral: Ephemeral,
    blobs: BlobStore,
    fetch: Fetch,
    clock: Clock,
    random: Random,
    paragraph_writer: ParagraphWriter | None = None,
    key_wrapper: KeyWrapper | None = None,
    summary_writer: SummaryWriter | None = None,
    telemetry: Watcher | None = None,
    beside: Callable[[ASGIApp], Beside] | None = None,
    lifespan: OwnLifespan | None = None,
) -> Starlette:
    """The server over what it is given; whoever opened that closes it, in `lifespan` or elsewhere.

    `key_wrapper` wraps data keys in the place of the key file, whose root is used all the same.
    Reads the key files that the settings name. `fetch` gets the issuer's documents, `random(n)` gives n random bytes,
    `paragraph_writer` writes the paragraph of a resume in the deployment's own words, `summary_writer` the summary of
    a part of a log. `beside` makes what is served beside the store from the app that answers the store's addresses to
    whoever has been let in. `telemetry` watches, and changes nothing.
    Raises `BadKeyFile`.
    """
    if telemetry is not None:
        database, ephemeral = telemetry.database(database), telemetry.ephemeral(ephemeral)
    keeper = Keeper(load_master_key(settings, random=random, wrapper=key_wrapper), random)
    if telemetry is not None:
        watch(telemetry, database=database, keeper=keeper, clock=clock)
    going_away = GoingAway()
    keys = IssuerKeys(settings.issuer, fetch=fetch, clock=clock)
    parts = Parts(
        settings=settings,
        database=database,
        ephemeral=ephemeral,
        blobs=blobs,
        store=TaskStore(
            database,
            ephemeral,
            keeper=keeper,
            clock=clock,
            told=_tallied(telemetry),
        ),
        keeper=keeper,
        services=ServiceTokens(issuer=settings.issuer, audience=settings.url, keys=keys, replay=ephemeral, clock=clock),
        going_away=going_away,
        clock=clock,
        random=random,
        paragraph_writer=paragraph_writer,
        summary_writer=summary_writer,
    )
    nonce_secret = load_nonce_secret(settings, random=random)

    def guarded(app: ASGIApp, *, audience: str) -> ASGIApp:
        middleware = TaskTokenMiddleware(
            app,
            issuer=settings.issuer,
            audience=audience,
            replay=ephemeral,
            epochs=EpochsElsewhere(),
            nonce_secret=nonce_secret,
            fetch=fetch,
            clock=clock,
            sensitive={action: SignIn(max_age=seconds) for action, seconds in settings.sensitive.items()},
            events="/signals",
        )
        if telemetry is not None:
            telemetry.gauge(WITHDRAWALS_HEARD, middleware.seconds_since_heard)
        return middleware

    with_task_token = parts.for_devices()
    without = parts.for_others(HealthEndpoints(database, ephemeral, keys, clock=clock, going_away=going_away))
    tasks = RequestLog(_serving(with_task_token))
    others = [] if beside is None else [beside(tasks)]
    app = Starlette(
        middleware=[
            Middleware(Watching, telemetry=telemetry),
            Middleware(Outside, https=settings.https),
            Middleware(ProblemAnswers),
            Middleware(WithoutTaskToken, served=_serving(without)),
            *(_served_beside(other, guarded, audience=settings.url + other.path) for other in others),
            Middleware(guarded, audience=settings.url),
        ],
        lifespan=_lifespan(
            going_away,
            lifespan or (lambda _: nullcontext()),
            *([] if telemetry is None else [telemetry.lifespan]),
            keep_house(_watched(parts.chores(), telemetry)),
            parts.paragraphs.lifespan,
            parts.heads.lifespan,
            parts.clearings.lifespan(),
            *(other.lifespan for other in others),
        ),
    )
    app.router.default = tasks  # and no Mount, which does not match every path and answers that itself
    app.state.addresses = [*with_task_token, *without]
    return app


def _tallied(telemetry: Watcher | None) -> Callable[[Happened], None] | None:
    """Whom to tell what a transaction has done."""
    return None if telemetry is None else lambda happened: telemetry.tally.add(of_transaction(happened))


def _watched(chores: Mapping[str, Chore], telemetry: Watcher | None) -> Mapping[str, Chore]:
    return chores if telemetry is None else {what: telemetry.chore(what, do) for what, do in chores.items()}


def _served_beside(other: Beside, guarded: Callable[..., ASGIApp], *, audience: str) -> Middleware:
    app = guarded(other.app, audience=audience)
    return Middleware(ServedBeside, path=other.path, audience=audience, guarded=app, public=other.public)


def _serving(routes: Iterable[BaseRoute]) -> ASGIApp:
    """Routes that answer their own problems: so whatever stands before them may add to every answer."""
    return ProblemAnswers(Router(list(routes), redirect_slashes=False))


def _lifespan(going_away: GoingAway, own: OwnLifespan, *chores: OwnLifespan) -> OwnLifespan:
    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        with heard_at_signals(going_away):
            async with AsyncExitStack() as stack:
                for begin in (own, *chores):
                    await stack.enter_async_context(begin(app))
                yield
                going_away.say()

    return lifespan
