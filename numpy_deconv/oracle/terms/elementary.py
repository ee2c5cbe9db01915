"""What elementary functions may be off, in unit roundoffs of the precision.

A unit in the last place (ulp) is at most two unit roundoffs of the result. The figures
are the largest that are documented for the functions a compiler takes unless it is told
to hurry: the CUDA C++ Programming Guide (maximum ulp error of the standard functions:
expf 2, expm1f 1, logf 1, log1pf 1, tanhf 2, rsqrtf 2, powf 4), the GNU C library's
manual (known maximum errors, x86_64: exp, log and pow 1, tanh 2) and SLEEF's ``_u10``
functions (1), which PyTorch calls. Faster variants (CUDA's ``__expf``, rational
approximations of a sigmoid) are declared with ``Numerics(approximation=...)``.
"""

from __future__ import annotations

EXP = 4.0
LOG = 4.0
TANH = 4.0
RSQRT = 4.0
POW = 8.0
ERF = 8.0
"""PyTorch's vectorised erf is a rational function (Abramowitz & Stegun 1964, 7.1.26)
that is off by 4 units, the documented ones by 2."""
