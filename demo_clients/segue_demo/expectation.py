"""What a rehearsal demands of each answer."""

from collections.abc import Awaitable, Callable, Sequence

from segue_client.device import Refused

Steps = Sequence[tuple[str, Callable[[], Awaitable[None]]]]
"""What is done, in words for the terminal, and how."""


class CheckFailed(Exception):
    """Something answered otherwise than it must."""


def expect(condition: object, problem: str) -> None:
    """Raises `CheckFailed` with the problem unless the condition holds."""
    if not condition:
        raise CheckFailed(problem)


async def refused(attempt: Awaitable[object], error: str) -> None:
    """Raises `CheckFailed` unless the attempt is refused with this error."""
    try:
        await attempt
    except Refused as refusal:
        expect(refusal.error == error, f"refused with {refusal.error} instead of {error}")
    else:
        raise CheckFailed(f"it was not refused with {error}")
