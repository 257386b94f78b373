"""What the transfer policy forbids, asked for from where it is forbidden.

RFC 10027 sections 6.1.1 and 6.1.8. Expected: a policy that wants the devices near each other, or in networks that it
names, is asked at every step, and believes no header.
"""

from segue_threats.attack import Need, attack
from segue_threats.attacks.pull import WAITING
from segue_threats.flows import DEVICE_NAME
from segue_threats.lab import Lab

ELSEWHERE = "203.0.113.9"
FORGED = [("X-Forwarded-For", ELSEWHERE), ("X-Real-IP", ELSEWHERE), ("Forwarded", f"for={ELSEWHERE}")]
DENIED = {"access_denied", "unauthorized_client"}


@attack("XD-PULL-02", Need.PULL, Need.PAGES, Need.OWN)
async def a_fresh_code_is_relayed_to_a_person_far_away(outside: Lab) -> None:
    """Ask for a code, show it to a person in another network, who does all that the page says, the number included."""
    async with outside.instance(establish_proximity="require") as (lab, _):
        near, far = lab.beside(lab.http), lab.pages()
        asked = await lab.ask()
        await far.device(asked.verification_uri, asked.user_code, lambda: lab.value(asked))
        lab.refuses(await lab.poll(asked), "a redemption approved from far away", errors=WAITING | DENIED)
        asked = await lab.ask()
        await near.device(asked.verification_uri, asked.user_code, lambda: lab.value(asked))
        lab.works(await lab.collect(asked), "the pull of somebody near")


@attack("XD-PULL-02", Need.PULL, Need.PAGES, Need.OWN)
async def the_page_of_a_relayed_code_says_nothing_of_it(outside: Lab) -> None:
    """Relay a code under the usual policy, and look for the difference on the page that the person sees."""
    async with outside.instance() as (lab, _):
        pages = {}
        for where, browser in (("near", lab.beside(lab.http).browser), ("far", lab.pages().browser)):
            asked = await lab.ask()
            page = await browser.enter_code(asked.verification_uri, user_code=asked.user_code)
            lab.works(page, "the page that asks")
            pages[where] = _nearness(page.text)
        lab.holds(pages == {"near": "near", "far": "far"}, f"the page says {pages} of a device near and one far away")


def _nearness(page: str) -> str:
    """The fact that the page is marked with."""
    return page.partition('data-fact="nearness"')[2].partition('data-value="')[2].partition('"')[0]


@attack("XD-CONS-08", Need.PUSH, Need.PULL, Need.PAGES, Need.OWN)
async def a_flow_is_started_from_a_network_that_is_not_trusted(outside: Lab) -> None:
    """Ask, offer and claim from outside, plainly and under headers that name a trusted address."""
    async with outside.instance(trusted_networks=("127.0.0.0/8",)) as (lab, _):
        lab.works(await lab.ask_answer(lab.phone()), "asking from a trusted network")
        lab.works(await (await lab.push(await lab.begin())).refresh(), "the push in a trusted network")
    async with outside.instance(trusted_networks=("203.0.113.0/24",)) as (lab, _):
        grant, device = await lab.begin(), lab.phone()
        claim = {"transfer_code": "BCDFGHJK", "device_name": DEVICE_NAME}
        ask = {**device.client.parameters, "device_name": DEVICE_NAME}
        for headers in ([], *([each] for each in FORGED)):
            where = f"under {headers[0][0]}" if headers else "from outside"
            answer = await device.form("device_authorization", ask, headers=headers)
            lab.refuses(answer, f"asking {where}", errors=DENIED)
            answer = await lab.at_transfer(grant, "POST", "", data={"mode": "share"}, headers=headers)
            lab.refuses(answer, f"an offer {where}", errors=DENIED)
            answer = await device.form("transfer_claim", claim, headers=headers)
            lab.refuses(answer, f"a claim {where}", errors=DENIED)
