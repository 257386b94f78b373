"""Ends what goes on under a token when its grant is withdrawn: the app is told that its client has left."""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from segue.withdrawals import Withdrawals

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]


class Admission:
    """Stands between the server's `receive` and the app. After the body an app only waits for its client to leave."""

    __slots__ = ("_body_read", "_grant_id", "_receive", "_withdrawals")

    def __init__(self, receive: Receive, withdrawals: Withdrawals, grant_id: str) -> None:
        self._receive = receive
        self._withdrawals = withdrawals
        self._grant_id = grant_id
        self._body_read = False

    async def receive(self) -> Message:
        """The app's `receive`."""
        if not self._body_read:
            message = await self._receive()
            self._body_read = not message.get("more_body", False)
            return message
        left: asyncio.Future[Any] = asyncio.ensure_future(self._receive())
        withdrawn: asyncio.Future[Any] = self._withdrawals.ending(self._grant_id)
        try:
            await asyncio.wait([left, withdrawn], return_when=asyncio.FIRST_COMPLETED)
            return left.result() if left.done() else {"type": "http.disconnect"}
        finally:
            left.cancel()
