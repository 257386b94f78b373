"""Says what a handler needs: `@requires("tool_calls:claim")`, for Starlette, FastAPI, Flask and Django, of which it
imports none."""

import functools
import inspect
from collections.abc import Callable, Mapping, MutableMapping
from contextvars import ContextVar
from typing import Any, TypeVar, cast

from segue.authority import ACTIONS
from segue.challenge import InsufficientScope, refusal_problem
from segue.problem import Problem
from segue.step_up import InsufficientUserAuthentication
from segue.task_token import TaskToken

H = TypeVar("H", bound=Callable[..., Any])

CURRENT: ContextVar[MutableMapping[str, Any]] = ContextVar("segue request")
"""The WSGI environ of the request that this thread is at; set by `segue.wsgi`."""


def requires(*actions: str, task: str | None = None) -> Callable[[H], H]:
    """Let the request through to a handler only if its token allows all `actions`.

    `task` names the path parameter that must be the token's task; another task is answered as one that does not
    exist. `scope["segue.required"]` (in Flask and Django `environ[...]`) then holds the actions, for what is decided
    further inside; the handler has them as `required_actions`, for what describes it. Refusals are raised as `Problem`,
    which `TaskTokenMiddleware` turns into the answer.
    """
    require_known(actions)

    def decorate(handler: H) -> H:
        if inspect.iscoroutinefunction(handler):

            @functools.wraps(handler)
            async def guarded(*args: Any, **kwargs: Any) -> Any:
                check(_place_of(args, kwargs), actions, task=task, arguments=kwargs)
                return await handler(*args, **kwargs)

        elif callable(handler) and not isinstance(handler, type):

            @functools.wraps(handler)
            def guarded(*args: Any, **kwargs: Any) -> Any:
                place = _place_of(args, kwargs)
                try:
                    check(place, actions, task=task, arguments=kwargs)
                    return handler(*args, **kwargs)
                except Problem as problem:
                    place["segue.problem"] = problem
                    raise

        else:
            raise TypeError("requires() is for functions")
        vars(guarded)["required_actions"] = actions
        return cast(H, guarded)

    return decorate


def require_known(actions: tuple[str, ...]) -> None:
    """Raise `ValueError` unless they are some of the actions a task token may allow."""
    if not actions or not ACTIONS.issuperset(actions):
        raise ValueError(f"unknown action: the actions are {', '.join(sorted(ACTIONS))}")


def check(
    place: MutableMapping[str, Any], actions: tuple[str, ...], *, task: str | None, arguments: Mapping[str, Any]
) -> TaskToken:
    """The token of the request whose scope or environ is `place`, if it allows all `actions`. Raises `Problem`."""
    token = place.get("segue")
    if not isinstance(token, TaskToken):
        raise RuntimeError("the app is not behind TaskTokenMiddleware")
    if task is not None and {**arguments, **place.get("path_params", {})}.get(task) != token.authority.task_id:
        raise Problem(404, "not-found", "There is no such task", "the task does not exist or is not yours")
    if not token.authority.actions.issuperset(actions):
        raise _refusal(token, actions, moved=place["segue.epoch"] > token.authority.epoch)
    for action in sorted(place["segue.step_up"].keys() & set(actions)):
        insufficient = InsufficientUserAuthentication(place["segue.step_up"][action])
        raise refusal_problem(insufficient, audience=token.aud, **insufficient.parameters)
    place["segue.required"] = frozenset(actions)
    return token


def _refusal(token: TaskToken, actions: tuple[str, ...], *, moved: bool) -> Problem:
    if moved and not all(action.endswith(":read") for action in actions):
        return Problem(409, "stale-epoch", "The task has moved on", "another device has it; this one may read it")
    refused = InsufficientScope("the task token does not allow this action")
    return refusal_problem(refused, audience=token.aud, actions=sorted(actions))


def _place_of(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> MutableMapping[str, Any]:
    """The scope or the environ of the request that is among the arguments, or the one this thread is at."""
    for argument in (*args, *kwargs.values()):
        for name in ("scope", "environ"):
            place = getattr(argument, name, None)
            if isinstance(place, MutableMapping):
                return place
    place = CURRENT.get(None)
    if place is None:
        raise TypeError("requires() needs a handler that takes the request, or an app behind segue.wsgi")
    return place
