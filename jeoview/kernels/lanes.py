"""Sixteen pixels as one value, for kernels that do the same long sum at every pixel.

numba unrolls a loop over 16 pixels and leaves it scalar, because two rows of one array might overlap.
Here such a row is one LLVM vector, so the arithmetic is vectorised wherever it runs. Every lane
goes through the same instructions: a pixel's value cannot depend on its neighbours or on its place in a
tile. `fma` rounds once on every machine, so results do not depend on the processor either.

A row of a float64 array (rows, 16) is read by `load` and written by `store`; 16 neighbouring values
of a flat float32 array by `unpack` and `pack`.
"""

# numba calls these functions with arguments of its own, whether they are needed or not.
# ruff: noqa: ARG001, ARG002, ARG005
# mypy: disable-error-code="no-untyped-call"

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba import njit, types
from numba.core import cgutils, extending
from numba.core.extending import lower_builtin, models, register_model
from numba.core.typing.templates import AbstractTemplate, infer_global, signature

WIDTH = 16

# numba's own annotation counts the compiler's context as an argument of the caller.
intrinsic: Any = extending.intrinsic

# For functions that only kernels call: what Python would need to call them is not compiled, a third of the time.
_options: dict[str, Any] = {"no_cpython_wrapper": True, "no_cfunc_wrapper": True}
inner: Any = njit(nogil=True, **_options)

_DOUBLES = ir.VectorType(ir.DoubleType(), WIDTH)
_FLOATS = ir.VectorType(ir.FloatType(), WIDTH)
_ZERO = ir.Constant(_DOUBLES, [0.0] * WIDTH)
_Generated = tuple[Any, Callable[..., Any]]


class LanesType(types.Type):
    """numba's name for sixteen float64."""

    def __init__(self) -> None:
        super().__init__(name=f"Lanes({WIDTH})")


lanes = LanesType()


@register_model(LanesType)
class _LanesModel(models.PrimitiveModel):
    def __init__(self, manager: Any, kind: Any) -> None:
        super().__init__(manager, kind, _DOUBLES)


def _define_arithmetic(symbol: Callable[..., Any], instruction: str) -> None:
    """``a + b`` and the like."""

    @infer_global(symbol)
    class _Template(AbstractTemplate):
        def generic(self, args: Any, kws: Any) -> Any:
            return signature(lanes, lanes, lanes) if tuple(args) == (lanes, lanes) else None

    @lower_builtin(symbol, lanes, lanes)
    def _lower(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return getattr(builder, instruction)(*args)


_define_arithmetic(operator.add, "fadd")
_define_arithmetic(operator.sub, "fsub")
_define_arithmetic(operator.mul, "fmul")
_define_arithmetic(operator.truediv, "fdiv")


def _define_call(name: str, arguments: int) -> Any:
    """One of LLVM's own functions of vectors."""

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        kind = ir.FunctionType(_DOUBLES, [_DOUBLES] * arguments)
        return builder.call(cgutils.get_or_insert_function(builder.module, kind, f"llvm.{name}.v{WIDTH}f64"), args)

    if arguments == 1:
        return intrinsic(lambda typing, a: (lanes(lanes), generate))
    return intrinsic(lambda typing, a, b, c: (lanes(lanes, lanes, lanes), generate))


sqrt = _define_call("sqrt", 1)
rint = _define_call("rint", 1)
magnitude = _define_call("fabs", 1)
fma = _define_call("fma", 3)


@intrinsic
def splat(typing: Any, value: Any) -> _Generated:
    """The same number in every lane."""

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        empty = ir.Constant(_DOUBLES, ir.Undefined)
        first = builder.insert_element(empty, args[0], ir.Constant(ir.IntType(32), 0))
        return builder.shuffle_vector(first, empty, ir.Constant(ir.VectorType(ir.IntType(32), WIDTH), [0] * WIDTH))

    return lanes(types.float64), generate


@intrinsic
def where_positive(typing: Any, condition: Any, yes: Any, no: Any) -> _Generated:
    """Lane by lane ``yes`` where the condition is above 0, else ``no`` (also where it is NaN)."""

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return builder.select(builder.fcmp_ordered(">", args[0], _ZERO), args[1], args[2])

    return lanes(lanes, lanes, lanes), generate


@intrinsic
def where_number(typing: Any, condition: Any, yes: Any, no: Any) -> _Generated:
    """Lane by lane ``yes`` where the condition is a number, ``no`` where it is NaN."""

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return builder.select(builder.fcmp_ordered("ord", args[0], args[0]), args[1], args[2])

    return lanes(lanes, lanes, lanes), generate


@intrinsic
def any_positive(typing: Any, values: Any) -> _Generated:
    """Whether a lane is above 0."""

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        bits = builder.bitcast(builder.fcmp_ordered(">", args[0], _ZERO), ir.IntType(WIDTH))
        return builder.icmp_unsigned("!=", bits, ir.Constant(ir.IntType(WIDTH), 0))

    return types.boolean(lanes), generate


def _pointer(context: Any, builder: Any, kind: Any, array: Any, index: Any, vector: Any) -> Any:
    data = context.make_array(kind)(context, builder, array).data
    return builder.bitcast(builder.gep(data, [index]), vector.as_pointer())


def _row(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    start = builder.mul(args[1], ir.Constant(args[1].type, WIDTH))
    return _pointer(context, builder, sig.args[0], args[0], start, _DOUBLES)


@intrinsic
def load(typing: Any, rows: Any, index: Any) -> _Generated:
    """Row ``index`` of a C-contiguous float64 array (rows, 16)."""

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return builder.load(_row(context, builder, sig, args), align=8, typ=_DOUBLES)

    return lanes(rows, types.intp), generate


@intrinsic
def store(typing: Any, rows: Any, index: Any, value: Any) -> _Generated:
    """Write row ``index`` of a C-contiguous float64 array (rows, 16)."""

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        builder.store(args[2], _row(context, builder, sig, args), align=8)
        return context.get_dummy_value()

    return types.void(rows, types.intp, lanes), generate


@intrinsic
def unpack(typing: Any, values: Any, index: Any) -> _Generated:
    """Sixteen values of a flat float32 array from ``index`` on."""

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        place = _pointer(context, builder, sig.args[0], args[0], args[1], _FLOATS)
        return builder.fpext(builder.load(place, align=4, typ=_FLOATS), _DOUBLES)

    return lanes(values, types.intp), generate


@intrinsic
def pack(typing: Any, values: Any, index: Any, value: Any) -> _Generated:
    """Write sixteen values of a flat float32 array from ``index`` on, rounded."""

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        place = _pointer(context, builder, sig.args[0], args[0], args[1], _FLOATS)
        builder.store(builder.fptrunc(args[2], _FLOATS), place, align=4)
        return context.get_dummy_value()

    return types.void(values, types.intp, lanes), generate
