"""Finds the refusals in a module's source, and takes one of them out of the running code: a defence is switched off."""

import ast
import inspect
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass
from functools import partial
from operator import attrgetter
from types import CodeType, ModuleType

import pytest


@dataclass(frozen=True)
class Defence:
    """One condition of one function. `without` makes the source of its module that lacks it."""

    name: str
    module: ModuleType
    function: str
    without: Callable[[], ast.Module]

    def switch_off(self, patch: pytest.MonkeyPatch) -> None:
        """Everybody who holds the function now runs it without this condition."""
        function = inspect.unwrap(attrgetter(self.function)(self.module))
        code = compile(self.without(), str(self.module.__file__), "exec", dont_inherit=True)
        patch.setattr(function, "__code__", _named(code, self.function))


def refusals(module: ModuleType) -> list[Defence]:
    """Each `if` that ends in `raise`, `return False` or `return None`, once for every condition that it consists of."""
    tree = ast.parse(inspect.getsource(module))
    return [
        Defence(f"{module.__name__}.{function}: {told}", module, function, partial(_without, tree, refusal, weaker))
        for refusal, function in _refusals(tree, "")
        for told, weaker in _weakened(refusal.test)
    ]


def rewritten(module: ModuleType, function: str, old: str, new: str) -> Defence:
    """A defence that has another form: the function with `new` in place of `old`, which must be there once."""
    source, part = inspect.getsource(module), inspect.getsource(inspect.unwrap(attrgetter(function)(module)))
    if part.count(old) != 1 or source.count(part) != 1:
        raise LookupError(f"{module.__name__}.{function} has not exactly one {old!r}")
    text = source.replace(part, part.replace(old, new))
    return Defence(f"{module.__name__}.{function}: {old} -> {new}", module, function, partial(ast.parse, text))


def _without(tree: ast.Module, refusal: ast.If, weaker: ast.expr) -> ast.Module:
    whole, refusal.test = refusal.test, weaker
    copy = ast.fix_missing_locations(deepcopy(tree))
    refusal.test = whole
    return copy


def _refusals(node: ast.AST, function: str) -> Iterator[tuple[ast.If, str]]:
    for child in ast.iter_child_nodes(node):
        inside = function
        if isinstance(child, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and not _is_code(node, function):
            inside = f"{function}.{child.name}".lstrip(".")
        if isinstance(child, ast.If) and _refuses(child.body[-1]):
            yield child, function
        yield from _refusals(child, inside)


def _is_code(node: ast.AST, function: str) -> bool:
    """Whether a definition below is a part of the function that this is, or is in."""
    return bool(function) and not isinstance(node, ast.ClassDef)


def _refuses(statement: ast.stmt) -> bool:
    match statement:
        case ast.Raise() | ast.Return(value=ast.Constant(value=False | None)):
            return True
    return False


def _weakened(test: ast.expr) -> Iterator[tuple[str, ast.expr]]:
    """The condition without each of its parts."""
    match test:
        case ast.BoolOp(op=ast.Or(), values=parts):
            for place, part in enumerate(parts):
                for told, weaker in _weakened(part):
                    yield told, ast.BoolOp(ast.Or(), [*parts[:place], weaker, *parts[place + 1 :]])
        case ast.UnaryOp(op=ast.Not(), operand=ast.BoolOp(op=ast.And(), values=[first, second])):
            yield f"not {ast.unparse(first)}", ast.UnaryOp(ast.Not(), second)
            yield f"not {ast.unparse(second)}", ast.UnaryOp(ast.Not(), first)
        case ast.UnaryOp(op=ast.Not(), operand=ast.Compare(low, [above, below], [value, high])):
            first, second = ast.Compare(low, [above], [value]), ast.Compare(value, [below], [high])
            yield f"not {ast.unparse(first)}", ast.UnaryOp(ast.Not(), second)
            yield f"not {ast.unparse(second)}", ast.UnaryOp(ast.Not(), first)
        case _:
            yield ast.unparse(test), ast.Constant(value=False)


def _named(code: CodeType, name: str) -> CodeType:
    (found,) = _all_named(code, name)
    return found


def _all_named(code: CodeType, name: str) -> Iterator[CodeType]:
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            if constant.co_qualname == name:
                yield constant
            yield from _all_named(constant, name)
