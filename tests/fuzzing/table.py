"""The table of parsers, whole; and what reads something and is not in it, each with the reason."""

import fuzzing.a2a_parsers
import fuzzing.authz_parsers
import fuzzing.client_parsers
import fuzzing.document_parsers
import fuzzing.passkey_parsers
import fuzzing.resource_parsers
import fuzzing.signed_parsers
import fuzzing.upstream_parsers  # noqa: F401  importing them enters their parsers
from fuzzing.parser import PARSERS, Parser

__all__ = ["NOT_FUZZED", "PARSERS", "Parser"]

_OPERATOR = "what the operator writes, on the machine itself"
_OURS = "reads what this server wrote"
_DRAWN = "one text of bounded form, in requests that tests/protocol/test_*_fuzzed.py draw whole"
_ADDRESS = "an address that was registered, which `client-address` has read"
_SDK = "behind the MCP library's own parser, which checks the form before"

NOT_FUZZED = {
    "segue_authz.ceremony:Ceremonies.__init__": _OPERATOR,
    "segue_authz.ceremony:Ceremonies.possible": _OPERATOR,
    "segue_authz.user_command:_hours": _OPERATOR,
    "segue_authz.client_auth.attestation:read_attesters": _OPERATOR,
    "segue_authz.client_command:_number.number": _OPERATOR,
    "segue_authz.command:_jwks": _OPERATOR,
    "segue_authz.settings:_hosts": _OPERATOR,
    "segue_authz.upstream.provider_file:_acr": _OPERATOR,
    "segue_authz.upstream.provider_file:_credential": _OPERATOR,
    "segue_authz.upstream.provider_file:_matching": _OPERATOR,
    "segue_authz.upstream.provider_file:_networks": _OPERATOR,
    "segue_authz.upstream.provider_file:_provider": _OPERATOR,
    "segue_authz.upstream.provider_file:_scopes": _OPERATOR,
    "segue_authz.upstream.provider_file:read": _OPERATOR,
    "segue_authz.upstream.reach:Reach.get": "an address that `upstream-metadata` has read",
    "segue_authz.upstream.reach:_ask_here": "an address that `upstream-metadata` has read",
    "segue_authz.endpoints.sign_in.upstream:answer": "a query that `form` has read",
    "segue_authz.endpoints.sign_in.upstream:_wanted": "what `return-to` has let through",
    "segue_authz.tokens.signing_keys:_key": _OPERATOR,
    "segue_authz.delivery:_post_here": _ADDRESS,
    "segue_authz.domain.client:Client.document_host": _ADDRESS,
    "segue_authz.tokens.vapid:Vapid.headers": _ADDRESS,
    "segue_authz.endpoints.authorization_request:receive": "the text that `form` has read",
    "segue_authz.endpoints.introspection:_worth": "a token that `task-token` has let through",
    "segue_authz.endpoints.status_list:status_list": _DRAWN,
    "segue_authz.endpoints.authorize:_page": "a redirect URI that was registered",
    "segue_authz.endpoints.authorize:ask": "a redirect URI that was registered",
    "segue_authz.endpoints.policing:check_network": "what `peer` has read",
    "segue_authz.endpoints.sign_in.page:_client_name": "what `return-to` has let through",
    "segue_authz.endpoints.withdrawal:withdrawals": _DRAWN,
    "segue_authz.pages.names:_hidden": "a name that `device-name` and `task-name` have read",
    "segue_authz.pages.render:_check_link": _OURS,
    "segue_authz.pages.security_headers:_form_target": "a redirect URI that was registered",
    "segue_authz.grants.device_code:_check_policy": _OURS,
    "segue_resource.settings:_sensitive": _OPERATOR,
    "segue_resource.operating.interval:moment": _OPERATOR,
    "segue_resource.operating.sensitivity:_word": _OPERATOR,
    "segue_resource.retention_file:_classes": _OPERATOR,
    "segue_resource.retention_file:_duration": _OPERATOR,
    "segue_resource.retention_file:read": _OPERATOR,
    "segue_resource.domain.compaction:thresholds": _OPERATOR,
    "segue_resource.domain.search:_terms": "a word that `search-query` has found",
    "segue_resource.endpoints.beside:ServedBeside.__init__": _OPERATOR,
    "segue_resource.endpoints.invitations:InvitationEndpoints._with_code": _OURS,
    "segue_resource.endpoints.live:Live._grown": _OURS,
    "segue_resource.endpoints.names:NameEndpoints.decline": _DRAWN,
    "segue_resource.endpoints.beside_door:_origin": _OPERATOR,
    "segue_resource.endpoints.beside_store:Answered.value": _OURS,
    "segue_resource.endpoints.beside_store:_events": _OURS,
    "segue_mcp.resources:Resources.read": _SDK,
    "segue_mcp.tasks:_found": _SDK,
    "segue_mcp.tool:_as": _SDK,
}
