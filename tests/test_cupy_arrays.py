"""Layers, nets, rules and methods on arrays of a device, by these alone.

The arrays have CuPy's manners (strict_cupy): one that met a NumPy array, or was looked
into by NumPy, would raise. The weights are NumPy's, as a loaded model's.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import small_nets
import strict_cupy

from numpy_deconv import check_backend, methods, registry
from numpy_deconv.backends.cupy_gpu.stand_in import compiler
from numpy_deconv.contract.recipes import RECIPES
from numpy_deconv.errors import RuleError
from numpy_deconv.net import project_units
from numpy_deconv.net.memory import memory_limit
from numpy_deconv.rules import DECONVNET, GRADIENT, RULES, Rules

pytestmark = pytest.mark.skipif(compiler() is None, reason="needs a C++ compiler")


@pytest.fixture(autouse=True)
def cupy(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """CuPy's look-alike, and the backend that computes on its arrays."""
    yield strict_cupy.installed(monkeypatch)


def same(there: Any, here: Any) -> None:
    assert type(there) is strict_cupy.ndarray
    np.testing.assert_allclose(there.get(), here, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("kernel", RECIPES)
def test_kernels_meet_the_contract_there(kernel: str) -> None:
    report = check_backend("cupy", kernels=[kernel], examples=15)
    assert report.ok, str(report)


@pytest.mark.parametrize("name", small_nets.NETS)
@pytest.mark.parametrize("rules", RULES.values(), ids=RULES)
def test_a_net_runs_and_projects_without_the_host(
    cupy: Any, monkeypatch: pytest.MonkeyPatch, name: str, rules: Rules
) -> None:
    net, x = small_nets.make(name), small_nets.images(0)
    here = net.run(x)
    signal = np.random.default_rng(1).normal(size=here.output.shape)

    def forbidden(*_: Any) -> None:
        raise AssertionError("a hidden copy to the host")

    monkeypatch.setattr(cupy, "asnumpy", forbidden, raising=False)
    there = net.run(cupy.asarray(x))
    same(there.output, here.output)
    try:
        want = here.project(signal, start=net.output, rules=rules)
    except RuleError:
        with pytest.raises(RuleError):
            there.project(cupy.asarray(signal), start=net.output, rules=rules)
        return
    same(there.project(cupy.asarray(signal), start=net.output, rules=rules), want)


Method = Callable[[Any, Any], Any]
METHODS: dict[str, Method] = {
    "saliency": methods.saliency,
    "guided": methods.guided_backprop,
    "times input": methods.gradient_times_input,
    "all maps": lambda n, x: methods.deconvnet(n, x, _last_relu(n), maps="all"),
    "assigned": lambda n, x: methods.deconvnet(n, x, _last_relu(n), overlap="assign"),
    "mean": lambda n, x: methods.deconvnet(n, x, _last_relu(n), overlap="mean"),
    "max": lambda n, x: methods.deconvnet(n, x, _last_relu(n), overlap="max"),
    "occlusion": lambda n, x: methods.occlusion(n, x, size=4, stride=3),
    "visualised": lambda n, x: methods.class_visualization(n, x[:1], 1, steps=3),
    "fooled": lambda n, x: methods.fooling_image(n, x[:1], 1),
    "maps": lambda n, x: methods.feature_maps(n, x[:1], _last_relu(n)),
}


def _last_relu(net: Any) -> str:
    return [n for n, node in net.nodes.items() if type(node.layer).__name__ == "ReLU"][
        -1
    ]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("name", small_nets.CLASSIFIERS)
def test_a_method_needs_no_more_than_its_input_there(
    cupy: Any, name: str, method: str
) -> None:
    net, x = small_nets.make(name), small_nets.images(0)
    there, here = (METHODS[method](net, each).pixels for each in (cupy.asarray(x), x))
    got = there.get() if isinstance(there, strict_cupy.ndarray) else there
    np.testing.assert_allclose(got, here, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("rules", [GRADIENT, DECONVNET], ids=["gradient", "deconvnet"])
def test_units_at_the_edge_are_projected_there(cupy: Any, rules: Rules) -> None:
    net, x = small_nets.make("overlapping"), small_nets.images(0)
    units = [(n, m, i, j) for n in (0, 1) for m in (0, 5) for i, j in ((0, 0), (4, 2))]
    start = "relu2"
    planes = []
    for each in (cupy.asarray(x), x):
        tape = net.run(each)
        whole = np.zeros_like(each, shape=(len(units), *x.shape[1:]))
        for part in project_units(tape, units, [1.0] * 8, start=start, rules=rules):
            part.place_in(whole)
        planes.append(whole)
    same(*planes)


@pytest.mark.parametrize("most", [1, 3])
def test_where_memory_runs_out_a_batch_is_halved(
    cupy: Any, monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    net, x = small_nets.make("overlapping"), small_nets.images(0)
    want = methods.deconvnet(net, x, "relu3", maps="all").pixels
    backend, seen = registry.get_backend("cupy"), []
    original = backend.conv_input_grad

    def small(grad: Any, *rest: Any) -> Any:
        seen.append(len(grad))
        if len(grad) > most:
            raise MemoryError(f"out of memory allocating {len(grad)}")
        return original(grad, *rest)

    monkeypatch.setattr(backend, "conv_input_grad", small)
    there = methods.deconvnet(net, cupy.asarray(x), "relu3", maps="all").pixels
    same(there, want)
    assert max(seen) > most


class Small:
    """A card that refuses more samples at a time than ``most``, as CuPy does."""

    def __init__(self, most: int):
        self.most, self.seen, self.freed = most, [0], 0
        self.backend = registry.get_backend("cupy")
        self.conv = self.backend.conv_clipped, self.backend.conv

    def refuse(self, patch: pytest.MonkeyPatch) -> Small:
        for number, name in enumerate(("conv_clipped", "conv")):

            def limited(x: Any, *rest: Any, run: Any = self.conv[number]) -> Any:
                self.seen.append(len(x))
                if len(x) > self.most:
                    raise sys.modules["cupy"].OutOfMemoryError(f"{len(x)} samples")
                return run(x, *rest)

            patch.setattr(self.backend, name, limited)
        pool = strict_cupy._Pool
        patch.setattr(pool, "free_all_blocks", lambda: setattr(self, "freed", 1))
        return self


MANY: dict[str, Method] = {
    "saliency": methods.saliency,
    "given": lambda n, x: methods.guided_backprop(n, x, [0, 1, 2, 3, 4, 0]),
    "classified": lambda n, x: methods.classify(n, x),
    "averaged": lambda n, x: methods.smoothgrad(n, x[:1], samples=6),
    "masked": lambda n, x: methods.rise(n, x[:1], masks=6, cells=3),
    "handed down": lambda n, x: methods.lrp(n, x),
    "seen": lambda n, x: methods.grad_cam(n, x, layer="relu2"),
    "attacked": lambda n, x: methods.pgd(n, x, steps=2, epsilon=0.1),
    "projected": lambda n, x: methods.deconvnet(n, x, "relu2", maps=[0, 1]),
    "unit": lambda n, x: methods.saliency(n, x, layer="relu2", unit=(1, 2, 1)),
    "covered": lambda n, x: methods.occlusion(n, x[:1], size=4, stride=3),
}


@pytest.mark.parametrize("method", MANY)
def test_where_memory_runs_out_a_chunk_is_halved(
    cupy: Any, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    net, x = small_nets.make("overlapping"), small_nets.images(0, 6)
    want = MANY[method](net, x).pixels
    card = Small(2).refuse(monkeypatch)
    there = MANY[method](net, cupy.asarray(x)).pixels
    got = there.get() if isinstance(there, strict_cupy.ndarray) else there
    np.testing.assert_allclose(got, want, rtol=1e-6, atol=1e-9)
    assert max(card.seen) > 2
    assert card.freed


@pytest.mark.parametrize("method", MANY)
def test_where_a_single_sample_is_too_large(
    cupy: Any, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    net, x = small_nets.make("overlapping"), cupy.asarray(small_nets.images(0, 6))
    Small(0).refuse(monkeypatch)
    with pytest.raises(
        MemoryError, match=r"a single .*does not fit into memory \(1 sa"
    ):
        MANY[method](net, x)


def test_where_not_even_one_fits(cupy: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    net, x = small_nets.make("overlapping"), cupy.asarray(small_nets.images(0))

    def full(*_: Any) -> None:
        raise MemoryError("out of memory")

    monkeypatch.setattr(registry.get_backend("cupy"), "conv_input_grad", full)
    with pytest.raises(
        MemoryError, match=r"a single one of \d+ projections .* use a sm"
    ):
        methods.deconvnet(net, x, "relu3", maps="all")


def test_memory_is_what_is_free_where_the_array_lies(cupy: Any) -> None:
    assert memory_limit(like=cupy.asarray(np.zeros(3))) == 1 << 28
    assert memory_limit(like=np.zeros(3)) == memory_limit()
    assert memory_limit(1000, cupy.asarray(np.zeros(3))) == 1000
