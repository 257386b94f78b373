"""The task store in a network of its own (network namespaces), which can be cut from the authorization server's.

Two cables lead there. Over the first it reaches the authorization server and is reached by it, both as `localhost`;
over the second devices reach it, whatever becomes of the first.
"""

import itertools
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from socketserver import BaseRequestHandler, ThreadingTCPServer

import hurried_server
import pytest
from deployment import Deployment
from rounds import FULL

_numbers = itertools.count(os.getpid() % 100 * 100)


class Network:
    """`servers` and `devices` are its addresses on the two cables."""

    def __init__(self) -> None:
        number = next(_numbers) % 10_000
        self.name = f"segue-test-{number}"
        self._cables = [f"sgt{number}a", f"sgt{number}b"]
        self._nets = [f"10.{200 + half}.{number // 63 % 256}.{number % 63 * 4}" for half in (0, 1)]
        self._near, self.servers = _ends(self._nets[0])
        self._near_devices, self.devices = _ends(self._nets[1])

    def lay(self) -> None:
        """Raises CalledProcessError where the kernel refuses."""
        _ip("netns", "add", self.name)
        _ip("-n", self.name, "link", "set", "lo", "up")
        _ip("-n", self.name, "addr", "del", "127.0.0.1/8", "dev", "lo")
        for cable, near, far in zip(
            self._cables, (self._near, self._near_devices), (self.servers, self.devices), strict=True
        ):
            _ip("link", "add", cable, "type", "veth", "peer", "name", f"{cable}x", "netns", self.name)
            _ip("addr", "add", f"{near}/30", "dev", cable)
            _ip("link", "set", cable, "up")
            _ip("-n", self.name, "addr", "add", f"{far}/30", "dev", f"{cable}x")
            _ip("-n", self.name, "link", "set", f"{cable}x", "up")
        self._route_loopback()

    def cut(self) -> None:
        _ip("link", "set", self._cables[0], "down")

    def mend(self) -> None:
        _ip("link", "set", self._cables[0], "up")

    def remove(self) -> None:
        for what in (("netns", "del", self.name), *(("link", "del", cable) for cable in self._cables)):
            with suppress(subprocess.CalledProcessError):  # a cable goes with the network that it ends in
                _ip(*what)

    def _route_loopback(self) -> None:
        """Over there 127.0.0.1 is this side's, so that plain http may be used."""
        setting = "/proc/sys/net/ipv4/conf/{}/route_localnet"
        Path(setting.format(self._cables[0])).write_text("1")
        over_there = f"echo 1 > {setting.format(self._cables[0] + 'x')}"
        subprocess.run(["ip", "netns", "exec", self.name, "sh", "-c", over_there], check=True, capture_output=True)
        near = ("via", self._near, "dev", f"{self._cables[0]}x", "src", self.servers)
        _ip("-n", self.name, "route", "add", "127.0.0.1/32", *near)


class Apart(Deployment):
    """Both servers on SQLite; the task store in the network, on the port of its public address.

    Unless everything is asked for, it waits a fifth as long for the authorization server until it honours no token.
    """

    def __init__(self, folder: Path, network: Network) -> None:
        super().__init__(folder, database=None, redis=None)
        self._network = network

    def _command(self, name: str) -> list[str]:
        command = super()._command(name)
        if name == "authz":
            return command
        hurried = [sys.executable, hurried_server.__file__, *command[1:]]
        served = command if FULL else hurried
        return ["ip", "netns", "exec", self._network.name, *served, "--host", "0.0.0.0"]

    @property
    def store_port(self) -> int:
        return self._port("resource")


@contextmanager
def apart(folder: Path) -> Iterator[tuple[Apart, Network]]:
    """Prepared and running; killed and removed at the end."""
    network = Network()
    try:
        network.lay()
    except (subprocess.CalledProcessError, OSError) as refused:
        network.remove()
        why = f"network namespaces cannot be made: {getattr(refused, 'stderr', b'')!r} {refused}"
        if os.environ.get("SEGUE_TEST_EVERYTHING"):
            pytest.fail(f"{why}, and SEGUE_TEST_EVERYTHING is set")
        pytest.skip(why)
    deployment = Apart(folder, network)
    try:
        with _relay(deployment.store_port, network.servers):
            deployment.prepare()
            try:
                deployment.start()
                yield deployment, network
            finally:
                deployment.kill()
    finally:
        network.remove()


class _Relayed(BaseRequestHandler):
    """One connection from this side to the task store."""

    def handle(self) -> None:
        server = self.server
        assert isinstance(server, _Relay)
        with suppress(OSError), socket.create_connection(server.far, timeout=10) as far:
            far.settimeout(None)
            back = threading.Thread(target=_pass_on, args=(far, self.request))
            back.start()
            _pass_on(self.request, far)
            back.join()


class _Relay(ThreadingTCPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, port: int, far: str) -> None:
        self.far = (far, port)
        super().__init__(("127.0.0.1", port), _Relayed)


def _pass_on(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while piece := source.recv(65_536):
            sink.sendall(piece)
    with suppress(OSError):
        sink.shutdown(socket.SHUT_WR)


@contextmanager
def _relay(port: int, far: str) -> Iterator[None]:
    """On this side `localhost` is the authorization server's and the tests' own, so the port is passed on."""
    relay = _Relay(port, far)
    thread = threading.Thread(target=relay.serve_forever)
    thread.start()
    try:
        yield
    finally:
        relay.shutdown()
        relay.server_close()
        thread.join()


def _ends(net: str) -> tuple[str, str]:
    first, _, last = net.rpartition(".")
    return f"{first}.{int(last) + 1}", f"{first}.{int(last) + 2}"


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True)
