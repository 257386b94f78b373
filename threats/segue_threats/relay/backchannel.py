"""An adversary who needs no code: a server in their hands asks a person by name (CIBA Core; RFC 10027 section 4.1)."""

from segue_threats.device import error_of
from segue_threats.relay.adversary import adversary
from segue_threats.relay.stage import GIVES_IN, REQUESTS, Stage
from segue_threats.staging.person import Stopped

FORGOTTEN_NAYS = 2 * 86_400 + 1
"""Seconds after which it is no longer counted what a person has declined."""


@adversary("Push fatigue on the backchannel", "XD-BACK-02", flow="backchannel", forgotten=FORGOTTEN_NAYS)
async def backchannel_fatigue(stage: Stage) -> None:
    """An application that the victim has used before is taken over, with its secret. It asks by the victim's user name,
    every 45 seconds, twelve times. What reaches the victim is declined until one is given in to, with a chance of 15
    percent at each; then the number is told as well."""
    gives_in = next((each for each in range(REQUESTS) if stage.dice.random() < GIVES_IN), REQUESTS)
    victim, device, seen, refused = stage.victim, await stage.acquainted(), 0, ""
    for _ in range(REQUESTS):
        answer = await stage.rung(device)
        stage.ground.clock.turn(45)
        if answer.is_error:
            refused = error_of(answer)
            continue
        page = await victim.browser.look_at_request(stage.ground.target.issuer)
        if seen == gives_in:
            return await stage.given_in(device, answer, page)
        await victim.browser.send(page, decision="deny")
        seen += 1
    if not refused:
        raise Stopped("the person declines all of them")
    if not seen:
        raise Stopped(f"the server lets the adversary ask for nothing: {refused}")
    raise Stopped(f"the person declines {seen}, and the server refuses the others: {refused}")
