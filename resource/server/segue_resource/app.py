"""The task store as an ASGI application; the only module that puts the parts together."""

from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import AsyncExitStack, asynccontextmanager, nullcontext

from segue.clock import Clock
from segue.epoch import EpochsElsewhere
from segue.fetch import Fetch
from segue.issuer_keys import IssuerKeys
from segue.middleware import TaskTokenMiddleware
from segue_storage.database import Database
from segue_storage.ephemeral import Ephemeral
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import BaseRoute, Router
from starlette.types import ASGIApp

from segue_resource.domain.resume import ParagraphWriter
from segue_resource.endpoints.audit import AuditEndpoints
from segue_resource.endpoints.beside import Beside, OwnLifespan, ServedBeside
from segue_resource.endpoints.drafts import DraftEndpoints
from segue_resource.endpoints.events import EventEndpoints
from segue_resource.endpoints.going_away import GoingAway, heard_at_signals
from segue_resource.endpoints.handoffs import HandoffEndpoints
from segue_resource.endpoints.heads import Heads
from segue_resource.endpoints.health import HealthEndpoints
from segue_resource.endpoints.invitations import InvitationEndpoints, InvitedEndpoints
from segue_resource.endpoints.lifecycle import LifecycleEndpoints
from segue_resource.endpoints.live import Lives
from segue_resource.endpoints.names import NameEndpoints
from segue_resource.endpoints.outside import Outside, WithoutTaskToken
from segue_resource.endpoints.paragraph import Paragraphs
from segue_resource.endpoints.participants import ParticipantEndpoints
from segue_resource.endpoints.presence import PresenceEndpoints
from segue_resource.endpoints.problems import ProblemAnswers
from segue_resource.endpoints.request_log import RequestLog
from segue_resource.endpoints.service_token import ServiceTokens
from segue_resource.endpoints.sessions import SessionEndpoints
from segue_resource.endpoints.task_cards import TaskCardEndpoints
from segue_resource.endpoints.tasks import TaskEndpoints
from segue_resource.endpoints.tool_calls import ToolCallEndpoints
from segue_resource.endpoints.working_set import WorkingSetEndpoints
from segue_resource.housekeeping import keep_house
from segue_resource.key_files import load_master_key, load_nonce_secret
from segue_resource.settings import Settings
from segue_resource.stores.drafts import Drafts
from segue_resource.stores.invitations import Invitations
from segue_resource.stores.master_key import Random
from segue_resource.stores.presence import Presence
from segue_resource.stores.task_cards import TaskCards
from segue_resource.stores.task_keys import Keeper
from segue_resource.stores.task_store import TaskStore


def create_app(
    settings: Settings,
    *,
    database: Database,
    ephemeral: Ephemeral,
    fetch: Fetch,
    clock: Clock,
    random: Random,
    paragraph_writer: ParagraphWriter | None = None,
    beside: Callable[[ASGIApp], Beside] | None = None,
    lifespan: OwnLifespan | None = None,
) -> Starlette:
    """The server over what it is given; whoever opened that closes it, in `lifespan` or elsewhere.

    Reads the key files that the settings name. `fetch` gets the issuer's documents, `random(n)` gives n random bytes,
    `paragraph_writer` writes the paragraph of a resume in the deployment's own words. `beside` makes what is served
    beside the store from the app that answers the store's addresses to whoever has been let in.
    Raises `BadKeyFile`.
    """
    keeper = Keeper(load_master_key(settings, random=random), random)
    going_away = GoingAway()
    keys = IssuerKeys(settings.issuer, fetch=fetch, clock=clock)
    services = ServiceTokens(issuer=settings.issuer, audience=settings.url, keys=keys, replay=ephemeral, clock=clock)
    cards = TaskCardEndpoints(TaskCards(database, keeper=keeper, clock=clock), services)
    invited = InvitedEndpoints(Invitations(database, ephemeral, keeper=keeper, clock=clock), services)
    health = HealthEndpoints(database, ephemeral, keys, clock=clock, going_away=going_away)
    paragraphs = Paragraphs(paragraph_writer)
    store = TaskStore(database, ephemeral, keeper=keeper, clock=clock)
    texts = Drafts(ephemeral, keeper=keeper)
    lives = Lives(texts, ephemeral)
    presence = Presence(ephemeral)
    heads = Heads(database)
    groups = [
        TaskEndpoints(store, paragraphs).routes(),
        NameEndpoints(store).routes(),
        LifecycleEndpoints(store).routes(),
        SessionEndpoints(store, random=random).routes(),
        EventEndpoints(
            store, ephemeral, texts=texts, lives=lives, heads=heads, clock=clock, going_away=going_away
        ).routes(),
        DraftEndpoints(store, texts, presence, lives).routes(),
        PresenceEndpoints(store, presence, lives).routes(),
        WorkingSetEndpoints(store).routes(),
        ToolCallEndpoints(store, presence, random=random).routes(),
        ParticipantEndpoints(store).routes(),
        InvitationEndpoints(store, keeper=keeper, issuer=settings.issuer, clock=clock, random=random).routes(),
        HandoffEndpoints(store, random=random).routes(),
        AuditEndpoints(store).routes(),
    ]
    nonce_secret = load_nonce_secret(settings, random=random)

    def guarded(app: ASGIApp, *, audience: str) -> ASGIApp:
        return TaskTokenMiddleware(
            app,
            issuer=settings.issuer,
            audience=audience,
            replay=ephemeral,
            epochs=EpochsElsewhere(),
            nonce_secret=nonce_secret,
            fetch=fetch,
            clock=clock,
        )

    with_task_token = [route for group in groups for route in group]
    without = [*health.routes(), *cards.routes(), *invited.routes()]
    tasks = RequestLog(_serving(with_task_token))
    others = [] if beside is None else [beside(tasks)]
    app = Starlette(
        middleware=[
            Middleware(Outside, https=settings.https),
            Middleware(ProblemAnswers),
            Middleware(WithoutTaskToken, served=_serving(without)),
            *(_served_beside(other, guarded, audience=settings.url + other.path) for other in others),
            Middleware(guarded, audience=settings.url),
        ],
        lifespan=_lifespan(
            going_away,
            lifespan or (lambda _: nullcontext()),
            keep_house(database, clock),
            paragraphs.lifespan,
            heads.lifespan,
            *(other.lifespan for other in others),
        ),
    )
    app.router.default = tasks  # and no Mount, which does not match every path and answers that itself
    app.state.addresses = [*with_task_token, *without]
    return app


def _served_beside(other: Beside, guarded: Callable[..., ASGIApp], *, audience: str) -> Middleware:
    app = guarded(other.app, audience=audience)
    return Middleware(ServedBeside, path=other.path, audience=audience, guarded=app)


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
