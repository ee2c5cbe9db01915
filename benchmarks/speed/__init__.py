"""Speed, measured: installed as ``numpy_deconv.benchmarks``, run by ``bench``."""

if __name__ != "numpy_deconv.benchmarks":
    raise ImportError(
        f"this package was imported as {__name__!r}: its only name is "
        "'numpy_deconv.benchmarks' (pip install -e . puts it there)"
    )
