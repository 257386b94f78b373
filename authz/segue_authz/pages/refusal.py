"""A refusal as a person reads it, in their language. What crosses the wire stays English (RFC 6749 section 5.2)."""

from segue_authz.domain.refusal import Refusal
from segue_authz.pages.text import gettext, marked
from segue_authz.pages.views import Message

FOR_PEOPLE = frozenset(
    (
        marked("You have been signed out; go back and sign in again."),
        marked("This page is out of date; go back and load it again."),
        marked("This form was sent from another site."),
        marked("There is no such transfer."),
        marked("There is no such task."),
        marked("This transfer is open in another browser, and only that one can decide it."),
        marked("This browser's push service has no acceptable address."),
        marked("The form names nothing to end."),
        marked("The form names nothing to change."),
        marked("The pages are not written in that language."),
        marked("The application that sent you here is not known."),
        marked("The application that sent you here gave an address that is not registered for it."),
        marked("What the application asked for is not known here, was answered, or has lapsed."),
        marked("The request has been answered."),
        marked("Too many requests; try again later."),
        marked("This browser has not shown that it is the one that was signed in; load the page again."),
        marked("There is no such provider."),
        marked("Tasks are not transferred from this network."),
        marked("Only a device that you have used before may get this task."),
        marked("The two devices are not on one network, and this task moves only between near ones."),
        marked("This task asks for a passkey, and your account has none."),
    )
)
"""The sentences that are for a person. All others are for whoever writes an application."""


def refused(refusal: Refusal) -> Message:
    """The page of a refusal. What is for the application's makers is shown as they know it, in English."""
    title, sentence = gettext("This did not work"), sentence_of(refusal)
    if sentence in FOR_PEOPLE:
        return Message(title, said(refusal), status=refusal.status)
    text = gettext("What the app or browser sent here is not right. If it happens again, tell those who made the app:")
    return Message(title, text, status=refusal.status, detail=sentence)


def said(refusal: Refusal) -> str:
    """The refusal in one sentence for a person."""
    return gettext(sentence_of(refusal))


def sentence_of(refusal: Refusal) -> str:
    """Its description as a sentence, in English."""
    return f"{refusal.description[0].upper()}{refusal.description[1:]}."
