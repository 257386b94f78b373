"""What a person's browsers are told of without being asked, and how much of it in a day."""

from enum import StrEnum


class Kind(StrEnum):
    """What a notice says; there is nothing else in it. Each has its words in `pages/notice.py`."""

    REQUEST = "request"
    """A request by the backchannel waits (stores/backchannel.py says how often)."""
    CLAIMED = "claimed"
    """A device has claimed a task that this person passes on, and waits for the decision."""
    ASKED = "asked"
    """A device has asked for a task as this person, and shows a code that they have to enter."""
    JOINED = "joined"
    """A device has got a task."""
    CHECK_IN = "check_in"
    """A device got its first task some hours ago: is it still theirs?"""
    PASSKEY_ADDED = "passkey_added"
    PASSKEY_REMOVED = "passkey_removed"
    SIGN_IN_CHANGED = "sign_in_changed"
    """Something else has happened to how this person signs in (stores/account_events.py)."""


A_DAY = 12
"""Notices of one kind to one person: more would be noise that hides the one that matters (push fatigue). What is not
told is on the pages all the same."""
LIFETIME = 14_400
"""Seconds for which the push service keeps a notice for a browser that sleeps (RFC 8030 section 5.2)."""
