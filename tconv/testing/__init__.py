"""An oracle for other people's kernels: what is wrong with a transposed convolution, said in words.

`examine` gives a function graded cases: the document's example, every small line, then the corners in which kernels
fail (a kernel shorter than the stride or longer than the input, a common factor of stride and dilation, negative
crops, empty arrays, infinities, groups, odd memory). The operands are integers, chosen so that every product can be
told from every other, and results are compared exactly, never by a tolerance.

Where a result is wrong, the cause is looked for in a table of wrong definitions (`tconv.testing.causes`): the
definition with its kernel turned, its crop at the wrong end, its dilation counted from 0 and so on. A cause is named
if its definition, or two or three together, give every result that was seen, the right ones among them. Otherwise the
report says that it is not recognised. The smallest case that came out wrong is printed in either case.

The right results come from the definition in plain integers (`tconv.testing.definition`), which shares nothing with
tconv's kernels. In pytest, with the plugin that is installed with tconv, a test is three lines::

    def test_my_kernel(examine_conv_transpose):
        examine_conv_transpose(my_kernel, dims=[2])

``dims`` says for how many spatial axes it is.

Names are loaded when they are first used, so that the plugin costs a run of pytest nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tconv.testing.cases import FEATURES, Case
    from tconv.testing.causes import CAUSES, Cause
    from tconv.testing.examination import examine
    from tconv.testing.report import Report

__all__ = ["CAUSES", "FEATURES", "Case", "Cause", "Report", "examine"]

_ELSEWHERE = {
    "CAUSES": "tconv.testing.causes",
    "Cause": "tconv.testing.causes",
    "FEATURES": "tconv.testing.cases",
    "Case": "tconv.testing.cases",
    "Report": "tconv.testing.report",
    "examine": "tconv.testing.examination",
}


def __getattr__(name: str) -> Any:
    if name not in _ELSEWHERE:
        raise AttributeError(f"module 'tconv.testing' has no attribute {name!r}")
    value = getattr(import_module(_ELSEWHERE[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
