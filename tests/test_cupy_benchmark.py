"""The GPU benchmark's tables: what a case must move and compute, targets, files."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from numpy_deconv.backends.cupy_gpu.kernel import kernel_for

pytest.importorskip("numpy_deconv.benchmarks.shapes")

FOLDER = Path(__file__).parents[1] / "benchmarks" / "gpu"
MACHINE = {"device": "a card", "driver": 1, "cudnn": None, "versions": {"cupy": "14"}}


@pytest.fixture
def load(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Imports a module of the benchmark, which is a program and no package: its names
    are its own, whatever the tests call theirs."""
    names = [file.stem for file in FOLDER.glob("*.py")]
    others = {name: sys.modules.pop(name) for name in names if name in sys.modules}
    monkeypatch.syspath_prepend(str(FOLDER))
    yield import_module
    for name in names:
        sys.modules.pop(name, None)
    sys.modules.update(others)


BY_HAND = [
    # x and y of 32*64*224*224, a weight of 64*64*9; and 9*64 products at each of them
    ("vgg16 conv", "64->64 3x3 at 224", "float32", 822_231_040, 118_380_036_096),
    # the plane, then values of 4 bytes and switches of 8 for a quarter of it
    ("max pool", "vgg16 64 2x2/2 at 224", "float32", 719_323_136, 0),
    # 32 gradients of 64*55*55, images of 3*224*224, a weight of 64*3*11*11
    ("transposed conv", "alexnet conv1 upwards", "float32", 44_141_312, 4_497_715_200),
]


@pytest.mark.parametrize(("group", "name", "precision", "nbytes", "flops"), BY_HAND)
def test_floors_by_hand(
    load: Any, group: str, name: str, precision: str, nbytes: int, flops: int
) -> None:
    (case,) = [
        c
        for c in load("cases").cases((32,))
        if (c.group, c.name, c.precision) == (group, name, precision)
    ]
    assert (case.nbytes, case.flops) == (nbytes, flops)
    found = load("ceilings").Ceilings(1e12, {"float32": 5e13})
    moving, computing = found.floor(case.nbytes, case.flops, "float32")
    assert moving == pytest.approx(nbytes / 1e9)
    assert computing == pytest.approx(flops / 5e10)


def test_every_target_has_cases_and_they_come_first(load: Any) -> None:
    cases, results = load("cases"), load("results")
    every = sorted(cases.cases((1, 32, 256)), key=cases.order)
    first = [c for c in every if cases.order(c) < cases.FIRST]
    for group, name, batch, precision, _, _ in results.TARGETS:
        same = [
            c
            for c in first
            if (c.group, c.batch, c.precision) == (group, batch, precision)
            and c.name.startswith(name)
        ]
        assert same, (group, name)
    assert every[0].group == "vgg16 conv"
    assert len({(c.group, c.name, c.batch, c.precision) for c in every}) == len(every)


def test_what_was_measured_is_kept_and_gone_on_from(load: Any, tmp_path: Path) -> None:
    results, ceilings = load("results"), load("ceilings")
    found = ceilings.Ceilings(4e12, {"float32": 5e13})
    rows = [
        results.Row("max pool", "a", 32, "float32", 1.0, 3.0, 0.0, 0.8, 0.0),
        results.Row("max pool", "b", 32, "float32", 2.0, 3.0, 0.0, 0.4, 0.0),
        results.Row("max pool", "c", 32, "float32", problem="wrong"),
    ]
    path = tmp_path / "gpu.json"
    results.save(path, MACHINE, found, rows)
    assert results.read(path, MACHINE) == (found, rows)
    assert results.read(path, {**MACHINE, "driver": 2}) is None
    assert results.read(tmp_path / "none.json", MACHINE) is None
    table = path.with_suffix(".md").read_text(encoding="utf-8")
    assert "copies 4 TB/s, float32 50 TFLOP/s" in table
    assert "| max pool: ratio | 32 | float32 | 1.5 | 2.12 | 2 of 3 |" in table
    assert "| max pool: share | 32 | float32 | 0.7 | 0.40 | 2 of 3 |" in table
    assert "| lrn: ratio | 32 | float32 | 1.5 | not measured | 0 of 0 |" in table
    assert "| max pool: a | 32 | float32 | 1 | 3 | 3 | 0.8 | 0.8 |" in table
    assert "geometric mean of 2** | 32 | float32 | | | **2.12**" in table
    assert "cases: 3 measured, 1 without a result" in table
    assert [p.name for p in sorted(tmp_path.iterdir())] == ["gpu.json", "gpu.md"]


def test_occupancy_by_hand(load: Any) -> None:
    """Blocks by registers, by threads and by shared memory, of 2048 threads."""
    use = load("registers").Use
    bounds = {(128, 34816): 0.25, (32, 0): 1.0, (33, 0): 0.75, (16, 65536): 0.375}
    for (registers, shared), share in bounds.items():
        kernel = use("f.cu", "f", "", 256, registers, shared, 0)
        assert kernel.occupancy(90) == share, registers


def test_registers_are_read_from_the_compiled_code(load: Any) -> None:
    if not load("nvrtc_compiler").available():
        pytest.skip("needs nvidia-cuda-nvrtc-cu12")
    kernel = kernel_for("elementwise.cu", "elementwise", "float32", "int")
    found = {use.function: use for use in load("registers").uses(kernel, 90)}
    assert set(found) == {"activation", "add_bias"}
    assert all(0 < use.registers <= 64 and use.spilled == 0 for use in found.values())


def test_a_small_case_is_like_the_large_one(
    load: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(load("case"), "SHRUNK", True)
    for shape in load("shrunken").shapes(load("numpy_deconv.layers").Conv):
        assert max(shape.size) <= 13
        assert shape.out[1:] == shape.window.output_size(shape.size[1:])
