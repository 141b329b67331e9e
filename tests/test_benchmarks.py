"""The benchmark program, without peers: its table, its judge, its worker processes, its report."""

from __future__ import annotations

import ast
import copy
import doctest
import json
import math
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from types import ModuleType
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest

import tconv
from benchmarks import __main__ as program
from benchmarks import (
    chart,
    first_call,
    memory,
    operands,
    reference,
    report,
    results,
    rounds,
    session,
    startup,
    tables,
)
from benchmarks.bench import SLOWEST, Bench, Pace
from benchmarks.engines import ENGINES, Engine, Operands, Refused
from benchmarks.layers import Layer
from benchmarks.process import ROOT, Crew, Gone, Slow, Worker
from benchmarks.studies import STUDIES
from benchmarks.tables import GROWTH, LAYERS
from tests import oracle

SMALL = {
    "document": Layer("document", (1, 1, 2, 2), 1, 2),
    "1-D": Layer("1-D", (2, 3, 5), 4, 4, 2, 1),
    "groups": Layer("groups", (2, 6, 3, 4), 4, 3, 2, 1, 1, groups=2, bias=False),
    "k < s": Layer("k < s", (1, 2, 3, 3), 2, 1, 3, 0, 2),
    "gcd": Layer("gcd", (1, 2, 4, 3), 2, 3, 4, 1, 1, dilation=2),
    "mixed": Layer("mixed", (1, 2, 3, 2, 4), 3, (1, 2, 3), (1, 2, 3), (0, 0, 1), (0, 1, 0), (2, 1, 1)),
    "4-D": Layer("4-D", (1, 2, 2, 2, 2, 2), 2, 2, 2),
    "conv": Layer("conv", (2, 3, 5, 6), 4, 3, 2, 1, operation="conv"),
    "conv groups": Layer("conv groups", (1, 4, 7), 6, 2, 3, 0, dilation=2, groups=2, bias=False, operation="conv"),
    "conv 3-D": Layer("conv 3-D", (1, 2, 3, 4, 5), 2, (1, 2, 3), (1, 2, 1), (0, 1, 2), operation="conv"),
}
QUICK = Pace(seconds=0.0, warmup=0.0, pause=0.0)


@pytest.fixture(params=list(SMALL.values()), ids=list(SMALL))
def layer(request: pytest.FixtureRequest) -> Layer:
    row: Layer = request.param
    return row


def expected(layer: Layer, numbers: Operands) -> np.ndarray[Any, Any]:
    named = (layer.stride, layer.dilation, layer.padding)
    stride, dilation, crop = map(layer.per_axis, named)
    return getattr(
        oracle, layer.operation
    )(  # type: ignore[no-any-return]
        numbers.x,
        numbers.w,
        numbers.bias,
        stride=stride,
        dilation=dilation,
        crop=crop,
        size_out=layer.y[2:],
        groups=layer.groups,
    )


# The table


def test_names_are_unique_and_sourced() -> None:
    rows = (*LAYERS, *GROWTH)
    assert len({row.name for row in rows}) == len(rows)
    assert all(row.source for row in rows)


def test_growth_is_what_its_names_say() -> None:
    assert [row.name for row in GROWTH] == ["1e4", "1e5", "1e6", "1e7", "1e8", "1e9"]
    assert all(0.9 < math.prod(row.y) / float(row.name) < 1.1 for row in GROWTH)


@pytest.mark.parametrize("row", LAYERS, ids=lambda row: row.name)
def test_sizes_are_those_of_the_library(row: Layer) -> None:
    named = (row.kernel, row.stride, row.padding, row.output_padding, row.dilation)
    kernel, stride, padding, output_padding, dilation = map(row.per_axis, named)
    # An ordinary convolution goes from the sizes that the transposed one reaches, or up to stride - 1 more.
    small, large = (row.size_in, row.y[2:]) if row.transposed else (row.y[2:], row.size_in)
    sizes = tconv.output_size(
        small, kernel, stride=stride, padding=padding, output_padding=output_padding, dilation=dilation
    )
    left = [size - reached for size, reached in zip(large, sizes, strict=True)]
    assert all(0 <= more < (1 if row.transposed else s) for more, s in zip(left, stride, strict=True))
    assert row.x[1] % row.groups == row.channels_out % row.groups == 0


def test_operations_and_terms_are_counted(layer: Layer) -> None:
    """On ones every product is one: the outputs add up to their number, the largest output is the terms."""
    whole = replace(layer, padding=0, output_padding=0, bias=False)
    ones = expected(whole, Operands(np.ones(whole.x, int), np.ones(whole.w, int), None))
    assert 2 * ones.sum() == whole.operations
    wide = replace(whole, x=(1, whole.x[1], *(9 for _ in whole.size_in)))
    if len(wide.x) == 4:
        most = reference.compute(wide, np.ones(wide.x), np.ones(wide.w), None).max()
        assert most == layer.terms - 1


def test_a_layer_survives_json() -> None:
    for row in (*LAYERS, *SMALL.values()):
        assert Layer.from_json(json.loads(json.dumps(asdict(row)))) == row


def test_patterns_select() -> None:
    assert [row.name for row in tables.select(["dcgan.[45]", "istft"])] == ["dcgan.4", "dcgan.5", "istft"]
    assert 15 < len(tables.select(quick=True)) < len(tables.select()) == len(LAYERS)
    with pytest.raises(ValueError, match="nothing matches 'resnet'"):
        tables.select(["resnet"])


@pytest.mark.parametrize("module", [tables, report, results], ids=lambda module: module.__name__)
def test_examples_in_docstrings(module: ModuleType) -> None:
    assert doctest.testmod(module).failed == 0


# The judge


@pytest.mark.parametrize("dtype", operands.DTYPES)
def test_the_reference_is_the_definition(layer: Layer, dtype: str) -> None:
    numbers = operands.random(layer, dtype)
    truth = reference.truth(layer, numbers)
    bias = None if numbers.bias is None else numbers.bias.astype(object)
    exact = expected(layer, Operands(numbers.x.astype(object), numbers.w.astype(object), bias))
    np.testing.assert_allclose(truth.y, exact.astype(truth.y.dtype), rtol=1e-12, atol=1e-12)
    verdict = truth.judge(expected(layer, numbers))
    assert verdict["of_bound"] <= 1
    assert verdict["error"] < 1e-5


@pytest.mark.parametrize("name", ["1-D", "k < s", "groups", "mixed"])
def test_the_end_of_a_result_follows_from_the_end_of_the_input(name: str) -> None:
    row = replace(SMALL[name], x=(*SMALL[name].x[:2], 12, *SMALL[name].x[3:]))
    numbers = operands.random(row, "float32")
    whole, end = reference.truth(row, numbers), reference.end(row, numbers, 4)
    np.testing.assert_allclose(end.y, whole.y[:, :, -4:], rtol=1e-12, atol=1e-12)
    assert end.bound is not None
    assert whole.bound is not None
    np.testing.assert_allclose(end.bound, whole.bound[:, :, -4:])


@pytest.mark.parametrize("dtype", ["float32", "complex64", "int32"])
def test_the_judge_refuses_what_is_wrong(dtype: str) -> None:
    row = SMALL["1-D"]
    numbers = operands.random(row, dtype)
    truth = reference.truth(row, numbers)
    right = truth.y.astype(dtype)
    assert truth.judge(right)["of_bound"] <= 1
    assert truth.judge(np.roll(right, 1, -1))["of_bound"] > 1
    assert truth.judge(right[..., :-1])["of_bound"] > 1
    assert truth.judge(right + right.dtype.type(1))["of_bound"] > 1
    if dtype != "int32":
        assert truth.judge(right * np.nan)["of_bound"] == np.inf


def test_operands_are_saved_and_always_the_same(layer: Layer, tmp_path: Path) -> None:
    operands.save(replace(operands.random(SMALL["1-D"], "float32")), tmp_path)
    operands.save(operands.random(layer, "complex64"), tmp_path)
    again = operands.load(tmp_path)
    for name, array in vars(operands.random(layer, "complex64")).items():
        if array is None:
            assert getattr(again, name) is None
        else:
            np.testing.assert_array_equal(getattr(again, name), array, strict=True)


# The processes


def test_a_worker_loads_numpy_and_its_engine_only() -> None:
    code = "import sys, benchmarks.worker; print(*{'numba', 'tconv', 'sympy', 'scipy'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


@pytest.mark.parametrize("module", sorted({engine.module for engine in ENGINES.values()}))
def test_an_engine_imports_its_framework_only(module: str) -> None:
    tree = ast.parse((ROOT / "benchmarks" / "engines" / f"{module}.py").read_text())
    imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    imported |= {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    theirs = {name.partition(".")[0] for name in imported} - set(sys.stdlib_module_names) - {"numpy"}
    allowed = {"benchmarks", module, *{"onnxruntime": ["onnx"], "tconv": ["numba"]}.get(module, [])}
    assert theirs <= allowed
    assert {name for name in imported if name.startswith("benchmarks")} <= {
        "benchmarks.engines",
        "benchmarks.layers",
    }


def test_a_worker_that_cannot_start_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(ENGINES, "nosuch", Engine("nosuch", "", "", ""))
    with Crew(1, {}) as crew, pytest.raises(Gone, match=r"No module named 'benchmarks\.engines\.nosuch'"):
        crew.ask("nosuch", "hello")


def test_a_worker_that_is_slow_is_ended() -> None:
    worker = Worker("tconv", 1)
    with pytest.raises(Slow, match="no answer within 0 s"):
        worker.ask("hello", 0.0)
    with pytest.raises(Gone):
        worker.ask("hello", 10.0)


@pytest.fixture(scope="module")
def crew() -> Iterator[Crew]:
    with Crew(1, {}) as crew:
        yield crew


@pytest.mark.parametrize("engine", [name for name, engine in ENGINES.items() if engine.module == "tconv"])
def test_every_form_of_tconv_is_right(crew: Crew, engine: str, tmp_path: Path) -> None:
    bench = Bench(crew, tmp_path, "float32", 1, QUICK)
    for row in SMALL.values():
        entry = rounds.measure(row, [engine], bench)[engine]
        assert entry["of_bound"] <= 1
        assert len(entry["rounds_ms"]) == 1


def test_growth_judges_the_end_alone(crew: Crew, tmp_path: Path) -> None:
    bench = Bench(crew, tmp_path, "float32", 1, QUICK)
    entries = STUDIES["growth"].measure(GROWTH[0], ["tconv"], bench)
    assert entries["tconv"]["of_bound"] <= 1
    assert np.load(tmp_path / "y.npy").shape == (1, 32, 8, GROWTH[0].y[3])


def test_an_engine_that_fails_on_a_layer_says_why(crew: Crew, tmp_path: Path) -> None:
    row = replace(SMALL["1-D"], padding=-1)
    bench = Bench(crew, tmp_path, "float32", 1, QUICK)
    assert "ms" in rounds.measure(SMALL["1-D"], ["tconv"], bench)["tconv"]
    with pytest.raises(Refused, match="groups"):
        bench.build("tconv", replace(row, groups=2))


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="counts memory as Linux does")
def test_memory_is_measured(crew: Crew, tmp_path: Path) -> None:
    bench = Bench(crew, tmp_path, "float32", 1)
    for row in (SMALL["1-D"], SMALL["conv"]):
        entry = memory.measure(row, ["tconv"], bench)["tconv"]
        assert entry["kept_mib"] >= 0
        assert 0 <= entry["extra_mib"] < 50
    heavy = Layer("heavy", (1, 512, 6, 6), 512, 3)
    weights = 4 * math.prod(heavy.w) / 2**20
    kept = min(memory.measure(heavy, ["tconv"], bench)["tconv"]["kept_mib"] for _ in range(2))  # the first compiles
    assert 2 * weights - 2 < kept < 4 * weights  # those of the layer, and the same packed


def test_first_calls_are_measured(crew: Crew, tmp_path: Path) -> None:
    entry = first_call.measure(SMALL["1-D"], ["tconv.function"], Bench(crew, tmp_path, "float32", 2))
    assert set(entry["tconv.function"]) == {"new_ms", "later_ms"}


def test_starts_are_measured_with_a_cache_that_is_empty_at_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[str, bool]] = []

    class Starting(Script):
        """Every start leaves a file in its cache, and is told from the next by it."""

        def beside(self, **variables: str) -> Starting:
            self.cache = Path(variables["NUMBA_CACHE_DIR"])
            return self

        def dismiss(self, engine: str) -> None:
            if hasattr(self, "cache") and self.cache.exists():
                seen.append((engine, any(self.cache.iterdir())))
                (self.cache / "kernel").touch()

        def __enter__(self) -> Starting:
            return self

        def __exit__(self, *_: object) -> None: ...

    crew: Any = Starting({("*", "build"): 0.1, ("*", "first"): 0.2, ("torch", "first"): Refused("no")})
    entries = startup.measure(SMALL["1-D"], ["tconv", "torch"], Bench(crew, tmp_path, "float32", 2))
    assert set(entries["tconv"]) == {"cold_ms", "warm_ms"}
    assert entries["torch"] == {"refused": "no"}
    assert seen == [("tconv", False), ("tconv", True), ("tconv", True)]


class Script:
    """A crew whose answers are written down: for each engine and question one answer, or what it raises."""

    def __init__(self, answers: dict[tuple[str, str], Any]) -> None:
        self.answers = answers
        self.asked: list[tuple[str, str]] = []

    def ask(self, engine: str, do: str, limit: float = 0.0, **request: Any) -> dict[str, Any]:
        self.asked.append((engine, do))
        answer = self.answers.get((engine, do), self.answers.get(("*", do)))
        if isinstance(answer, Exception):
            raise answer
        if callable(answer):
            np.save(request["path"], answer(np.load(Path(request["path"]).parent / "x.npy")))
            return {"seconds": 3.0 if engine == "slow" else 0.001}
        return {"seconds": answer}


def test_engines_take_turns_and_the_slow_one_only_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    row = Layer("copy", (1, 1, 5), 1, 1, bias=False)
    w = operands.random(row, "float32").w.item()
    script = Script(
        {
            ("*", "build"): 0.1,
            ("*", "first"): 0.2,
            ("*", "result"): lambda x: x * np.float32(w),
            ("wrong", "result"): lambda x: x + 1,
            ("*", "time"): [0.001, 0.003, 0.002],
            ("slow", "time"): [4.0],
            ("slower", "first"): Slow("no answer"),
            ("unable", "build"): Refused("1 to 3 dimensions only"),
        }
    )
    engines = ["tconv", "slow", "wrong", "slower", "unable"]
    for name in engines:
        monkeypatch.setitem(ENGINES, name, Engine(name, "", name, ""))
    crew: Any = script
    entries = rounds.measure(row, engines, Bench(crew, tmp_path, "float32", 2, QUICK))
    assert [engine for engine, do in script.asked if do == "time"] == [
        "tconv",
        "slow",
        "wrong",
        "tconv",
        "wrong",
    ]
    assert entries["tconv"]["ms"] == pytest.approx(2.0)
    assert entries["tconv"]["of_bound"] <= 1 < entries["wrong"]["of_bound"]
    assert entries["slow"]["rounds_ms"] == [4000.0]
    assert entries["slower"] == {"slower_than_s": SLOWEST}
    assert entries["unable"] == {"refused": "1 to 3 dimensions only"}


# The report


def entry(*rounds_ms: float, of_bound: float = 0.1) -> dict[str, Any]:
    times = sorted(rounds_ms)
    return {"ms": times[len(times) // 2], "rounds_ms": list(rounds_ms), "error": 1e-6, "of_bound": of_bound}


@pytest.fixture
def found() -> results.Results:
    row = results.row(tables.select(["dcgan.4"])[0], "float32")
    other = results.row(tables.select(["tiny"])[0], "float32")
    grown = results.row(GROWTH[0], "float32")
    row["times"] = {
        "tconv": entry(4.0, 5.0, 6.0),
        "tconv.function": entry(5.0, 5.0, 5.0),
        "tconv.channels_last": entry(8.0, 10.0, 12.0),
        "torch": entry(10.0, 10.0, 9.0),
        "onnxruntime": entry(8.0, 9.0, 9.0),
        "openvino": entry(1.0, 1.0, 1.0, of_bound=7.0),
        "jax": {"slower_than_s": 20.0},
    }
    other["times"] = {"tconv": entry(0.002), "torch": entry(0.001), "openvino": {"refused": "no reason"}}
    other["memory"] = {"tconv": {"kept_mib": 1.0, "extra_mib": 2.5}}
    other["first_call"] = {"tconv": {"new_ms": 3.0, "later_ms": 2.0}}
    other["startup"] = {"tconv": {"cold_ms": 6000.0, "warm_ms": 456.0}, "torch": {"cold_ms": 1000.0, "warm_ms": 987.0}}
    row["scaling"] = {"tconv.serial": entry(10.0, 9.0, 8.0), "tconv": entry(5.0, 5.0, 5.0)}
    grown["growth"] = {"tconv": entry(0.1), "tconv.out": entry(0.05)}
    return {
        "what": "",
        "date": "2030-01-02T03:04:05+00:00",
        "commit": "abc",
        "machine": {"cpu": "A Processor", "cores": 2, "vectors": ["avx2"], "system": "", "python": ""},
        "versions": {"tconv": "1.2.3"},
        "threads": 2,
        "dtype": "float32",
        "limits": {"operations": 430e9, "bytes": 20e9},
        "rows": {"dcgan.4": row, "tiny": other, "1e4": grown},
    }


def test_figures_follow_from_the_rounds(found: results.Results) -> None:
    row = found["rows"]["dcgan.4"]
    assert results.best_peer(row) == "onnxruntime"  # OpenVINO's result is wrong, so its time is none
    assert results.ratio(row, "tconv", "onnxruntime") == (1.8, 1.5, 2.0)
    assert results.share_of_limit(found, row, "tconv") == pytest.approx(
        (row["operations"] / 430e9 / 0.005, "arithmetic")
    )
    assert results.milliseconds(row, "jax") is None
    assert results.ratios(found) == {"dcgan.4": (1.8, 1.5, 2.0), "tiny": (0.5, 0.5, 0.5)}
    assert results.ratio(row, "tconv", "tconv.serial", "scaling") == (1.8, 1.6, 2.0)
    assert not results.wrong(found)
    found["rows"]["tiny"]["times"]["torch"] = {"refused": "RuntimeError", "failed": True}
    found["rows"]["tiny"]["times"]["tconv.function"] = {"refused": "one axis only"}
    assert not results.wrong(found)
    for study, engine in (("times", "tconv.out"), ("scaling", "tconv.serial")):
        for bad in (entry(1.0, of_bound=1.5), {"refused": "ValueError", "failed": True}):
            worse = copy.deepcopy(found)
            worse["rows"]["dcgan.4"][study][engine] = bad
            assert results.wrong(worse)


def test_results_without_an_operation_are_of_transposed_convolution(found: results.Results) -> None:
    named = found | {"operation": "conv_transpose", "batch": None}
    assert results.differences(found, named) == []
    assert results.differences(found, named | {"operation": "conv", "batch": 8}) == ["batch", "operation"]


def test_the_short_table(found: results.Results) -> None:
    text = report.compact(found, "results/page")
    lines = text.splitlines()
    assert (
        "| dcgan.4 | 16x128x16x16 -> 64, k4 s2 p1 | **5.00** | 5.00 | 10.0 | 9.00 | wrong | > 20000 | 1.80 |" in lines
    )
    assert not any(line.startswith("| tiny") for line in lines)  # not a quick row
    assert "All 2 layers: [results/page.md](results/page.md)." in lines
    assert "![Time of the best peer over time of tconv, layer by layer](results/page.svg)" in lines
    assert "faster than the best peer on 1 of 2 layers" in text
    assert "The function is faster than PyTorch's in its better memory format on 1 of 1 layers" in text
    assert "with 0.2 GFLOP or more, never below 1.80 (dcgan.4); slower on tiny (0.50)." in text
    assert "With channels last the layer object is 0.50 times as fast, at least 0.50 (dcgan.4)." in text
    assert "2 threads, medians of 3 rounds; tconv 1.2.3; 2030-01-02, commit abc; by `python -m benchmarks`." in text
    assert "A Processor, 2 cores, avx2, multiply-add peak 430 GFLOP/s, copy 20 GB/s; float32, 2 threads" in text


def test_the_long_page(found: results.Results) -> None:
    page = report.full(found, "page")
    assert page.startswith("# Transposed convolution\n")
    assert "](page.svg)" in page
    assert "| dcgan.4 | 2.00 (1.50 to 2.50) | 1.80 (1.50 to 2.00) | - | - |" in page
    assert "| tiny | 3.00 / 2.00 |" in page
    assert "| tiny | 0.0 | 1.0 / 2.5 |" in page
    assert "| tiny | 6.00 / 0.46 | 1.00 / 0.99 |" in page
    assert "| dcgan.4 | 5.00 | 9.00 | 1.80 (1.60 to 2.00) | 50 % arithmetic |" in page
    assert "| 1e4 | 0.100 | 0.0500 | 26.5 | 53.1 |" in page
    assert "* OpenVINO, times: no reason (tiny)" in page
    assert "| tiny | 1x1x2x2 -> 1, k2 s2 | PyTorch | 0.50 |" in page
    asked = {name for row in found["rows"].values() for study in STUDIES for name in row.get(study, {})}
    assert asked < ENGINES.keys()
    assert all((engine.about in page) == (name in asked) for name, engine in ENGINES.items())


def test_without_times_there_is_no_picture(found: results.Results) -> None:
    del found["rows"]["dcgan.4"], found["rows"]["tiny"]["times"]
    assert ".svg" not in report.full(found, "page")
    assert "Milliseconds of a call" not in report.full(found, "page")


def test_the_chart_has_a_bar_for_each_ratio(found: results.Results) -> None:
    """Sorted, on an axis where twice as fast and half as fast are equally far from the line at 1."""
    svg = "{http://www.w3.org/2000/svg}"
    drawing = ElementTree.fromstring(chart.draw(found))
    titles = [title.text for title in drawing.iter(f"{svg}title")]
    assert titles == ["dcgan.4: 1.80 (1.50 to 2.00), ONNX Runtime", "tiny: 0.50 (0.50 to 0.50), PyTorch"]
    up, down = drawing.iter(f"{svg}rect")
    assert (up.get("fill"), down.get("fill")) == (chart.AHEAD, chart.BEHIND)
    line = float(down.get("y", ""))
    assert float(up.get("y", "")) + float(up.get("height", "")) == pytest.approx(line, abs=0.2)
    heights = [float(bar.get("height", "")) for bar in (up, down)]
    assert heights[0] / heights[1] == pytest.approx(math.log2(1.8), abs=0.01)


def test_readme_is_changed_between_the_markers_only(tmp_path: Path) -> None:
    readme = tmp_path / "README.md"
    begin, end = report.markers("conv")
    assert report.between_markers(readme, "conv") == ""
    readme.write_text("no place\n")
    assert report.between_markers(readme, "conv") == ""
    readme.write_text(f"before\n{begin}\nold\n{end}\nafter\n")
    assert report.between_markers(readme, "conv_transpose") == ""
    assert report.between_markers(readme, "conv") == "\nold\n"
    report.put_between_markers(readme, "conv", "new")
    assert readme.read_text() == f"before\n{begin}\n\nnew\n\n{end}\nafter\n"


COMMITTED = list((ROOT / "benchmarks" / "results").glob("*.json"))
SHOWN = [path for path in COMMITTED if path.match("*float32-2-threads.json")]


@pytest.mark.parametrize("path", SHOWN, ids=lambda path: path.stem)
def test_nobody_types_a_figure(path: Path) -> None:
    """README's blocks are what the committed results say."""
    found = results.read(path)
    place = path.with_suffix("").relative_to(ROOT).as_posix()
    begin, end = report.markers(results.operation(found))
    assert f"{begin}\n\n{report.compact(found, place)}\n\n{end}" in (ROOT / "README.md").read_text()


@pytest.mark.parametrize("path", COMMITTED, ids=lambda path: path.stem)
def test_pages_and_charts_are_what_the_results_say(path: Path) -> None:
    found = results.read(path)
    assert f"({path.with_suffix('.md').relative_to(ROOT).as_posix()})" in (ROOT / "README.md").read_text()
    assert path.with_suffix(".md").read_text() == report.full(found, path.stem)
    assert path.with_suffix(".svg").read_text() == chart.draw(found)


# The program


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--layers", "resnet"], "--layers: nothing matches 'resnet'"),
        (
            ["--peers", "torch,caffe"],
            "--peers: no peer 'caffe'; there are torch, onnxruntime, openvino, jax, none",
        ),
        (["--python", "torch"], "--python: 'torch' is not NAME=PATH"),
        (["--python", "caffe=/bin/python"], "is not NAME=PATH with a name of tconv, torch"),
        (["--threads", "0"], "--threads, --batch and --rounds must be at least 1"),
        (["--batch", "0"], "--threads, --batch and --rounds must be at least 1"),
        (["--study", "times", "growth", "--operation", "conv"], "--study growth is not of conv"),
        (["--operation", "conv", "--layers", "dcgan.4"], "--layers: nothing matches 'dcgan.4'"),
        (["--report", "nosuch.json"], "nosuch.json"),
    ],
)
def test_wrong_requests(arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert program.main(arguments) == 2
    assert words in capsys.readouterr().err


def test_interpreters_are_chosen_by_name() -> None:
    options = program.parser().parse_args(["--peer-python", "P", "--python", "jax=J", "--python", "tconv=T"])
    chosen = program.requested(options, "times").pythons
    assert chosen == {"torch": "P", "onnxruntime": "P", "openvino": "P", "jax": "J", "tconv": "T"}


def test_axes_are_in_the_name_of_the_file_and_in_the_session() -> None:
    words = "--operation conv --dtype float64 --threads 1 --batch 8 --layers resnet50.2b"
    asked = program.requested(program.parser().parse_args(words.split()), "times")
    assert asked.path.name == "conv-float64-1-threads-batch-8.json"
    assert (asked.operation, asked.dtype, asked.threads, asked.batch) == ("conv", "float64", 1, 8)
    assert [layer.x for layer in asked.layers] == [(8, 64, 56, 56)]


@pytest.mark.parametrize("study", STUDIES)
def test_every_study_can_be_asked_for(study: str) -> None:
    asked = program.requested(program.parser().parse_args(["--study", study, "--quick"]), study)
    assert asked.layers
    assert all(layer.operation == "conv_transpose" for layer in asked.layers)
    assert {ENGINES[name].module for name in asked.engines} >= {"tconv"}
    if study == "startup":
        assert len(asked.layers) == 1


def test_a_run_writes_both_files_and_keeps_what_it_has(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(ENGINES, "torch", Engine("nosuch", "", "Absent", ""))
    monkeypatch.setattr(results, "PEERS", ["torch"])
    monkeypatch.setattr(session, "commit", lambda: "abc")
    path = tmp_path / "new" / "r.json"
    asked = session.Session(
        "times",
        lambda layer, engines, bench: rounds.measure(layer, engines, replace(bench, pace=QUICK)),
        1,
        tables.select(["tiny", "fcn8s.up2"]),
        ["tconv", "torch"],
        {},
        1,
        "float32",
        path,
    )
    said: list[str] = []
    first = replace(asked, seconds=-1.0).run(said.append)
    assert first["rows"] == {}
    asked.run(said.append)
    assert said[0] == "nosuch is left out: ModuleNotFoundError: No module named 'benchmarks.engines.nosuch'"
    assert any(line.startswith("tiny ") for line in said)
    found = results.read(path)
    assert list(found["rows"]) == ["fcn8s.up2", "tiny"]
    assert found["rows"]["tiny"]["times"]["tconv"]["ms"] > 0
    assert found["limits"]["bytes"] > 0
    also = replace(asked, study="scaling", engines=["tconv.serial"], layers=tables.select(["tiny"])).run(said.append)
    assert also["rows"]["tiny"]["times"] == found["rows"]["tiny"]["times"]
    assert also["rows"]["tiny"]["scaling"]["tconv.serial"]["ms"] > 0
    found, before = also, path.read_text()
    assert replace(asked, keep=True).run(said.append)["rows"] == found["rows"]
    assert path.read_text() == before
    monkeypatch.setattr(session, "commit", lambda: "def")
    with pytest.raises(ValueError, match=r"--keep: .* can't be gone on with: commit changed since"):
        replace(asked, keep=True).run(said.append)
    monkeypatch.setattr(program, "README", tmp_path / "README.md")
    monkeypatch.setattr(program, "ROOT", tmp_path)
    begin, end = report.markers("conv_transpose")
    (tmp_path / "README.md").write_text(f"{begin}\n[another](new/other.md)\n{end}\n")
    assert program.main(["--report", str(path)]) == 0
    assert "shows other results" in capsys.readouterr().err
    assert "| tiny |" in path.with_suffix(".md").read_text()
    assert "new/other.md" in (tmp_path / "README.md").read_text()
    (tmp_path / "README.md").write_text(f"{begin}\n[these](new/r.md)\n{end}\n")
    assert program.main(["--report", str(path)]) == 0
    block = report.compact(results.read(path), "new/r")
    assert (tmp_path / "README.md").read_text() == f"{begin}\n\n{block}\n\n{end}\n"
    capsys.readouterr()
