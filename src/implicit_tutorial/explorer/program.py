"""Torch functions as programs that a page can run: what `torch.export` gives, as a list of operations.

The page's side is program.js: it knows the operations of :data:`OPERATIONS`, with torch's broadcasting, in
float64 or float32, and products of matrices in WebAssembly.
"""

from __future__ import annotations

import math
import operator
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.export import Dim, ExportedProgram, export
from torch.fx import GraphModule, Node

aten = torch.ops.aten

#: What the page can do, by the name that program.js has for it.
OPERATIONS: dict[Any, str] = {
    **{
        getattr(getattr(aten, name), overload): name
        for name, overloads in {
            "add": "Tensor Scalar", "sub": "Tensor Scalar", "mul": "Tensor Scalar", "div": "Tensor Scalar",
            "pow": "Tensor_Scalar Tensor_Tensor", "maximum": "default", "minimum": "default",
            "remainder": "Scalar Tensor", "atan2": "default",
            "le": "Scalar Tensor", "lt": "Scalar Tensor", "ge": "Scalar Tensor", "gt": "Scalar Tensor",
            "eq": "Scalar Tensor", "ne": "Scalar Tensor",
            "bitwise_and": "Tensor", "bitwise_or": "Tensor", "bitwise_not": "default",
            "neg": "default", "abs": "default", "relu": "default", "sqrt": "default",
            "reciprocal": "default", "exp": "default", "log": "default", "sin": "default", "cos": "default",
            "floor": "default", "where": "self", "clamp": "default",
            "scalar_tensor": "default", "full": "default", "full_like": "default", "arange": "start_step",
            "permute": "default", "unsqueeze": "default", "squeeze": "dims", "view": "default",
            "expand": "default", "select": "int", "slice": "Tensor", "cat": "default", "clone": "default",
            "sum": "dim_IntList", "mean": "dim default",
            "amax": "default", "amin": "default",
            "any": "dim dims default", "linalg_vector_norm": "default", "mm": "default", "bmm": "default",
            "_linalg_solve_ex": "default", "linalg_eig": "default", "_linalg_eigh": "default",
        }.items()
        for overload in overloads.split()
    },
    # Of truth values, which are 0 and 1 in the page, the same.
    aten.logical_and.default: "bitwise_and", aten.logical_or.default: "bitwise_or",
    aten.logical_not.default: "bitwise_not",
    aten.squeeze.dim: "squeeze",
    aten.alias.default: "clone",
    aten.view_as_real.default: "clone",
    aten._to_copy.default: "clone",
    aten.sym_size.int: "size",
    operator.getitem: "item",
    operator.add: "int_add", operator.sub: "int_sub", operator.mul: "int_mul", operator.floordiv: "int_div",
}  # fmt: skip

#: Arguments that say where and how torch keeps a result, or which triangle of a symmetric matrix it reads; in
#: the page there is one place and one precision.
_STORAGE = {"dtype", "layout", "device", "pin_memory", "memory_format", "non_blocking", "UPLO"}


#: Loops that close over what is around them are exported only by a torch that knows this question.
_EXPORTS = hasattr(torch.compiler, "is_exporting")


class UnknownOperationError(ValueError):
    """A function uses an operation that the page does not know."""


def exporting() -> bool:
    """Whether a function is being written down for a page, which an early torch cannot do."""
    return _EXPORTS and torch.compiler.is_exporting()


def export_program(
    function: Callable[..., Mapping[str, Tensor]],
    example: Mapping[str, Tensor],
    sizes: Mapping[str, Sequence[str | None]] | None = None,
) -> dict[str, Any]:
    """The program of a pure torch function, as a document for program.js.

    Arguments:
        function: takes the tensors of ``example`` by keyword, and returns tensors by name.
        example: inputs of float64 on which the function is traced; sizes that may vary must be at least 2,
            and different from one another.
        sizes: for an input the names of its sizes that may vary, as ``{"z": ("n", "m")}``; None for a
            constant one.

    Raises:
        UnknownOperationError: the function uses an operation that the page does not know.
        RuntimeError: torch is too old to export loops.
    """
    if not _EXPORTS:
        raise RuntimeError(
            f"torch {torch.__version__} is too old to write down a figure that its page computes; take the "
            "one in requirements.txt. In a notebook this figure works as it is."
        )
    example = {name: tensor.clone() for name, tensor in example.items()}  # one each, though they be equal
    names = list(example)
    free = {name: Dim(name, min=2) for dims in (sizes or {}).values() for name in dims if name}
    shapes = {
        name: {i: free[size] for i, size in enumerate((sizes or {}).get(name, ())) if size} or None
        for name in names
    }
    outputs: list[str] = []

    class Traced(torch.nn.Module):
        def forward(self, tensors: dict[str, Tensor]) -> tuple[Tensor, ...]:
            result = function(**tensors)
            outputs[:] = result
            return tuple(result.values())

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # torch warns of itself
        exported = export(Traced(), (example,), dynamic_shapes=(shapes,)).run_decompositions()
    title = getattr(function, "__qualname__", repr(function))
    document = _document(exported.graph_module, title, _constants(exported))
    return {"name": title, "inputs": names, "outputs": list(outputs)} | document


def _constants(exported: ExportedProgram) -> dict[str, Tensor]:
    """Tensors that the function made of plain numbers, by the name of their placeholder."""
    kept = exported.constants | exported.state_dict
    signature = exported.graph_signature
    named = signature.inputs_to_lifted_tensor_constants | signature.inputs_to_buffers
    return {placeholder: kept[name] for placeholder, name in named.items()}


def _document(module: GraphModule, title: str, constants: Mapping[str, Tensor]) -> dict[str, Any]:
    """Placeholders, constants, operations and results of a graph; a value is known by its number."""
    number: dict[Node, int] = {}
    same: dict[str, int] = {}
    inputs: list[int] = []
    fixed: list[list[Any]] = []
    steps: list[list[Any]] = []

    def argument(value: Any) -> Any:
        if isinstance(value, Node):
            return str(number[value])  # numbers stand for themselves
        if isinstance(value, (list, tuple)):
            return [argument(v) for v in value]
        if isinstance(value, float) and not math.isfinite(value):  # what JSON has no word for
            return {"number": "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"}
        if value is None or isinstance(value, (bool, int, float)):
            return value
        raise UnknownOperationError(f"{title}: the page cannot take {value!r} as an argument.")

    def value(step: list[Any]) -> int:
        """The number of a step's result; what has been computed before is not computed again."""
        nonlocal count
        key = repr(step)
        if key not in same:
            same[key] = count
            steps.append([count, *step])
            count += 1
        return same[key]

    count = 0
    result: Any = None
    for node in module.graph.nodes:
        if node.op == "get_attr":  # the body of a loop, taken where the loop is
            continue
        if node.op == "output":
            result = argument(node.args[0])
            continue
        if node.op == "placeholder":
            number[node] = count
            if node.name in constants:
                tensor = constants[node.name]
                fixed.append([count, list(tensor.shape), tensor.flatten().tolist()])
            else:
                inputs.append(count)
            count += 1
            continue
        number[node] = value(_step(node, module, title, argument, value))
    return {"takes": inputs, "constants": fixed, "steps": steps, "gives": result}


def _step(
    node: Node,
    module: GraphModule,
    title: str,
    argument: Callable[[Any], Any],
    value: Callable[[list[Any]], int],
) -> list[Any]:
    """One operation; `value` gives the number of one that must come before."""
    if node.target is torch.ops.higher_order.while_loop:
        condition, body, carried, others = node.args
        inner = [_document(getattr(module, graph.target), title, {}) for graph in (condition, body)]
        return ["while", *inner, argument(carried), argument(others)]
    # torch decomposes these itself, but not inside of a loop.
    if node.target in (aten.t.default, aten.numpy_T.default, aten.transpose.int):
        dims = list(range(node.args[0].meta["val"].ndim))
        i, j = node.args[1:] or (0, -1)
        dims[i], dims[j] = dims[j], dims[i]
        return ["permute", argument(node.args[0]), dims]
    if node.target in (aten.addmm.default, aten.baddbmm.default):
        added, left, right, beta, alpha = map(argument, _positional(node))
        product = str(value(["mm" if node.target is aten.addmm.default else "bmm", left, right]))
        scaled = added if beta == 1 else str(value(["mul", added, beta]))
        return ["add", scaled, product, alpha]
    if node.target not in OPERATIONS:
        raise UnknownOperationError(
            f"{title} uses {node.target}, which the page does not know. What to change: write it with other "
            "operations, or teach it to program.js and to OPERATIONS."
        )
    return [OPERATIONS[node.target], *map(argument, _positional(node))]


def _positional(node: Node) -> list[Any]:
    """The arguments in the order of the operation's schema, with its defaults, without those of storage."""
    if not hasattr(node.target, "_schema"):
        return list(node.args)
    values = []
    for i, parameter in enumerate(node.target._schema.arguments):
        if parameter.name in _STORAGE:
            continue
        default = parameter.default_value if parameter.has_default_value() else None
        values.append(node.args[i] if i < len(node.args) else node.kwargs.get(parameter.name, default))
    return values
