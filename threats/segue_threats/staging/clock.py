"""Time that stands still until it is turned: nobody waits, and the same seed meets the same moments."""

from segue.clock import now


class TurnedClock:
    """The one clock of servers, devices and people. It begins at the machine's time."""

    def __init__(self) -> None:
        self._at = now()

    def __call__(self) -> int:
        return self._at

    def turn(self, seconds: int) -> None:
        """Let so many seconds pass."""
        self._at += seconds
