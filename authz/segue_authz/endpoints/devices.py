"""The devices page: what has access to the person's tasks, and one click to end it (A10; RFC 10027 section 6.1.6)."""

import logging
from itertools import groupby

from starlette.requests import Request
from starlette.responses import Response

from segue_authz import pages
from segue_authz.domain.arrival import Answer
from segue_authz.domain.refusal import InvalidRequest
from segue_authz.domain.task_card import TaskCard
from segue_authz.domain.transfer import Offer, Transfer, state_name
from segue_authz.endpoints import arrival
from segue_authz.endpoints.browser import Browser, browser_of, check_form
from segue_authz.endpoints.form import read_form
from segue_authz.endpoints.services import Services
from segue_authz.endpoints.sign_in.page import sign_in_first
from segue_authz.pages.text import gettext, ngettext
from segue_authz.stores.overview import LiveGrant, PastTransfer

_LOG = logging.getLogger("segue_authz")


async def show(services: Services, request: Request) -> Response:
    browser = await browser_of(services, request)
    if browser.signed_in is None:
        return sign_in_first(request)
    return await _page(services, browser)


async def withdraw(services: Services, request: Request) -> Response:
    browser = await browser_of(services, request)
    form = await read_form(request)
    check_form(browser, form)
    if browser.signed_in is None:
        return sign_in_first(request)
    if ("revoke_all" in form or "report" in form) and form.get("sure") != "yes":
        return pages.confirm_step(_question(browser, form), https=services.settings.https)
    return await _page(services, browser, notice=await _withdraw(services, browser, form))


async def _withdraw(services: Services, browser: Browser, form: dict[str, str]) -> str:
    """Do what the form says; what happened, in words for the page."""
    subject, now, withdrawals = browser.person()[1].subject, services.clock(), services.withdrawals
    match form:
        case {"revoke_grant": grant_id}:
            await withdrawals.grant(subject, grant_id, now=now)
            return gettext("That access has ended.")
        case {"revoke_device": device_id}:
            await withdrawals.device(subject, device_id, now=now)
            return gettext("That device has no access any more.")
        case {"revoke_all": _}:
            number = await withdrawals.everything(subject, now=now)
            return ngettext(
                "All access has ended: %(number)d in all.", "All access has ended: %(number)d in all.", number
            )
        case {"report": transfer_id}:
            ended = await withdrawals.report(subject, transfer_id, now=now)
            if ended is None:
                return gettext("There is no such transfer, or you have reported it before.")
            _LOG.warning("transfer %s reported by its owner: %d grants ended", transfer_id, ended)
            return gettext("Thank you. All access that came of that transfer has ended, and the application is marked.")
        case {"mine": grant_id}:
            return await arrival.answer(services, browser, Answer.MINE, grant_id)
        case {"not_mine": grant_id}:
            return await arrival.answer(services, browser, Answer.NOT_MINE, grant_id)
        case {"seen": grant_ids}:
            return await arrival.see(services, browser, grant_ids)
        case _:
            raise InvalidRequest("the form names nothing to end")


def _question(browser: Browser, form: dict[str, str]) -> pages.ConfirmStep:
    if "report" in form:
        return pages.ConfirmStep(
            csrf=browser.csrf,
            title=gettext("You did not start this?"),
            text=gettext(
                "The device that got the task loses it at once, with all that came of it. The application is marked."
            ),
            fields=(("report", form["report"]),),
            label=gettext("I did not start this"),
            back="/devices",
        )
    return pages.ConfirmStep(
        csrf=browser.csrf,
        title=gettext("End all access?"),
        text=gettext("Every device loses every task, and transfers under way are cancelled. You stay signed in here."),
        fields=(("revoke_all", "yes"),),
        label=gettext("End all access"),
        back="/devices",
    )


async def _page(services: Services, browser: Browser, *, notice: str | None = None) -> Response:
    account, now = browser.person()[1], services.clock()
    grants = await services.overview.grants(account.subject, now=now)
    kept = await services.check_ins.kept(account.subject)
    questions = await services.check_ins.questions(account.subject, now=now)
    arrivals = await services.arrivals.unseen(account.subject, but_not_from=browser.session_id, now=now)
    transfers = await services.overview.transfers(account.subject)
    task_ids = (
        {grant.task_id for grant in grants}
        | {question.task_id for question in questions}
        | {_task_id(past.stored.transfer) for past in transfers} - {None}
    )
    cards = {task_id: await services.cards.card(account.subject, task_id) for task_id in sorted(filter(None, task_ids))}
    view = pages.Devices(
        csrf=browser.csrf,
        person_name=account.name,
        devices=tuple(
            _device(list(its), cards, browser, kept) for _, its in groupby(grants, key=lambda grant: grant.device_id)
        ),
        transfers=tuple(_transfer(past, cards, now=now) for past in transfers),
        now=now,
        notice=notice,
        questions=tuple(arrival.arrival_row(each, _name(cards.get(each.task_id))) for each in questions),
        arrivals=tuple(arrival.arrival_row(each, _name(cards.get(each.task_id))) for each in arrivals),
    )
    return pages.devices(view, https=services.settings.https)


def _device(
    grants: list[LiveGrant], cards: dict[str, TaskCard | None], browser: Browser, kept: dict[str, int]
) -> pages.DeviceRow:
    device = grants[0]
    return pages.DeviceRow(
        device_id=device.device_id,
        name=device.device_name,
        client_name=device.client_name,
        network=device.device_network,
        created_at=device.device_since,
        this_device=any(grant.browser == browser.session_id for grant in grants),
        client_verified=device.client_verified,
        kept_at=kept.get(device.device_id),
        access=tuple(
            pages.TaskAccess(
                grant_id=grant.grant_id,
                task_name=_name(cards.get(grant.task_id)),
                access="write" if grant.writes else "read",
                mode="delegate" if grant.parent_grant_id else grant.mode,
                since=grant.since,
                last_used_at=grant.last_used_at,
                transfer_id=grant.transfer_id,
            )
            for grant in grants
        ),
    )


def _transfer(past: PastTransfer, cards: dict[str, TaskCard | None], *, now: int) -> pages.TransferRow:
    transfer = past.stored.transfer
    offer, claim, task_id = transfer.offer, getattr(transfer, "claim", None), _task_id(transfer)
    pushed = isinstance(offer, Offer) and offer.source_grant_id is not None
    return pages.TransferRow(
        transfer_id=offer.transfer_id,
        direction="push" if pushed else "pull",
        task_name=_name(cards.get(task_id)) if task_id else None,
        device_name=claim.device_name if claim else None,
        client_name=past.client_name,
        network=claim.network if claim else None,
        mode=offer.mode if isinstance(offer, Offer) else None,
        state="reported" if past.reported_at else state_name(transfer, now=now),
        at=offer.created_at,
    )


def _task_id(transfer: Transfer) -> str | None:
    return transfer.offer.task_id


def _name(card: TaskCard | None) -> str:
    return card.name if card else gettext("a task that is no longer there")
