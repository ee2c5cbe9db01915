"""The comparison of parameter tables with arrays."""

from __future__ import annotations

import numpy as np

from numpy_deconv.models.fit import fit, grouped

WANTED = {"a.weight": (4, 3), "a.bias": (4,), "b.weight": (2, 4), "b.bias": (2,)}


def arrays(shapes: dict[str, tuple[int, ...]]) -> dict[str, np.ndarray]:
    return {key: np.zeros(shape) for key, shape in shapes.items()}


def test_equal_shapes_are_complete() -> None:
    result = fit(WANTED, arrays(WANTED))
    assert result.complete
    assert result.score == 1
    assert str(result) == ""


def test_every_kind_of_difference_is_listed_at_once() -> None:
    given = arrays(WANTED) | {"c.weight": np.zeros(1), "a.bias": np.zeros(5)}
    del given["b.weight"], given["b.bias"]
    result = fit(WANTED, given)
    assert not result.complete
    assert str(result).splitlines() == [
        "  missing: b.{weight, bias}",
        "  not part of it: c.weight",
        "  wrong shape: a.bias is (5,), needs (4,)",
    ]
    assert result.fitting == 1
    assert result.score == 1 / 5


def test_each_kind_of_difference_alone_is_incomplete() -> None:
    assert not fit(WANTED, arrays(WANTED) | {"c": np.zeros(1)}).complete
    assert not fit(WANTED, arrays(WANTED) | {"a.bias": np.zeros(5)}).complete
    assert not fit(WANTED | {"d": (1,)}, arrays(WANTED)).complete


def test_batch_counters_do_not_count() -> None:
    given = arrays(WANTED) | {"a.num_batches_tracked": np.array(7)}
    assert fit(WANTED, given).complete


def test_nothing_at_all_scores_zero() -> None:
    assert fit({}, {}).score == 0
    assert fit(WANTED, {}).score == 0


def test_keys_are_grouped_by_layer() -> None:
    keys = ("x", "f.0.weight", "g.weight", "f.0.bias")
    assert grouped(keys) == "x, f.0.{weight, bias}, g.weight"
