"""A fingerprint of code: the functions of this package that a call ran through, each with its digest."""

from __future__ import annotations

import ast
import hashlib
import sys
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from pathlib import Path
from types import FrameType
from typing import Any

from implicit_tutorial.equilibrium.checks import checked

PACKAGE = Path(__file__).resolve().parents[1]

#: A function by module and qualified name, as "equilibrium.picard:Picard.run", and the digest of its source.
Fingerprint = dict[str, str]
GONE = "gone"


def traced(call: Callable[[], Any]) -> tuple[Any, Fingerprint]:
    """What ``call`` returns, and the fingerprint of what it ran through in this thread."""
    codes = {}

    def note(frame: FrameType, event: str, _: Any) -> None:
        if event == "call":
            codes[id(frame.f_code)] = frame.f_code

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        result = call()
    finally:
        sys.setprofile(before)
    names = {_name(code.co_filename, code.co_qualname) for code in codes.values()}
    return result, {name: digest(name) for name in sorted(names - {None})}


def changes(fingerprint: Mapping[str, str]) -> list[str]:
    """The functions of a fingerprint whose source is another one today, or is gone."""
    return [name for name, before in fingerprint.items() if digest(name) != before]


@cache
def digest(name: str) -> str:
    """Eight digits for what a function does: its code, its class's attributes, the constants that it names.

    Comments, docstrings, annotations and layout do not count, nor ``checked``, which refuses arguments and
    changes no value. A function that is not there is "gone".
    """
    module, _, qualified = name.partition(":")
    names = _module(module)
    *owners, last = qualified.split(".")
    found = _member(names, owners, last)
    if found is None:
        return GONE
    parts = [found, *_attributes(names, owners)]
    constants = (_constant(module, n.id) for part in parts for n in ast.walk(part) if isinstance(n, ast.Name))
    text = "\n".join([*map(_canonical, parts), *sorted({_canonical(c) for c in constants if c is not None})])
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def _name(filename: str, qualified: str) -> str | None:
    """The name of a function of this package; that of the outermost one for what is defined inside of it."""
    path, outermost = Path(filename), qualified.partition(".<locals>")[0]
    if PACKAGE not in path.parents or "<" in outermost:
        return None
    return f"{'.'.join(path.relative_to(PACKAGE).with_suffix('').parts)}:{outermost}"


@cache
def _module(module: str) -> dict[str, ast.AST]:
    """What stands at the level of a module of the package, by name; nothing if there is no such module."""
    path = PACKAGE.joinpath(*module.split(".")).with_suffix(".py")
    return dict(_named(ast.parse(path.read_text(encoding="utf-8")).body)) if path.exists() else {}


def _named(body: list[ast.stmt]) -> Iterator[tuple[str, ast.AST]]:
    for node in body:
        match node:
            case ast.FunctionDef() | ast.ClassDef():
                yield node.name, node
            case ast.Assign(targets=targets):
                yield from ((n.id, node) for t in targets for n in ast.walk(t) if isinstance(n, ast.Name))
            case ast.AnnAssign(target=ast.Name(id=name)):
                yield name, node
            case ast.ImportFrom(names=aliases):
                yield from ((alias.asname or alias.name, node) for alias in aliases)


def _member(names: dict[str, ast.AST], owners: list[str], last: str) -> ast.FunctionDef | None:
    for owner in owners:
        node = names.get(owner)
        if not isinstance(node, ast.ClassDef):
            return None
        names = dict(_named(node.body))
    found = names.get(last)
    return found if isinstance(found, ast.FunctionDef) else None


def _attributes(names: dict[str, ast.AST], owners: list[str]) -> Iterator[ast.AST]:
    """What the classes around a method set: the defaults of a dataclass are among it."""
    for owner in owners:
        body = names[owner].body
        yield from (node for node in body if isinstance(node, ast.Assign | ast.AnnAssign))
        names = dict(_named(body))


def _constant(module: str, name: str) -> ast.AST | None:
    """The assignment of a module's constant, there or where it is imported from."""
    node = _module(module).get(name)
    if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(f"{PACKAGE.name}."):
        original = next(a.name for a in node.names if name in (a.asname, a.name))
        return _constant(node.module.removeprefix(f"{PACKAGE.name}."), original)
    return node if isinstance(node, ast.Assign | ast.AnnAssign) else None


def _canonical(node: Any) -> str:
    """A syntax tree as text that is the same for all versions of Python."""
    if isinstance(node, list):
        return f"[{','.join(map(_canonical, node))}]"
    if not isinstance(node, ast.AST):
        return repr(node)
    skipped = {"annotation", "returns", "type_comment", "type_params", "ctx", "kind"}
    fields = [(key, value) for key, value in ast.iter_fields(node) if key not in skipped]
    if isinstance(node, ast.FunctionDef) and ast.get_docstring(node) is not None:
        fields = [(key, value[1:] if key == "body" else value) for key, value in fields]
    fields = [(key, _computing(value) if key == "decorator_list" else value) for key, value in fields]
    return (
        f"{type(node).__name__}({','.join(f'{key}={_canonical(value)}' for key, value in fields if value)})"
    )


def _computing(decorators: list[ast.expr]) -> list[ast.expr]:
    """Those that change what a function returns."""
    return [d for d in decorators if not (isinstance(d, ast.Name) and d.id == checked.__name__)]
