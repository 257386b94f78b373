"""What a FastAPI operation needs, as a dependency that its OpenAPI document shows. Needs `segue[fastapi]`."""

from typing import Annotated, Any

from fastapi import Header, Request, Security
from fastapi.openapi.models import HTTPBase
from fastapi.security.base import SecurityBase

from segue.requires import check, require_known
from segue.task_token import TaskToken

_SCHEME = "TaskToken"
_DESCRIPTION = (
    "A Segue task token, bound to a key of the device: `Authorization: DPoP <token>`, and a proof by that key in the"
    " header `DPoP` (RFC 9449). The roles are the actions on the task that the token must allow."
)


class _TaskTokenScheme(SecurityBase):
    """The security scheme of type `http` and scheme `DPoP` (registered by RFC 9449 section 12.4), and its check."""

    def __init__(self, actions: tuple[str, ...], task: str | None) -> None:
        require_known(actions)
        self.model = HTTPBase(scheme="DPoP", description=_DESCRIPTION)
        self.scheme_name = _SCHEME
        self._actions = actions
        self._task = task

    def __call__(
        self,
        request: Request,
        dpop: Annotated[str, Header(alias="DPoP", description="a proof for this request (RFC 9449 section 4)")],  # noqa: ARG002
    ) -> TaskToken:
        return check(request.scope, self._actions, task=self._task, arguments={})


def requires(*actions: str, task: str | None = None) -> Any:
    """The dependency that lets a request through only if its token allows all `actions`, and answers the `TaskToken`.

    For one parameter, `token: Annotated[TaskToken, requires("task:read")]`, or for a whole operation or router,
    `dependencies=[requires("task:read")]`. `task` names the path parameter that must be the token's task. The app
    still has to be behind `TaskTokenMiddleware`.
    """
    return Security(_TaskTokenScheme(actions, task), scopes=list(actions))
