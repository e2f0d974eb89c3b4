"""One value from memory by address: how a kernel reads blocks that lie apart without copying them together."""

from __future__ import annotations

from typing import Any

from numba import types
from numba.extending import intrinsic


def _load(_context: Any, _address: Any, _index: Any, sample: Any) -> Any:
    """Return item ``index`` of the values at ``address`` (bytes, as int64), of the type of the array ``sample``.

    Nothing is checked: the caller holds the array whose address it is, and the index lies inside.
    """
    dtype = sample.dtype

    def generate(context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        storage = context.get_data_type(dtype)
        size = context.get_constant(types.int64, context.get_abi_sizeof(storage))
        place = builder.add(arguments[0], builder.mul(arguments[1], size))
        return context.unpack_value(builder, dtype, builder.inttoptr(place, storage.as_pointer()))

    return dtype(types.int64, types.int64, sample), generate


# Untyped: its first argument is the compiler's, not the caller's.
load: Any = intrinsic(_load)
