"""What the demo tells on the terminal."""

import json
from collections.abc import Sequence

from segue_demo.certificate import fingerprint
from segue_demo.check import Step
from segue_demo.qr_text import qr_lines
from segue_demo.running import Running

WIDTH = 70


def show(demo: Running, *, as_json: bool) -> None:
    """Say where everything is, and what to do next."""
    if as_json:
        print(json.dumps(_members(demo)), flush=True)
        return
    lines = _lan_lines(demo) if demo.certificate else _local_lines(demo)
    kept = "kept for the next start" if demo.kept else "thrown away at the end; --state DIR keeps it"
    print("\n".join([*lines, "", f"State: {demo.state} ({kept})", "Stop with Ctrl-C."]), flush=True)


def tell_step(step: Step) -> None:
    print(f"  {'ok    ' if not step.problem else 'FAILED'}  {step.name:{WIDTH}} {step.seconds:6.2f} s", flush=True)
    if step.problem:
        print(f"          {step.problem}", flush=True)


def tell_outcome(steps: Sequence[Step], *, passed: bool) -> None:
    total = sum(step.seconds for step in steps)
    outcome = "Both directions work" if passed else "The transfer FAILED"
    print(f"{outcome}: {len(steps)} steps, {total:.2f} s", flush=True)


def _local_lines(demo: Running) -> list[str]:
    return [
        "Segue demo. Nothing leaves this machine.",
        "",
        f"1. Desktop    {demo.site.desktop}/",
        *_sign_in(demo),
        "2. There, choose “Continue on another device”. It shows a QR code, and a code to type.",
        f"3. Phone      {demo.site.phone}/",
        "   Open it in another window and type the code. (A real phone: segue demo --lan)",
        "4. Type the phone's number on the page that “Review and confirm” opens on the desktop.",
        *_other_way(demo),
    ]


def _lan_lines(demo: Running) -> list[str]:
    made = demo.certificate and fingerprint(demo.certificate)
    return [
        "Segue demo on the local network. Anyone there who has the password can sign in.",
        "",
        "The certificate is self-made, so browsers warn. Go on only if they show this SHA-256 fingerprint:",
        f"   {made}",
        "",
        f"1. Phone      {demo.site.phone}/",
        "   Scan this and accept the certificate; some browsers ask again for each port of this machine.",
        "",
        *qr_lines(f"{demo.site.phone}/"),
        f"2. Desktop    {demo.site.desktop}/",
        *_sign_in(demo),
        "3. There, choose “Continue on another device”, and scan the QR code with the phone.",
        "4. Type the phone's number on the page that “Review and confirm” opens on the desktop.",
        *_other_way(demo),
    ]


def _other_way(demo: Running) -> list[str]:
    return [
        "",
        "The other way round: on the phone choose “Show a code”, and enter it where you are signed in, at",
        f"   {demo.site.issuer}/device",
        "Devices and access, and how to end it:",
        f"   {demo.site.issuer}/devices",
    ]


def _sign_in(demo: Running) -> list[str]:
    return [f"   User name  {demo.person.username}", f"   Password   {demo.person.password}"]


def _members(demo: Running) -> dict[str, str | None]:
    return {
        "desktop": f"{demo.site.desktop}/",
        "phone": f"{demo.site.phone}/",
        "issuer": demo.site.issuer,
        "devices": f"{demo.site.issuer}/devices",
        "store": demo.site.store,
        "agent": demo.site.agent,
        "username": demo.person.username,
        "password": demo.person.password,
        "state": str(demo.state),
        "ledger": str(demo.ledger),
        "certificate": str(demo.certificate.certificate) if demo.certificate else None,
        "fingerprint": fingerprint(demo.certificate) if demo.certificate else None,
    }
