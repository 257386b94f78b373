"""The laws a store is held to, and how a broken one is told."""

from enum import Enum


class ContractBroken(AssertionError):
    """A store broke a law; the message names the law and says what was seen."""

    def __init__(self, law: "Law", seen: str) -> None:
        super().__init__(f"{law.slug}: {law.sentence} But: {seen}")
        self.law = law


class Law(Enum):
    """Each with its name in the ports' docstrings, and in a sentence."""

    FAITHFUL = "faithful", "What was stored is what is read, in every process."
    COMPARE_AND_SET = "compare-and-set", "A change made from what is no longer stored changes nothing and says so."
    FINISHED_STAYS = "finished-stays", "A finished transfer stays as it ended, whoever comes late."
    TOMBSTONES_STAY = "tombstones-stay", "What is over is still found, so that a replay is seen."
    FIRST_KEY = "first-key", "The key of the first claim stays the transfer's key."
    TRIES_COUNTED = "tries-counted", "Each try at the check value is counted, and none goes beyond the limit."
    REDEEM_ONCE = "redeem-once", "Of all redemptions of one transfer one succeeds."
    CODE_ONCE = "code-once", "All redemptions of one authorization code answer one grant."
    EPOCH_ONCE = "epoch-once", "The epoch rises by one with each move, in the redemption's transaction, and else never."
    HOLDER_GIVES = "holder-gives", "Only a live grant at the task's epoch passes it on, and no more than it has."
    WHOLE_OR_NOTHING = "whole-or-nothing", "A step that does not happen leaves no trace."
    NEWEST_OFFER = "newest-offer", "Of the offers of one grant the newest alone can go on."
    POLL_APART = "poll-apart", "Noting a poll or a contest touches neither state nor version, and all processes see it."
    REFRESH_ONCE = (
        "refresh-once",
        "Of the uses of one refresh generation one advances the grant; all get that successor.",
    )
    REUSE_ENDS = "reuse-ends", "A generation that is used after its successor, or too late, ends the grant."
    REVOCATION_SEEN = "revocation-seen", "Once a withdrawal has answered, nothing it names is found live anywhere."
    LINEARIZABLE = "linearizable", "What concurrent callers saw could have been seen one after the other."

    def __init__(self, slug: str, sentence: str) -> None:
        self.slug = slug
        self.sentence = sentence

    def require(self, holds: bool, seen: str) -> None:  # noqa: FBT001 (it is the condition)
        """Raise `ContractBroken` with what was seen, unless the condition holds."""
        if not holds:
            raise ContractBroken(self, seen)
