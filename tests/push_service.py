"""A push service on this machine, and the way of its messages into Chromium's real service worker."""

from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from queue import Queue
from threading import Thread
from typing import Any

from chromium import PATIENCE
from playwright.sync_api import BrowserContext, Page

TITLES = "async () => (await (await navigator.serviceWorker.ready).getNotifications()).map((n) => n.title)"
"""What the browser shows, as the page can ask."""


def subscribing(endpoint: str) -> str:
    """The browser's own push service is not to be reached from a test: the page is given this address instead."""
    return f"""
Object.defineProperty(PushManager.prototype, "subscribe", {{
  value: async () => ({{ endpoint: "{endpoint}" }}),
}});
"""


class PushService:
    """`endpoint` is the subscription's; `topics` fills with what arrives, and `bodies` says that all were empty."""

    def __init__(self, port: int) -> None:
        self.endpoint = f"http://127.0.0.1:{port}/subscription"
        self.topics: Queue[str] = Queue()
        self.bodies: list[bytes] = []


@contextmanager
def push_service() -> Iterator[PushService]:
    """Answers each message with 201 (RFC 8030 section 5)."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            service.bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(201)
            self.send_header("Content-Length", "0")
            self.end_headers()
            service.topics.put(self.headers["Topic"])

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    service = PushService(server.server_port)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield service
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def eventually(page: Page, expression: str) -> Any:
    """What the promise of a script gives, once that is something; `wait_for_function` takes the promise for it."""
    for _ in range(PATIENCE // 50):
        if found := page.evaluate(expression):
            return found
        page.wait_for_timeout(50)
    raise AssertionError(f"{expression} gives nothing")


def deliver(context: BrowserContext, page: Page, origin: str) -> None:
    """Hand the service worker a message, as the browser does with one from its push service."""
    session = context.new_cdp_session(page)
    registrations: list[str] = []
    session.on(
        "ServiceWorker.workerRegistrationUpdated",
        lambda told: registrations.extend(each["registrationId"] for each in told["registrations"]),
    )
    session.send("ServiceWorker.enable")
    while not registrations:
        page.wait_for_timeout(20)
    session.send("ServiceWorker.deliverPushMessage", {"origin": origin, "registrationId": registrations[0], "data": ""})
    session.detach()
