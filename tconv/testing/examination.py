"""Giving a kernel the cases, and finding out why it is wrong where it is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, fields, replace
from difflib import get_close_matches
from functools import reduce
from inspect import Parameter, signature
from math import inf, isfinite
from operator import index
from textwrap import shorten
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import DTypeLike, NDArray

from tconv.testing.cases import FEATURES, GRADES, OPTIONAL, Case, arranged, graded_cases, operands, wanted
from tconv.testing.causes import CAUSES, Cause
from tconv.testing.definition import Definition, Exact
from tconv.testing.report import Example, Finding, Grade, Report, same

Causes: TypeAlias = tuple[Cause, ...]

UNRECOGNISED = "wrong, cause not recognised"
_ARGUMENTS = ("stride", "padding", "output_padding", "dilation", "groups")
_MOST_CAUSES = 3  # that are looked for together
_MOST_PARTIAL = 2  # that are told of where they leave something unexplained
_BEAM = 5  # sets of causes that are carried on to the next size
_NEAR = 2**-7  # of the largest number of a result: worse than bfloat16 is off
_LARGEST_HALF = 65504  # float16 has nothing between this and infinity
_OTHER_NAMES = {
    **dict.fromkeys(("pad", "pads", "paddings"), "padding"),
    **dict.fromkeys(("outpad", "out_pad", "out_pads", "output_pads"), "output_padding"),
    "rhs_dilation": "dilation",
    **dict.fromkeys(("group", "num_groups", "feature_group_count"), "groups"),
    "biases": "bias",
}
"""What others call an argument, where the letters alone do not show it."""


def examine(
    conv_transpose: Callable[..., Any],
    *,
    dims: int | Sequence[int] = (1, 2, 3),
    dtype: DTypeLike = "float32",
    without: Iterable[str] = (),
    supports: Callable[[Case], bool] | None = None,
    rounded: bool = False,
) -> Report:
    """Put a transposed convolution through graded cases, and say in words what is wrong with it.

    It is called as PyTorch's functions are, for any number of spatial axes::

        conv_transpose(x, w, bias, *, stride, padding, output_padding, dilation, groups)

    with NumPy arrays ``x[batch, channels_in, *size_in]``, ``w[channels_in, channels_out // groups, *size_kernel]``,
    and ``bias[channels_out]`` or None. Each keyword is a tuple with one int per spatial axis, but ``groups`` is an
    int. ``padding`` crops the result; where the two ends of some axis differ it holds one (begin, end) pair per
    axis. Anything that NumPy makes an array of may be returned. The right result, per axis, is::

        y[n, c, t] = bias[c] + sum of x[n, ci, i] * w[ci, c, j]  over all ci, i, j with  s*i + d*j = t + p_b

    All numbers are integers and results are compared exactly.

    Parameters
    ----------
    conv_transpose : callable
        The kernel, or a small function that calls it. A keyword that its signature does not have is not given, nor
        a bias if it takes two arrays only, and what needs them is not asked: the report says how much that is.
        Where it raises `NotImplementedError`, the case counts as not supported, and so does a `ValueError`,
        `TypeError` or `RuntimeError` where the case has a feature of `tconv.testing.cases.OPTIONAL` (empty arrays,
        negative or uneven padding and the like). Any other error is wrong.
    dims : int or sequence of int, default (1, 2, 3)
        The numbers of spatial axes to try, each >= 1: ``dims=[2]`` for a kernel that takes images only.
    dtype : dtype_like, default "float32"
        Of the arrays: one that holds every integer within 2**24, or object for Python's own integers.
    without : iterable of str, default ()
        What the kernel does not have: words of `tconv.testing.FEATURES`, such as "groups" or "zero sizes".
    supports : callable, optional
        Called with a `Case`; says whether the kernel has what it needs.
    rounded : bool, default False
        Round results to the nearest integer first. For algorithms that are not exact on integers (Fourier
        transforms, some of Winograd's), whose errors stay below 1/2 here.

    Returns
    -------
    Report
        ``report.ok``, ``report.causes``, and ``print(report)``.

    Raises
    ------
    ValueError
        ``dims`` is empty or holds a number below 1, ``without`` has a word that is no feature, or ``dtype`` does
        not hold the integers.
    TypeError
        ``conv_transpose`` cannot be called, or has a parameter that looks like one of the keywords under another
        name, such as "strides"; or ``dims`` holds what is not an integer.

    Examples
    --------
    A kernel for lines, whose author took padding for zeros around the input:

    >>> import numpy as np
    >>> from tconv.testing import examine
    >>> def kernel(x, w, *, stride, padding):
    ...     (s,), (p,), (k,) = stride, padding, w.shape[2:]
    ...     x = np.pad(x, ((0, 0), (0, 0), (p, p)))
    ...     y = np.zeros((x.shape[0], w.shape[1], (x.shape[2] - 1) * s + k))
    ...     for i in range(x.shape[2]):
    ...         y[:, :, s * i : s * i + k] += np.einsum("nc,cok->nok", x[:, :, i], w)
    ...     return y
    >>> report = examine(kernel, dims=[1], without=["asymmetric padding", "negative padding", "zero sizes"])
    >>> report.causes
    ("padding crops the input's side",)
    >>> print(report.smallest)
    x of shape (1, 1, 1), w of shape (1, 1, 3), padding 1
    x       [1]
    w       [1 4 16]
    given   [0 1 4 16 0]
    wanted  [4]
    its shape is (1, 1, 5), wanted (1, 1, 1)
    """
    if not callable(conv_transpose):
        raise TypeError(f"conv_transpose: got {type(conv_transpose).__name__}; must be callable")
    axes = _numbers_of_axes(dims)
    left_out = frozenset([without] if isinstance(without, str) else without)
    for word in left_out - FEATURES.keys():
        raise ValueError(f"without: got {word!r}; must be of {', '.join(map(repr, FEATURES))}")
    kind = np.dtype(dtype)
    if kind.kind != "O" and _whole_bits(kind) < 24:
        raise ValueError(f"dtype: got {kind}; must be object or a real dtype that holds every integer within 2**24")
    call = _Call(conv_transpose, kind, rounded)
    outcomes = []
    for case in graded_cases(axes):
        reasons = [
            f"have {FEATURES[word]}: left out by without" for word in FEATURES if word in case.features & left_out
        ]
        if not reasons and supports is not None and not supports(case):
            reasons.append("left out by supports")
        outcomes.append(Outcome(case, "left out", reasons=tuple(reasons)) if reasons else call(case))
    return _report(outcomes, call.effects)


def _numbers_of_axes(dims: int | Sequence[int]) -> tuple[int, ...]:
    """``dims``, read."""
    error = f"dims: got {dims!r}; must be an integer >= 1, or one or more of them"
    try:
        several: tuple[Any, ...] = tuple(dims) if isinstance(dims, Iterable) else (dims,)
        numbers = tuple(dict.fromkeys(index(n) for n in several))
    except TypeError as wrong:
        raise TypeError(error) from wrong
    if any(isinstance(n, bool) for n in several):
        raise TypeError(error)
    if not numbers or min(numbers) < 1:
        raise ValueError(error)
    return numbers


@dataclass(frozen=True, eq=False)
class Outcome:
    """What became of a case: "right", "wrong", "refused" by the kernel, or "left out" before it was called."""

    case: Case
    verdict: str
    given: Exact | None = None
    error: str = ""
    reasons: tuple[str, ...] = ()  # for leaving it out


class _Call:
    """Calls a kernel, and watches what else it does than to return a result."""

    def __init__(self, kernel: Callable[..., Any], dtype: np.dtype[Any], rounded: bool) -> None:
        self.kernel = kernel
        self.dtype = dtype
        self.rounded = rounded
        self.effects: set[str] = set()
        self.keywords, self.bias = _taken(kernel)
        self.earlier: tuple[NDArray[Any], NDArray[Any]] | None = None

    def __call__(self, case: Case) -> Outcome:
        if lacks := self._lacks(case):
            return Outcome(case, "left out", reasons=lacks)
        arrays = [
            [None if a is None else arranged(a.astype(self.dtype), case.memory) for a in operands(case)] for _ in "12"
        ]
        try:
            given = self._result(case, *arrays[0])
            if case.grade == "memory layout" and not _agree(given, self._result(case, *arrays[1])):
                self.effects.add("another result the second time")
        except Exception as error:  # whatever a kernel raises is to be reported
            words = f"{type(error).__name__}: {str(error).strip() or 'no message'}".split("\n")[0]
            may = isinstance(error, NotImplementedError) or (
                isinstance(error, (ValueError, TypeError, RuntimeError)) and not case.features.isdisjoint(OPTIONAL)
            )
            return Outcome(case, "refused" if may else "wrong", None, words)
        return Outcome(case, "right" if _agree(given, wanted(case)) else "wrong", given)

    def _lacks(self, case: Case) -> tuple[str, ...]:
        """Why the kernel cannot be asked."""
        if "non-finite" in case.features and self.dtype.kind not in "fO":
            return (f"have {FEATURES['non-finite']}, which {self.dtype} does not hold",)
        neutral = {"stride": 1, "padding": 0, "output_padding": 0, "dilation": 1, "groups": 1}
        needed = [
            name
            for name, value in case.arguments.items()
            if any(v != neutral[name] for v in (value if isinstance(value, tuple) else (value,)))
        ]
        lacking = [name for name in needed if name not in self.keywords] + ["bias"] * (case.bias and not self.bias)
        return tuple(f"need {name}, which its signature does not have" for name in lacking)

    def _result(self, case: Case, *arrays: NDArray[Any] | None) -> Exact:
        kept = [None if a is None else a.copy() for a in arrays]
        keywords = {name: value for name, value in case.arguments.items() if name in self.keywords}
        x, w, bias = arrays
        if self.bias == "keyword":
            keywords["bias"] = bias
        with np.errstate(all="ignore"):
            returned = self.kernel(x, w, *[bias] * (self.bias == "third"), **keywords)
            result = np.asarray(returned)
        shape = wanted(case).shape
        if isinstance(returned, (list, tuple)) and result.size == 0 and result.shape == shape[: result.ndim]:
            result = result.reshape(shape)  # lists do not tell the axes that follow an empty one
        if any(a is not None and b is not None and not _agree(a, b) for a, b in zip(arrays, kept, strict=True)):
            self.effects.add("changes its inputs")
        if self.earlier is not None and not _agree(*self.earlier):
            self.effects.add("reuses the memory of its result")
        self.earlier = result, result.copy()
        if self.rounded and result.dtype.kind == "f":
            result = np.rint(result)
        return result.astype(object)


def _whole_bits(dtype: np.dtype[Any]) -> int:
    """Up to which power of two it holds every integer, of either sign."""
    if dtype.kind == "f":
        return int(np.finfo(dtype).nmant) + 1
    return int(np.iinfo(dtype).max).bit_length() if dtype.kind == "i" else 0


def _taken(kernel: Callable[..., Any]) -> tuple[frozenset[str], str]:
    """The keywords that a kernel takes, and how it takes a bias: "third", "keyword" or not at all."""
    try:
        parameters = list(signature(kernel).parameters.values())
    except (TypeError, ValueError):  # not every builtin tells
        return frozenset(_ARGUMENTS), "third"
    _object_to_other_names(parameters)
    kinds = {p.kind for p in parameters}
    named = {p.name for p in parameters if p.kind in (Parameter.POSITIONAL_OR_KEYWORD, Parameter.KEYWORD_ONLY)}
    keywords = frozenset(_ARGUMENTS) if Parameter.VAR_KEYWORD in kinds else frozenset(named & frozenset(_ARGUMENTS))
    by_place = [p for p in parameters if p.kind in (Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD)]
    # What has a default of another kind, such as layout="NC", is no bias.
    third = [p for p in by_place[2:3] if p.name not in _ARGUMENTS and (p.default is None or p.default is p.empty)]
    if (third and (third[0].name == "bias" or "bias" not in named)) or Parameter.VAR_POSITIONAL in kinds:
        return keywords, "third"
    return keywords, "keyword" if "bias" in named or Parameter.VAR_KEYWORD in kinds else ""


def _object_to_other_names(parameters: list[Parameter]) -> None:
    """A kernel with strides would not be given a stride, and have a clean bill for what it was not asked."""
    names = {p.name for p in parameters}
    for p in parameters[2:]:
        if p.name in (*_ARGUMENTS, "bias") or p.kind in (Parameter.VAR_POSITIONAL, Parameter.VAR_KEYWORD):
            continue
        word = p.name.lower()
        for ours in [_OTHER_NAMES[word]] if word in _OTHER_NAMES else get_close_matches(word, _ARGUMENTS, 1, 0.76):
            if ours not in names:
                raise TypeError(f"conv_transpose: got a parameter named {p.name}; must be named {ours} to be examined")


def _agree(a: NDArray[Any], b: NDArray[Any]) -> bool:
    """The same shape and the same numbers, nan where nan is."""
    if a.shape != b.shape:
        return False
    ours, theirs = a.ravel().tolist(), b.ravel().tolist()
    return ours == theirs or all(map(same, ours, theirs))


def _explains(definition: Definition, outcome: Outcome) -> bool:
    """Whether a definition gives what the kernel gave: where it gives nothing, an error or another shape."""
    case = outcome.case
    y = definition(*operands(case), case.lines, case.groups)
    if y is None:
        return outcome.given is None or outcome.given.shape != wanted(case).shape
    if outcome.given is None:
        return False
    if definition.strays and outcome.given.shape == y.shape:
        pairs = zip(outcome.given.ravel().tolist(), y.ravel().tolist(), strict=True)
        return all(same(a, b) or ("non-finite" in case.features and a != a) for a, b in pairs)
    return _agree(outcome.given, y)


def _report(outcomes: list[Outcome], effects: set[str]) -> Report:
    grades = []
    for name in GRADES:
        count = Counter(o.verdict for o in outcomes if o.case.grade == name)
        if count:
            grades.append(Grade(name, count["right"], count["wrong"], count["refused"] + count["left out"]))
    wrong = sorted((o for o in outcomes if o.verdict == "wrong"), key=lambda o: o.case.order)
    findings = [Finding(name, _EFFECTS[name]) for name in _EFFECTS if name in effects]
    alternatives: tuple[str, ...] = ()
    # What is right as soon as it lies contiguously in memory needs no other cause.
    right = {o.case for o in outcomes if o.verdict == "right"}
    layout = [o for o in wrong if replace(o.case, memory="contiguous") in right - {o.case}]
    flaky = "another result the second time" in effects
    if layout and not flaky:
        kinds = ", ".join(dict.fromkeys(o.case.memory for o in layout))
        findings.append(Finding("depends on memory layout", _LAYOUT.format(kinds=kinds)))
    judged = [o for o in outcomes if o.verdict in ("right", "wrong") and o.case.memory == "contiguous"]
    if flaky:
        pass  # what comes out by chance is explained by no definition
    elif any(o.verdict == "wrong" for o in judged):
        found, alternatives = _diagnosis(sorted(judged, key=lambda o: o.case.order))
        findings += found
    elif wrong and not findings:
        findings.append(Finding(UNRECOGNISED, "Nothing in the table of causes explains the results."))
    elif not any(grade.right for grade in grades):
        findings.append(Finding("refuses everything", "No case is among what the kernel supports."))
    example = None
    if wrong:
        example = Example(
            wrong[0].case, wrong[0].error if wrong[0].given is None else wrong[0].given, wanted(wrong[0].case)
        )
    return Report(tuple(findings), alternatives, tuple(grades), _refusals(outcomes), example)


_EFFECTS = {
    "changes its inputs": "After a call, x, w or bias hold other numbers than before.",
    "reuses the memory of its result": "A later call changes an array that an earlier one returned.",
    "another result the second time": "Two calls with the same operands differ: memory that was not written is read, "
    "or threads write to the same place. Other causes are looked for once this is mended.",
}
_LAYOUT = (
    "The same numbers give a right result where they lie contiguously in memory, and a wrong one where they do not "
    "({kinds}). Go by the strides of the arrays, or copy them first."
)


def _refusals(outcomes: list[Outcome]) -> tuple[str, ...]:
    """One line for each error that differs by more than its numbers, with what its cases have in common."""
    groups: dict[str, list[Outcome]] = {}
    for o in outcomes:
        if o.verdict == "refused":
            groups.setdefault("".join(c for c in o.error if c.isalpha()), []).append(o)
    lines = []
    for refused in groups.values():
        common = ", ".join(word for word in OPTIONAL if all(word in o.case.features for o in refused))
        words = shorten(refused[0].error, 120, placeholder=" ...")
        lines.append(f"{len(refused)} refused{f' ({common})' * bool(common)}: {words}")
    # A case that is left out for several reasons counts for each.
    left_out = Counter(reason for o in outcomes for reason in o.reasons)
    return (*lines, *(f"{count} {reason}" for reason, count in left_out.most_common()))


def _diagnosis(judged: list[Outcome]) -> tuple[list[Finding], tuple[str, ...]]:
    """Why results are wrong: by the fewest causes that together give every one of them."""
    wrong = [o for o in judged if o.verdict == "wrong"]
    if all(o.given is None for o in judged):
        kind = wrong[0].error.split(":")[0]
        return [Finding(f"raises {kind}", f"In every case, first {wrong[0].error}")], ()
    by_axes: dict[int, list[Outcome]] = {}
    for o in judged:
        by_axes.setdefault(len(o.case.size_in), []).append(o)
    raising = {n: those for n, those in by_axes.items() if all(o.given is None for o in those)}
    if raising:
        rest = [o for o in judged if len(o.case.size_in) not in raising]
        found, others = _diagnosis(rest) if any(o.verdict == "wrong" for o in rest) else ([], ())
        return [_raises_with(raising, sorted(by_axes.keys() - raising.keys())), *found], others
    complete, tried = _search(judged)
    if complete:
        names = [tuple(dict.fromkeys(c.name for c in causes)) for causes in complete]
        same_results = dict.fromkeys(" and ".join(sorted(n)) for n in names if set(n) != set(names[0]))
        return [Finding(c.name, c.words) for c in complete[0]], tuple(same_results)
    return _partial(judged, tried), ()


def _raises_with(raising: dict[int, list[Outcome]], others: list[int]) -> Finding:
    """A kernel that raises whenever x has so many axes: most often it is not meant for them."""
    axes, kept = (f"{' or '.join(map(str, n))} {'axis' if n == [1] else 'axes'}" for n in (sorted(raising), others))
    kinds = dict.fromkeys(those[0].error.split(":")[0] for those in raising.values())
    first = next(iter(raising.values()))[0]
    words = (
        f"In all {sum(map(len, raising.values()))} cases with {axes}, first {first.error.rstrip('.')}. "
        f"Say dims={others} if it is for {kept} only."
    )
    return Finding(f"raises {' or '.join(kinds)} with {axes}", words)


def _search(judged: list[Outcome]) -> tuple[list[Causes], list[Causes]]:
    """Sets of causes that explain everything, of the least size that there is; and the sets that come nearest."""
    axes = max(len(o.case.size_in) for o in judged)
    table = [cause for cause in CAUSES if cause.axes <= axes]
    tried: list[Causes] = [(), *((cause,) for cause in table)]
    if all(o.verdict == "right" or _near(o) for o in judged):
        return [], tried
    sample = _sample(judged)
    missed: Counter[Outcome] = Counter()
    # With each set, how much of the sample it leaves unexplained. One cause more must leave less.
    beam: dict[Causes, int] = {(): sum(o.verdict == "wrong" for o in sample)}
    for _ in range(_MOST_CAUSES):
        sample.sort(key=missed.__getitem__, reverse=True)  # what few explain is asked first
        scored: dict[Causes, int] = {}
        found = []
        for shorter, most in beam.items():
            for causes in _longer(shorter, table):
                definition = _together(causes)
                misses = 0
                for outcome in sample:
                    if not _explains(definition, outcome):
                        missed[outcome] += 1
                        misses += 1
                        if misses >= most:
                            break
                else:
                    scored[causes] = misses
                    if misses == 0 and _explains_all(definition, judged):
                        found.append(causes)
        if found:
            return sorted(dict.fromkeys(found), key=lambda causes: [table.index(c) for c in causes]), []
        beam = dict(sorted(scored.items(), key=lambda item: item[1])[:_BEAM])
        tried += [causes for causes in beam if len(causes) > 1]
    return [], tried


def _longer(causes: Causes, table: list[Cause]) -> Iterator[Causes]:
    """With one cause more; where both change the same part, in either order."""
    for cause in table:
        if cause not in causes:
            yield (*causes, cause)
            if causes and _parts(cause) & frozenset().union(*map(_parts, causes)):
                yield (cause, *causes)


def _parts(cause: Cause) -> frozenset[str]:
    """What of the definition a cause replaces."""
    return frozenset(f.name for f in fields(Definition) if getattr(cause.definition, f.name) != f.default)


def _together(causes: Causes) -> Definition:
    return reduce(Definition.then, (c.definition for c in causes), Definition())


def _explains_all(definition: Definition, judged: list[Outcome]) -> bool:
    """Everything, and at least one wrong result by its numbers."""
    if not all(_explains(definition, o) for o in judged):
        return False
    by_numbers = (o for o in judged if o.verdict == "wrong" and o.given is not None)
    return any(definition(*operands(o.case), o.case.lines, o.case.groups) is not None for o in by_numbers)


def _sample(judged: list[Outcome]) -> list[Outcome]:
    """A few of each group, the smaller ones, by which explanations are ranked."""
    sample = []
    for grade in GRADES:
        for verdict, count in (("wrong", 5), ("right", 2)):
            some = [o for o in judged if o.case.grade == grade and o.verdict == verdict and o.case.numbers != "small"]
            step = max(1, len(some) // count)
            sample += some[::step][:count]
    return sample


def _partial(judged: list[Outcome], tried: list[Causes]) -> list[Finding]:
    """What can be said where no set of causes explains everything."""
    wrong = [o for o in judged if o.verdict == "wrong"]
    if all(_near(o) for o in wrong):
        return [Finding("rounds", _ROUNDS)]
    # Some causes, or none, but for the cases that have a certain feature: there it is right, or wrong otherwise.
    having = {word: [o for o in judged if word in o.case.features] for word in FEATURES}
    otherwise, nearly = [], []
    for causes in (c for c in tried if len(c) <= _MOST_PARTIAL):
        definition = _together(causes)
        left = [o for o in judged if not _explains(definition, o)]
        fits = [
            word
            for word, those in having.items()
            if len(those) < len(judged) and 3 * len(left) > len(those) and all(word in o.case.features for o in left)
        ]
        verdicts = {o.verdict for o in left}
        if causes and verdicts == {"right"} and any(o.given is not None for o in wrong):
            # All that is wrong is wrong for these causes: where is it right?
            always = [word for word in fits if all(o.verdict == "right" for o in having[word])]
            only = [
                word
                for word, those in having.items()
                if all(word in o.case.features for o in wrong) and set(those).isdisjoint(left)
            ]
            if always:
                where = f"With {FEATURES[min(always, key=lambda w: len(having[w]))]} it is right."
                return [Finding(c.name, f"{c.words} {where}") for c in causes]
            if only:
                where = f"This is so only with {FEATURES[min(only, key=lambda w: len(having[w]))]}."
                return [Finding(c.name, f"{c.words} {where}") for c in causes]
            if fits:
                word = min(fits, key=lambda w: len(having[w]))
                count = sum(o.verdict == "right" for o in having[word])
                where = f"In {count} of {len(having[word])} cases with {FEATURES[word]} it is right."
                nearly.append([Finding(c.name, f"{c.words} {where}") for c in causes])
        if not fits or len(verdicts) > 1:
            continue
        word = min(fits, key=lambda w: len(having[w]))
        if verdicts == {"wrong"} and (not causes or len(left) < len(wrong)):
            found = [Finding(c.name, c.words) for c in causes]
            otherwise.append([*found, Finding(f"wrong for {word}", _where(word, left, having[word]))])
    if nearly or otherwise:
        return (nearly + otherwise)[0]
    common = frozenset.intersection(*(o.case.features for o in wrong)) - frozenset.intersection(
        *(o.case.features for o in judged)
    )
    words = "Nothing in the table of causes explains the results."
    if common:
        words += f" All that are wrong have {' and '.join(FEATURES[w] for w in FEATURES if w in common)}."
    return [Finding(UNRECOGNISED, words)]


def _where(word: str, left: list[Outcome], those: list[Outcome]) -> str:
    share = "Every case" if len(left) == len(those) else f"{len(left)} of {len(those)} cases"
    words = f"{share} with {FEATURES[word]} came out wrong, and no other for this reason."
    errors = Counter(o.error.split(":")[0] for o in left if o.given is None)
    if errors:
        words += f" It raised {', '.join(f'{name} ({count})' for name, count in errors.items())}."
    return words


_ROUNDS = (
    "The results are near, but these are integers that the dtype holds exactly, and so are all sums. Either the kernel "
    "computes with fewer bits (in float16 what is above 65504 becomes infinite), or by an algorithm that rounds: then "
    "examine it with rounded=True."
)


def _near(outcome: Outcome) -> bool:
    y = wanted(outcome.case)
    if outcome.given is None or outcome.given.shape != y.shape:
        return False
    x, w, bias = operands(outcome.case)
    # What the sums may come to on the way: there an infinity is float16's.
    sums = Definition()(abs(x), abs(w), None if bias is None else abs(bias), outcome.case.lines, outcome.case.groups)
    if sums is None:
        return False
    triples = list(zip(*(a.ravel().tolist() for a in (outcome.given, y, sums)), strict=True))
    largest = max((abs(b) for _, b, _ in triples if isfinite(b)), default=0)
    return all(
        same(a, b) or abs(a - b) <= _NEAR * largest or (not isfinite(a) and _LARGEST_HALF < most < inf)
        for a, b, most in triples
    )
