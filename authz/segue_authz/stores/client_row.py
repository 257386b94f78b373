"""How a client is written down, and read again."""

from typing import Any

import sqlalchemy as sa

from segue_authz.domain.client import Client, Method, Origin
from segue_authz.stores.actions_text import from_text, to_text


def to_values(client: Client) -> dict[str, Any]:
    return vars(client) | {
        "actions": to_text(client.actions),
        "redirect_uris": list(client.redirect_uris),
        "consumption_uris": list(client.consumption_uris),
        "jwks": list(client.jwks),
        "exchange_actions": to_text(client.exchange_actions),
        "exchange_audiences": list(client.exchange_audiences),
        "services": to_text(client.services),
    }


def from_row(row: sa.Row[Any]) -> Client:
    return Client(
        row.client_id,
        row.name,
        from_text(row.actions),
        tuple(row.redirect_uris),
        tuple(row.consumption_uris),
        disabled_at=row.disabled_at,
        method=Method(row.method),
        secret_digest=row.secret_digest,
        jwks=tuple(row.jwks),
        audience=row.audience,
        exchange_actions=from_text(row.exchange_actions),
        exchange_audiences=tuple(row.exchange_audiences),
        services=from_text(row.services),
        require_signed_request_object=row.require_signed_request_object,
        backchannel_token_delivery_mode=row.backchannel_token_delivery_mode,
        backchannel_client_notification_endpoint=row.backchannel_client_notification_endpoint,
        backchannel_user_code_parameter=row.backchannel_user_code_parameter,
        origin=Origin(row.origin),
        reviewed_at=row.reviewed_at,
    )
