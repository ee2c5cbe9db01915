"""The fast backends, installed as ``numpy_deconv.backends``; named by entry points."""

if __name__ != "numpy_deconv.backends":
    raise ImportError(
        f"this package was imported as {__name__!r}: its only name is "
        "'numpy_deconv.backends' (pip install -e . puts it there)"
    )
