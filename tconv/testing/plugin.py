"""The pytest plugin: a fixture that puts a kernel through `tconv.testing.examine`.

pytest loads this module in every run of an environment that has tconv. So it imports nothing but pytest until a test
asks for the fixture.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tconv.testing.report import Report


@pytest.fixture(scope="session")
def examine_conv_transpose() -> Callable[..., Report]:
    """A function ``examine_conv_transpose(kernel, **options)`` with the options of `tconv.testing.examine`.

    The test fails with the report as its message if anything is wrong; otherwise the report is returned.
    """
    from tconv.testing.examination import examine

    def examined(conv_transpose: Callable[..., Any], **options: Any) -> Report:
        __tracebackhide__ = True
        report = examine(conv_transpose, **options)
        if not report.ok:
            pytest.fail(str(report), pytrace=False)
        return report

    return examined
