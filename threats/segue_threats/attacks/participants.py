"""XD-PART: people who join a task and do more than their part gives them.

specs/protocol.md section 8.1. Expected: a part is given by the customer, once, and ends when it is taken.
"""

from segue_threats.attack import Need, attack
from segue_threats.device import members_of
from segue_threats.lab import Lab


@attack("XD-PART-01", Need.CODE, Need.TASK_STORE)
async def a_part_is_taken_without_being_given(lab: Lab) -> None:
    """Invite with a role that may not be given, write the list of participants, remove the customer."""
    grant = await lab.begin()
    before = lab.works(await grant.at("GET", "/participants"), "the participants").json()["participants"]
    for role in ("customer", "owner", "admin", "", None, ["agent", "customer"]):
        answer = await grant.at("POST", "/invitations", json={"role": role})
        lab.refuses(answer, f"an invitation as {role!r}")
    for method in ("POST", "PUT", "PATCH"):
        body = {"sub": before[0]["sub"], "role": "supervisor"}
        answer = await grant.at(method, "/participants", json=body)
        lab.refuses(answer, f"{method} of the participants")
    removed = await grant.at("DELETE", f"/participants/{before[0]['sub']}")
    lab.refuses(removed, "removing the last customer", statuses={409, 403})
    lab.refuses(await grant.at("POST", "/participants/leave", json={}), "the last customer's leaving")
    lab.holds(
        (await grant.at("GET", "/participants")).json()["participants"] == before, "the participants have changed"
    )


@attack("XD-PART-02", Need.CODE, Need.PEOPLE, Need.PAGES, Need.TASK_STORE)
async def an_invitation_is_passed_on(lab: Lab) -> None:
    """Accept an invitation twice, as another person, and open it by its address alone."""
    grant = await lab.begin()
    invited = members_of(lab.works(await grant.at("POST", "/invitations", json={"role": "supervisor"}), "inviting"))
    address = str(invited["invitation_uri"])

    async def parts() -> int:
        return len((await grant.at("GET", "/participants")).json()["participants"])

    await lab.pages(1).http.get(address, follow_redirects=True)
    lab.holds(await parts() == 1, "opening the address is joining")
    await lab.pages(1).browser.answer_invitation(address)
    lab.holds(await parts() == 2, "the invited person has not joined")
    lab.step("a third person uses the same invitation")
    await lab.tries(lab.pages(2).browser.answer_invitation(address))
    lab.holds(await parts() == 2, "an invitation was accepted twice")


@attack("XD-PART-05", Need.PUSH, Need.TASK_STORE)
async def a_transferred_task_is_transferred_on(lab: Lab) -> None:
    """Pass a task on with a grant that came of a transfer and has no right to."""
    owner = await lab.begin()
    shared = await lab.push(owner, mode="share")
    lab.works(await shared.read(), "the read")
    lab.refuses(await lab.offer_answer(shared), "a transfer of a task that was only passed on")
    wider = await lab.offer_answer(shared, actions="task:transfer task:write")
    lab.refuses(wider, "a transfer of rights that were not passed on")
