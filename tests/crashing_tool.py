"""A device's tool process that dies by kill -9, right after its side effect or right before it starts.

Prints the thumbprint of its key; reads the task's address, a token for that key, the call, the ledger and the moment.
"""

import json
import os
import signal
import sys
from pathlib import Path

import httpx2
from segue.testing import TestDevice

LEASE = 1


def main() -> None:
    key = TestDevice()
    print(key.jkt, flush=True)
    given = json.loads(sys.stdin.readline())
    with httpx2.Client() as http:

        def step(verb: str, **content: object) -> dict[str, object]:
            address = f"{given['task']}/tool-calls/{given['call_id']}/{verb}"
            answer = key.request(http, "POST", address, given["token"], json=content)
            answer.raise_for_status()
            return dict(answer.json())

        fence = step("claim", lease=LEASE)["fence"]
        if given["dies"] == "before it starts":
            os.kill(os.getpid(), signal.SIGKILL)
        step("start", fence=fence, lease=LEASE)
    take_effect(Path(given["ledger"]))
    os.kill(os.getpid(), signal.SIGKILL)


def take_effect(ledger: Path) -> None:
    """One line that is on the disk when this returns."""
    file = os.open(ledger, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    os.write(file, b"paid\n")
    os.fsync(file)
    os.close(file)


if __name__ == "__main__":
    main()
