"""What every refusal that crosses the wire carries: an OAuth error code, words for the caller, a cause for the log."""

from typing import ClassVar


class Refused(Exception):
    """Base of the refusals of this package.

    `error` is the OAuth error code and `description` travels to the caller: a constant of ours, never the caller's
    input, because it ends up inside a quoted header. `because` goes to the log alone.
    """

    error: ClassVar[str]

    def __init__(self, description: str, *, because: str = "") -> None:
        super().__init__(description)
        self.description = description
        self.because = because or description
