"""The status lists, for whoever holds a token of ours (draft-ietf-oauth-status-list sections 8 and 9)."""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from segue_authz.domain.refusal import NotFound
from segue_authz.endpoints.operation import URI, operation
from segue_authz.endpoints.services import Services
from segue_authz.tokens.status_list import TTL, TYPE

_HEADERS = {"Cache-Control": f"public, max-age={TTL}", "X-Content-Type-Options": "nosniff"}


@operation("Which status lists there are", answers={200: {"status_lists": {"type": "array", "items": URI}}})
async def status_lists(services: Services, _: Request) -> Response:
    """Section 9.1."""
    return JSONResponse({"status_lists": await services.status_list_feed.uris()}, headers=_HEADERS)


@operation(
    "Which grants were withdrawn, as bits of a signed list",
    path={"number": {"type": "string", "pattern": "^[0-9]{1,9}$"}},
    answers={200: {}},
    refuses=[NotFound],
    signed=f"application/{TYPE}",
)
async def status_list(services: Services, request: Request) -> Response:
    """Section 8.1."""
    number = request.path_params["number"]
    known = number.isascii() and number.isdigit() and len(number) < 10
    token = await services.status_list_feed.token(int(number)) if known else None
    if token is None:
        raise NotFound("there is no such list")
    return Response(token, media_type=f"application/{TYPE}", headers=_HEADERS)
