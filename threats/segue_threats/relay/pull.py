"""Adversaries who have a code made and bring somebody to approve it (RFC 10027 section 4.1, RFC 8628 section 5.4)."""

from segue_threats.relay.adversary import adversary
from segue_threats.relay.stage import GIVES_IN, REQUESTS, Stage, nobody
from segue_threats.staging.actor import Actor
from segue_threats.staging.person import Stopped, decide


@adversary("Code in a mail", "XD-PULL-01")
async def mailed_code(stage: Stage) -> None:
    """The code is made when the mail is sent, which is read between half a minute and an hour later. No number is
    shown."""
    read_after = stage.within(30, 3600)
    asked = await stage.ask(stage.ground.adversary)
    stage.ground.clock.turn(read_after)
    await stage.lured(asked, stage.ground.adversary, nobody)


@adversary("Code generated on click", "XD-PULL-01", "XD-PULL-02")
async def code_on_click(stage: Stage) -> None:
    """The mail has a link; a code is made when it is opened, and typed within a minute. No number is shown."""
    typed_after = stage.between(10, 60)
    asked = await stage.ask(stage.ground.adversary)
    stage.ground.clock.turn(typed_after)
    await stage.lured(asked, stage.ground.adversary, nobody)


async def _relay(stage: Stage, adversary: Actor) -> None:
    looked_for = stage.between(5, 600)
    asked = await stage.ask(adversary)
    while looked_for > 60:  # a fresh picture every minute
        stage.ground.clock.turn(60)
        looked_for -= 60
        asked = await stage.ask(adversary)
    stage.ground.clock.turn(looked_for)
    await stage.lured(asked, adversary, stage.shown(asked, adversary))


@adversary("QR relay", "XD-PULL-02")
async def qr_relay(stage: Stage) -> None:
    """A page of the adversary's shows the QR code, a fresh one every minute, until it is scanned; then it shows the
    number as well, as soon as the adversary's device is told it."""
    await _relay(stage, stage.ground.adversary)


@adversary("QR relay from the victim's network", "XD-PULL-02")
async def qr_relay_near(stage: Stage) -> None:
    """The same, and the adversary's device comes out of the victim's network: by a proxy, or a machine in the house."""
    await _relay(stage, stage.ground.near)


@adversary("Bulk spray", "XD-PULL-03")
async def bulk_spray(stage: Stage) -> None:
    """One code goes to everybody. Each enters it or not, as likely, between twenty seconds and twenty minutes later,
    and decides within a minute. No number is shown. One task of anybody's is enough."""
    asked = await stage.ask(stage.ground.adversary)
    enters = []
    for person in stage.ground.people:
        at, decides_after, answers = stage.within(20, 1200), stage.between(5, 60), stage.dice.random() < 0.5
        if answers:
            enters.append((at, decides_after, person))
    steps = sorted(
        [(at, "enter", person) for at, _, person in enters]
        + [(at + after, "decide", person) for at, after, person in enters],
        key=lambda step: step[0],
    )
    pages, now, why = {}, 0, "nobody enters the code"
    for at, step, person in steps:
        stage.ground.clock.turn(at - now)
        now = at
        try:
            if step == "enter":
                pages[id(person)] = await stage.enter(asked, person)
            else:
                await decide(person, pages[id(person)], stage.model, nobody, stage.guesses)
                return await stage.collected(asked, stage.ground.adversary, person)
        except Stopped as stopped:
            why = str(stopped)
    raise Stopped(why)


@adversary("Push fatigue", "XD-BACK-02")
async def push_fatigue(stage: Stage) -> None:
    """Twelve requests follow each other, 45 seconds apart, each with a message that urges the victim. Each is declined
    until one is given in to, with a chance of 15 percent at each; then the number is told as well."""
    gives_in = next((each for each in range(REQUESTS) if stage.dice.random() < GIVES_IN), REQUESTS)
    adversary, victim = stage.ground.adversary, stage.victim
    for _ in range(gives_in):
        page = await stage.enter(await stage.ask(adversary))
        if 'value="deny"' in page.text:
            await victim.browser.send(page, decision="deny")
        stage.ground.clock.turn(45)
    if gives_in == REQUESTS:
        raise Stopped("the person declines all of them")
    asked = await stage.ask(adversary)
    await stage.lured(asked, adversary, stage.shown(asked, adversary))
