"""The task store, asked over HTTP with a JWT signed by our own keys (specs/protocol.md section 9)."""

from asyncio import gather
from collections.abc import Mapping
from dataclasses import replace
from hashlib import sha256
from types import MappingProxyType
from typing import Any, TypeVar
from urllib.parse import quote

import httpx2
import msgspec
from segue.clock import Clock
from segue.jose import b64url_encode, sign
from segue_storage.gathered import Gathered

from segue_authz.domain.identifier import Random, secret
from segue_authz.domain.task_card import (
    CannotJoin,
    CardsUnavailable,
    Choice,
    Invitation,
    NotInvited,
    TaskCard,
    TaskName,
)
from segue_authz.pages.text import marked
from segue_authz.tokens.signing_keys import SigningKeys

_LIFETIME = 30
_JSON = {"Content-Type": "application/json"}
_LONGEST_REASON = 400
_T = TypeVar("_T")


class _Cards(msgspec.Struct):
    cards: list[TaskCard]


class _Match(msgspec.Struct):
    reason: str
    likely: bool


class _MatchedCard(msgspec.Struct):
    card: TaskCard
    match: _Match | None


class _MatchedCards(msgspec.Struct):
    cards: list[_MatchedCard]


class _Names(msgspec.Struct):
    names: list[TaskName | None]


class _Noted(msgspec.Struct):
    noted: bool


class _Joined(msgspec.Struct):
    task_id: str


class _Problem(msgspec.Struct):
    type: str


_NOT_TOGETHER = (400, 404, 405, 422, 500)
"""The task store has not learnt to be asked for several at once, or one of them is more than it can take."""
_CANNOT_JOIN = {
    "already-takes-part": marked("You take part in this task already."),
    "not-active": marked("This task has ended."),
    "too-much": marked("This task has as many participants as it may have."),
}
"""What the task store says of a good invitation, in words for the person."""


class TaskCardsOverHttp:
    """`TaskCards` of a task store. `http` has the store's URL as its base; in one process its transport is ASGI."""

    def __init__(
        self, http: httpx2.AsyncClient, *, issuer: str, audience: str, keys: SigningKeys, clock: Clock, random: Random
    ) -> None:
        self._http = http
        self._issuer = issuer
        self._audience = audience
        self._keys = keys
        self._clock = clock
        self._random = random
        self._names = Gathered(self._all_names, away=CardsUnavailable)

    async def open_tasks(self, subject: str) -> list[TaskCard]:
        return _decode(await self._ask("GET", "/task-cards", subject), _Cards).cards

    async def matching(self, subject: str, about: str) -> list[TaskCard]:
        answer = await self._ask("POST", "/task-cards/match", subject, json={"about": about})
        found = _decode(answer, _MatchedCards).cards
        cards = [replace(one.card, because=_because(one.match)) for one in found]
        return sorted(cards, key=lambda card: not card.because)

    async def note_choice(self, subject: str, choice: Choice) -> None:
        content = msgspec.to_builtins(choice)
        _decode(await self._ask("POST", "/task-cards/choices", subject, json=content), _Noted)

    async def card(self, subject: str, task_id: str) -> TaskCard | None:
        answer = await self._ask("GET", f"/task-cards/{quote(task_id, safe='')}", subject)
        return None if answer.status_code == 404 else _decode(answer, TaskCard)

    async def name(self, subject: str, task_id: str) -> TaskName | None:
        """Those that wait are asked for by one request, and none is told what was read before it asked."""
        found = await self._names.ask((subject, task_id))
        if isinstance(found, BaseException):
            raise found
        return found

    async def _all_names(self, asked: list[tuple[str, str]]) -> list[TaskName | BaseException | None]:
        content = msgspec.json.encode({"asked": [{"sub": subject, "task_id": task_id} for subject, task_id in asked]})
        token = self._service_token(asks=b64url_encode(sha256(content).digest()))
        answer = await self._send("POST", "/task-cards/names", token, content=content, headers=_JSON)
        if answer.status_code in _NOT_TOGETHER:
            return await gather(*(self._name(*one) for one in asked), return_exceptions=True)
        names = _decode(answer, _Names).names
        if len(names) != len(asked):
            raise CardsUnavailable("the task store answered another question")
        return [*names]

    async def _name(self, subject: str, task_id: str) -> TaskName | None:
        card = await self.card(subject, task_id)
        return TaskName(card.name, card.owner) if card else None

    async def create(self, subject: str, task_id: str, *, name: str, name_source: str, client_id: str) -> TaskCard:
        path = f"/task-cards/{quote(task_id, safe='')}"
        content = {"name": name, "name_source": name_source, "client_id": client_id}
        return _decode(await self._ask("PUT", path, subject, json=content), TaskCard)

    async def invitation(self, subject: str, code: str) -> Invitation:
        return _decode(await self._answer("show", subject, code), Invitation)

    async def accept(self, subject: str, code: str) -> None:
        _decode(await self._answer("accept", subject, code), _Joined)

    async def decline(self, subject: str, code: str) -> None:
        _decode(await self._answer("decline", subject, code), _Joined)

    async def _answer(self, verb: str, subject: str, code: str) -> httpx2.Response:
        """Raises `NotInvited` and `CannotJoin`."""
        answer = await self._ask("POST", f"/invitations/{verb}", subject, json={"code": code})
        if answer.status_code == 404:
            raise NotInvited("the task store knows no such invitation")
        if answer.status_code in (409, 422, 423):
            slug = _decode(answer, _Problem, statuses=(answer.status_code,)).type.rpartition(":")[2]
            if slug in _CANNOT_JOIN:
                raise CannotJoin(_CANNOT_JOIN[slug])
        return answer

    async def _ask(self, method: str, path: str, subject: str, **content: Any) -> httpx2.Response:
        return await self._send(method, path, self._service_token(sub=subject), **content)

    async def _send(
        self, method: str, path: str, token: str, *, headers: Mapping[str, str] = MappingProxyType({}), **content: Any
    ) -> httpx2.Response:
        headers = {**headers, "Authorization": f"Bearer {token}"}
        try:
            return await self._http.request(method, self._audience + path, headers=headers, **content)
        except httpx2.HTTPError as failure:
            raise CardsUnavailable("the task store cannot be reached") from failure

    def _service_token(self, **asked: str) -> str:
        """For one request: of the person `sub`, or of the body whose digest is `asks`."""
        now, key = self._clock(), self._keys.current
        claims = {"iss": self._issuer, "aud": self._audience, **asked, "iat": now, "exp": now + _LIFETIME}
        claims["jti"] = secret(self._random, 16)
        return sign({"typ": "segue-service+jwt", "kid": key.kid}, claims, key.private_key)


def _because(match: _Match | None) -> str:
    return match.reason[:_LONGEST_REASON] if match is not None and match.likely else ""


def _decode(answer: httpx2.Response, shape: type[_T], *, statuses: tuple[int, ...] = (200, 201)) -> _T:
    if answer.status_code not in statuses:
        raise CardsUnavailable(f"the task store answered {answer.status_code}")
    try:
        return msgspec.json.decode(answer.content, type=shape)
    except (ValueError, RecursionError) as failure:  # not UTF-8, nested too deep, or not of that shape
        raise CardsUnavailable("the task store's answer cannot be read") from failure
