"""Where the transfer policy is enforced, one function for each mitigation that an endpoint has to ask for.

Each takes the policy that is effective for the client and the task; RFC 10027 section 6.1 has the reasons.
"""

import json
from dataclasses import asdict, replace
from ipaddress import ip_address, ip_network

from starlette.requests import Request

from segue_authz.client_auth.attestation import HEADER, POP_HEADER, InvalidClientAttestation, UseFreshAttestation
from segue_authz.domain.client import Client
from segue_authz.domain.policy import DAY, TransferPolicy
from segue_authz.domain.proximity import Evidence, Strength, counted, evidence, is_near
from segue_authz.domain.refusal import AccessDenied, InvalidGrant, UnauthorizedClient
from segue_authz.domain.sign_in_policy import SignInPolicy
from segue_authz.domain.transfer import Claim
from segue_authz.endpoints.browser import Browser
from segue_authz.endpoints.network import limit
from segue_authz.endpoints.services import Services
from segue_authz.stores.port import Issued

ATTESTING = (InvalidClientAttestation, UseFreshAttestation)
"""How an attestation that is shown may be refused."""
REPORTS_COUNT_FOR = 30 * DAY


def check_network(policy: TransferPolicy, network: str) -> None:
    """`trusted_networks` (6.1.8): a source that is not known is not trusted. Raises `AccessDenied`."""
    if not policy.trusted_networks:
        return
    address = network.partition("/")[0]
    try:
        known = ip_address(address)
    except ValueError as unknown:
        raise AccessDenied("tasks are not transferred from this network", because="no address") from unknown
    if not any(known in ip_network(trusted) for trusted in policy.trusted_networks):
        raise AccessDenied("tasks are not transferred from this network", because="outside of trusted_networks")


def attested(services: Services, request: Request, client: Client, *, jkt: str) -> str | None:
    """Who vouches for the device. Raises `InvalidClientAttestation` and `UseFreshAttestation`."""
    headers = {name: request.headers.getlist(name) for name in (HEADER, POP_HEADER)}
    return services.attesters.verify(headers, client, jkt=jkt, now=services.clock())


def check_reviewed(client: Client) -> None:
    """No flow across devices for a client that nobody here answers for (XD-META-04). Raises `UnauthorizedClient`."""
    if not client.verified:
        raise UnauthorizedClient("an application that nobody has reviewed gets no tasks from other devices")


async def check_reports(services: Services, policy: TransferPolicy, client_id: str) -> None:
    """`detect_and_remediate` (6.1.6): a client that persons have reported gets nothing. Raises `UnauthorizedClient`."""
    if policy.detect_and_remediate == 0:
        return
    since = services.clock() - REPORTS_COUNT_FOR
    if await services.withdrawals.reports(client_id, since=since) >= policy.detect_and_remediate:
        raise UnauthorizedClient("this application has been reported and gets no tasks for now")


async def check_rate(services: Services, policy: TransferPolicy, what: str, network: str) -> None:
    """`rate_limits` (6.1.11). Raises `TooManyRequests`."""
    await limit(services, f"{what}:{network}", most=policy.rate_limits, window=60)


async def check_device(services: Services, policy: TransferPolicy, subject: str, claim: Claim) -> None:
    """`trusted_devices` (6.1.7): somebody vouches for the device whose word counts now, or it has held a task of this
    person before. Raises `AccessDenied`.
    """
    if policy.trusted_devices == "off":
        return
    if claim.attester is not None and services.attesters.trusts(claim.attester, claim.client_id):
        return
    if not await services.grants.knows_device(subject, claim.client_id, claim.jkt):
        raise AccessDenied("only a device that you have used before may get this task")


async def check_decision(
    services: Services, policy: TransferPolicy, browser: Browser, *, subject: str, claim: Claim
) -> None:
    """What must hold when the person says yes: the networks, the device, nearness. Raises `AccessDenied`."""
    check_network(policy, browser.network)
    check_network(policy, claim.network)  # the policy may have been tightened since the claim
    await check_device(services, policy, subject, claim)
    if policy.establish_proximity == "require" and not is_near(nearness(services, browser, claim)):
        raise AccessDenied("the two devices are not on one network, and this task moves only between near ones")


def nearness(services: Services, browser: Browser, claim: Claim) -> list[Evidence]:
    """`establish_proximity` (6.1.1): what is known now of the two devices' nearness."""
    return evidence(
        claim_network=claim.network,
        claimed_at=claim.claimed_at,
        decider_network=browser.network,
        locator=services.locator,
        now=services.clock(),
        stated_place=claim.place,
    )


def nearness_to_show(services: Services, browser: Browser, claim: Claim, sensitivity: str | None = None) -> str | None:
    """`near` or `far` for the page, or nothing when the policy does not look or nobody knows."""
    policy = services.policies.effective(claim.client_id, sensitivity)
    found = counted(nearness(services, browser, claim))
    if policy.establish_proximity == "off" or not found:
        return None
    return "near" if is_near(found, least=Strength.PLACE) else "far"


def explanation(
    services: Services, policy: TransferPolicy, sign_in: SignInPolicy, browser: Browser, claim: Claim
) -> str:
    """The decision's reasons as JSON, kept with the transfer: both networks, the evidence, the policy in force."""
    content = {
        "networks": {"authorization_device": browser.network, "consumption_device": claim.network},
        "evidence": [asdict(piece) for piece in nearness(services, browser, claim)],
        "policy": {name: _plain(value) for name, value in vars(policy).items()},
        "sign_in_policy": vars(sign_in),
    }
    return json.dumps(content, sort_keys=True)


def _plain(value: object) -> object:
    return sorted(value) if isinstance(value, frozenset) else value


def narrowed(services: Services, issued: Issued) -> Issued:
    """What came of a transfer has what `limited_scopes` (6.1.9) allows at this moment, however it was approved."""
    if issued.grant.transfer_id is None:
        return issued
    policy = services.policies.effective(issued.grant.client_id)
    actions = issued.actions & policy.limited_scopes
    if not actions:
        raise InvalidGrant("nothing is left of what was granted")
    return replace(issued, actions=actions)


def token_lifetime(services: Services, issued: Issued) -> int:
    """`short_lived_tokens` (6.1.10) as it was when the grant was made and as it is now, whichever is shorter."""
    policy = services.policies.effective(issued.grant.client_id)
    return min(issued.grant.token_lifetime, policy.short_lived_tokens)
