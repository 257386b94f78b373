"""What the authorization server is made of: each part once, for whichever endpoints and chores share it."""

from collections.abc import Sequence

from segue.clock import Clock
from segue.dpop import ProofChecker
from segue.nonce import Nonces
from segue.task_token import TaskTokenVerifier
from segue_storage.database import Database
from segue_storage.ephemeral import Ephemeral
from segue_storage.going_away import GoingAway
from segue_storage.migrations import Schema
from segue_storage.readiness import Readiness
from segue_storage.tally import Tally

from segue_authz.ceremony import Ceremonies
from segue_authz.client_auth.attestation import Attesters
from segue_authz.client_auth.authenticator import ClientAuthenticator
from segue_authz.client_documents import ClientDocuments
from segue_authz.delivery import on_loopback
from segue_authz.domain.identifier import Random
from segue_authz.domain.policy import Policies
from segue_authz.domain.proximity import Locator
from segue_authz.domain.task_card import TaskCards
from segue_authz.endpoints.services import Services
from segue_authz.endpoints.status_list_feed import StatusListFeed
from segue_authz.endpoints.withdrawal_feed import WithdrawalFeed
from segue_authz.grants import token_exchange
from segue_authz.grants.authorization_code import AuthorizationCodeGrant
from segue_authz.grants.ciba import CibaGrant
from segue_authz.grants.client_credentials import ClientCredentialsGrant
from segue_authz.grants.device_code import DeviceCodeGrant
from segue_authz.grants.refresh_token import RefreshTokenGrant
from segue_authz.grants.token_exchange import TokenExchangeGrant
from segue_authz.outbound import Outbound
from segue_authz.password import Passwords
from segue_authz.settings import Settings
from segue_authz.stores.account_events import AccountEvents
from segue_authz.stores.accounts import Accounts, BrowserSessions
from segue_authz.stores.arrivals import Arrivals
from segue_authz.stores.authorization_codes import AuthorizationCodes
from segue_authz.stores.backchannel import Backchannel
from segue_authz.stores.bound_sessions import BoundSessions
from segue_authz.stores.check_ins import CheckIns
from segue_authz.stores.clients import Clients
from segue_authz.stores.counted_transfers import CountedTransfers
from segue_authz.stores.grants import Grants
from segue_authz.stores.notices import Notices
from segue_authz.stores.overview import Overview
from segue_authz.stores.passkeys import Passkeys
from segue_authz.stores.push_messages import PushMessages
from segue_authz.stores.pushed_requests import PushedRequests
from segue_authz.stores.recovery_codes import RecoveryCodes
from segue_authz.stores.registrations import Registrations
from segue_authz.stores.sign_in_ways import SignInWays
from segue_authz.stores.sign_ins import SignIns
from segue_authz.stores.signals import Signals
from segue_authz.stores.status_lists import StatusListStore
from segue_authz.stores.transfers import Transfers
from segue_authz.stores.upstream import UpstreamIdentities, UpstreamRequests, UpstreamSessions
from segue_authz.stores.user_codes import UserCodes
from segue_authz.stores.withdrawals import Withdrawals
from segue_authz.tokens.derivation import Derivation
from segue_authz.tokens.id_token import IdTokens
from segue_authz.tokens.mint import Mint
from segue_authz.tokens.sealed import Sealing
from segue_authz.tokens.security_event import SecurityEvents
from segue_authz.tokens.session_binding import SessionBinding
from segue_authz.tokens.signing_keys import SigningKeys
from segue_authz.tokens.status_list import Places, StatusLists
from segue_authz.upstream.provider import Provider
from segue_authz.upstream.relying_party import RelyingParty

DPOP_NONCE = "dpop_nonce"
"""The purpose of the key by which nonces of DPoP are made."""


def make_services(
    settings: Settings,
    *,
    database: Database,
    ephemeral: Ephemeral,
    cards: TaskCards,
    keys: SigningKeys,
    secret: bytes,
    clock: Clock,
    random: Random,
    policies: Policies,
    locator: Locator,
    outbound: Outbound,
    attesters: Attesters,
    providers: Sequence[Provider],
    going_away: GoingAway,
    tally: Tally,
) -> Services:
    """As `create_app`, with nothing left to choose."""
    derivation = Derivation(secret)
    accounts, grants, transfers = Accounts(database), Grants(database), CountedTransfers(Transfers(database), tally)
    codes, withdrawals = AuthorizationCodes(database), Withdrawals(database)
    clients, lifetime, profile = Clients(database), settings.grant_lifetime, settings.profile
    return Services(
        settings=settings,
        clock=clock,
        random=random,
        database=database,
        ephemeral=ephemeral,
        readiness=Readiness(database, ephemeral, Schema("segue_authz"), going_away),
        keys=keys,
        derivation=derivation,
        proofs=ProofChecker(replay=ephemeral, nonces=Nonces(derivation.key(DPOP_NONCE)), clock=clock),
        passwords=Passwords(),
        ceremonies=Ceremonies(issuer=settings.issuer, derivation=derivation, random=random, clock=clock),
        passkeys=Passkeys(database),
        recovery_codes=RecoveryCodes(database),
        ways=SignInWays(database),
        account_events=AccountEvents(database),
        cards=cards,
        accounts=accounts,
        browser_sessions=BrowserSessions(database),
        sign_ins=SignIns(database),
        bound_sessions=BoundSessions(database),
        session_binding=SessionBinding(derivation, random),
        upstream=RelyingParty(
            providers,
            issuer=settings.issuer,
            outbound=outbound,
            development=on_loopback(settings.issuer),
            derivation=derivation,
            clock=clock,
            random=random,
        ),
        upstream_requests=UpstreamRequests(database),
        upstream_identities=UpstreamIdentities(database),
        upstream_sessions=UpstreamSessions(database),
        clients=clients,
        client_authenticator=ClientAuthenticator(clients, issuer=settings.issuer, clock=clock, profile=profile),
        client_documents=ClientDocuments(clients, outbound, hosts=settings.client_documents, clock=clock),
        registrations=Registrations(database),
        attesters=attesters,
        codes=codes,
        pushed_requests=PushedRequests(database),
        grants=grants,
        transfers=transfers,
        backchannel=Backchannel(database),
        user_codes=UserCodes(database),
        notices=Notices(database),
        push_messages=PushMessages(database),
        arrivals=Arrivals(database),
        check_ins=CheckIns(database),
        sealing=Sealing(derivation, random),
        id_tokens=IdTokens(issuer=settings.issuer, keys=keys, derivation=derivation),
        overview=Overview(database),
        withdrawals=withdrawals,
        withdrawal_feed=WithdrawalFeed(withdrawals, clock),
        status_list_feed=StatusListFeed(
            StatusListStore(database),
            StatusLists(
                Places(issuer=settings.issuer, derivation=derivation), issuer=settings.issuer, keys=keys, clock=clock
            ),
        ),
        signals=Signals(database, random),
        security_events=SecurityEvents(issuer=settings.issuer, keys=keys, clock=clock),
        mint=Mint(
            issuer=settings.issuer, audiences=settings.audiences, keys=keys, derivation=derivation, random=random
        ),
        policies=policies,
        locator=locator,
        tally=tally,
        tokens=TaskTokenVerifier(issuer=settings.issuer, audience=settings.issuer, keys=keys, clock=clock),
        grant_types={
            "authorization_code": AuthorizationCodeGrant(
                codes, grants, derivation, random, grant_lifetime=lifetime, codes_once=profile.codes_once
            ),
            "client_credentials": ClientCredentialsGrant(issuer=settings.issuer),
            token_exchange.GRANT_TYPE: TokenExchangeGrant(grants, random, issuer=settings.issuer, keys=keys),
            "refresh_token": RefreshTokenGrant(grants, derivation, rotates=profile.rotates),
            "urn:ietf:params:oauth:grant-type:device_code": DeviceCodeGrant(
                transfers, grants, derivation, random, policies=policies, grant_lifetime=lifetime
            ),
            "urn:openid:params:grant-type:ciba": CibaGrant(
                transfers, grants, derivation, random, policies=policies, grant_lifetime=lifetime
            ),
        },
    )
