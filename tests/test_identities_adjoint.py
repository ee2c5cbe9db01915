"""Every linear map and its adjoint, in integers: ``<A x, z> == <x, A* z>``."""

from __future__ import annotations

from typing import Any

import cases
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from whole_numbers import inner, whole

import numpy_deconv as nd

Array = npt.NDArray[Any]


def like(case: cases.Case, y: Array) -> Array:
    return whole(np.random.default_rng(case.seed), *y.shape)


@given(cases.strategy("conv", np.int64, kinds=("integers",)))
def test_conv_and_its_input_grad_are_adjoint(case: cases.Case) -> None:
    x, weight = case.arrays[:2]
    y = nd.conv(x, weight, **case.options)
    z = like(case, y)
    down = nd.conv_input_grad(z, weight, x.shape[2:], **case.options)
    assert inner(y, z) == inner(x, down)


@given(cases.strategy("conv", np.int64, kinds=("integers",)))
def test_conv_and_its_weight_grad_are_adjoint(case: cases.Case) -> None:
    x, weight = case.arrays[:2]
    y = nd.conv(x, weight, **case.options)
    z = like(case, y)
    slope = nd.conv_weight_grad(z, x, weight.shape[2:], **case.options)
    assert inner(y, z) == inner(weight, slope)


@given(cases.strategy("conv_transpose", np.int64, kinds=("integers",)))
def test_a_transposed_convolution_is_the_adjoint_of_a_convolution(
    case: cases.Case,
) -> None:
    z, weight = case.arrays[:2]
    up = nd.conv_transpose(z, weight, **case.options)
    x = like(case, up)
    options = {k: v for k, v in case.options.items() if k != "output_padding"}
    y = nd.conv(x, weight, **options)
    # output padding of a stride or more leaves room for windows that z has not
    y = y[(..., *(slice(n) for n in z.shape[2:]))]
    assert inner(y, z) == inner(x, up)


@given(data=st.data())
def test_output_padding_recovers_the_size(data: st.DataObject) -> None:
    """``(H + 2p - d*(k-1) - 1) mod s`` on every axis."""
    rank = data.draw(st.integers(1, 3))
    k, s, p, d, spare = (
        data.draw(st.tuples(*[st.integers(low, high)] * rank))
        for low, high in ((1, 3), (1, 3), (0, 2), (1, 2), (0, 4))
    )
    size = tuple(
        max(1, d[a] * (k[a] - 1) + 1 - 2 * p[a]) + spare[a] for a in range(rank)
    )
    extra = tuple(
        (size[a] + 2 * p[a] - d[a] * (k[a] - 1) - 1) % s[a] for a in range(rank)
    )
    rng = np.random.default_rng(0)
    x, weight = whole(rng, 1, 2, *size), whole(rng, 3, 2, *k)
    geometry: dict[str, Any] = {"stride": s, "padding": p, "dilation": d}
    y = nd.conv(x, weight, **geometry)
    z = whole(rng, *y.shape)
    down = nd.conv_transpose(z, weight, output_padding=extra, **geometry)
    assert down.shape == x.shape
    assert inner(y, z) == inner(x, down)


@given(cases.strategy("im2col", np.int64, kinds=("integers",)))
def test_im2col_and_col2im_are_adjoint(case: cases.Case) -> None:
    (x,) = case.arrays
    columns = nd.im2col(x, **case.options)
    z = like(case, columns)
    image = nd.col2im(z, x.shape[2:], **case.options)
    assert inner(columns, z) == inner(x, image)


@given(cases.strategy("im2col", np.int64, kinds=("integers",)))
def test_col2im_of_im2col_counts_the_windows(case: cases.Case) -> None:
    (x,) = case.arrays

    def back(image: Array) -> Array:
        columns = nd.im2col(image, **case.options)
        return np.asarray(nd.col2im(columns, x.shape[2:], **case.options))

    np.testing.assert_array_equal(back(x), x * back(np.ones_like(x)))


@given(cases.strategy("max_pool", np.int64, kinds=("integers", "ties")))
def test_unpooling_with_sum_is_the_adjoint_of_the_gather(case: cases.Case) -> None:
    (x,) = case.arrays
    y, switches = nd.max_pool(x, **case.options)
    planes = x.reshape(*x.shape[:2], int(np.prod(x.shape[2:])))
    flat = switches.reshape(*y.shape[:2], int(np.prod(y.shape[2:])))
    gathered = np.take_along_axis(planes, flat, axis=2).reshape(y.shape)
    np.testing.assert_array_equal(gathered, y)
    z = like(case, y)
    up = nd.max_unpool(z, switches, x.shape[2:], overlap="sum")
    assert inner(gathered, z) == inner(x, up)


def test_unpooling_with_assign_is_not() -> None:
    """On 3x3/2 it loses about half of what the adjoint has; on 2x2/2 it is the same."""
    rng = np.random.default_rng(0)
    x = rng.permutation(55 * 55).reshape(1, 1, 55, 55) + 1
    for kernel, share_of_adjoint in ((3, 0.6), (2, 1.0)):
        y, switches = nd.max_pool(x, kernel, stride=2)
        up = nd.max_unpool(y, switches, x.shape[2:], overlap="assign")
        share = inner(x, up) / inner(y, y)
        assert share == pytest.approx(share_of_adjoint, abs=0.05)
        assert (share == 1) == (kernel == 2)
        up = nd.max_unpool(y, switches, x.shape[2:], overlap="sum")
        assert inner(x, up) == inner(y, y)


@pytest.mark.parametrize("overlap", ["assign", "max", "first"])
def test_pooling_gives_back_what_was_unpooled(overlap: str) -> None:
    """``P(U(P(x))) == P(x)`` for x above 0, but not when overlapping windows add."""
    x = whole(np.random.default_rng(1), 2, 3, 9, 8, low=1, high=50)
    y, switches = nd.max_pool(x, 3, stride=2, ceil_mode=True)

    def again(rule: str) -> Array:
        up = nd.max_unpool(y, switches, x.shape[2:], overlap=rule)
        return np.asarray(nd.max_pool(up, 3, stride=2, ceil_mode=True)[0])

    np.testing.assert_array_equal(again(overlap), y)
    assert (again("sum") != y).any()
