"""``python -m numpy_deconv`` is the command ``numpy-deconv``."""

from __future__ import annotations

from .cli import main

main()
