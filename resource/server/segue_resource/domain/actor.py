"""Who does something to a task: the person, the client and the device a token speaks for."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Actor:
    """`client_id` and `device_id` are None when the authorization server acts for the person."""

    sub: str
    client_id: str | None
    device_id: str | None


@dataclass(frozen=True)
class Caller:
    """What a valid task token says about one request, and the actions that the request needs.

    `epoch` is the task's epoch when the token was minted, `token` a digest that names the token and opens nothing.
    `actors` are the clients that act one for the other, the present one first, when the token came of an exchange.
    """

    sub: str
    client_id: str
    device_id: str
    task_id: str
    epoch: int
    transfer_id: str | None
    needs: frozenset[str]
    token: str = ""
    actors: tuple[str, ...] = ()

    @property
    def actor(self) -> Actor:
        return Actor(self.sub, self.client_id, self.device_id)
