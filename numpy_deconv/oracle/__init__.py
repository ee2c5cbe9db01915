"""A correctness oracle for somebody else's kernel.

:mod:`numpy_deconv.oracle.definition` holds the definitions, loop by loop, that every
faster implementation is judged by.
"""
