"""Signing in from a program that has no page: in the person's browser, which brings the answer to a loopback address.

RFC 8252 section 7.3. Nothing else on the machine can use what comes back: it takes the verifier and the key.
"""

import asyncio
import webbrowser
from collections.abc import Mapping, Sequence
from urllib.parse import parse_qsl, urlsplit

from segue_client import authorization
from segue_client.device import Device
from segue_client.grant import Grant

PATIENCE = 10
"""Seconds a browser has to send its request once it has connected."""
_DONE = "You can close this window and go back to the terminal."


async def sign_in(device: Device, *, redirect_uri: str, actions: Sequence[str], open_it: bool = False) -> Grant:
    """Print the address at which the person signs in and chooses a task. Raises `Refused`, also if they decline.

    `redirect_uri` is http on 127.0.0.1 with a port, as it is registered; `open_it` opens their browser.
    """
    request = await authorization.begin(device, redirect_uri=redirect_uri, actions=actions)
    answer: asyncio.Future[Mapping[str, str]] = asyncio.get_running_loop().create_future()

    async def receive(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Take the answer to our request; whatever else asks here is told that there is nothing."""
        try:
            async with asyncio.timeout(PATIENCE):
                head = await reader.readuntil(b"\r\n\r\n")
            query = _query(head, path=urlsplit(redirect_uri).path)
            ours = query.get("state") == request.state
            writer.write(_page("200 OK", _DONE) if ours else _page("404 Not Found", "There is nothing here."))
            await writer.drain()
            if ours and not answer.done():
                answer.set_result(query)
        except (TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, ConnectionError, ValueError):
            pass  # not a browser, or one that has gone
        finally:
            writer.close()

    parts = urlsplit(redirect_uri)
    server = await asyncio.start_server(receive, parts.hostname, parts.port)
    async with server:
        print(f"Sign in and choose a task:\n{request.url}", flush=True)
        if open_it:
            await asyncio.to_thread(webbrowser.open, request.url)
        return await authorization.finish(device, request, await answer)


def _query(head: bytes, *, path: str) -> dict[str, str]:
    """The query of a GET of `path`; empty for any other request. Raises `ValueError` for what is no request."""
    method, target, _ = head.split(b"\r\n", 1)[0].decode("ascii").split(" ")
    parts = urlsplit(target)
    return dict(parse_qsl(parts.query)) if (method, parts.path) == ("GET", path) else {}


def _page(status: str, text: str) -> bytes:
    head = [
        f"HTTP/1.1 {status}",
        "Content-Type: text/plain; charset=utf-8",
        f"Content-Length: {len(text)}",
        "Cache-Control: no-store",
        "Referrer-Policy: no-referrer",
        "Connection: close",
    ]
    return "\r\n".join([*head, "", text]).encode()
