"""Values in parts that their next versions share: what has grown by one element costs that element and a path to it.

A form is text (a value as the graph's serializer gives it), `{"p": id}` (a part, kept under a key of its own),
`{"l": forms}` (a list), `{"t": forms}` (lists as one list), `{"d": form}` (a dict, as a list of keys and values),
`{"s": [node, form]}` (a `Send`) or `{"x": form}` (the snapshot of a delta channel).
"""

import base64
import hashlib
import json
import uuid
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from langgraph.checkpoint.serde.base import SerializerProtocol
from langgraph.checkpoint.serde.types import _DeltaSnapshot
from langgraph.types import Send

Form = Any
SMALL = 120
"""Characters of JSON up to which a form stands in the form that holds it."""
FAN = 8
"""Elements of a list from which on there are lists within it."""


def packed(value: Any, serde: SerializerProtocol) -> str:
    kind, content = serde.dumps_typed(value)
    return f"{kind}:{base64.b64encode(content).decode()}"


def unpacked(text: str, serde: SerializerProtocol) -> Any:
    kind, _, content = text.partition(":")
    return serde.loads_typed((kind, base64.b64decode(content)))


def digest(form: Form) -> bytes:
    return _digest(_text(form))


class Draft:
    """Forms values, with the parts that are `known` already (by their digests); `new` has those that are not."""

    def __init__(self, serde: SerializerProtocol, known: Mapping[bytes, str]) -> None:
        self._serde = serde
        self._ids = dict[bytes, str]()
        self._known = known
        self.new: dict[str, Form] = {}

    def held(self, value: Any) -> Form:
        """The form of a value within another."""
        return self._part(self._form(value))

    def _form(self, value: Any) -> Form:
        match value:
            case list() if type(value) is list:
                return self._list(value)
            case dict() if type(value) is dict:
                return {"d": self._list([each for pair in value.items() for each in pair])}
            case Send() if type(value) is Send and value.timeout is None:
                return {"s": [value.node, self.held(value.arg)]}
            case _DeltaSnapshot():
                return {"x": self.held(value.value)}
            case _:
                return packed(value, self._serde)

    def _list(self, values: list[Any]) -> Form:
        """Full groups become parts, full groups of these too; what is left of each level is at the end of the list."""
        forms, kind, rests = [self.held(value) for value in values], "l", list[Form]()
        while len(forms) > FAN:
            full = len(forms) - len(forms) % FAN
            rests.append({kind: forms[full:]})
            forms = [self._part({kind: forms[start : start + FAN]}) for start in range(0, full, FAN)]
            kind = "t"
        return {"t": [{kind: forms}, *reversed(rests)]} if rests else {kind: forms}

    def _part(self, form: Form) -> Form:
        """The form as another holds it: itself, or the part that it is."""
        text = _text(form)
        if len(text) <= SMALL:
            return form
        its = _digest(text)
        part = self._known.get(its) or self._ids.get(its)
        if part is None:
            part = self._ids[its] = uuid.uuid4().hex[:24]
            self.new[part] = form
        return {"p": part}

    @property
    def learned(self) -> Mapping[bytes, str]:
        """The digests of what is new."""
        return self._ids


def parts_in(forms: Iterable[Form]) -> Iterator[str]:
    """The parts that these forms name themselves."""
    for form in forms:
        match form:
            case {"p": part}:
                yield part
            case {"l": inner} | {"t": inner} | {"s": inner}:
                yield from parts_in(inner)
            case {"d": inner} | {"x": inner}:
                yield from parts_in([inner])


def value_of(form: Form, parts: Mapping[str, Form], serde: SerializerProtocol) -> Any:
    """The value again. Raises `LookupError` if a part is not there."""
    match form:
        case str():
            return unpacked(form, serde)
        case {"p": part}:
            return value_of(parts[part], parts, serde)
        case {"l": forms}:
            return [value_of(each, parts, serde) for each in forms]
        case {"t": forms}:
            return [value for each in forms for value in value_of(each, parts, serde)]
        case {"d": inner}:
            flat = iter(value_of(inner, parts, serde))
            return dict(zip(flat, flat, strict=True))
        case {"s": [node, arg]}:
            return Send(node, value_of(arg, parts, serde))
        case {"x": inner}:
            return _DeltaSnapshot(value_of(inner, parts, serde))
        case _:
            raise LookupError("the value is of a form that a later release has made")


def _text(form: Form) -> str:
    return form if isinstance(form, str) else json.dumps(form, separators=(",", ":"))


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()
