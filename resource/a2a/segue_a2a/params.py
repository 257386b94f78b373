"""What the methods take (A2A 1.0 section 3). Members without a name here are passed over, as the protocol has it."""

from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

Count = Annotated[int, Meta(ge=0, le=2**31 - 1)]


class Params(Struct, frozen=True, rename="camel"):
    """`tenant` is for servers that serve several behind one address."""

    tenant: str = ""


class Part(Struct, frozen=True, rename="camel"):
    """One of the four is there."""

    text: str | UnsetType = UNSET
    raw: Any = UNSET
    url: Any = UNSET
    data: Any = UNSET


class Message(Struct, frozen=True, rename="camel"):
    message_id: Annotated[str, Meta(min_length=1, max_length=500)]
    role: Literal["ROLE_USER", "ROLE_AGENT"]
    parts: Annotated[list[Part], Meta(min_length=1, max_length=100)]
    task_id: str = ""
    context_id: str = ""
    reference_task_ids: list[str] = []


class Configuration(Struct, frozen=True, rename="camel"):
    history_length: Count | None = None
    return_immediately: bool = False
    task_push_notification_config: Any = None


class SendMessage(Params, frozen=True, rename="camel", kw_only=True):
    message: Message
    configuration: Configuration = Configuration()


class GetTask(Params, frozen=True, rename="camel", kw_only=True):
    id: str
    history_length: Count | None = None


class NamedTask(Params, frozen=True, rename="camel", kw_only=True):
    id: str


class ListTasks(Params, frozen=True, rename="camel", kw_only=True):
    context_id: str = ""
    status: str = ""
    page_size: Annotated[int, Meta(ge=1, le=100)] | None = None
    page_token: str = ""
    history_length: Count | None = None
    status_timestamp_after: str | None = None
    include_artifacts: bool = False
