"""The parameters of a class or function, read from its source text: nothing is imported, so torch is not."""

from __future__ import annotations

import ast
import importlib.util
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TypeGuard

from pellucid.errors import UserError, first_line


@dataclass(frozen=True)
class Signature:
    """The parameters of a class or function.

    ``annotations`` maps each named parameter to its annotation (None: not annotated); ``open`` is true where
    ``**kwargs`` takes any name. Of a function that hands its ``**kwargs`` on, or a constructor that does to
    its base's, the names that those take to whom it does are among them.
    """

    annotations: dict[str, ast.expr | None]
    open: bool


@cache
def read_signature(target: str) -> Signature | None:
    """The signature of the dotted name ``target``; None where the source text does not tell."""
    module, _, name = target.rpartition(".")
    return _find(module, name, frozenset())


@cache
def _parse(path: Path) -> ast.Module:
    try:
        return ast.parse(path.read_bytes())  # which may name another encoding than UTF-8
    except SyntaxError as error:
        raise UserError(f"{path}, line {error.lineno}: {error.msg}. It cannot be read as Python.") from error
    except ValueError as error:  # zeros in it
        raise UserError(f"{path}: {first_line(error)}. It cannot be read as Python.") from error


def _source(module: str) -> Path | None:
    """The file of a module, found without running any package's ``__init__``."""
    top, *rest = module.split(".")
    spec = importlib.util.find_spec(top) if top else None
    if spec is None or spec.origin is None:
        return None
    if not rest:
        return Path(spec.origin)
    for folder in spec.submodule_search_locations or ():
        base = Path(folder).joinpath(*rest)
        for path in (base.with_suffix(".py"), base / "__init__.py"):
            if path.is_file():
                return path
    return None


def _find(module: str, name: str, seen: frozenset[tuple[str, str]]) -> Signature | None:
    path = _source(module)
    if path is None or path.suffix != ".py" or (module, name) in seen:
        return None
    seen |= {(module, name)}
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    for node in _parse(path).body:
        if isinstance(node, ast.FunctionDef) and node.name == name:
            return _handed_on(node, module, seen)
        if isinstance(node, ast.ClassDef) and node.name == name:
            return _class_signature(node, module, seen)
        if isinstance(node, ast.ImportFrom):
            for alias in node.names:
                if (alias.asname or alias.name) == name:
                    return _find(_absolute(node, package), alias.name, seen)
                if alias.name == "*" and (signature := _find(_absolute(node, package), name, seen)):
                    return signature
    return None


def _absolute(node: ast.ImportFrom, package: str) -> str:
    if node.level == 0:
        return node.module or ""
    base = package.split(".")[: len(package.split(".")) - node.level + 1]
    return ".".join([*base, *([node.module] if node.module else [])])


def _class_signature(node: ast.ClassDef, module: str, seen: frozenset[tuple[str, str]]) -> Signature | None:
    for item in node.body:
        if isinstance(item, ast.FunctionDef) and item.name == "__init__":
            own, kwargs = _signature(item, skip_first=True), item.args.kwarg
            calls = [part for part in ast.walk(item) if kwargs and _is_of_base(part, kwargs.arg)]
            base = _inherited(node, module, seen) if calls and len(node.bases) == 1 else None
            if base is None:
                return own
            more = {k: v for k, v in _left(base, calls[0]).items() if k not in own.annotations}
            return Signature(own.annotations | more, base.open)
        if isinstance(item, ast.FunctionDef) and item.name == "__new__":
            return None
    return _inherited(node, module, seen)


def _is_of_base(node: ast.AST, name: str) -> TypeGuard[ast.Call]:
    """Whether that is ``super().__init__(…, **name)``."""
    return (
        isinstance(node, ast.Call)
        and ast.unparse(node.func) == "super().__init__"
        and any(key.arg is None and _is(key.value, name) for key in node.keywords)
    )


def _inherited(node: ast.ClassDef, module: str, seen: frozenset[tuple[str, str]]) -> Signature | None:
    """The signature of the constructor that a class has from its first base."""
    bases = [base for base in node.bases if not (isinstance(base, ast.Name) and base.id == "ABC")]
    if not bases and not node.decorator_list:  # object's constructor takes nothing
        return Signature(annotations={}, open=False)
    for base in bases:  # the constructor is inherited
        if isinstance(base, ast.Name):
            return _find(module, base.id, seen)
    return None


def _signature(node: ast.FunctionDef, *, skip_first: bool) -> Signature:
    positional = [*node.args.posonlyargs, *node.args.args][1 if skip_first else 0 :]
    annotations = {a.arg: a.annotation for a in [*positional, *node.args.kwonlyargs]}
    return Signature(annotations=annotations, open=node.args.kwarg is not None)


def _handed_on(node: ast.FunctionDef, module: str, seen: frozenset[tuple[str, str]]) -> Signature:
    """The signature of a function, with what its ``**kwargs`` are taken for, where its text tells."""
    own = _signature(node, skip_first=False)
    if node.args.kwarg is None or node.args.vararg is not None:
        return own
    name, names, told, is_open = node.args.kwarg.arg, dict(own.annotations), 0, False
    for part in ast.walk(node):
        if isinstance(part, ast.Call) and any(_is(key.value, name) for key in part.keywords if not key.arg):
            callee = part.func.id if isinstance(part.func, ast.Name) else ""
            taker = None if callee in own.annotations else _find(module, callee, seen)
            told, is_open = told + 1, is_open or taker is None or taker.open
            names |= {key: a for key, a in _left(taker, part).items() if key not in names} if taker else {}
        elif literal := _asked(part, name):  # kwargs.pop("size", 224), "size" in kwargs
            told += 1
            names.setdefault(literal, None)
    uses = sum(_is(part, name) for part in ast.walk(node))
    return Signature(annotations=names, open=is_open or told < uses)


def _is(node: ast.AST, name: str) -> bool:
    return isinstance(node, ast.Name) and node.id == name


def _left(taker: Signature, call: ast.Call) -> dict[str, ast.expr | None]:
    """The parameters that a call leaves to its ``**kwargs``."""
    given = {keyword.arg for keyword in call.keywords}
    return {name: a for name, a in list(taker.annotations.items())[len(call.args) :] if name not in given}


def _asked(node: ast.AST, name: str) -> str | None:
    """The key that an expression takes from the mapping of that name, or looks for in it."""
    parts: list[ast.expr] = []
    if isinstance(node, ast.Call):  # also of a helper(kwargs, "size", …)
        owner = [node.func.value] if isinstance(node.func, ast.Attribute) else []
        parts = [*owner, *node.args]
    elif isinstance(node, ast.Subscript):
        parts = [node.value, node.slice]
    elif isinstance(node, ast.Compare):
        parts = [node.left, *node.comparators]
    if not any(_is(part, name) for part in parts):
        return None
    texts = [part.value for part in parts if isinstance(part, ast.Constant) and isinstance(part.value, str)]
    return texts[0] if texts else None
