"""Every error the library raises on purpose.

All of them derive from :class:`NumpyDeconvError`, so that a caller (the command line,
for one) can tell "your input is wrong, and here is how" from a defect. Each also
derives from the built-in type that a NumPy user would expect.
"""

from __future__ import annotations


class NumpyDeconvError(Exception):
    """Base of all deliberate errors; the message is one sentence with a remedy."""


class ShapeError(NumpyDeconvError, ValueError):
    """Shapes, sizes, strides or paddings that do not fit together."""


class DTypeError(NumpyDeconvError, TypeError):
    """A dtype that an operation does not define, or a mixture of dtypes."""


class OptionError(NumpyDeconvError, ValueError):
    """An option outside the values it may take."""


class BackendError(NumpyDeconvError, RuntimeError):
    """An unknown backend, or one whose dependency or device is missing."""


class NetError(NumpyDeconvError, ValueError):
    """A graph that does not hold together, or a layer or unit it does not have."""


class RuleError(NumpyDeconvError, ValueError):
    """A layer for which the chosen rules define no way down."""


class FileFormatError(NumpyDeconvError, ValueError):
    """A file that cannot be read as what it should be; nothing was changed."""


class OutputError(NumpyDeconvError, OSError):
    """A file that cannot be written where it should go; no half of it is left."""


class OracleError(NumpyDeconvError, ArithmeticError):
    """The oracle's two references disagree: a defect of the library itself."""
