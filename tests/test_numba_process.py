"""Beside other threads and in other processes: right results, nothing on stderr."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

START = """
import sys
import numpy as np
from numpy_deconv import use_backend, conv, max_pool

rng = np.random.default_rng(0)
X = rng.standard_normal((2, 32, 40, 40)).astype(np.float32)
W = rng.standard_normal((32, 32, 3, 3)).astype(np.float32)

def work(_=None):
    with use_backend("numba", threads=2):
        y, switches = max_pool(conv(X, W, padding=1), 2)
        return y.tobytes()

with use_backend("numpy"):
    Y = max_pool(conv(X, W, padding=1), 2)[0]
first = work()
assert np.allclose(np.frombuffer(first, np.float32).reshape(Y.shape), Y, atol=1e-3)
"""


def run(body: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a script in a fresh process."""
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", START + textwrap.dedent(body)],
        capture_output=True,
        text=True,
        timeout=300,
        env={**os.environ, **environment},
    )


def expect_quiet(done: subprocess.CompletedProcess[str]) -> None:
    assert (done.returncode, done.stderr) == (0, "")


def test_eight_threads_at_once() -> None:
    expect_quiet(
        run(
            """
            from concurrent.futures import ThreadPoolExecutor
            with ThreadPoolExecutor(8) as pool:
                assert set(pool.map(work, range(64))) == {first}
            """
        )
    )


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_a_forked_child_computes_too() -> None:
    expect_quiet(
        run(
            """
            import os
            import warnings
            # Python 3.12 warns of any fork beside threads, which is what is tried here
            warnings.simplefilter("ignore", DeprecationWarning)
            for _ in range(3):
                child = os.fork()
                if not child:
                    os._exit(0 if work() == first else 3)
                assert os.waitpid(child, 0)[1] == 0
            assert work() == first
            """
        )
    )


def test_a_spawned_child_computes_too(tmp_path: Path) -> None:
    script = tmp_path / "spawned.py"
    guard = """
    if __name__ == "__main__":
        import multiprocessing
        with multiprocessing.get_context("spawn").Pool(2) as pool:
            assert set(pool.map(work, range(4))) == {first}
    """
    script.write_text(START + textwrap.dedent(guard))
    expect_quiet(
        subprocess.run(
            [sys.executable, script], capture_output=True, text=True, timeout=300
        )
    )


def test_beside_the_users_own_parallel_numba_code() -> None:
    expect_quiet(
        run(
            """
            import threading
            import numba

            @numba.njit(parallel=True)
            def total(x):
                s = 0.0
                for i in numba.prange(x.size):
                    s += x[i]
                return s

            numba.set_num_threads(1)
            flat = X.ravel().astype(np.float64)
            expected = total(flat)
            results = []
            other = threading.Thread(
                target=lambda: results.extend(work() for _ in range(30))
            )
            other.start()
            for _ in range(200):
                assert total(flat) == expected
            other.join()
            assert set(results) == {first}
            assert numba.get_num_threads() == 1
            """
        )
    )


def test_beside_torch_in_one_process() -> None:
    expect_quiet(
        run(
            """
            import torch
            from concurrent.futures import ThreadPoolExecutor
            torch.set_num_threads(2)
            x, w = torch.from_numpy(X), torch.from_numpy(W)
            expected = torch.nn.functional.conv2d(x, w, padding=1)
            with ThreadPoolExecutor(2) as pool:
                ours = [pool.submit(work) for _ in range(20)]
                for _ in range(20):
                    got = torch.nn.functional.conv2d(x, w, padding=1)
                    assert torch.equal(got, expected)
                assert {f.result() for f in ours} == {first}
            assert torch.get_num_threads() == 2
            """
        )
    )


@pytest.mark.parametrize("threads", ["1", "2", "5"])
def test_the_environments_threads_give_the_same_bits(threads: str) -> None:
    body = """
    with use_backend("numba"):
        print(hash(max_pool(conv(X, W, padding=1), 2)[0].tobytes()))
    """
    environment = {"PYTHONHASHSEED": "0", "OMP_NUM_THREADS": "2"}
    one = run(body, **environment)
    several = run(body, **environment, NUMBA_NUM_THREADS=threads)
    expect_quiet(one)
    expect_quiet(several)
    assert one.stdout == several.stdout


def test_nowhere_to_keep_compiled_code(tmp_path: Path) -> None:
    """A read-only installation and no home: compiled again, and no word about it."""
    nowhere = tmp_path / "a file, not a folder"
    nowhere.write_text("")
    body = """
    from numpy_deconv.backends.numba_cpu import linear
    with use_backend("numba") as backend:
        backend.linear(X.reshape(2, -1), X.reshape(2, -1), None)
    """
    expect_quiet(run(body, NUMBA_CACHE_DIR=str(nowhere)))


def test_kept_code_that_is_damaged_or_of_other_sources_is_compiled_again(
    tmp_path: Path,
) -> None:
    body = """
    with use_backend("numba") as backend:
        backend.linear(X.reshape(2, -1), X.reshape(2, -1), None)
    """
    expect_quiet(run(body, NUMBA_CACHE_DIR=str(tmp_path)))
    kept = [
        file
        for file in sorted(tmp_path.rglob("*.kernel"))
        if not file.name.startswith("job.left")  # only called where a helper is late
    ]
    assert kept
    whole = [file.read_bytes() for file in kept]
    damages: list[Callable[[bytes], bytes]] = [
        lambda data: b"",
        lambda data: b"[]" + data,
        lambda data: data[:-10],
        lambda data: data.replace(b'"sources": "', b'"sources": "0', 1),
        lambda data: data.replace(b'"externals": []', b'"externals": ["gone"]', 1),
        lambda data: data[:-1] + bytes([data[-1] ^ 1]),
    ]
    for damage in damages:
        for file, data in zip(kept, whole, strict=True):
            file.write_bytes(damage(data))
        expect_quiet(run(body, NUMBA_CACHE_DIR=str(tmp_path)))
        # all of it is mended; compiling again need not give the same bytes
        assert all(file.read_bytes() != damage(data)
                   for file, data in zip(kept, whole, strict=True))  # fmt: skip


def test_first_runs_side_by_side_share_one_cache(tmp_path: Path) -> None:
    body = """
    with use_backend("numba") as backend:
        backend.linear(X.reshape(2, -1), X.reshape(2, -1), None)
    """
    command = [sys.executable, "-W", "error", "-c", START + textwrap.dedent(body)]
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path / "cache")}
    several = [
        subprocess.Popen(
            command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        for _ in range(3)
    ]
    for process in several:
        output, errors = process.communicate(timeout=300)
        assert (process.returncode, output, errors) == (0, b"", b"")
    assert any((tmp_path / "cache").rglob("*.kernel"))


def test_without_numba_the_backend_is_not_ready() -> None:
    """It would not even be imported before something has to be compiled."""
    body = """
    sys.modules["numba"] = None
    import numpy_deconv
    state = numpy_deconv.available_backends()["numba"]
    assert not state.ready, state
    assert "numba is not installed: pip install 'numpy-deconv[numba]'" in state.detail
    """
    expect_quiet(run(body))
