"""The withdrawal endpoint: which grants were withdrawn while tokens of theirs may still live.

specs/protocol.md section 10. Public, because a grant is named by a digest of its identifier, which only a holder of its
tokens can recognise.
"""

import asyncio

from starlette.requests import Request
from starlette.responses import Response

from segue_authz.endpoints.answer import answered
from segue_authz.endpoints.operation import TEXT, WORDS, operation
from segue_authz.endpoints.services import Services
from segue_authz.endpoints.withdrawal_feed import REFRESH

LONGEST_WAIT = 20


@operation(
    "Which grants were withdrawn while their tokens may still live",
    query={"seen?": {"type": "string"}, "wait?": {"type": "string", "description": "Seconds; without a number, 0."}},
    answers={200: {"grants": WORDS, "tag": TEXT}},
)
async def withdrawals(services: Services, request: Request) -> Response:
    """Answer when the list is not the one already `seen`, or after `wait` seconds."""
    wait = request.query_params.get("wait", "0")
    seconds = min(int(wait), LONGEST_WAIT) if wait.isascii() and wait.isdigit() and len(wait) < 4 else 0
    until = asyncio.get_running_loop().time() + seconds
    tag, digests = await services.withdrawal_feed.current()
    while tag == request.query_params.get("seen") and asyncio.get_running_loop().time() < until:
        await asyncio.sleep(REFRESH)
        tag, digests = await services.withdrawal_feed.current()
    return answered({"grants": digests, "tag": tag})
