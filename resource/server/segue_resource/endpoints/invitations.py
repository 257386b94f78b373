"""Invitations: `/tasks/{task_id}/invitations` for the customer, `/invitations/…` for the authorization server (T15).

A code is said once, to who invites. It travels in bodies alone: no address that a log could keep has one in it.
"""

from dataclasses import dataclass
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta
from segue.clock import Clock
from segue.requires import requires
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from segue_resource.domain.invitation import LONGEST, USUAL, Invitation
from segue_resource.domain.participant import Role
from segue_resource.domain.refusal import AlreadyTakesPart, NotActive, NotInvited, TooMuch
from segue_resource.endpoints.body import Nothing, Shape, read_body
from segue_resource.endpoints.header import path_id
from segue_resource.endpoints.operation import Caller, operation
from segue_resource.endpoints.route import route
from segue_resource.endpoints.service_token import ServiceTokens
from segue_resource.endpoints.task_request import answer, caller_of, mutate, show
from segue_resource.stores import invitations
from segue_resource.stores.idempotency import Answer
from segue_resource.stores.invitations import Invitations, Shown
from segue_resource.stores.keys.master_key import Random
from segue_resource.stores.keys.task_keys import Keeper
from segue_resource.stores.task_store import TaskStore
from segue_resource.stores.unit import Writing


class NewInvitation(Shape, frozen=True):
    role: Literal["agent", "human_agent", "supervisor"]
    expires_in: Annotated[int, Meta(ge=60, le=LONGEST)] = USUAL


class Code(Shape, frozen=True):
    code: Annotated[str, Meta(min_length=1, max_length=100)]


@dataclass(frozen=True)
class Invited(Invitation):
    """The answer to who invites, and to nobody else."""

    code: str
    invitation_uri: str


class InvitationEndpoints:
    """The handlers. `issuer` is where the invited person answers."""

    def __init__(self, store: TaskStore, *, keeper: Keeper, issuer: str, clock: Clock, random: Random) -> None:
        self._store = store
        self._master = keeper.master
        self._issuer = issuer
        self._clock = clock
        self._random = random

    def routes(self) -> list[Route]:
        return [
            route("/tasks/{task_id}/invitations", GET=self.list_invitations, POST=self.invite),
            route("/tasks/{task_id}/invitations/{invitation_id}", DELETE=self.withdraw),
        ]

    @operation("Invite somebody", body=NewInvitation, answers={201: Invited}, refuses=[NotActive, TooMuch])
    @requires("participants:manage", task="task_id")
    async def invite(self, request: Request) -> Response:
        body, content = await read_body(request, NewInvitation)
        invitation_id = f"inv_{self._random(12).hex()}"

        def work(writing: Writing) -> Answer:
            created = invitations.create(
                writing,
                invitation_id=invitation_id,
                role=Role(body.role),
                lasts=body.expires_in,
                master=self._master,
            )
            return answer(201, created)

        return self._with_code(await mutate(self._store, request, content, work))

    @operation("The invitations, newest first", answers={200: {"invitations": list[Invitation]}})
    @requires("participants:manage", task="task_id")
    async def list_invitations(self, request: Request) -> Response:
        now = self._clock()
        found, head = await self._store.read(
            caller_of(request), lambda reading: invitations.listed(reading, now=now), releases="participants"
        )
        return show({"invitations": found}, head=head)

    @operation("Withdraw an invitation", body=Nothing, answers={204: None})
    @requires("participants:manage", task="task_id")
    async def withdraw(self, request: Request) -> Response:
        _, content = await read_body(request, Nothing)
        invitation_id = path_id(request, "invitation_id")

        def work(writing: Writing) -> Answer:
            invitations.withdraw(writing, invitation_id)
            return answer(204)

        return await mutate(self._store, request, content, work)

    def _with_code(self, response: Response) -> Response:
        """The code is put in last, so that the answer kept for a repeat has none."""
        told: dict[str, Any] = msgspec.json.decode(response.body)
        code = invitations.code(self._master, told["invitation_id"])
        told |= {"code": code, "invitation_uri": f"{self._issuer}/invitation#{code}"}
        headers = {name: value for name, value in response.headers.items() if name != "content-length"}
        return Response(msgspec.json.encode(told), response.status_code, headers)


class InvitedEndpoints:
    """The handlers for those who have a code. Not for devices: task tokens mean nothing here."""

    def __init__(self, invited: Invitations, tokens: ServiceTokens) -> None:
        self._invited = invited
        self._tokens = tokens

    def routes(self) -> list[Route]:
        return [
            route("/invitations/show", POST=self.show),
            route("/invitations/accept", POST=self.accept),
            route("/invitations/decline", POST=self.decline),
        ]

    @operation(
        "What an invitation is for",
        caller=Caller.AUTHORIZATION_SERVER,
        body=Code,
        answers={200: Shown},
        refuses=[NotInvited, AlreadyTakesPart],
    )
    async def show(self, request: Request) -> Response:
        sub = await self._tokens.person(request)
        body, _ = await read_body(request, Code)
        return _json(await self._invited.show(sub, body.code))

    @operation(
        "The person takes part",
        caller=Caller.AUTHORIZATION_SERVER,
        body=Code,
        answers={200: {"task_id": str}},
        refuses=[NotInvited, AlreadyTakesPart, NotActive, TooMuch],
    )
    async def accept(self, request: Request) -> Response:
        sub = await self._tokens.person(request)
        body, _ = await read_body(request, Code)
        return _json({"task_id": await self._invited.accept(sub, body.code)})

    @operation(
        "The person declines",
        caller=Caller.AUTHORIZATION_SERVER,
        body=Code,
        answers={200: {"task_id": str}},
        refuses=[NotInvited],
    )
    async def decline(self, request: Request) -> Response:
        sub = await self._tokens.person(request)
        body, _ = await read_body(request, Code)
        return _json({"task_id": await self._invited.decline(sub, body.code)})


def _json(value: object) -> Response:
    return Response(msgspec.json.encode(value), media_type="application/json")
