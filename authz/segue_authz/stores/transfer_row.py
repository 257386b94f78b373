"""A transfer as a row: one column per fact, a version for compare-and-set, a state for people who read the table."""

from typing import Any

import sqlalchemy as sa

from segue_authz.domain.grant import Authentication
from segue_authz.domain.transfer import (
    Approved,
    Asked,
    Cancelled,
    Claim,
    Claimed,
    Denied,
    Offer,
    Offered,
    Redeemed,
    Requested,
    Transfer,
)
from segue_authz.stores.actions_text import from_text, to_text


def to_values(transfer: Transfer) -> dict[str, Any]:
    """The columns of the state; those of another state are left as they were."""
    values: dict[str, Any] = {"state": type(transfer).__name__}
    for name in ("expires_at", "enter_until", "opened_by", "attempts", "subject", "explained", "grant_id"):
        if hasattr(transfer, name):
            values[name] = getattr(transfer, name)
    values |= _offer_values(transfer.offer) if isinstance(transfer.offer, Offer) else _asked_values(transfer.offer)
    values["asked_about"] = transfer.offer.about if isinstance(transfer, Requested) else None
    claim = getattr(transfer, "claim", None)
    if claim is not None:
        values |= {
            "claim_client_id": claim.client_id,
            "claim_jkt": claim.jkt,
            "claim_device_name": claim.device_name,
            "claim_place": claim.place,
            "claim_network": claim.network,
            "claimed_at": claim.claimed_at,
            "claim_attester": claim.attester,
        }
    if isinstance(transfer, Approved):
        values |= vars(transfer.authentication)
    return values


def from_row(row: sa.Row[Any]) -> Transfer:
    claim = _claim(row)
    if row.state == "Requested" and claim is not None:
        return Requested(_asked(row), claim, row.expires_at, row.opened_by, row.subject, row.attempts, row.enter_until)
    if row.state == "Denied" and row.task_id is None:
        return Denied(_asked(row), claim, row.attempts)
    if row.state == "Cancelled" and row.task_id is None:
        return Cancelled(_asked(row), claim)
    offer = _offer(row)
    if row.state == "Offered":
        return Offered(offer, row.expires_at, row.opened_by)
    if row.state == "Denied":
        return Denied(offer, claim, row.attempts)
    if row.state == "Cancelled":
        return Cancelled(offer, claim)
    if claim is None:
        raise ValueError(f"transfer {row.transfer_id} is {row.state} and has no claim")
    if row.state == "Claimed":
        return Claimed(offer, claim, row.expires_at, row.opened_by, row.attempts)
    if row.state == "Approved":
        return Approved(
            offer, claim, row.expires_at, row.opened_by, Authentication(row.auth_time, row.acr), row.explained or ""
        )
    return Redeemed(offer, claim, row.grant_id)


def _offer(row: sa.Row[Any]) -> Offer:
    return Offer(
        row.transfer_id,
        row.subject,
        row.task_id,
        row.source_grant_id,
        row.consumption_client_id,
        from_text(row.actions),
        row.mode,
        row.created_at,
        row.sensitivity or "normal",
    )


def _asked(row: sa.Row[Any]) -> Asked:
    return Asked(
        row.transfer_id, row.asked_task_id, row.asked_name, from_text(row.actions), row.created_at, row.asked_about
    )


def _offer_values(offer: Offer) -> dict[str, Any]:
    return vars(offer) | {"actions": to_text(offer.actions)}


def _asked_values(asked: Asked) -> dict[str, Any]:
    return {
        "transfer_id": asked.transfer_id,
        "asked_task_id": asked.task_id,
        "asked_name": asked.name,
        "actions": to_text(asked.actions),
        "created_at": asked.created_at,
    }


def _claim(row: sa.Row[Any]) -> Claim | None:
    if row.claim_jkt is None:
        return None
    return Claim(
        row.claim_client_id,
        row.claim_jkt,
        row.claim_device_name,
        row.claim_network,
        row.claimed_at,
        row.claim_place,
        row.claim_attester,
    )
