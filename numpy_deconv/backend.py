"""What a backend is: kernels behind the array functions, four required, the rest given.

A backend gets arrays that are already validated: real dtypes, matching shapes, a
:class:`~numpy_deconv.window.Window` that fits. It may get any strides and must not
write to its inputs. To write one, subclass :class:`Backend`, implement the four
abstract kernels, override whatever else is worth it, and register the class::

    [project.entry-points."numpy_deconv.backends"]
    mine = "my_package:MyBackend"

``numpy_deconv.check_backend("mine")`` then runs the contract on it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from .arrays import Array
from .per_axis import Sizes
from .reference import convolution, pooling
from .reference import switches as switching
from .reference.columns import col2im, im2col
from .reference_kernels import ReferenceKernels
from .window import Window

if TYPE_CHECKING:
    from .layers.boxes import Boxes


class Backend(ReferenceKernels, ABC):
    """Kernels for one family of arrays.

    Methods that are not abstract are derived from the four that are; those of
    :class:`~numpy_deconv.reference_kernels.ReferenceKernels` are the reference itself.

    One forward run of a single sample serves many ways back: wherever a gradient meets
    what the forward pass saved (switches, ``x``, ``y``, ``values``), the saved array
    may have a batch of one, shared by every gradient of the batch.
    """

    name: ClassVar[str]
    family: ClassVar[str] = "numpy"
    joins: ClassVar[bool] = False
    """Whether writing to a part of a :meth:`room` takes no longer than elsewhere."""

    @classmethod
    def missing(cls) -> str | None:
        """What keeps this backend from running here and how to get it; None if ready.

        A driver or a device is told here. A package that cannot be imported may simply
        let the import of the backend's module fail.
        """
        return None

    def warm(self) -> None:
        """Compile whatever is compiled on first use, now."""

    def resident(self, array: Array) -> Array:
        """A constant where this backend's arrays lie; sent there if it is elsewhere."""
        return array

    @abstractmethod
    def im2col(self, x: Array, window: Window, positions: Sizes) -> Array:
        """``(N, C*taps, L)`` from ``(N, C, *size)``; padding reads 0."""

    @abstractmethod
    def col2im(
        self, columns: Array, window: Window, positions: Sizes, output_size: Sizes
    ) -> Array:
        """``(N, C, *output_size)`` from ``(N, C*taps, L)``: the adjoint of im2col."""

    @abstractmethod
    def max_pool(self, x: Array, window: Window) -> tuple[Array, Array]:
        """Values and int64 switches: first maximum in row-major order, NaN wins."""

    @abstractmethod
    def scatter(
        self, values: Array, switches: Array, output_size: Sizes, overlap: str
    ) -> Array:
        """Values at their switches, zeros elsewhere; see ``max_unpool``."""

    def unpool(
        self, values: Array, switches: Array, output_size: Sizes, overlap: str
    ) -> Array:
        """:meth:`scatter` of switches that nobody has looked at yet.

        Raises ShapeError for one outside of the plane. To be overridden where the
        scattering itself can tell.
        """
        switching.require_inside(switches, output_size)
        return self.scatter(values, switches, output_size, overlap)

    def switch_codes(self, switches: Array, stays: Array | None, size: Sizes) -> Any:
        """What :meth:`scatter_windows` reads quicker than these switches, or None.

        For whoever calls it many times with the same ones. To be overridden where
        there is something.
        """
        return None

    def scatter_windows(
        self,
        values: Array,
        switches: Array,
        stays: Array | None,
        size: Sizes,
        output: Boxes,
        inputs: Boxes,
        codes: Any = None,
    ) -> Array:
        """Values in boxes of pooled planes, added up at their switches in other boxes.

        ``values (B, C, *output.shape)`` belong to ``switches (N, C, *output.plane)``,
        which index planes of ``size``; the result is ``(B, C, *inputs.shape)``. Where
        ``stays``, as large as the switches, is False a value is dropped, and so is one
        whose switch lies outside of its box. ``codes`` are what :meth:`switch_codes`
        made of the same. To be overridden where cutting the switches out costs more
        than the rest.
        """
        local, kept = switching.switches_in_windows(
            output.cut(switches), size, inputs.origins, inputs.shape
        )
        if stays is not None:
            kept = kept & output.cut(stays)
        values = np.where(kept, values, values.dtype.type(0))
        return self.scatter(values, local, inputs.shape, "sum")

    def conv(
        self, x: Array, weight: Array, bias: Array | None, window: Window, groups: int
    ) -> Array:
        """Cross-correlation plus bias."""
        return convolution.conv(x, weight, bias, window, groups, self.im2col)

    def conv_clipped(
        self,
        x: Array,
        weight: Array,
        bias: Array | None,
        window: Window,
        groups: int,
        low: float | None,
        high: float | None,
        out: Array | None = None,
    ) -> Array:
        """:meth:`conv`, each value kept between ``low`` and ``high``; None: unbounded.

        ``low=0, high=None`` is a ReLU and has its bits; NaN stays NaN. ``out``, of the
        result's shape and dtype, is written to and returned: some channels of a
        :meth:`room`. To be overridden where all that can be one pass over the output.
        """
        y = self.conv(x, weight, bias, window, groups)
        if (low, high) != (None, None):
            y = self._clipped(y, low, high)
        if out is None:
            return y
        out[...] = y
        return out

    def conv_input_grad(
        self,
        grad: Array,
        weight: Array,
        bias: Array | None,
        input_size: Sizes,
        window: Window,
        groups: int,
    ) -> Array:
        """Adjoint of conv in x, for as many windows as ``grad`` has; plus bias."""
        return convolution.conv_input_grad(
            grad, weight, bias, input_size, window, groups, self.col2im
        )

    def conv_input_grad_clipped(
        self,
        grad: Array,
        weight: Array,
        bias: Array | None,
        input_size: Sizes,
        window: Window,
        groups: int,
        low: float | None,
        high: float | None,
        where: Array | None = None,
    ) -> Array:
        """:meth:`conv_input_grad` within bounds, as :meth:`conv_clipped` has them, and
        then times the gradient of the ReLU whose input or output ``where`` is.

        ``where`` has the shape and the dtype of the result.
        """
        y = self.conv_input_grad(grad, weight, bias, input_size, window, groups)
        if (low, high) != (None, None):
            y = self._clipped(y, low, high)
        return y if where is None else self.activation_grad(y, where, "relu")

    def conv_input_grad_moved(
        self,
        grad: Array,
        weight: Array,
        input_size: Sizes,
        window: Window,
        groups: int,
        low: float | None,
        places: Boxes,
    ) -> Array:
        """:meth:`conv_input_grad` not below ``low``, each sample moved by itself.

        ``places`` are boxes as large as the result, a row for each sample, in planes of
        that size: of each sample they are cut out, with zeros where they hang over the
        edge. To be overridden where that need not be a pass over the result.
        """
        given = grad, weight, None, input_size, window, groups
        return places.cut(self.conv_input_grad_clipped(*given, low, None))

    def _clipped(self, y: Array, low: float | None, high: float | None) -> Array:
        if (low, high) == (0, None):
            return self.activation(y, "relu")
        return self.activation(y, "clip", low=low, high=high)

    def conv_weight_grad(
        self, grad: Array, x: Array, window: Window, groups: int
    ) -> Array:
        """Adjoint of conv in the weight."""
        return convolution.conv_weight_grad(grad, x, window, groups, self.im2col)

    def scatter_masked(
        self, values: Array, switches: Array, output_size: Sizes, where: Array
    ) -> Array:
        """:meth:`scatter` with ``"sum"``, times the gradient of the ReLU whose output
        ``where``, of the result's shape and dtype, was pooled."""
        y = self.scatter(values, switches, output_size, "sum")
        return self.activation_grad(y, where, "relu")

    def room(self, like: Array, channels: int, size: Sizes) -> Array:
        """Uninitialised memory for so many channels of ``like``'s batch, dtype and
        device, as this backend lays it out; :meth:`conv_clipped` writes to parts."""
        return np.empty_like(like, shape=(len(like), channels, *size))

    def concat(self, *arrays: Array, axis: int) -> Array:
        """Arrays of one dtype beside each other along an axis."""
        return np.concatenate(arrays, axis=axis)

    def split_channels(
        self, grad: Array, sizes: Sequence[int], *wheres: Array | None
    ) -> tuple[Array, ...]:
        """Adjoint of :meth:`concat` along the channels: runs of so many of them.

        Each is multiplied with the gradient of the ReLU whose output, of its shape and
        dtype, is the one of ``wheres``; None: no ReLU, and perhaps a view. To be
        overridden where that can be one pass.
        """
        parts = np.split(grad, np.cumsum(sizes)[:-1].tolist(), axis=1)
        return tuple(
            part if where is None else self.activation_grad(part, where, "relu")
            for part, where in zip(parts, wheres, strict=True)
        )


class NumpyBackend(Backend):
    """The reference: what every other backend is held against."""

    name = "numpy"

    def im2col(self, x: Array, window: Window, positions: Sizes) -> Array:
        return im2col(x, window, positions)

    def col2im(
        self, columns: Array, window: Window, positions: Sizes, output_size: Sizes
    ) -> Array:
        return col2im(columns, window, positions, output_size)

    def max_pool(self, x: Array, window: Window) -> tuple[Array, Array]:
        return pooling.max_pool(x, window)

    def scatter(
        self, values: Array, switches: Array, output_size: Sizes, overlap: str
    ) -> Array:
        return switching.scatter(values, switches, output_size, overlap)
