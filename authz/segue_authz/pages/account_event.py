"""What has happened to an account, in words. What it was about is a name, shown beside them."""

from segue_authz.pages.text import gettext, marked

_WORDS = {
    "passkey-added": marked("A passkey was added."),
    "passkey-removed": marked("A passkey was removed."),
    "passkey-suspect": marked("A passkey was refused, because somebody else may have a copy of it. Remove it."),
    "password-set": marked("The password was set."),
    "password-removed": marked("The password was removed."),
    "codes-made": marked("New recovery codes were made."),
    "code-used": marked("Somebody signed in with a recovery code."),
    "code-by-operator": marked("Those who run this service made a recovery code for you."),
    "upstream-linked": marked("An account elsewhere was linked, by which you can sign in."),
    "upstream-unlinked": marked("An account elsewhere was unlinked."),
    "signed-out-elsewhere": marked("All other browsers were signed out."),
    "session-unproved": marked(
        "A browser used a sign-in of yours without the proof that belongs to it, and was refused. "
        "It may have copied cookies."
    ),
}


def event_words(kind: str) -> str:
    """A sentence; an event of a kind that is not known here is still told."""
    return gettext(_WORDS.get(kind, marked("Something was changed.")))
