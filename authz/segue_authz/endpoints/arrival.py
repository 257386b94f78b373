"""Devices that have got a task, as the pages show them: what is new, and what the person is asked about."""

from segue_authz import pages
from segue_authz.domain.arrival import Answer, Answered, Arrival
from segue_authz.endpoints.browser import Browser
from segue_authz.endpoints.services import Services
from segue_authz.pages.text import gettext


def arrival_row(arrival: Arrival, task_name: str | None = None) -> pages.ArrivalRow:
    return pages.ArrivalRow(
        grant_id=arrival.grant_id,
        device_name=arrival.device_name,
        client_name=arrival.client_name,
        client_verified=arrival.client_verified,
        network=arrival.network,
        joined_at=arrival.joined_at,
        task_name=task_name,
    )


async def answer(services: Services, browser: Browser, given: Answer, grant_id: str) -> str:
    """What the person's answer has done, in words for the page."""
    subject, now = browser.person()[1].subject, services.clock()
    done = await services.check_ins.answer(subject, grant_id, given, session_id=browser.session_id, now=now)
    match done:
        case Answered.KEPT:
            return gettext("Thank you. You will not be asked about that device again.")
        case Answered.ENDED:
            return gettext(
                "That device has no access any more. If you did not let it in, find its transfer below and choose "
                "“I did not start this”, then change how you sign in."
            )
        case Answered.LATE:
            return gettext("That has been answered before, or the device has no access any more.")


async def see(services: Services, browser: Browser, grant_ids: str) -> str:
    """The person has seen what is new; what that has done, in words for the page."""
    await services.arrivals.see(browser.person()[1].subject, grant_ids.split(), now=services.clock())
    return gettext("What you have seen is not new any more. It is among your devices.")
