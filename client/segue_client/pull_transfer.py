"""The pull transfer: the Consumption Device asks for a task, the person lets it have one (protocol s. 6.5 and 6.6)."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from segue_client.device import Device
from segue_client.device_code import UNSAID, Waiting


@dataclass(frozen=True)
class Asked:
    """What the Consumption Device shows: `verification_uri_complete` as a QR code, `user_code` beside it for typing.

    The code can be entered for `user_code_expires_in` seconds, and the request lives for `expires_in`. `device_code` is
    for nobody's eyes.
    """

    device_code: str
    user_code: str
    verification_uri: str
    verification_uri_complete: str
    expires_in: int
    user_code_expires_in: int
    interval: int


async def ask(
    device: Device,
    *,
    actions: Sequence[str],
    device_name: str,
    task_id: str | None = None,
    name: str | None = None,
    about: str | None = None,
) -> Asked:
    """Ask for one task: a named one, or one the person chooses (`name` proposes a name for a new one).

    `about` says what the session is about, so that the task it may continue is shown first.

    This device's key is bound to the request. Raises `Refused`.
    """
    task = {"type": "task", "task_id": task_id, "name": name, "about": about, "actions": list(actions)}
    details = json.dumps([{member: value for member, value in task.items() if value is not None}])
    endpoint = (await device.metadata())["device_authorization_endpoint"]
    answer = await device.post_form(endpoint, device_name=device_name, authorization_details=details)
    answer = {"interval": UNSAID, **answer}
    return Asked(**{member: answer[member] for member in Asked.__dataclass_fields__})


def waiting(device: Device, asked: Asked) -> Waiting:
    """Poll with this: `check_value` until the person has entered the code, then `grant`."""
    return Waiting(device, device_code=asked.device_code, interval=asked.interval)
