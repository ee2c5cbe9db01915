#!/usr/bin/env bash
# Everything that needs a GPU, in one command:
#   1. an environment: the machine's own Python if it has CuPy, PyTorch and pytest,
#      else a fresh one with packages from PyPI
#   2. the GPU's tests, under the oracle's bounds
#   3. compute-sanitizer (memcheck, racecheck), where the tool is present
#   4. the benchmark beside PyTorch and cuDNN: a table and a JSON file
#
# usage: benchmarks/gpu_session.sh [FOLDER]      results go there; default gpu-results
#   PYTHON=python3.12        which Python to start from
#   STEPS="tests sanitizer benchmark"              which steps to run
#   BENCH_ARGS="--batches 32 --only vgg16"         see python benchmarks/gpu --help
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1
root=$PWD
out=${1:-gpu-results}
mkdir -p "$out" || exit 1
out=$(cd "$out" && pwd)
steps=${STEPS:-tests sanitizer benchmark}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=()

step() { printf '\n=== %s\n' "$*"; }
wanted() { case " $steps " in *" $1 "*) return 0 ;; *) return 1 ;; esac; }

step "the card"
nvidia-smi --query-gpu=name,driver_version,memory.total --format=csv ||
    echo "nvidia-smi is not there; CuPy will tell what it finds"

step "an environment"
python=${PYTHON:-python3}
if ! "$python" -c 'import cupy, hypothesis, numpy, PIL, pytest, rich, torch, typer' 2>"$work/missing"; then
    echo "the machine's Python lacks something ($(tail -n 1 "$work/missing")): making one"
    "$python" -m venv "$work/venv" || exit 1
    python=$work/venv/bin/python
    "$python" -m pip install -q ".[cuda12,numba,test]" || exit 1
    "$python" -m pip uninstall -q -y numpy-deconv
fi

# The package as the wheel would lay it out, so that no installer is needed and the
# entry points name the backends.
site=$work/site
mkdir -p "$site"
cp -r "$root/numpy_deconv" "$site/numpy_deconv"
cp -r "$root/backends" "$site/numpy_deconv/backends"
cp -r "$root/benchmarks/speed" "$site/numpy_deconv/benchmarks"
"$python" - "$root" "$site" <<'PYTHON' || exit 1
import pathlib
import re
import sys
import tomllib

root, site = map(pathlib.Path, sys.argv[1:])
project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
text = (root / "numpy_deconv" / "version.py").read_text(encoding="utf-8")
version = re.search(r'"(.+?)"', text).group(1)
info = site / f"numpy_deconv-{version}.dist-info"
info.mkdir()
head = f"Metadata-Version: 2.1\nName: numpy-deconv\nVersion: {version}\n"
(info / "METADATA").write_text(head, encoding="utf-8")
lines = []
for group, points in project["entry-points"].items():
    lines += [f"[{group}]", *(f"{name} = {value}" for name, value in points.items()), ""]
(info / "entry_points.txt").write_text("\n".join(lines), encoding="utf-8")
PYTHON
export PYTHONPATH=$site${PYTHONPATH:+:$PYTHONPATH} PYTHONSAFEPATH=1 PYTHONUNBUFFERED=1
"$python" - <<'PYTHON' || exit 1
import sys

import numpy_deconv

state = numpy_deconv.available_backends()["cupy"]
print(state.detail)
sys.exit(0 if state.ready else "there is nothing to measure without a card")
PYTHON

if wanted tests; then
    step "the GPU's tests"
    "$python" -m pytest tests/test_cupy_on_gpu.py -o filterwarnings=default \
        -p no:cacheprovider -q 2>&1 | tee "$out/tests.log" || failed+=(tests)
fi

if wanted sanitizer; then
    if command -v compute-sanitizer >/dev/null; then
        for tool in memcheck racecheck; do
            step "compute-sanitizer, $tool"
            # its own allocator off: every array has guarded memory of its own
            CUPY_PLAIN_ALLOCATOR=1 timeout 1800 compute-sanitizer --tool "$tool" \
                --error-exitcode 9 "$python" -m pytest tests/test_cupy_on_gpu.py \
                -k sanitized -o filterwarnings=default -p no:cacheprovider -q 2>&1 |
                tee "$out/$tool.log" || failed+=("$tool")
        done
    else
        step "compute-sanitizer is not here: left out"
    fi
fi

if wanted benchmark; then
    step "the benchmark"
    # shellcheck disable=SC2086
    "$python" "$root/benchmarks/gpu" --json "$out/gpu.json" ${BENCH_ARGS:-} 2>&1 |
        tee "$out/benchmark.log" || failed+=(benchmark)
fi

step "results are in $out"
if ((${#failed[@]})); then
    echo "failed: ${failed[*]}"
    exit 1
fi
