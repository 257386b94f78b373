"""What a notification says: the kind of thing, and where to look. Never a name, which a stranger may have chosen.

Lock screens show it to whoever holds the phone.
"""

from dataclasses import dataclass

from segue_authz.domain.notice import Kind
from segue_authz.pages.text import gettext, marked


@dataclass(frozen=True, slots=True)
class Words:
    """`path` is where a click leads."""

    title: str
    body: str
    path: str

    def said(self) -> dict[str, str]:
        return {"title": gettext(self.title), "body": gettext(self.body), "path": self.path}


WORDS = {
    Kind.REQUEST: Words(
        marked("A request waits for you"),
        marked("Open Segue to see who asks. If you did not start it, decline."),
        "/requests",
    ),
    Kind.CLAIMED: Words(
        marked("A device wants to go on with your task"),
        marked("Open Segue to see which one. If you did not start it, decline."),
        "/devices",
    ),
    Kind.ASKED: Words(
        marked("A device of yours asks for a task"),
        marked("It shows a code. Enter it only if you see that device before you."),
        "/device",
    ),
    Kind.JOINED: Words(
        marked("A device joined your task"),
        marked("Open Segue to see which one. If it is not yours, end its access."),
        "/devices",
    ),
    Kind.CHECK_IN: Words(
        marked("Is this device still yours?"),
        marked("A new device has had a task of yours for some hours. Open Segue to answer."),
        "/devices",
    ),
    Kind.PASSKEY_ADDED: Words(
        marked("A passkey was added to your account"),
        marked("If that was not you, open Segue and remove it."),
        "/account/security",
    ),
    Kind.PASSKEY_REMOVED: Words(
        marked("A passkey was removed from your account"),
        marked("If that was not you, open Segue and look at how you sign in."),
        "/account/security",
    ),
    Kind.SIGN_IN_CHANGED: Words(
        marked("Something changed in how you sign in"),
        marked("If that was not you, open Segue and look at it."),
        "/account/security",
    ),
}
SETTLED = Words(marked("This has been settled"), marked("What you were told of does not wait any more."), "/")
UNKNOWN = Words(marked("Segue has something to tell you"), marked("Open Segue to see what it is."), "/")
"""For a browser that is signed out by now, or has to show first that it is the one that was signed in."""
