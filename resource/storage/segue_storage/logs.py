"""How the server logs: lines for people, or JSON for programs. Neither ever holds a token, a body or a key."""

import json
import logging
import time
from collections.abc import Mapping
from contextvars import ContextVar, Token
from functools import lru_cache
from typing import Any, Literal

Format = Literal["plain", "json"]

_NOTHING: Mapping[str, str] = {}
_request: ContextVar[Mapping[str, str]] = ContextVar("segue_request", default=_NOTHING)


def begin(request: Mapping[str, str]) -> Token[Mapping[str, str]]:
    """From now on every line says these, too: `request_id`, and `trace_id` where there is one."""
    return _request.set(request)


def end(token: Token[Mapping[str, str]]) -> None:
    _request.reset(token)


class PlainFormatter(logging.Formatter):
    """One line for one event; a failure's traceback follows, indented.

    What a caller has sent can end no line, begin none, and command no terminal: it is shown escaped (XD-OPS-01).
    """

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s %(message)s")

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:  # noqa: N802
        return f"{_second(int(record.created), datefmt or self.default_time_format)},{int(record.msecs):03d}"

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802
        line = _printable(super().formatMessage(record))
        request_id = _request.get().get("request_id")
        return line if request_id is None else f"{line} request_id={request_id}"

    def formatException(self, ei: Any) -> str:  # noqa: N802
        return "\n".join(f"    {_printable(line)}" for line in super().formatException(ei).split("\n"))


class JsonFormatter(logging.Formatter):
    """One JSON object a line: time, level, logger, event, message, the request it belongs to, `members` of the record,
    and a failure's traceback.

    `event` is the message before anything was filled in, unless the record names another: the same for every line of
    its kind.
    """

    def format(self, record: logging.LogRecord) -> str:
        content = {
            "at": _second(int(record.created), "%Y-%m-%dT%H:%M:%S%z"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": getattr(record, "event", record.msg if isinstance(record.msg, str) else type(record.msg).__name__),
            "message": record.getMessage(),
            **_request.get(),
            **getattr(record, "members", {}),
        }
        if record.exc_info:
            content["failure"] = self.formatException(record.exc_info)
        return json.dumps(content)


def configuration(style: Format) -> dict[str, Any]:
    """What `logging.config.dictConfig` and uvicorn take."""
    formatters: dict[Format, dict[str, str]] = {
        "plain": {"()": "segue_storage.logs.PlainFormatter"},
        "json": {"()": "segue_storage.logs.JsonFormatter"},
    }
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"chosen": formatters[style]},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "chosen"}},
        "root": {"handlers": ["stderr"], "level": "INFO"},
    }


@lru_cache(maxsize=8)
def _second(since_epoch: int, form: str) -> str:
    """Local time, as text: the same for all lines of a second."""
    return time.strftime(form, time.localtime(since_epoch))


def _printable(text: str) -> str:
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode("ascii") for each in text)
