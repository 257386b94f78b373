"""Whatever is asked of the authorization server's pages, none fails: drawn forms, queries, cookies and paths.

The pages are in no OpenAPI document; they are found in the app, and their fields in its source, so that none is missed.
"""

import ast
import inspect
import re
from collections.abc import Iterator, Sequence
from importlib import import_module
from urllib.parse import urlsplit

import httpx2
import pytest
from anyio.from_thread import BlockingPortal, start_blocking_portal
from authz_world import ISSUER, Browser, World, hidden, open_world
from drawn_requests import Document
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from rounds import FULL, rounds
from segue_authz.endpoints.sign_in import page, password
from starlette.routing import Route

EXAMPLES = rounds(bounded=40, full=1000)
ODD = ("", "\0", "\ud800", "new", "approve", "x" * 5000, "//[", "http://[", "%00", "1", "-1", "\u202e", "9" * 400)
TEXTS = st.sampled_from(ODD) | st.sampled_from(ODD) | st.text(max_size=12)


class Pages:
    """A server, with a person who is signed in and one who is not; each request comes later and from elsewhere."""

    def __init__(self, portal: BlockingPortal, world: World, person: Browser) -> None:
        self._portal = portal
        self._world = world
        self._person = person
        self._asked = 0

    def routes(self) -> list[tuple[str, str, str]]:
        """Method, path and module of each page: all that no OpenAPI document tells of."""
        told = {operation.path for operation in Document("authz.json").operations.values()}
        return [
            (method, route.path, _module(route))
            for route in self._world.app.routes
            if isinstance(route, Route) and route.path not in told and not route.path.startswith("/.well-known/")
            for method in sorted(route.methods or ())
            if method in ("GET", "POST")
        ]

    def ask(self, method: str, path: str, form: dict[str, str], *, signed_in: bool, honest: bool, cookie: bytes) -> int:
        return self._portal.call(self._ask, method, path, form, signed_in, honest, cookie)

    async def _ask(
        self, method: str, path: str, form: dict[str, str], signed_in: bool, honest: bool, cookie: bytes
    ) -> int:
        self._asked += 1
        self._world.now += 3
        network = f"10.{self._asked >> 16}.{self._asked >> 8 & 255}.{self._asked & 255}"
        transport = httpx2.ASGITransport(self._world.app, raise_app_exceptions=False, client=(network, 50000))
        async with httpx2.AsyncClient(transport=transport, base_url=ISSUER) as http:
            if signed_in:
                http.cookies.update(self._person.http.cookies)
            fields = [(b"cookie", cookie)] if cookie and not signed_in else []
            encoded = "&".join(f"{_quoted(name)}={_quoted(value)}" for name, value in form.items())
            if method == "GET":
                return (await http.get(f"{path}?{encoded}", headers=fields)).status_code
            if honest:
                shown = hidden((await http.get(path)).text)
                encoded = "&".join(
                    filter(None, [encoded, *(f"{n}={_quoted(v)}" for n, v in shown.items() if n not in form)])
                )
            kind = (b"content-type", b"application/x-www-form-urlencoded")
            return (await http.post(path, content=encoded, headers=[*fields, kind])).status_code


def _quoted(text: str) -> str:
    return "".join(f"%{byte:02x}" for byte in text.encode("utf-8", "surrogatepass"))


def _module(route: Route) -> str:
    """Where the page's own handler is, inside of what all pages share."""
    handler = inspect.getclosurevars(route.endpoint).nonlocals.get("handler", route.endpoint)
    return str(handler.__module__)


def field_names(module: str) -> list[str]:
    """Every field and parameter that a module asks a form or a query for; of all endpoints, those that many have."""
    found = {"csrf", "shown", "task", "name", "return_to", "anew", "acr_values"}
    for node in ast.walk(ast.parse(inspect.getsource(import_module(module)))):
        match node:
            case (
                ast.Call(func=ast.Attribute(attr="get"), args=[ast.Constant(value=str() as name), *_])
                | ast.Compare(left=ast.Constant(value=str() as name), ops=[ast.In()])
            ):
                found.add(name)
    return sorted(name for name in found if re.fullmatch(r"[a-z_]+", name))


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pages]:
    folder = tmp_path_factory.mktemp("pages")
    with start_blocking_portal() as portal:
        world = portal.call(lambda: open_world(folder, database_url=f"sqlite:///{folder}/authz.db", ephemeral_url=None))
        person = portal.call(_signed_in, world)
        yield Pages(portal, world, person)
        portal.call(world.aclose)


async def _signed_in(world: World) -> Browser:
    browser = world.browser()
    await browser.sign_in()
    return browser


def drawn(pages: Pages, route: tuple[str, str, str], *, fields: Sequence[str] = ()) -> None:
    """Ask one page, and let no answer be a failure of the server; `fields` in place of those its module reads."""
    method, path, module = route

    @given(
        st.fixed_dictionaries({}, optional=dict.fromkeys(fields or field_names(module), TEXTS)),
        st.booleans(),
        st.booleans(),
        st.sampled_from((b"", b"segue=\xff", b"segue=a; segue=b", b"segue=\0", b";=;")),
        st.sampled_from(("trf_1", "%00", "%ff", "..", "x" * 300, "%f0%9f%98%80")),
    )
    def ask(form: dict[str, str], signed_in: bool, honest: bool, cookie: bytes, name: str) -> None:
        address = re.sub(r"{\w+}", name, path)
        status = pages.ask(method, address, form, signed_in=signed_in, honest=honest, cookie=cookie)
        assert status < 500, (method, address, form)

    settings(
        max_examples=EXAMPLES,
        derandomize=not FULL,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate, Phase.shrink],
    )(ask)()


@pytest.mark.requirement("XD-DOS-04", "XD-WEB-01", "XD-WEB-03")
def test_whatever_is_asked_of_a_page_it_does_not_fail(pages: Pages) -> None:
    for route in pages.routes():
        drawn(pages, route)


def test_a_page_that_fails_on_an_address_that_is_none_is_found(pages: Pages, monkeypatch: pytest.MonkeyPatch) -> None:
    """As the sign-in page once did."""
    monkeypatch.setattr(page, "local", lambda address: urlsplit(address).path or "/")
    with pytest.raises(AssertionError):
        drawn(pages, ("GET", "/sign-in", page.__name__), fields=["return_to"])


def test_the_pages_and_their_fields_are_found(pages: Pages) -> None:
    paths = {path for _, path, _ in pages.routes()}
    assert {
        "/sign-in",
        "/device",
        "/approve/{transfer_id}",
        "/confirm/{transfer_id}",
        "/authorize",
        "/devices",
    } <= paths
    assert {"return_to", "username", "password"} <= set(field_names(password.__name__))
    assert all(module.startswith("segue_authz.") for *_, module in pages.routes())
