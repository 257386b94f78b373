"""Flaws of the pages."""

from typing import Any

from segue_authz.endpoints import browser, page
from segue_authz.endpoints.sign_in import page as sign_in_page
from starlette.responses import Response

from threat_flaws.flaw import Patch, flaw, nothing


@flaw("XD-WEB-01")
def the_secret_of_a_form_is_not_looked_at(patch: Patch) -> None:
    patch.setattr(browser, "same", lambda *_: True)


@flaw("XD-WEB-01")
def any_origin_may_post(patch: Patch) -> None:
    patch.setattr(page, "check_origin", nothing)


@flaw("XD-WEB-03")
def signing_in_returns_anywhere(patch: Patch) -> None:
    patch.setattr(sign_in_page, "local", lambda address: address)


@flaw("XD-WEB-10")
def a_script_may_read_the_cookie(patch: Patch) -> None:
    set_cookie = Response.set_cookie

    def careless(self: Response, *named: Any, **how: Any) -> None:
        set_cookie(self, *named, **{**how, "httponly": False})

    patch.setattr(Response, "set_cookie", careless)
