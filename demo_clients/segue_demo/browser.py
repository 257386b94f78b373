"""A person at a browser, for programs: follows the redirects of the authorization server and fills in its forms."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import parse_qsl, urljoin, urlsplit

import httpx2

REDIRECTS = 10


class Browser:
    """One browser session (cookies of its own) of one person."""

    def __init__(self, http: httpx2.AsyncClient, *, username: str, password: str) -> None:
        self._http = http
        self._username = username
        self._password = password

    async def authorize(
        self, url: str, *, redirect_uri: str, task: str = "new", name: str = "", decision: str = "approve"
    ) -> Mapping[str, str]:
        """Sign in, choose a task (or name a new one), decide; returns the query that comes back to `redirect_uri`."""
        page = await self._open(url, until=redirect_uri)
        answer = await self._decide(page, {"task": task, "name": name, "decision": decision}, until=redirect_uri)
        return dict(parse_qsl(urlsplit(_location(answer)).query))

    async def visit(self, url: str) -> httpx2.Response:
        """Open a page, signing in where that is asked for."""
        return await self._open(url)

    async def confirm(self, confirmation_uri: str, *, check_value: str, decision: str = "approve") -> httpx2.Response:
        """Decide about a claimed transfer; returns the page that follows."""
        page = await self._open(confirmation_uri)
        return await self._decide(page, {"check_value": check_value, "decision": decision})

    async def enter_code(self, verification_uri: str, *, user_code: str) -> httpx2.Response:
        """Type the code that another device shows; returns the page that asks about it, or says that it is unknown."""
        page = await self._open(verification_uri)
        return await self._submit(page, {"user_code": user_code})

    async def look_at_request(self, issuer: str) -> httpx2.Response:
        """Open the oldest request that waits; returns the page that asks about it, or the list if nothing waits."""
        page = await self._open(f"{issuer}/requests")
        waiting = [value for form in _forms_of(page) for name, value in form.buttons if name == "transfer_id"]
        return await self._submit(page, {"transfer_id": waiting[0]}) if waiting else page

    async def approve(
        self,
        page: httpx2.Response,
        *,
        check_value: str,
        task: str = "new",
        name: str = "",
        mode: str = "move",
        decision: str = "approve",
    ) -> httpx2.Response:
        """Decide on the page that `enter_code` led to: the task (or a new one of that name), `move` or `share`."""
        typed = {"task": task, "name": name, "mode": mode, "check_value": check_value, "decision": decision}
        return await self._decide(page, typed)

    async def decline(self, page: httpx2.Response) -> httpx2.Response:
        """Say no on the page that `enter_code` led to."""
        return await self._submit(page, {"decision": "deny"})

    async def answer_invitation(self, invitation_uri: str, *, decision: str = "accept") -> httpx2.Response:
        """Open the address of an invitation to a task and answer; returns the page that follows."""
        address, _, code = invitation_uri.partition("#")
        page = await self._submit(await self._open(address), {"code": code})
        return await self._submit(page, {"decision": decision})

    async def press(self, page: httpx2.Response, **pressed: str) -> httpx2.Response:
        """Press a button of a page, or type and press; returns the page that follows."""
        return await self._submit(page, pressed)

    async def sign_out(self, issuer: str) -> httpx2.Response:
        """End this session; returns the page that says so."""
        page = await self._open(f"{issuer}/")
        return await self._submit(page, {})

    async def _open(self, url: str, *, until: str = "") -> httpx2.Response:
        return await self._signed_in(await self._follow(await self._http.get(url), until=until), until=until)

    async def _signed_in(self, page: httpx2.Response, *, until: str = "") -> httpx2.Response:
        """The page after the sign-in form, if it is that."""
        person = {"username": self._username, "password": self._password}
        return await self._submit(page, person, until=until) if _form_for(page, person) else page

    async def _decide(self, page: httpx2.Response, typed: Mapping[str, str], *, until: str = "") -> httpx2.Response:
        """Decide, and sign in once more for it where the page or its answer asks for that."""
        if _form_for(page, typed) is None and _form_for(page, {"decision": typed["decision"]}) is not None:
            page = await self._signed_in(await self._submit(page, {"decision": typed["decision"]}))
        answer = await self._submit(page, typed, until=until)
        again = await self._signed_in(answer) if not answer.is_redirect else answer
        return answer if again is answer else await self._submit(again, typed, until=until)

    async def _submit(self, page: httpx2.Response, typed: Mapping[str, str], *, until: str = "") -> httpx2.Response:
        """Send the form that takes what is typed and pressed, with everything else it comes with."""
        form = _form_for(page, typed)
        if form is None:
            raise httpx2.ProtocolError(f"the page at {page.url} has no such form; it answered {page.status_code}")
        action = urljoin(str(page.url), form.action)
        parts = urlsplit(action)
        origin = {"Origin": f"{parts.scheme}://{parts.netloc}"}
        answer = await self._http.post(action, data={**form.fields, **typed}, headers=origin)
        return await self._follow(answer, until=until)

    async def _follow(self, answer: httpx2.Response, *, until: str) -> httpx2.Response:
        for _ in range(REDIRECTS):
            if not answer.is_redirect or (until and _location(answer).startswith(until)):
                return answer
            answer = await self._http.get(_location(answer))
        raise httpx2.TooManyRedirects("the pages go round in circles", request=answer.request)


@dataclass
class Form:
    """A form of a page: where it goes, what it comes with (choices not made yet are empty), and its buttons."""

    action: str
    fields: dict[str, str] = field(default_factory=dict)
    buttons: set[tuple[str, str]] = field(default_factory=set)

    def takes(self, typed: Mapping[str, str]) -> bool:
        """Whether all of this can be typed or pressed in it."""
        return all(name in self.fields or (name, value) in self.buttons for name, value in typed.items())


class _Forms(HTMLParser):
    """All forms of a page that are sent by POST. A button may belong to a form elsewhere on the page, by its id."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[Form] = []
        self._by_id: dict[str, Form] = {}
        self._inside: Form | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self._begin(given)
            return
        form = self._by_id.get(given["form"]) if "form" in given else self._inside
        name, value = given.get("name"), given.get("value", "")
        if form is None or not name:
            return
        if tag == "button":
            form.buttons.add((name, value))
        elif tag == "input" and given.get("type") in ("radio", "checkbox") and "checked" not in given:
            form.fields.setdefault(name, "")
        elif tag == "input":
            form.fields[name] = value

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._inside = None

    def _begin(self, given: Mapping[str, str]) -> None:
        form = Form(given.get("action", ""))
        if given.get("method", "").lower() == "post":
            self.found.append(form)
        self._inside = self._by_id[given.get("id", "")] = form


def _form_for(page: httpx2.Response, typed: Mapping[str, str]) -> Form | None:
    return next((form for form in _forms_of(page) if form.takes(typed)), None)


def _forms_of(page: httpx2.Response) -> list[Form]:
    forms = _Forms()
    forms.feed(page.text)
    return forms.found


def _location(answer: httpx2.Response) -> str:
    return urljoin(str(answer.url), answer.headers.get("Location", ""))
