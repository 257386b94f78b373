"""What errors say travels in headers, queries and JSON: its characters are those that RFC 6749 section 5.2 allows."""

import ast
from pathlib import Path

import pytest
import segue_authz
from segue_authz import app
from segue_authz.domain.refusal import Refusal

ALLOWED = {chr(code) for code in range(0x20, 0x7F)} - {'"', "\\"}


def kinds(of: type[Refusal]) -> set[type[Refusal]]:
    return {of}.union(*(kinds(each) for each in of.__subclasses__()))


def said() -> list[str]:
    """The text of every refusal that the server can raise; of one that is put together, its constant parts."""
    assert app.create_app  # everything that refuses is imported
    names = {kind.__name__ for kind in kinds(Refusal)}
    found = []
    for file in Path(segue_authz.__file__).parent.rglob("*.py"):
        for call in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id in names and call.args:
                constants = [each.value for each in ast.walk(call.args[0]) if isinstance(each, ast.Constant)]
                found += [each for each in constants if isinstance(each, str)]
    return found


@pytest.mark.requirement("RFC6749-4-1-2-1-c")
def test_every_error_is_written_in_the_characters_that_an_error_may_have() -> None:
    codes, texts = {kind.error for kind in kinds(Refusal)}, said()
    assert len(texts) > 100
    assert [text for text in (*codes, *texts) if not set(text) <= ALLOWED] == []
