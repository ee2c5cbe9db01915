"""The NumPy kernels that define the answer; written to be read, and vectorised."""
