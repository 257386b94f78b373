"""Which language a page is served in, and keeping what the person chose. They are those of the server's own pages."""

from segue_authz.pages.language import ENGLISH, LANGUAGES, Language, accepted, by_tag
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

__all__ = ["ENGLISH", "LANGUAGES", "Language", "choose", "spoken"]

_COOKIE = "segue-demo-language"
_CHOSEN_FOR = 365 * 86400


def spoken(request: Request) -> Language:
    """The person's own choice, else the first that their browser asks for and there is, else English."""
    chosen = by_tag(request.cookies.get(_COOKIE, ""))
    return chosen or accepted(request.headers.get("Accept-Language", "")) or ENGLISH


def choose(request: Request) -> Response:
    """Keep the choice in `?lang=`, and go back to the page without it in the address. It decides nothing else."""
    rest = request.url.remove_query_params("lang").query
    answer = RedirectResponse(f"./?{rest}" if rest else "./", status_code=303)
    chosen = by_tag(request.query_params["lang"])
    if chosen:
        https = request.url.scheme == "https"
        answer.set_cookie(_COOKIE, chosen.tag, max_age=_CHOSEN_FOR, secure=https, httponly=True, samesite="lax")
    return answer
