"""Which requirement and threat ids the tests name, read from their source without running any."""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_ACCEPTANCE = re.compile(r"test_r(\d+)_\w+")


@dataclass(frozen=True)
class Named:
    """One mention. `pattern` is a regular expression: where an id is computed, its computed part matches anything."""

    pattern: str
    where: str

    def matches(self, identifier: str) -> bool:
        return re.fullmatch(self.pattern, identifier) is not None


def named_in(tests: Path) -> list[Named]:
    """Everything the marks of all tests name, and each acceptance row whose test has its name."""
    mentions: list[Named] = []
    for file in sorted(tests.rglob("*.py")):
        tree = ast.parse(file.read_text("utf-8"))
        where = str(file.relative_to(tests.parent))
        mentions += [Named(pattern, f"{where}:{line}") for pattern, line in _marked(tree)]
        if file.parent.name == "acceptance":
            mentions += [Named(row, where) for row in _rows(tree)]
    return mentions


def acceptance_rows(tests: Path) -> set[str]:
    """The rows that have an acceptance test."""
    trees = (ast.parse(file.read_text("utf-8")) for file in (tests / "acceptance").glob("test_*.py"))
    return {row for tree in trees for row in _rows(tree)}


def _marked(tree: ast.Module) -> Iterator[tuple[str, int]]:
    """The ids in `requirement(...)`, wherever it is called."""
    for call in ast.walk(tree):
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr == "requirement":
            for argument in call.args:
                yield from ((pattern, call.lineno) for pattern in _patterns(argument))


def _patterns(argument: ast.expr) -> Iterator[str]:
    """A string, a few strings in a row, or the strings that a comprehension computes."""
    match argument:
        case ast.Constant(value=str(text)):
            yield re.escape(text)
        case ast.JoinedStr(values=parts):
            yield "".join(re.escape(str(part.value)) if isinstance(part, ast.Constant) else ".+" for part in parts)
        case ast.Starred(value=ast.Tuple(elts=elements) | ast.List(elts=elements)):
            for element in elements:
                yield from _patterns(element)
        case ast.Starred(value=ast.GeneratorExp(elt=element) | ast.ListComp(elt=element)):
            yield from _patterns(element)
        case _:
            raise ValueError(f"line {argument.lineno}: an id is a string, or strings computed in place")


def _rows(tree: ast.Module) -> Iterator[str]:
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and (found := _ACCEPTANCE.fullmatch(node.name)):
            yield f"R{found[1]}"
