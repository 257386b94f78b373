"""An agent backend under Segue: with one middleware, only a token for the task, action and device gets through."""

import re
from pathlib import Path
from typing import Any

from segue.clock import Clock, now
from segue.fetch import Fetch, fetch_url
from segue.middleware import TaskTokenMiddleware
from segue.requires import requires
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route
from starlette.types import ASGIApp

from segue_demo import scripted_agent
from segue_demo.job_ledger import Job, JobLedger, OtherJob

MAX_BODY = 65_536
"""Bytes."""


class AgentBackend:
    """The handlers. A job takes `job_seconds`."""

    def __init__(self, ledger: JobLedger, *, job_seconds: int, clock: Clock) -> None:
        self._ledger = ledger
        self._job_seconds = job_seconds
        self._clock = clock

    @requires("events:append")
    async def take_turn(self, request: Request) -> JSONResponse:
        """`POST /turns`: what the agent says next, and what it would change; the device writes it to the task."""
        text = (await _json_object(request)).get("text")
        return JSONResponse(scripted_agent.turn(text if isinstance(text, str) else None))

    @requires("tool_calls:claim")
    async def start_job(self, request: Request) -> JSONResponse:
        """`PUT /jobs/{key}`: start the job, or attach to the one that runs under this key."""
        key, body = _own_key(request), await _json_object(request)
        tool, arguments = body.get("tool"), body.get("arguments")
        if not isinstance(tool, str) or not isinstance(arguments, dict):
            raise HTTPException(422, "a job has a tool and arguments")
        try:
            return self._report(await self._ledger.start(key, tool=tool, arguments=arguments))
        except OtherJob as other:
            raise HTTPException(409, "another job runs under this key") from other

    @requires("tool_calls:claim")
    async def show_job(self, request: Request) -> JSONResponse:
        """`GET /jobs/{key}`: `state`, `progress` in percent, `result`."""
        job = self._ledger.find(_own_key(request))
        if job is None:
            raise HTTPException(404, "no such job")
        return self._report(job)

    def _report(self, job: Job) -> JSONResponse:
        passed = self._clock() - job.started_at
        progress = 100 if passed >= self._job_seconds else max(0, 100 * passed // self._job_seconds)
        result = scripted_agent.result(job.tool, dict(job.arguments)) if progress == 100 else None
        return JSONResponse({"state": "done" if result else "running", "progress": progress, "result": result})


def create_app(
    *, issuer: str, audience: str, ledger: Path, job_seconds: int = 45, fetch: Fetch = fetch_url, clock: Clock = now
) -> ASGIApp:
    """The backend at the public URL `audience`, for tokens of `issuer`."""
    backend = AgentBackend(JobLedger(ledger, clock=clock), job_seconds=job_seconds, clock=clock)
    routes = [
        Route("/turns", backend.take_turn, methods=["POST"]),
        Route("/jobs/{key:path}", backend.start_job, methods=["PUT"]),
        Route("/jobs/{key:path}", backend.show_job, methods=["GET"]),
    ]
    app = Starlette(routes=routes, max_body_size=MAX_BODY)
    guarded = TaskTokenMiddleware(app, issuer=issuer, audience=audience, fetch=fetch, clock=clock)
    return CORSMiddleware(
        guarded,
        allow_origins=["*"],
        allow_methods=["GET", "POST", "PUT"],
        allow_headers=["Authorization", "DPoP", "Content-Type"],
        expose_headers=["DPoP-Nonce", "WWW-Authenticate"],
    )


def _own_key(request: Request) -> str:
    """The key in the path, if it belongs to the task of the token; the job of another task does not exist."""
    key = str(request.path_params["key"])
    task_id = request.scope["segue"].authority.task_id
    if not re.fullmatch(re.escape(task_id) + r"[/:.][\w.-]{1,200}", key, re.ASCII):
        raise HTTPException(404, "no such job")
    return key


async def _json_object(request: Request) -> dict[str, Any]:
    try:
        body = await request.json()
    except ValueError as malformed:
        raise HTTPException(400, "the body is not JSON") from malformed
    if not isinstance(body, dict):
        raise HTTPException(400, "the body is not a JSON object")
    return body
