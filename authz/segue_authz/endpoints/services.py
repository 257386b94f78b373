"""What the endpoints work with; put together once, in app.py."""

from dataclasses import dataclass

from segue.clock import Clock
from segue.dpop import ProofChecker
from segue.task_token import TaskTokenVerifier
from segue_storage.database import Database
from segue_storage.ephemeral import Ephemeral
from segue_storage.readiness import Readiness
from segue_storage.tally import Tally

from segue_authz.ceremony import Ceremonies
from segue_authz.client_auth.attestation import Attesters
from segue_authz.client_auth.authenticator import ClientAuthenticator
from segue_authz.client_documents import ClientDocuments
from segue_authz.domain.identifier import Random
from segue_authz.domain.policy import Policies
from segue_authz.domain.proximity import Locator
from segue_authz.domain.task_card import TaskCards
from segue_authz.endpoints.status_list_feed import StatusListFeed
from segue_authz.endpoints.withdrawal_feed import WithdrawalFeed
from segue_authz.grants.request import GrantType
from segue_authz.password import Passwords
from segue_authz.settings import Settings
from segue_authz.stores.account_events import AccountEvents
from segue_authz.stores.accounts import Accounts, BrowserSessions
from segue_authz.stores.arrivals import Arrivals
from segue_authz.stores.backchannel import Backchannel
from segue_authz.stores.bound_sessions import BoundSessions
from segue_authz.stores.check_ins import CheckIns
from segue_authz.stores.clients import Clients
from segue_authz.stores.notices import Notices
from segue_authz.stores.overview import Overview
from segue_authz.stores.passkeys import Passkeys
from segue_authz.stores.port import AuthorizationCodeStore, GrantStore, TransferStore, WithdrawalStore
from segue_authz.stores.push_messages import PushMessages
from segue_authz.stores.pushed_requests import PushedRequests
from segue_authz.stores.recovery_codes import RecoveryCodes
from segue_authz.stores.registrations import Registrations
from segue_authz.stores.sign_in_ways import SignInWays
from segue_authz.stores.sign_ins import SignIns
from segue_authz.stores.signals import Signals
from segue_authz.stores.upstream import UpstreamIdentities, UpstreamRequests, UpstreamSessions
from segue_authz.stores.user_codes import UserCodes
from segue_authz.tokens.derivation import Derivation
from segue_authz.tokens.id_token import IdTokens
from segue_authz.tokens.mint import Mint
from segue_authz.tokens.sealed import Sealing
from segue_authz.tokens.security_event import SecurityEvents
from segue_authz.tokens.session_binding import SessionBinding
from segue_authz.tokens.signing_keys import SigningKeys
from segue_authz.upstream.relying_party import RelyingParty


@dataclass(frozen=True)
class Services:
    settings: Settings
    clock: Clock
    random: Random
    database: Database
    ephemeral: Ephemeral
    readiness: Readiness
    keys: SigningKeys
    derivation: Derivation
    proofs: ProofChecker
    passwords: Passwords
    ceremonies: Ceremonies
    passkeys: Passkeys
    recovery_codes: RecoveryCodes
    ways: SignInWays
    account_events: AccountEvents
    cards: TaskCards
    accounts: Accounts
    browser_sessions: BrowserSessions
    sign_ins: SignIns
    bound_sessions: BoundSessions
    session_binding: SessionBinding
    upstream: RelyingParty
    upstream_requests: UpstreamRequests
    upstream_identities: UpstreamIdentities
    upstream_sessions: UpstreamSessions
    clients: Clients
    client_authenticator: ClientAuthenticator
    client_documents: ClientDocuments
    registrations: Registrations
    attesters: Attesters
    codes: AuthorizationCodeStore
    pushed_requests: PushedRequests
    grants: GrantStore
    transfers: TransferStore
    backchannel: Backchannel
    user_codes: UserCodes
    notices: Notices
    push_messages: PushMessages
    arrivals: Arrivals
    check_ins: CheckIns
    sealing: Sealing
    id_tokens: IdTokens
    overview: Overview
    withdrawals: WithdrawalStore
    withdrawal_feed: WithdrawalFeed
    status_list_feed: StatusListFeed
    signals: Signals
    security_events: SecurityEvents
    mint: Mint
    policies: Policies
    locator: Locator
    tokens: TaskTokenVerifier
    tally: Tally
    grant_types: dict[str, GrantType]
