"""Whether the process lives, and whether it can serve."""

import sqlalchemy as sa
from starlette.requests import Request
from starlette.responses import Response

from segue_authz.endpoints.answer import answered
from segue_authz.endpoints.operation import operation
from segue_authz.endpoints.services import Services


@operation("The process lives", answers={200: {"status": {"const": "alive"}}})
async def alive(_: Services, __: Request) -> Response:
    return answered({"status": "alive"})


@operation("It can serve", answers={200: {"status": {"const": "ready"}}})
async def ready(services: Services, _: Request) -> Response:
    """Asks the database and the memory of proofs; an outage becomes 503."""
    await services.database.read(lambda connection: connection.execute(sa.text("SELECT 1")).scalar())
    await services.ephemeral.incarnation()
    return answered({"status": "ready"})
