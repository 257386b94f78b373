"""Names by which somebody tries to be taken for another, to break a page, or to get out of it (XD-CONS-03).

Each view of the pages with each of its names replaced. Which of its texts others choose is said here for every one.
"""

import dataclasses
import inspect
import typing
from collections.abc import Callable, Iterator
from typing import Any

import authz_page_views
from segue_authz import pages
from segue_authz.pages import views
from starlette.responses import Response

NAMES = {
    "markup": '<img src=x onerror="window.pwned=1"><script>window.pwned=1</script>\'"></p></main>&lt;b&gt;',
    "bidi": "\u202eenohp \u2067x\u2066y\u202d Pay\u200fPal \u0627\u0644\u0647\u0627\u062a\u0641",
    "homoglyphs": "\u0410cme \U0001d406\U0001d428 \u0430\u0440\u0440\u04cf\u0435",
    "10,000 letters": "W" * 10_000,
    "10,000 words": "Approved by IT. " * 625,
    "wide": "\ufdfd" * 500 + "\U00012031" * 300,
    "stacked": "P" + "\u0301\u0302\u0303\u0489" * 300,
    "nothing": " \u200b\u2003\u3164\u2800\u00ad\ufeff ",
}
CHOSEN_BY_OTHERS = {
    "about",
    "because",
    "binding_message",
    "called",
    "client_name",
    "device_name",
    "inviter_name",
    "name",
    "owner_name",
    "person_name",
    "place",
    "proposed_name",
    "provider_label",
    "state_of_task",
    "task_name",
    "username",
}
OURS = {
    "access",
    "acr_values",
    "action",
    "actions",
    "again",
    "anew",
    "at_once",
    "back",
    "chosen",
    "client_id",
    "code",
    "codes",
    "csrf",
    "detail",
    "device_id",
    "direction",
    "error",
    "error_at",
    "fields",
    "grant_id",
    "identity_id",
    "key",
    "kind",
    "label",
    "mode",
    "nearness",
    "network",
    "notice",
    "passkey_id",
    "provider_name",
    "published_at",
    "redirect_host",
    "request",
    "return_to",
    "role",
    "sign_in",
    "state",
    "task_id",
    "text",
    "title",
    "transfer_id",
    "url",
}
"""What the server makes, checks, or has from nobody but itself."""

_ELSEWHERE = {
    (views.TaskChoice, "state"): "state_of_task",
    (views.ProviderRow, "name"): "provider_name",
    (views.ProviderRow, "label"): "provider_label",
    (views.IdentityRow, "label"): "provider_label",
    (views.Going, "label"): "provider_label",
}


def pages_with(name: str) -> Iterator[tuple[str, Response]]:
    """Every page, with this name wherever somebody else chooses one."""
    for label, view in _views():
        renamed = _renamed(view, name)
        for renderer in _renderers(type(view)):
            yield f"{renderer.__name__} of {label}", renderer(renamed)
    yield "account", pages.account(name, "form-token")


def unsorted() -> set[str]:
    """The texts of views that are neither said to be chosen by others nor ours."""
    classes = [each for _, each in inspect.getmembers(views, dataclasses.is_dataclass)]
    texts = {_label(kind, field) for kind in classes for field in dataclasses.fields(kind) if "str" in str(field.type)}
    return texts - CHOSEN_BY_OTHERS - OURS


def unshown() -> set[str]:
    """The views that a page takes and of which there is none here."""
    there = {type(view) for _, view in _views()}
    return {kind.__name__ for kind in _by_view() if kind not in there}


def _label(kind: type, field: "dataclasses.Field[Any]") -> str:
    """What a text is, where its name alone does not say so: the state of a task is a line of what the agent writes."""
    return _ELSEWHERE.get((kind, field.name), field.name)


def _views() -> list[tuple[str, Any]]:
    return [(label, view) for label, view in vars(authz_page_views).items() if type(view) in _by_view()]


def _by_view() -> dict[type, list[Callable[..., Response]]]:
    found: dict[type, list[Callable[..., Response]]] = {}
    for renderer in vars(pages).values():
        if inspect.isfunction(renderer) and (hints := typing.get_type_hints(renderer)).get("return") is Response:
            kind = next(iter(hints.values()))
            if dataclasses.is_dataclass(kind):
                found.setdefault(typing.cast(type, kind), []).append(renderer)
    return found


def _renderers(kind: type) -> Iterator[Callable[[Any], Response]]:
    for renderer in _by_view()[kind]:
        if "form_action_origin" in inspect.signature(renderer).parameters:
            yield _with_origin(renderer)
        else:
            yield renderer


def _with_origin(renderer: Callable[..., Response]) -> Callable[[Any], Response]:
    def render(view: Any) -> Response:
        return renderer(view, form_action_origin=authz_page_views.ORIGIN)

    return render


def _renamed(view: Any, name: str) -> Any:
    changed: dict[str, Any] = {}
    for field in dataclasses.fields(view):
        value = getattr(view, field.name)
        if isinstance(value, str) and _label(type(view), field) in CHOSEN_BY_OTHERS:
            changed[field.name] = name
        elif isinstance(value, tuple) and value and dataclasses.is_dataclass(value[0]):
            changed[field.name] = tuple(_renamed(each, name) for each in value)
    return dataclasses.replace(view, **changed)
