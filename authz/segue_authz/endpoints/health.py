"""Whether the process lives, and whether it can serve."""

from starlette.requests import Request
from starlette.responses import Response

from segue_authz.domain.refusal import TemporarilyUnavailable
from segue_authz.endpoints.answer import answered
from segue_authz.endpoints.operation import operation
from segue_authz.endpoints.services import Services


@operation("The process lives", answers={200: {"status": {"const": "alive"}}})
async def alive(_: Services, __: Request) -> Response:
    return answered({"status": "alive"})


@operation("It can serve", answers={200: {"status": {"const": "ready"}}})
async def ready(services: Services, _: Request) -> Response:
    """503 with what is missing: the database, its tables, the memory of proofs, or time."""
    if missing := await services.readiness.missing():
        raise TemporarilyUnavailable(f"not ready: {', '.join(missing)}")
    return answered({"status": "ready"})
