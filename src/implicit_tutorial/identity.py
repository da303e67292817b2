"""What the result of a function depends on, as one digest: its code, and the values that it sees."""

from __future__ import annotations

import dataclasses
import dis
import functools
import hashlib
import types
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch

#: Values that are what they print.
_PLAIN = (type(None), type(...), bool, int, float, complex, str, bytes)
#: What a class holds that its definition does not say.
_MACHINERY = ("_abc_impl", "__dict__", "__weakref__")


def _transparent(function: Any) -> bool:
    """Whether a wrapper says of itself that it returns what its function does."""
    return getattr(type(function), "transparent", False) and hasattr(function, "__wrapped__")


def _owner(function: Any) -> Any:
    """The function or class whose name and module are those of a callable."""
    while True:
        if isinstance(function, functools.partial):
            function = function.func
        elif isinstance(function, types.MethodType):
            function = function.__func__
        elif _transparent(function):
            function = function.__wrapped__
        else:
            named = isinstance(function, type) or hasattr(function, "__qualname__")
            return function if named else type(function)


class Digest:
    """Digests of values as a function sees them: the same for equal values and for functions that compute
    the same.

    Of a function it is the code, the defaults, what a closure or a partial has bound, an object's state, and
    the globals that it names; of functions and classes beside it in its own module the same again. What
    stands in another module counts by its name. The module's own name does not count, so that a script is
    the same as the module that it is imported as.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        owner = _owner(function)
        self.name, self.home = owner.__qualname__, owner.__module__
        self.known: dict[int, str] = {}
        #: Keeps what was met alive, since its ``id`` stands for it.
        self.met: list[Any] = []
        #: Where in the function the value is that is looked at.
        self.path: list[str] = []

    def of(self, value: Any) -> str:
        """The digest of a value.

        Raises:
            TypeError: it holds something whose state cannot be told, such as an open file.
        """
        if _transparent(value):
            return self.of(value.__wrapped__)
        if isinstance(value, np.generic):
            value = value.item()
        if isinstance(value, _PLAIN):
            return _hash(type(value).__name__, repr(value))
        if id(value) not in self.known:
            self.met.append(value)
            self.known[id(value)] = "itself"  # within its own description
            self.known[id(value)] = _hash(type(value).__qualname__, *self._parts(value))
        return self.known[id(value)]

    def _parts(self, value: Any) -> Iterator[str]:
        match value:
            case list() | tuple():
                yield from map(self.of, value)
            case set() | frozenset():
                yield from sorted(map(self.of, value))
            case dict() if type(value) in (dict, types.MappingProxyType):
                yield from self._named(value)
            case np.ndarray() if value.dtype != object:
                yield from (str(value.dtype), str(value.shape))
                yield _hash(np.ascontiguousarray(value).tobytes())
            case torch.Tensor() if value.layout == torch.strided and not value.is_meta:
                data = value.detach().resolve_conj().resolve_neg().cpu().contiguous().flatten()
                yield from (str(value.dtype), str(tuple(value.shape)), str(value.requires_grad))
                yield _hash(data.view(torch.uint8).numpy().tobytes())
            case types.ModuleType():
                yield value.__name__
            case types.CodeType():
                yield from self._code(value)
            case types.FunctionType():
                yield from self._function(value)
            case types.BuiltinFunctionType() if isinstance(value.__self__, types.ModuleType | None):
                yield from (str(value.__module__), value.__qualname__)
            case types.MethodType():
                yield from (self.of(value.__func__), self.of(value.__self__))
            case functools.partial():
                yield from map(self.of, (value.func, value.args, value.keywords))
            case type():
                yield from self._class(value)
            case property():
                yield from map(self.of, (value.fget, value.fset))
            case staticmethod() | classmethod():
                yield self.of(value.__func__)
            case functools.cached_property():
                yield self.of(value.func)
            case types.MemberDescriptorType() | types.GetSetDescriptorType():
                yield value.__name__
            case _:
                yield from self._object(value)

    def _function(self, function: types.FunctionType) -> Iterator[str]:
        here = self._at_home(function)
        yield from ("" if here else function.__module__, function.__qualname__)
        if not here:
            return
        with self._within(function.__qualname__):
            yield from map(self.of, (function.__defaults__, function.__kwdefaults__))
            yield from self._named(vars(function))
            for variable, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
                with self._within(variable):
                    yield _hash(variable, self.of(cell.cell_contents) if _filled(cell) else "empty")
            yield self.of(function.__code__)
            yield from self._named(_globals(function.__code__, function.__globals__))

    def _code(self, code: types.CodeType) -> Iterator[str]:
        arguments = code.co_argcount + code.co_kwonlyargcount
        yield from map(_hash, (code.co_code, code.co_exceptiontable))
        yield from (str(code.co_flags), *code.co_names, *code.co_varnames[:arguments], *code.co_freevars)
        yield from map(self.of, code.co_consts)

    def _class(self, kind: type) -> Iterator[str]:
        here = self._at_home(kind)
        yield from ("" if here else kind.__module__, kind.__qualname__)
        if here:
            with self._within(kind.__qualname__):
                yield from map(self.of, kind.__bases__)
                yield from self._named({k: v for k, v in vars(kind).items() if _defined(k, v)})

    def _object(self, value: Any) -> Iterator[str]:
        """What ``pickle`` would store of an object, but for what a dataclass or a cache leaves out."""
        kind = type(value)
        try:
            reduced = value.__reduce_ex__(4)
        except Exception as error:
            place = " of ".join(f"{step!r}" for step in reversed(self.path)) or "an argument"
            raise TypeError(
                f"{place} is a {kind.__module__}.{kind.__qualname__}, whose state cannot be told, so stored "
                "results could be taken for those of another experiment. What to change: make what matters "
                "of it a setting of the grid, or create it inside the experiment."
            ) from error
        yield self.of(kind)
        if isinstance(reduced, str):  # a name; a cache around a function has nothing but that of the function
            yield from (reduced, self.of(getattr(value, "__wrapped__", None)))
            return
        make, arguments, state, items, pairs = (*reduced, None, None, None)[:5]
        yield from map(self.of, (make, arguments))
        with self._within(kind.__qualname__):
            for part in state if isinstance(state, tuple) and len(state) == 2 else (state,):
                if isinstance(part, dict):
                    yield from self._named({k: v for k, v in part.items() if _counts(kind, k)})
                else:
                    yield self.of(part)
        yield from (self.of(list(items or ())), self.of(list(pairs or ())))

    def _named(self, values: Mapping[Any, Any]) -> Iterator[str]:
        found = []
        for key, value in values.items():
            with self._within(str(key)):
                found.append(_hash(self.of(key), self.of(value)))
        yield from (str(len(found)), *sorted(found))

    def _at_home(self, thing: Any) -> bool:
        """Whether its code counts: it stands in this module, or has no place of its own anywhere."""
        return thing.__module__ in (self.home, "__main__") or "<" in thing.__qualname__

    @contextmanager
    def _within(self, step: str) -> Iterator[None]:
        self.path.append(step)
        yield
        self.path.pop()


def _globals(code: types.CodeType, names: Mapping[str, Any]) -> dict[str, Any]:
    """The globals that code names, and the plain values that it names in modules."""
    found: dict[str, Any] = {}
    module, said = None, ""
    for line in dis.get_instructions(code):
        value = None
        if line.opname in ("LOAD_GLOBAL", "LOAD_NAME") and line.argval in names:
            said, value = line.argval, names[line.argval]
            found[said] = value
        elif module is not None and line.opname in ("LOAD_ATTR", "LOAD_METHOD"):
            said, value = f"{said}.{line.argval}", getattr(module, line.argval, None)
            if isinstance(value, (*_PLAIN, list, tuple, dict, set, np.ndarray, torch.Tensor)):
                found[said] = value
        elif line.opname in ("CACHE", "PUSH_NULL"):
            continue
        module = value if isinstance(value, types.ModuleType) else None
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            found |= _globals(constant, names)
    return found


def _filled(cell: types.CellType) -> bool:
    try:
        cell.cell_contents  # noqa: B018 (an empty cell raises when it is read)
    except ValueError:
        return False
    return True


def _defined(key: str, value: Any) -> bool:
    """Whether an entry of a class is part of what it does: a method, or an attribute with a plain name."""
    if key in _MACHINERY:
        return False
    return not key.startswith("__") or isinstance(value, types.FunctionType | classmethod | staticmethod)


def _counts(kind: type, key: str) -> bool:
    """Whether an attribute is part of an object's state: neither a cached value nor a field without say."""
    if isinstance(getattr(kind, key, None), functools.cached_property):
        return False
    fields = {f.name: f for f in dataclasses.fields(kind)} if dataclasses.is_dataclass(kind) else {}
    return key not in fields or fields[key].compare is not False


def _hash(*parts: str | bytes) -> str:
    known = hashlib.sha256()
    for part in parts:
        data = part if isinstance(part, bytes) else part.encode("utf-8", "surrogatepass")
        known.update(len(data).to_bytes(8, "little") + data)
    return known.hexdigest()
