"""People as the lab plays them: each model is a rule that is stated, not a claim about how people are."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from random import Random

import httpx2

from segue_threats.staging.actor import Actor
from segue_threats.staging.seen import Seen

Number = Callable[[], Awaitable[str | None]]
"""What the person has been shown or told as the number to type, if anything."""
WAITING = ("requested", "claimed")


@dataclass(frozen=True)
class Model:
    """`guesses`: types any four digits where a number is asked for and none is known. `minds`: reads the place."""

    slug: str
    name: str
    does: str
    guesses: bool
    minds: bool


MODELS = (
    Model(
        "clicks_through",
        "clicks through",
        "Does what the message asks and approves whatever comes. Types the number they were shown; if they were shown "
        "none, types any four digits, and if those are wrong any other four.",
        guesses=True,
        minds=False,
    ),
    Model(
        "types_what_they_see",
        "types what they see",
        "Does what the message asks and approves. Where the page asks for a number, types the one they were shown, "
        "wherever that was; if they were shown none, declines.",
        guesses=False,
        minds=False,
    ),
    Model(
        "minds_the_place",
        "minds the place",
        "As the one before, but declines when the page says that the other device is not on their network, and leaves "
        "a task alone that their device shows to be somebody else's.",
        guesses=False,
        minds=True,
    ),
)


class Stopped(Exception):
    """The attack got no further; says what stopped it."""


async def decide(person: Actor, page: httpx2.Response, model: Model, number: Number, dice: Random) -> None:
    """Approve as the model does. Raises `Stopped` if it does not come to that."""
    seen = Seen(page)
    if not _can_be_decided(seen):
        raise Stopped(_unknown(page, seen))
    if model.minds and seen.facts.get("nearness") == "far":
        await person.browser.send(page, decision="deny")
        raise Stopped("the person declines: the page says that the device is not on their network")
    told = await number() if seen.asks_number else None
    if seen.asks_number and told is None and not model.guesses:
        await person.browser.send(page, decision="deny")
        raise Stopped("the person declines: the page asks for a number, and nobody has shown them one")
    for _ in range(2):
        typed = {"check_value": told or f"{dice.randrange(10_000):04d}"} if seen.asks_number else {}
        page = await person.browser.send(page, decision="approve", **_choices(person, page), **typed)
        seen = Seen(page)
        if seen.facts.get("state") not in WAITING:
            break
        if "only decline" in seen.error:
            raise Stopped(f"the server: {seen.error}")
    if seen.facts.get("state") in (*WAITING, "denied"):
        raise Stopped("the server: the number was wrong twice")


def _can_be_decided(seen: Seen) -> bool:
    return seen.asks_number or seen.focused in (("decision", "approve"), ("decision", "deny"))


def _unknown(page: httpx2.Response, seen: Seen) -> str:
    if "Too many codes" in seen.words:
        return "the server: too many codes were tried"
    return f"the server: {seen.error}" if seen.error else f"the server answers {page.status_code} to the code"


def _choices(person: Actor, page: httpx2.Response) -> dict[str, str]:
    """The task and the mode, where a page asks for them."""
    return {"task": person.task_id, "mode": "share"} if 'name="mode"' in page.text else {}
