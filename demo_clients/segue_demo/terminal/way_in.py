"""Two ways in which a task comes here: this device asks for one (pull), or takes one over with a code (push)."""

import asyncio
import contextlib

import httpx2
from segue_client import pull_transfer, push_transfer
from segue_client.device import Device, Refused
from segue_client.device_code import Waiting
from segue_client.grant import Grant

from segue_demo.qr_text import qr_lines
from segue_demo.site import PHONE_ACTIONS


async def ask(device: Device, *, device_name: str) -> Grant:
    """The person enters the code where they are signed in, chooses a task, and types what is shown here then."""
    asked = await pull_transfer.ask(device, actions=sorted(PHONE_ACTIONS), device_name=device_name)
    print("\n".join(["Scan this where you are signed in:", "", *qr_lines(asked.verification_uri_complete), ""]))
    print(f"or open {asked.verification_uri} and type the code {asked.user_code}", flush=True)
    waiting = pull_transfer.waiting(device, asked)
    try:
        _show_check_value(await waiting.check_value())
        return await waiting.grant()
    except asyncio.CancelledError:
        await _give_up(waiting)
        raise


async def claim(device: Device, code: str, *, device_name: str) -> Grant:
    """`code` is the typed one, or the whole address of the QR code. Raises `ValueError` for another issuer's."""
    if "#" in code:
        code = push_transfer.scanned_code(code, issuer=device.issuer)
    claimed = await push_transfer.claim(device, transfer_code=code, device_name=device_name)
    _show_check_value(claimed.check_value)
    waiting = push_transfer.waiting(device, claimed)
    try:
        return await waiting.grant()
    except asyncio.CancelledError:
        await _give_up(waiting)
        raise


def _show_check_value(check_value: str) -> None:
    print(f"Type this number there: {check_value}", flush=True)


async def _give_up(waiting: Waiting) -> None:
    """The person has pressed Ctrl-C. If nobody hears of it the request lapses."""
    with contextlib.suppress(Refused, httpx2.TransportError):
        await waiting.give_up()
