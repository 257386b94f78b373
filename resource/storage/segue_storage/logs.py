"""How the server logs: lines for people, or JSON for programs. Neither ever holds a token, a body or a key."""

import json
import logging
from typing import Any, Literal

Format = Literal["plain", "json"]


class JsonFormatter(logging.Formatter):
    """One JSON object a line: time, level, logger, message, `members` of the record, and a failure's traceback."""

    def format(self, record: logging.LogRecord) -> str:
        content = {
            "at": self.formatTime(record, "%Y-%m-%dT%H:%M:%S%z"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **getattr(record, "members", {}),
        }
        if record.exc_info:
            content["failure"] = self.formatException(record.exc_info)
        return json.dumps(content)


def configuration(style: Format) -> dict[str, Any]:
    """What `logging.config.dictConfig` and uvicorn take."""
    formatters: dict[Format, dict[str, str]] = {
        "plain": {"format": "%(asctime)s %(levelname)s %(name)s %(message)s"},
        "json": {"()": "segue_storage.logs.JsonFormatter"},
    }
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"chosen": formatters[style]},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "chosen"}},
        "root": {"handlers": ["stderr"], "level": "INFO"},
    }
