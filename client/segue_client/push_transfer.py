"""The push transfer: the Authorization Device offers its task, the Consumption Device claims it (protocol s. 6)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlsplit

from segue_client import device_code
from segue_client.device import Device
from segue_client.device_code import Waiting
from segue_client.grant import Grant


@dataclass(frozen=True)
class Offer:
    """What the Authorization Device shows (`transfer_uri` as a QR code), and where the person confirms."""

    transfer_id: str
    transfer_uri: str
    transfer_code: str
    confirmation_uri: str
    expires_in: int


@dataclass(frozen=True)
class Claim:
    """What the Consumption Device keeps, and shows: the person types `check_value` at the Authorization Device."""

    device_code: str
    check_value: str
    interval: int


async def start(grant: Grant, *, mode: str, actions: Sequence[str] = ()) -> Offer:
    """Offer the task of `grant`; `mode` is `move` or `share`. Raises `Refused`."""
    form = {"mode": mode} | ({"actions": " ".join(actions)} if actions else {})
    answer = await _at_issuer(grant, "POST", "", data=form)
    return Offer(**{name: answer[name] for name in Offer.__dataclass_fields__})


async def state(grant: Grant, offer: Offer) -> Mapping[str, Any]:
    """How far it is, and who claims it. Raises `Refused`."""
    return await _at_issuer(grant, "GET", f"/{offer.transfer_id}")


async def cancel(grant: Grant, offer: Offer) -> None:
    """End an unfinished transfer. Raises `Refused`."""
    await _at_issuer(grant, "POST", f"/{offer.transfer_id}/cancel", data={})


def scanned_code(transfer_uri: str, *, issuer: str) -> str:
    """The handle in a scanned address. Raises `ValueError` unless it names our issuer, byte for byte (XD-PUSH-12)."""
    members = parse_qs(urlsplit(transfer_uri).fragment, strict_parsing=True, keep_blank_values=True)
    if members.get("iss") != [issuer] or len(members.get("transfer_code", [])) != 1:
        raise ValueError("the code is not of the authorization server this device was set up for")
    return members["transfer_code"][0]


async def claim(device: Device, *, transfer_code: str, device_name: str) -> Claim:
    """Bind the transfer to this device's key. The first key wins. Raises `Refused`."""
    endpoint = (await device.metadata())["transfer_claim_endpoint"]
    answer = await device.post_form(endpoint, transfer_code=transfer_code, device_name=device_name)
    return Claim(answer["device_code"], answer["check_value"], int(answer.get("interval", 5)))


async def redeem(device: Device, claimed: Claim) -> Grant:
    """Ask once for the grant. Raises `Refused` with the errors of RFC 8628 section 3.5."""
    return await device_code.redeem(device, claimed.device_code)


def waiting(device: Device, claimed: Claim) -> Waiting:
    """Poll with this, or give up."""
    return Waiting(device, device_code=claimed.device_code, interval=claimed.interval)


async def wait(device: Device, claimed: Claim) -> Grant:
    """Poll until the person has decided. Raises `Refused` if they declined or let it lapse."""
    return await waiting(device, claimed).grant()


async def _at_issuer(grant: Grant, method: str, path: str, **request: Any) -> Mapping[str, Any]:
    """The transfer endpoint is a protected resource, and its audience is the issuer."""
    endpoint = (await grant.device.metadata())["transfer_endpoint"]
    return await grant.call(method, endpoint + path, audience=grant.device.issuer, **request)
