"""Functions written twice: as plain Python, which defines them and runs on exact objects, and as LLVM operations."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic, overload

from tconv.kernels.launch import CALLED
from tconv.kernels.vectors import vector_type


def emits(
    function: Callable[..., Any],
    returns: types.Type = types.void,
    options: dict[str, Any] = CALLED,
    apart: bool = False,
) -> Callable[..., Any]:
    """Decorates what emits the operations that compiled kernels get where they call ``function``; gives an intrinsic.

    It is told a builder, the vector of what the last array holds, and the operands, arrays as Numba's structures.
    Where there is one call only, LLVM puts even large code there, and leaves fewer registers to what is around: not if
    ``apart``, for what returns nothing.
    """

    def decorated(emit: Callable[..., Any]) -> Any:
        @intrinsic
        def emitted(typing, *operands):
            arrays = [isinstance(operand, types.Array) for operand in operands]
            read = [operand if array else types.int64 for operand, array in zip(operands, arrays, strict=True)]

            def emit_body(context, builder, operands):
                given = [
                    context.make_array(type_)(context, builder, value) if array else value
                    for type_, array, value in zip(read, arrays, cgutils.unpack_tuple(builder, operands), strict=True)
                ]
                vector = vector_type([type_ for type_, array in zip(read, arrays, strict=True) if array][-1])
                return emit(builder, vector, *given)

            def codegen(context, builder, signature, values):
                if not apart:
                    result = emit_body(context, builder, values[0])
                    return context.get_dummy_value() if result is None else result
                signature = ir.FunctionType(ir.VoidType(), [values[0].type])
                body = ir.Function(builder.module, signature, builder.module.get_unique_name(function.__name__))
                body.linkage = "internal"
                body.attributes.add("noinline")
                inside = ir.IRBuilder(body.append_basic_block())
                emit_body(context, inside, body.args[0])
                inside.ret_void()
                builder.call(body, values)
                return context.get_dummy_value()

            return returns(types.BaseTuple.from_types(read)), codegen

        @overload(function, jit_options=options)
        def choose(*operands):
            def call(*operands):
                return emitted(*operands)

            return call

        return emitted

    return decorated
