"""JSON Schema for those who read it elsewhere."""

import re
from collections.abc import Mapping
from typing import Any


def ecma(schema: Any) -> Any:
    """The same schema with patterns as JSON Schema has them: ECMA-262 ends a text with `$`, Python with `\\Z`."""
    if isinstance(schema, list):
        return [ecma(each) for each in schema]
    if isinstance(schema, Mapping):
        return {
            name: re.sub(r"\\Z$", "$", each) if name == "pattern" and isinstance(each, str) else ecma(each)
            for name, each in schema.items()
        }
    return schema
