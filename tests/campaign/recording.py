"""The way of one person's requests to the servers. Each is written down, as the operation that it is."""

import hashlib
import json
import re
from collections.abc import Callable, Mapping
from random import Random
from typing import Any
from urllib.parse import parse_qs

import httpx2
from history.recorder import Recorder
from segue.jose import parse, thumbprint

Json = Mapping[str, Any]
LOST = 0.1
"""The share of answers to what changes something that are lost on their way."""
_TASK = re.compile(r"/tasks/(?P<task>[^/]+)(?P<rest>/.*)?")
_CALL = re.compile(r"/tool-calls/(?P<call>[^/]+)/(?P<verb>\w+)")
_ITEM = re.compile(r"/working-set/(?P<item>[^/]+)")


class Asked:
    """What an operation is called, what was sent, and how its answer is to be told."""

    def __init__(self, name: str, sent: Json, told: Callable[[Json], Json] = lambda _: {}) -> None:
        self.name = name
        self.sent = sent
        self.told = told


class Recording(httpx2.AsyncBaseTransport):
    """Over `network`, as from the address `place`: the servers trust the address in front of them to say it.

    Of the answers to what changes something some are lost on their way, as `dice` say.
    """

    def __init__(
        self, recorder: Recorder, network: httpx2.AsyncBaseTransport, *, person: str, place: str, dice: Random
    ) -> None:
        self._recorder = recorder
        self._dice = dice
        self._network = network
        self._person = person
        self._place = place
        self._families: dict[str, str] = {}
        self._modes: dict[str, str] = {}

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        request.headers["X-Forwarded-For"] = self._place
        if "text/event-stream" in request.headers.get("Accept", ""):
            return await self._network.handle_async_request(request)  # its reader writes down what it saw
        asked = self._asked(request)
        number = self._recorder.begin(f"{self._person}/{_jkt(request)[:6]}", asked.name, **asked.sent)
        try:
            answer = await self._network.handle_async_request(request)
            await answer.aread()
        except httpx2.HTTPError as broken:
            self._recorder.lost(number, type(broken).__name__)
            raise
        if request.method != "GET" and answer.status_code < 400 and self._dice.random() < LOST:
            raise httpx2.ReadError("the answer is lost on its way", request=request)
        content = _json(answer.content)
        if answer.status_code < 400:
            told = dict(asked.told(content))
            if answer.headers.get("Idempotency-Replayed"):
                told["replayed"] = True
            self._recorder.told(number, **told)
        else:
            error = content.get("error") or str(content.get("type", "")).rpartition(":")[2] or "page"
            after = answer.headers.get("Retry-After")
            self._recorder.refused(number, status=answer.status_code, error=str(error), retry_after=after)
        return answer

    async def aclose(self) -> None:
        await self._network.aclose()

    def _asked(self, request: httpx2.Request) -> Asked:
        path = request.url.path
        if found := _TASK.fullmatch(path):
            return self._at_task(request, found["task"], found["rest"] or "")
        form = {name: values[0] for name, values in parse_qs(request.content.decode("utf-8", "replace")).items()}
        if path == "/token":
            return self._token(form, _jkt(request))
        if "transfer_code" in form:
            sent = {"code": digest(form["transfer_code"]), "jkt": _jkt(request)}
            return Asked("claim", sent, lambda told: {"device_code": digest(told["device_code"])})
        if path.startswith("/confirm/") and form.get("decision") == "approve" and "check_value" in form:
            return Asked("confirm", {"transfer": path.rpartition("/")[2]})
        if path == "/transfer" and request.method == "POST":
            return Asked("offer", {"mode": form.get("mode")}, lambda told: self._offered(told, form["mode"]))
        return Asked("ask", {"method": request.method, "path": path})

    def _at_task(self, request: httpx2.Request, task: str, rest: str) -> Asked:
        claims = parse(request.headers["Authorization"].partition(" ")[2]).claims()
        sent: dict[str, Any] = {
            "task": task,
            "device": claims["cnf"]["jkt"],
            "epoch": claims["authorization_details"][0]["epoch"],
        }
        if request.method == "GET":
            if rest == "/events":
                after = int(request.url.params.get("after", 0))
                return Asked("read", {**sent, "after": after}, _page)
            return Asked("look", {**sent, "path": rest})
        sent |= {"key": request.headers.get("Idempotency-Key"), "writes": True}
        body = _json(request.content)
        if rest == "/events":
            marks = [event["body"].get("text") for event in body["events"]]
            return Asked(
                "append", {**sent, "marks": marks}, lambda told: {name: told[name] for name in ("first", "last")}
            )
        if found := _ITEM.fullmatch(rest):
            based_on = int(request.headers.get("If-Match", '"0"').strip('"'))
            sent |= {"item": found["item"], "based_on": based_on, "mark": body.get("body")}
            return Asked("change", sent, lambda told: {"version": told["version"]})
        if rest == "/tool-calls":
            return Asked("propose-call", {**sent, "effect": body["effect"]}, lambda told: {"call": told["call_id"]})
        if found := _CALL.fullmatch(rest):
            sent |= {"call": found["call"], **body}
            return Asked(
                f"{found['verb']}-call", sent, lambda told: {"state": told["state"], "fence": told.get("fence")}
            )
        return Asked("write", {**sent, "path": rest})

    def _token(self, form: Json, jkt: str) -> Asked:
        if form.get("grant_type") == "refresh_token":
            shown = digest(form["refresh_token"])
            return Asked("refresh", {"family": self._families.get(shown, shown), "token": shown}, self._minted)
        if "device_code" in form:
            return Asked("redeem", {"device_code": digest(form["device_code"]), "jkt": jkt}, self._redeemed)
        return Asked("exchange", {"jkt": jkt}, self._minted)

    def _minted(self, told: Json) -> Json:
        claims, token = parse(told["access_token"]).claims(), digest(told["refresh_token"])
        self._families[token] = claims["grant_id"]
        return {"token": token, "grant": claims["grant_id"]}

    def _redeemed(self, told: Json) -> Json:
        details = parse(told["access_token"]).claims()["authorization_details"][0]
        transfer = details["transfer_id"]
        said = {"transfer": transfer, "task": details["task_id"], "epoch": details["epoch"]}
        return {**self._minted(told), **said, "mode": self._modes[transfer]}

    def _offered(self, told: Json, mode: str) -> Json:
        self._modes[told["transfer_id"]] = mode
        return {"transfer": told["transfer_id"]}


def digest(content: Any) -> str:
    """Short, and the same for the same content: secrets are not written down."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]


def event_digest(event: Json) -> str:
    return digest({name: event.get(name) for name in ("seq", "kind", "role", "at", "actor", "session_id", "body")})


def _page(told: Json) -> Json:
    return {"events": [[event["seq"], event_digest(event)] for event in told["events"]], "head": told["head"]}


def _json(content: bytes) -> Any:
    try:
        found = json.loads(content)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _jkt(request: httpx2.Request) -> str:
    """The key that proves the request; a browser has none."""
    proof = request.headers.get("DPoP")
    return "browser" if proof is None else thumbprint(parse(proof).header["jwk"])
