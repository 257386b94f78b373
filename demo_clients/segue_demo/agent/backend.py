"""An agent backend: whoever gets as far as `answer` has a device that may continue this task. Run it with uvicorn."""

from segue.middleware import TaskTokenMiddleware
from segue.requires import requires
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

ISSUER = "http://localhost:8400"  # your authorization server
AUDIENCE = "http://localhost:8402"  # this backend, as its callers reach it


def answer(task_id: str, text: str | None) -> str:
    """Put your model here. `text` is None when nothing was said yet."""
    return f"In task {task_id} you said: {text}" if text else "What shall we do?"


@requires("events:append")
async def take_turn(request: Request) -> JSONResponse:
    try:
        text = dict(await request.json()).get("text")
    except (ValueError, TypeError) as malformed:
        raise HTTPException(400, "the body is no JSON object") from malformed
    message = answer(request.scope["segue"].authority.task_id, text)
    return JSONResponse({"message": message, "working_set": [], "tool_call": None})


turns = Starlette(routes=[Route("/turns", take_turn, methods=["POST"])], max_body_size=65_536)
guarded = TaskTokenMiddleware(turns, issuer=ISSUER, audience=AUDIENCE)
app = CORSMiddleware(  # for pages of other origins: no cookie is honoured, and a token is worth nothing without its key
    guarded,
    allow_origins=["*"],
    allow_methods=["POST"],
    allow_headers=["Authorization", "DPoP", "Content-Type"],
    expose_headers=["DPoP-Nonce", "WWW-Authenticate"],
)
