"""What the task store is made of: each part once, for whichever endpoints and chores share it."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from segue.clock import Clock
from segue_storage.database import Database
from segue_storage.ephemeral import Ephemeral
from segue_storage.going_away import GoingAway
from starlette.routing import Route

from segue_resource.clearing import Clearings
from segue_resource.domain.resume import ParagraphWriter
from segue_resource.domain.summary import SummaryWriter
from segue_resource.endpoints.artifacts import ArtifactEndpoints
from segue_resource.endpoints.audit import AuditEndpoints
from segue_resource.endpoints.compactions import CompactionEndpoints
from segue_resource.endpoints.drafts import DraftEndpoints
from segue_resource.endpoints.erasures import ErasureEndpoints
from segue_resource.endpoints.events import EventEndpoints
from segue_resource.endpoints.export import ExportEndpoints
from segue_resource.endpoints.forks import ForkEndpoints
from segue_resource.endpoints.handoffs import HandoffEndpoints
from segue_resource.endpoints.heads import Heads
from segue_resource.endpoints.health import HealthEndpoints
from segue_resource.endpoints.history import HistoryEndpoints
from segue_resource.endpoints.invitations import InvitationEndpoints, InvitedEndpoints
from segue_resource.endpoints.kept_state import StateEndpoints
from segue_resource.endpoints.lifecycle import LifecycleEndpoints
from segue_resource.endpoints.live import Lives
from segue_resource.endpoints.names import NameEndpoints
from segue_resource.endpoints.paragraph import Paragraphs
from segue_resource.endpoints.participants import ParticipantEndpoints
from segue_resource.endpoints.presence import PresenceEndpoints
from segue_resource.endpoints.search import SearchEndpoints
from segue_resource.endpoints.service_token import ServiceTokens
from segue_resource.endpoints.sessions import SessionEndpoints
from segue_resource.endpoints.task_cards import TaskCardEndpoints
from segue_resource.endpoints.tasks import TaskEndpoints
from segue_resource.endpoints.tool_calls import ToolCallEndpoints
from segue_resource.endpoints.uploads import UploadEndpoints
from segue_resource.endpoints.usage import UsageEndpoints
from segue_resource.endpoints.working_set import WorkingSetEndpoints
from segue_resource.export.files import ArtifactFiles
from segue_resource.housekeeping import Chore, drop_old_answers
from segue_resource.retiring import retire_all
from segue_resource.scrubbing import scrub_some
from segue_resource.settings import Settings
from segue_resource.stores.drafts import Drafts
from segue_resource.stores.ending.erasures import Clearing
from segue_resource.stores.ending.retention import Outlook
from segue_resource.stores.files.blobs import BlobStore
from segue_resource.stores.files.collecting import Collecting
from segue_resource.stores.files.contents import Contents
from segue_resource.stores.finding.stitching import Stitching
from segue_resource.stores.history.compacting import Compacting
from segue_resource.stores.invitations import Invitations
from segue_resource.stores.keys.master_key import Random
from segue_resource.stores.keys.task_keys import Keeper
from segue_resource.stores.presence import Presence
from segue_resource.stores.task_cards import TaskCards
from segue_resource.stores.task_store import TaskStore


@dataclass(frozen=True)
class Parts:
    """`services` knows the tokens of the authorization server."""

    settings: Settings
    database: Database
    ephemeral: Ephemeral
    blobs: BlobStore
    store: TaskStore
    keeper: Keeper
    services: ServiceTokens
    going_away: GoingAway
    clock: Clock
    random: Random
    paragraph_writer: ParagraphWriter | None
    summary_writer: SummaryWriter | None

    def for_devices(self) -> list[Route]:
        """The addresses that take a task token."""
        store, random = self.store, self.random
        issuer = self.settings.issuer
        groups = (
            TaskEndpoints(store, self.paragraphs, self.contents, Outlook(self.settings.retention, self.clock)),
            NameEndpoints(store),
            LifecycleEndpoints(store),
            SessionEndpoints(store, random=random),
            self._events(),
            CompactionEndpoints(store),
            DraftEndpoints(store, self.texts, self.presence, self.lives),
            PresenceEndpoints(store, self.presence, self.lives),
            WorkingSetEndpoints(store),
            ArtifactEndpoints(store, self.contents),
            UploadEndpoints(store, self.contents),
            ForkEndpoints(store, keeper=self.keeper),
            HistoryEndpoints(store),
            StateEndpoints(store),
            ToolCallEndpoints(store, self.presence, random=random),
            ParticipantEndpoints(store),
            InvitationEndpoints(store, keeper=self.keeper, issuer=issuer, clock=self.clock, random=random),
            HandoffEndpoints(store, random=random),
            UsageEndpoints(store, random=random),
            AuditEndpoints(store),
            SearchEndpoints(store, self.settings.search),
            ExportEndpoints(store, self.ephemeral, files=ArtifactFiles(self.contents), clock=self.clock),
            ErasureEndpoints(store, random=random, asked=self.clearings.asked),
        )
        return [route for group in groups for route in group.routes()]

    def for_others(self, health: HealthEndpoints) -> list[Route]:
        """The addresses for the authorization server, and for anybody."""
        database, keeper, clock = self.database, self.keeper, self.clock
        groups = (
            health,
            TaskCardEndpoints(
                TaskCards(database, keeper=keeper, clock=clock, policy=self.settings.retention),
                Stitching(database, keeper=keeper, clock=clock),
                self.services,
            ),
            InvitedEndpoints(Invitations(database, self.ephemeral, keeper=keeper, clock=clock), self.services),
        )
        return [route for group in groups for route in group.routes()]

    def chores(self) -> Mapping[str, Chore]:
        """What the server does of its own accord, in this order."""
        database, keeper, clock, policy = self.database, self.keeper, self.clock, self.settings.retention
        compacts = {"summaries of logs": self._compacting().compact_all} if self.settings.compaction.ever else {}
        return {
            "kept answers": lambda: drop_old_answers(database, clock),
            **compacts,
            "objects of files": self.collecting.collect,
            "retention policy": lambda: retire_all(database, policy, keeper=keeper, clock=clock),
            "faults in stored tasks": lambda: scrub_some(database, keeper=keeper, clock=clock),
        }

    @cached_property
    def paragraphs(self) -> Paragraphs:
        return Paragraphs(self.paragraph_writer)

    @cached_property
    def heads(self) -> Heads:
        return Heads(self.database)

    @cached_property
    def texts(self) -> Drafts:
        return Drafts(self.ephemeral, keeper=self.keeper)

    @cached_property
    def lives(self) -> Lives:
        return Lives(self.texts, self.ephemeral)

    @cached_property
    def presence(self) -> Presence:
        return Presence(self.ephemeral)

    @cached_property
    def contents(self) -> Contents:
        return Contents(self.database, self.blobs, random=self.random, clock=self.clock)

    @cached_property
    def collecting(self) -> Collecting:
        return Collecting(self.database, self.blobs, clock=self.clock)

    @cached_property
    def clearings(self) -> Clearings:
        clearing = Clearing(self.database, self.texts, clock=self.clock)
        return Clearings(clearing.clear_all, self.collecting.remove)

    def _events(self) -> EventEndpoints:
        return EventEndpoints(
            self.store,
            self.ephemeral,
            texts=self.texts,
            lives=self.lives,
            heads=self.heads,
            clock=self.clock,
            going_away=self.going_away,
        )

    def _compacting(self) -> Compacting:
        return Compacting(
            self.database,
            self.ephemeral,
            keeper=self.keeper,
            clock=self.clock,
            policy=lambda _: self.settings.compaction,
            writer=self.summary_writer,
        )
