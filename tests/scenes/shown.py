"""The pages of the authorization server, each state of each, and at which address a person meets it."""

import json
import re
from dataclasses import dataclass
from pathlib import Path

from authz_page_views import every_page
from html_page import Element, read_page
from segue_authz.pages.language import by_tag
from segue_authz.pages.text import Reader, reading
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route

ANYWHERE = "wherever a bound session is asked for"
ADDRESSES = {
    "/": ("account",),
    "/sign-in": ("sign-in",),
    "/sign-in/recovery": ("recovery",),
    "/sign-in/upstream/{provider}": ("to another provider",),
    "/account/security": ("account security",),
    "/authorize": ("consent",),
    "/device": ("enter-code",),
    "/approve/{transfer_id}": ("approve",),
    "/confirm/{transfer_id}": ("confirm",),
    "/devices": ("devices", "confirm step"),
    "/invitation": ("invitation", "invitation code"),
    "/requests": ("waiting",),
    "/user-code": ("user code",),
    "/notices": ("notifications",),
    "/signed-out": ("message",),
    ANYWHERE: ("unproved",),
}
"""Each page's address, with what the names of its scenes begin with. A refusal is a message, wherever it is met."""
NO_PAGES = {
    "/sign-in/passkey": "what the browser needs to ask for a passkey",
    "/sign-in/upstream/{provider}/callback": "leads on, or refuses",
    "/account/passkeys/options": "what the browser needs to make a passkey",
    "/requests/waiting": "what waits, for a page's script",
    "/notices/latest": "what to tell, for the service worker",
    "/service-worker.js": "a script",
    "/static": "style sheet and scripts",
}
"""What else is answered to GET, and what with."""
_OPENAPI = Path(__file__).resolve().parents[2] / "specs" / "openapi" / "authz.json"
_DIGESTED = re.compile(r"\.[0-9a-f]{12}\.(js|svg)$")
_LOOKS = ("class", "type", "hidden", "href", "src", "checked", "disabled", "open", "dir", "lang")


@dataclass(frozen=True, slots=True)
class Scene:
    """A page in one state; `name` says which."""

    name: str
    answer: Response

    @property
    def page(self) -> Element:
        return read_page(self.answer)

    def looks(self) -> str:
        """What its picture depends on: the words, the elements, and the style sheet, whose address has its digest."""
        return "\n".join(_looks(self.page))


def scenes(language: str = "en") -> list[Scene]:
    """All that are rendered from a view, in this language."""
    spoken = by_tag(language)
    assert spoken is not None
    with reading(Reader(spoken)):
        return [Scene(name, answer) for name, answer in every_page().items()]


def scene(name: str) -> Scene:
    """The one of this name, in English."""
    return next(each for each in scenes() if each.name == name)


def kind(name: str) -> str:
    """The page that a scene's name begins with."""
    kinds = [each for kinds in ADDRESSES.values() for each in kinds]
    return max((each for each in kinds if re.match(rf"{each}(?!\w)", name)), key=len)


def addresses(app: Starlette) -> set[str]:
    """Where this server shows pages: what is asked for with GET, and neither an API nor a document."""
    elsewhere = {*NO_PAGES, *json.loads(_OPENAPI.read_text())["paths"]}
    routes = [route for route in app.routes if isinstance(route, Route) and "GET" in (route.methods or ())]
    return {route.path for route in routes if not route.path.startswith("/.well-known/")} - elsewhere


def _looks(element: Element) -> list[str]:
    known = {name: _DIGESTED.sub(r".\1", element.attributes[name]) for name in _LOOKS if name in element.attributes}
    lines = [f"{element.tag} {known}"] if element.tag not in ("meta", "script") else []
    for child in element.children:
        lines += [" ".join(child.split())] if isinstance(child, str) else _looks(child)
    return [line for line in lines if line]
