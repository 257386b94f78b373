"""Beginning a transfer under a code that no other transfer has or had (specs/protocol.md section 6)."""

from collections.abc import Awaitable, Callable

from segue_authz.domain.transfer_code import generate, normalise
from segue_authz.endpoints.services import Services
from segue_authz.stores.port import CodeTaken

DRAWS = 5
"""Of 2.56e10 codes even a hundred million transfers leave 99.6 percent: five draws in a row never all hit one."""


async def begin_with_fresh_code(services: Services, begin: Callable[[str], Awaitable[None]]) -> str:
    """The code with which `begin` succeeded, as it is shown; `begin` is given its letters. Raises `CodeTaken`."""
    for _ in range(DRAWS - 1):
        code = generate(services.random)
        try:
            await begin(letters(code))
        except CodeTaken:
            continue
        return code
    code = generate(services.random)
    await begin(letters(code))
    return code


def letters(code: str) -> str:
    """A code of ours as it is stored under its digest."""
    return normalise(code) or code
