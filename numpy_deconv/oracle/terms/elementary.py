"""How far elementary functions may be off, in unit roundoffs of the precision.

The figures are what this library allows, nobody's promise: a unit in the last place
(ulp) is at most two unit roundoffs of the result, and each figure is no less than what
the functions that compilers and frameworks take by default are said to need. In ulp:

=====================  ====  =====  ====  =====  =====  =====  ====
functions of           exp   expm1  log   log1p  tanh   rsqrt  erf
=====================  ====  =====  ====  =====  =====  =====  ====
CUDA, float32          2     1      1     1      2      2      2
GNU C Library, x86-64  1     1      1     1      2             1
SLEEF, ``_u10``        1     1      1     1      1             1
=====================  ====  =====  ====  =====  =====  =====  ====

They are in NVIDIA's CUDA C++ Programming Guide (appendix on mathematical functions,
found by testing, "not guaranteed"), in the GNU C Library's ``libm-test-ulps`` (largest
errors met by its tests) and in SLEEF's list of functions, which PyTorch's vectors call.
A power is allowed 4 ulp, between those of the GNU C Library and SLEEF (1) and the 8
that editions of NVIDIA's guide state. Faster variants (CUDA's ``__expf``, rational
approximations of a sigmoid) are declared with ``Numerics(approximation=...)``.
"""

from __future__ import annotations

EXP = 4.0
LOG = 4.0
TANH = 4.0
RSQRT = 4.0
POW = 8.0
ERF = 8.0
"""PyTorch's vectorised float32 erf is formula 7.1.26 of Abramowitz & Stegun (1964),
whose own error of 1.5e-7 is 2.5 units; its roundings come to that."""
