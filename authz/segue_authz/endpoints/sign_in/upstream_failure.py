"""What a person reads when signing in at another provider came to nothing, and what they can do then."""

from dataclasses import dataclass
from enum import Enum
from urllib.parse import quote

from starlette.responses import Response

from segue_authz import pages
from segue_authz.domain.upstream import UpstreamRequest
from segue_authz.endpoints.services import Services
from segue_authz.pages.text import gettext, marked
from segue_authz.upstream.provider import Provider

SECURITY = "/account/security"


@dataclass(frozen=True)
class Words:
    title: str
    text: str
    status: int


class Failure(Enum):
    """Each with its words; `%(label)s` is the provider."""

    DENIED = Words(
        marked("You did not sign in"),
        marked("%(label)s says that you did not go on there. Nothing has changed here. You can begin once more."),
        403,
    )
    NOT_THERE = Words(
        marked("You did not sign in"),
        marked("%(label)s could not tell who you are without asking you. Begin once more and answer what it asks."),
        403,
    )
    AWAY = Words(
        marked("%(label)s cannot be reached"),
        marked("Nothing has changed here. Try again in a moment, or sign in in another way."),
        503,
    )
    REFUSED = Words(
        marked("%(label)s refused"),
        marked("It does not accept requests of this server at present. Sign in in another way."),
        502,
    )
    NOT_BELIEVED = Words(
        marked("You are not signed in"),
        marked("What came back from %(label)s is not right, so it does not count. Begin once more from here."),
        400,
    )
    OTHER_BROWSER = Words(
        marked("This was not begun here"),
        marked("Another browser was sent to %(label)s for this answer. If you did not begin it, somebody else did."),
        403,
    )
    ANSWERED = Words(
        marked("This has been answered"),
        marked("An answer from %(label)s counts once, and this one has been used."),
        400,
    )
    LATE = Words(
        marked("This took too long"),
        marked("You came back from %(label)s too late. Begin once more."),
        400,
    )
    UNKNOWN = Words(
        marked("You are not signed in"),
        marked("Nobody was sent to %(label)s for this answer. Begin once more from here."),
        400,
    )
    NOT_LINKED = Words(
        marked("No account is linked"),
        marked(
            "Nobody here has linked this account at %(label)s. If you have an account here, sign in to it in another"
            " way and link the two under “How you sign in”."
        ),
        403,
    )
    NOT_ADMITTED = Words(
        marked("This account cannot be used here"),
        marked("Those who run this server do not let in this account at %(label)s."),
        403,
    )
    CLOSED = Words(marked("This account is closed"), marked("Ask those who run this server."), 403)
    ENDED = Words(
        marked("You are not signed in"),
        marked("You have signed out at %(label)s meanwhile. Begin once more."),
        403,
    )
    NOT_YOURS = Words(
        marked("This account cannot be linked"),
        marked("This account at %(label)s is in use here already. An account elsewhere opens one account here."),
        409,
    )
    LINKED_ALREADY = Words(
        marked("This account is linked"),
        marked("You have linked this account at %(label)s before. Nothing has changed."),
        200,
    )


class UpstreamFailed(Exception):
    """Nobody was signed in, and nothing was linked. The message is for the log."""

    def __init__(self, failure: Failure, because: str = "", asked: UpstreamRequest | None = None) -> None:
        super().__init__(f"{failure.name.lower()}: {because}" if because else failure.name.lower())
        self.failure = failure
        self.asked = asked


def failed_page(services: Services, provider: Provider, failed: UpstreamFailed) -> Response:
    """With the way on: the sign-in page for what the person wanted, or the page on which they link."""
    words, asked = failed.failure.value, failed.asked
    if asked is not None and asked.subject is not None:
        action = (gettext("How you sign in"), SECURITY)
    elif failed.failure is Failure.ANSWERED and asked is not None:
        action = (gettext("Go on"), asked.return_to)
    else:
        anew = "anew=yes&" if asked is not None and asked.anew else ""
        back = quote(asked.return_to if asked is not None else "/", safe="")
        action = (gettext("To the sign-in page"), f"/sign-in?{anew}return_to={back}")
    places = {"label": provider.label}
    view = pages.Message(gettext(words.title, **places), gettext(words.text, **places), words.status, action)
    return pages.message(view, https=services.settings.https)
