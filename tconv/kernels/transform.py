"""Cook-Toom transforms of whole vectors: a few rows of positions become sums and differences of them.

As in ``tile``, plain Python defines it and LLVM vector operations do it in compiled code: each matrix of the table
``tconv.transforms`` that the engine uses becomes a few additions in a row, without loads of coefficients.
"""

from __future__ import annotations

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic, overload

from tconv.kernels.launch import CALLED
from tconv.kernels.vectors import INT, cases, data_of, load_vector, multiply_add, splat, store_vector, vector_type
from tconv.transforms import TRANSFORMS

SHAPES = ((1, 1), (2, 1), (3, 1), (4, 1), (2, 2), (3, 2), (4, 2), (2, 3), (3, 3), (4, 3))
"""(outputs, taps) of the transforms that are compiled."""

_INPUTS = tuple(((1,),) if shape == (1, 1) else TRANSFORMS[shape].inputs for shape in SHAPES)
_OUTPUTS = tuple(((1,),) if shape == (1, 1) else TRANSFORMS[shape].outputs for shape in SHAPES)
MATRICES = tuple(dict.fromkeys(_INPUTS + _OUTPUTS))  # of one tap both are identities


def input_kind(outputs: int, taps: int) -> int:
    """Which matrix of `transform` turns inputs into operands of the products."""
    return MATRICES.index(_INPUTS[SHAPES.index((outputs, taps))])


def output_kind(outputs: int, taps: int) -> int:
    """Which matrix of `transform` turns products into outputs."""
    return MATRICES.index(_OUTPUTS[SHAPES.index((outputs, taps))])


def transform(
    kind, times, count, width, lanes, source, at, step, pitch, jump, target, to, step_to, pitch_to, jump_to
):  # fmt: skip
    """Multiply by the matrix ``kind``: row f of the result is the sum over j of ``matrix[f][j]`` times row j.

    Rows lie ``step`` apart in ``source`` and ``step_to`` in ``target``; this for ``width`` columns (in whole vectors of
    ``lanes``), ``count`` times a ``pitch`` further on, and all that ``times`` times a ``jump`` further on. Source and
    target may be one, if all steps are. Returns whether a result is inf or nan.
    """
    spoiled = False
    for n in range(times):
        for i in range(count):
            for lane in range((width + lanes - 1) // lanes * lanes):
                here, there = at + n * jump + i * pitch + lane, to + n * jump_to + i * pitch_to + lane
                rows = [source[here + j * step] for j in range(len(MATRICES[kind][0]))]
                for f, coefficients in enumerate(MATRICES[kind]):
                    terms = [c * row for c, row in zip(coefficients, rows, strict=True) if c]
                    total = terms[0]
                    for term in terms[1:]:
                        total = total + term
                    target[there + f * step_to] = total
                    spoiled = spoiled or total - total != 0  # of inf and nan that is nan
    return spoiled


def _combined(builder: ir.IRBuilder, coefficients: tuple[int, ...], rows: list[ir.Value]) -> ir.Value:
    """The sum of coefficients times vectors, with as few operations as plain numbers allow."""
    vector = rows[0].type
    whole = isinstance(vector.element, ir.IntType)
    add, subtract = (builder.add, builder.sub) if whole else (builder.fadd, builder.fsub)
    # A positive one first, so that none has to be negated.
    terms = sorted(((c, row) for c, row in zip(coefficients, rows, strict=True) if c), key=lambda term: -term[0])
    total = None
    for c, row in terms:
        if total is None and c == 1:
            total = row
        elif total is not None and abs(c) == 1:
            total = (add if c > 0 else subtract)(total, row)
        else:
            zero = ir.Constant(vector, None)
            total = multiply_add(builder, splat(builder, ir.Constant(vector.element, c), vector), row, total or zero)
    return total


@intrinsic
def _transformed(
    typing, kind, times, count, width, source, at, step, pitch, jump, target, to, step_to, pitch_to, jump_to
):  # fmt: skip
    def codegen(context, builder, signature, values):
        kind, times, count, width, _, at, step, pitch, jump, _, to, step_to, pitch_to, jump_to = values
        source, target = (data_of(context, builder, signature.args[i], values[i]) for i in (4, 9))
        vector = vector_type(signature.args[4])
        zeros = ir.Constant(vector, None)
        worst = cgutils.alloca_once_value(builder, zeros)
        lanes = INT(vector.count)
        vectors = builder.sdiv(builder.add(width, builder.sub(lanes, INT(1))), lanes)
        for matrix in cases(builder, kind, {matrix: number for number, matrix in enumerate(MATRICES)}):
            with (
                cgutils.for_range(builder, times, intp=INT) as outer,
                cgutils.for_range(builder, count, intp=INT) as inner,
                cgutils.for_range(builder, vectors, intp=INT) as loop,
            ):
                lane = builder.mul(loop.index, lanes)
                here, there = (
                    builder.gep(base, [builder.add(lane, builder.add(first, builder.add(
                        builder.mul(outer.index, far), builder.mul(inner.index, near)
                    )))])
                    for base, first, far, near in ((source, at, jump, pitch), (target, to, jump_to, pitch_to))
                )  # fmt: skip
                rows = [load_vector(builder, here, builder.mul(step, INT(j)), vector) for j in range(len(matrix[0]))]
                results = [_combined(builder, coefficients, rows) for coefficients in matrix]
                for f, result in enumerate(results):
                    store_vector(builder, result, there, builder.mul(step_to, INT(f)))
                if not isinstance(vector.element, ir.IntType):
                    builder.store(builder.fadd(builder.load(worst), _not_finite(builder, results)), worst)
        if isinstance(vector.element, ir.IntType):
            return ir.Constant(ir.IntType(1), 0)
        unordered = builder.fcmp_unordered("uno", builder.load(worst), zeros)
        bits = builder.bitcast(unordered, ir.IntType(vector.count))
        return builder.icmp_unsigned("!=", bits, ir.Constant(bits.type, 0))

    n = types.int64
    return types.boolean(n, n, n, n, source, n, n, n, n, target, n, n, n, n), codegen


def _not_finite(builder: ir.IRBuilder, results: list[ir.Value]) -> ir.Value:
    """In each lane 0, or nan if one of the results is inf or nan: their differences from themselves are."""
    differences = [builder.fsub(result, result) for result in results]
    total = differences[0]
    for difference in differences[1:]:
        total = builder.fadd(total, difference)
    return total


@overload(transform, jit_options=CALLED)
def _transform(
    kind, times, count, width, lanes, source, at, step, pitch, jump, target, to, step_to, pitch_to, jump_to
):  # fmt: skip
    def call(
        kind, times, count, width, lanes, source, at, step, pitch, jump, target, to, step_to, pitch_to, jump_to
    ):  # fmt: skip
        return _transformed(
            kind, times, count, width, source, at, step, pitch, jump, target, to, step_to, pitch_to, jump_to
        )

    return call
