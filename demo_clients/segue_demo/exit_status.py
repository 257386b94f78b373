"""How a client with a terminal ends: whatever stops it is told in one line."""

import asyncio
import sys
from collections.abc import Coroutine

import httpx2
from segue_client.device import Refused

from segue_demo.event_line import plain

INTERRUPTED = 130
"""What shells make of Ctrl-C."""


def exit_status(work: Coroutine[None, None, None], *, prog: str) -> int:
    """Do the work; 0, or 1 if a server refused or could not be reached, or what was typed makes no sense."""
    try:
        asyncio.run(work)
    except Refused as refused:
        print(f"{prog}: {plain(refused.description)} ({refused.error})", file=sys.stderr)
        return 1
    except (httpx2.TransportError, OSError, ValueError) as failure:
        print(f"{prog}: {failure}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return INTERRUPTED
    return 0
