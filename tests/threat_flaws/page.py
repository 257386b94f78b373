"""Flaws of the pages that show in a browser alone: what is seen, what the hand falls on, what the browser allows."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from segue_authz.endpoints import confirm, device
from segue_authz.pages import confirmation, names, render, security_headers, static_files
from segue_resource.stores import names as proposals
from segue_resource.stores import tasks
from starlette.responses import Response

from threat_flaws.flaw import Patch, nothing, page_flaw


def _seeing(patch: Patch, endpoint: Any, change: Callable[[Any], Any]) -> None:
    """The page is told something else than the truth."""
    see = endpoint._view

    async def careless(*of: Any, **how: Any) -> Any:
        return change(await see(*of, **how))

    patch.setattr(endpoint, "_view", careless)


def _rewriting(patch: Patch, old: str, new: str) -> None:
    """The templates say something else."""
    write = render._page

    def careless(*of: Any, **how: Any) -> Response:
        answer = write(*of, **how)
        headers = {name: value for name, value in answer.headers.items() if name != "content-length"}
        return Response(bytes(answer.body).replace(old.encode(), new.encode()), answer.status_code, headers)

    patch.setattr(render, "_page", careless)


def _scripting(patch: Patch, name: str, change: Callable[[bytes], bytes]) -> None:
    """A script of ours does something else."""
    file = static_files._FILES[name]
    patch.setitem(static_files._BY_PUBLIC_NAME, file.name, replace(file, body=change(file.body)))


@page_flaw("XD-PULL-12", "another request is opened under an open page")
def the_request_opened_last_is_the_one_decided(patch: Patch) -> None:
    open_by_code, find = device.open_transfer, device._opened
    last: list[str] = []

    async def remembering(services: Any, stored: Any, browser: Any) -> Any:
        opened = await open_by_code(services, stored, browser)
        last.append(opened.transfer.offer.transfer_id)
        return opened

    async def careless(services: Any, request: Any, browser: Any) -> Any:
        if request.method == "POST":
            request.scope["path_params"] = {"transfer_id": last[-1]}
        return await find(services, request, browser)

    patch.setattr(device, "open_transfer", remembering)
    patch.setattr(device, "_opened", careless)
    patch.setattr(device, "changed", nothing)


@page_flaw("XD-PULL-12", "a form is sent for another request")
def a_form_decides_what_it_has_not_shown(patch: Patch) -> None:
    patch.setattr(device, "changed", nothing)


@page_flaw("XD-PULL-13", "an asking device passes for a trusted one")
def a_device_says_which_app_it_is(patch: Patch) -> None:
    _seeing(patch, device, lambda view: replace(view, client_name=view.device_name))


@page_flaw("XD-PULL-13", "a claiming device passes for a trusted one")
def a_device_says_in_which_network_it_is(patch: Patch) -> None:
    _seeing(patch, confirm, lambda view: replace(view, network=view.place or view.network))


@page_flaw("XD-PULL-17", "an app passes the flow off as its login")
def a_link_enters_its_code(patch: Patch) -> None:
    _scripting(patch, "enter_code.js", lambda body: body + b"document.querySelector('form').requestSubmit();")


@page_flaw("XD-PULL-17", "an app passes the flow off as its login")
def nothing_tells_that_a_code_came_with_a_link(patch: Patch) -> None:
    _scripting(patch, "enter_code.js", lambda body: body.replace(b".hidden = false", b".hidden = true"))


@page_flaw("XD-CONS-01", "the page of a push hides what matters")
def one_action_of_many_is_shown(patch: Patch) -> None:
    _seeing(patch, confirm, lambda view: replace(view, actions=view.actions[:1]))


@page_flaw("XD-CONS-01", "the page of a push hides what matters")
def the_page_shows_another_network(patch: Patch) -> None:
    _seeing(patch, confirm, lambda view: replace(view, network="203.0.113.9"))


@page_flaw("XD-CONS-01", "the page of a pull hides what matters")
def the_page_does_not_say_when_it_was_asked(patch: Patch) -> None:
    _rewriting(patch, 'data-fact="requested_at"', 'hidden data-fact="requested_at"')


@page_flaw("XD-CONS-02", "the hand falls on approve")
def approve_has_the_focus(patch: Patch) -> None:
    _rewriting(patch, " autofocus>Decline</button>", ">Decline</button><script autofocus></script>")
    _rewriting(patch, 'class="approve"', 'class="approve" autofocus')


@page_flaw("XD-CONS-02", "the hand falls on approve")
def declining_is_smaller(patch: Patch) -> None:
    _rewriting(patch, 'class="decline"', 'class="end"')


@page_flaw("XD-CONS-03", "names dress up")
def names_are_shown_as_they_come(patch: Patch) -> None:
    patch.setattr(confirmation, "display_name", lambda raw, **_: names.DisplayName(raw))


@page_flaw("XD-CONS-03", "names dress up")
def nothing_tells_what_was_done_to_a_name(patch: Patch) -> None:
    show = names.display_name
    patch.setattr(confirmation, "display_name", lambda raw, **how: replace(show(raw, **how), notes=()))


def _proposed_is_named(patch: Patch) -> None:
    propose = proposals.propose

    def careless(writing: Any, name: str) -> Any:
        tasks.rename(writing, name, version=tasks.task(writing).version)
        return propose(writing, name)

    patch.setattr(proposals, "propose", careless)


@page_flaw("XD-AGT-04", "the task speaks on the page of a push")
def an_agent_names_the_task(patch: Patch) -> None:
    _proposed_is_named(patch)


@page_flaw("XD-AGT-04", "the task speaks where one is chosen")
def an_agent_names_what_is_chosen(patch: Patch) -> None:
    _proposed_is_named(patch)


@page_flaw("XD-WEB-02", "pages are framed")
def pages_may_be_framed(patch: Patch) -> None:
    kept = tuple(each for each in security_headers._POLICY if not each.startswith("frame-ancestors"))
    patch.setattr(security_headers, "_POLICY", kept)


@page_flaw("XD-WEB-02", "a decoy keeps hold of the window it opens")
def a_window_stays_with_its_opener(patch: Patch) -> None:
    _heading(patch, "Cross-Origin-Opener-Policy", "unsafe-none")


@page_flaw("XD-WEB-02", "the second click of a double click decides")
def a_page_takes_clicks_from_the_first_moment(patch: Patch) -> None:
    _scripting(patch, "dead_time.js", lambda body: body.replace(b"rest(document", b"void (document"))


@page_flaw("XD-WEB-02", "the second click of a double click decides")
def a_page_takes_clicks_as_it_regains_the_focus(patch: Patch) -> None:
    _scripting(patch, "dead_time.js", lambda body: body.replace(b'addEventListener("focus"', b'addEventListener("x"'))


@page_flaw("XD-WEB-04", "names are markup")
def names_are_not_escaped(patch: Patch) -> None:
    patch.setattr(render, "_TEMPLATES", render._TEMPLATES.overlay(autoescape=False))


@page_flaw("XD-WEB-04", "a script got into the page")
def scripts_in_the_page_may_run(patch: Patch) -> None:
    patch.setattr(security_headers, "_POLICY", ("script-src 'self' 'unsafe-inline'", "frame-ancestors 'none'"))


@page_flaw("XD-WEB-05", "a link leaves its code behind")
def the_code_stays_in_the_address(patch: Patch) -> None:
    _scripting(patch, "enter_code.js", lambda body: body.replace(b"history.replaceState", b"void"))


@page_flaw("XD-WEB-05", "a link leaves its code behind")
def the_next_page_is_told_where_one_came_from(patch: Patch) -> None:
    _heading(patch, "Referrer-Policy", "unsafe-url")


def _heading(patch: Patch, name: str, value: str) -> None:
    """Pages carry another header."""
    honest = render.page_headers
    patch.setattr(render, "page_headers", lambda **how: honest(**how) | {name: value})
