"""A device in another process, which has CrewAI; the test gives it grants and does what its tools ask for."""

import asyncio
import itertools
import json
import subprocess
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any

from adapters.crewai_environment import crewai_settings
from journey import Journey
from segue_client.grant import Grant

Does = Callable[[str, str], Awaitable[Any]]
PROGRAM = Path(__file__).parent / "crewai_program.py"


class CrewDevice:
    """`await do("kickoff", grant, …)` runs a function of the program. `downstream` is what its tools reach."""

    def __init__(self, python: Path, home: Path) -> None:
        self.downstream: Does | None = None
        self._home = home
        self._numbers = itertools.count(1)
        self._waiting: dict[int, Future[Any]] = {}
        with (home / "stderr").open("wb") as stderr:
            self._process = subprocess.Popen(
                [str(python), str(PROGRAM)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stderr,
                env=crewai_settings(home),
                cwd=home,
            )
        assert self._line() == {"ready": True}
        threading.Thread(target=self._hear, daemon=True).start()

    def stop(self) -> None:
        self._process.kill()
        self._process.communicate()

    def connect(self, journey: Journey, grant: Grant, *, name: str, lease: int = 30, **more: Any) -> str:
        """Give the grant to the process, which alone uses it from now on."""
        told = {
            "connect": name,
            "issuer": grant.device.issuer,
            "client_id": grant.device.client_id,
            "key": grant.device.key.to_pem().decode(),
            "refresh_token": grant.refresh_token,
            "details": dict(grant.details),
            "store": journey.site.store,
            "lease": lease,
        }
        self._tell(told | more)
        return name

    async def do(self, what: str, grant: str, **arguments: Any) -> Any:
        """Its answer. Raises `Stopped` with what it raised, and the causes."""
        self._loop = asyncio.get_running_loop()
        number = next(self._numbers)
        answer = self._waiting[number] = Future()
        self._tell({"n": number, "do": what, "grant": grant, "with": arguments})
        return await asyncio.wrap_future(answer)

    def _tell(self, what: Any) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(what).encode() + b"\n")
        self._process.stdin.flush()

    def _line(self) -> Any:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        return json.loads(line) if line else {"ended": (self._home / "stderr").read_text()[-3000:]}

    def _hear(self) -> None:
        while "ended" not in (told := self._line()):
            if "execute" in told:
                asyncio.run_coroutine_threadsafe(self._execute(told), self._loop)
            elif "error" in told:
                self._waiting[told["n"]].set_exception(Stopped(told["error"]))
            else:
                self._waiting[told["n"]].set_result(told["answer"])
        for answer in self._waiting.values():
            if not answer.done():
                answer.set_exception(Stopped([told["ended"]]))

    async def _execute(self, told: Any) -> None:
        assert self.downstream is not None
        try:
            done = {"result": await self.downstream(told["execute"], told["clause"])}
        except RuntimeError as failure:
            done = {"failure": str(failure)}
        self._tell({"executed": told["execute"]} | done)


class Stopped(Exception):
    """What was raised in the process: `causes` from the outermost to the first."""

    def __init__(self, causes: list[str]) -> None:
        super().__init__("\n".join(causes))
        self.causes = causes
