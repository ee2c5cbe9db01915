#!/usr/bin/env bash
# Everything that needs a GPU, in one command and ten minutes, with what is installed:
# nothing is fetched. What counts most comes first, and every result is written down as
# it comes, so that a run that is cut short has what it had.
#   1. smoke      each kernel, a few calls, against the reference
#   2. targets    the benchmark beside PyTorch and cuDNN: the cases that count
#   3. tests      the GPU's tests, under the oracle's bounds
#   4. sanitizer  compute-sanitizer (memcheck, racecheck), where the tool is present
#   5. rest       the benchmark's other cases, until time is up
# A step that fails, or tests that were cut short, do not keep the others from running;
# the exit status tells: 1 where something failed, 130 or 143 where it was interrupted.
# All of the benchmark is in gpu.json and gpu.md, written anew after every case;
# summary.txt has a line a step, and at the end the tables.
#
# usage: benchmarks/gpu_session.sh [--quick] [FOLDER]      default folder: gpu-results
#   --quick                  smoke and targets only, in three minutes
#   SECONDS_IN_ALL=600       how long it may take
#   PYTHON=python3.12        which Python; else the first one that has CuPy
#   STEPS="smoke targets"    which steps to run
#   BENCH_ARGS="--only vgg16"     see python benchmarks/gpu --help
#   DRY_RUN=1                no card: the stand-in and PyTorch on the CPU, to see it run
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1
root=$PWD
seconds=${SECONDS_IN_ALL:-600}
steps=${STEPS:-smoke targets tests sanitizer rest}
if [[ ${1:-} == --quick ]]; then
    shift
    seconds=${SECONDS_IN_ALL:-180} steps=${STEPS:-smoke targets}
fi
out=${1:-gpu-results}
mkdir -p "$out" || exit 1
out=$(cd "$out" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
told=$out/summary.txt
: >"$told"
rm -f "$out"/gpu.json "$out"/gpu.md "$out"/*.log # of an earlier run
failed=()
running=

say() { printf '%s\n' "$*" | tee -a "$told"; }
step() { printf '\n=== %s (%s s left)\n' "$1" "$(left)"; }
wanted() { case " $steps " in *" $1 "*) return 0 ;; *) return 1 ;; esac; }
left() { echo $((seconds - SECONDS > 0 ? seconds - SECONDS : 0)); }
# seconds for a step: its share of all, but no more than are left
share() {
    local most=$((seconds * $1 / 100)) rest
    rest=$(left)
    echo $((most < rest ? most : rest))
}
has() { "$python" -c "import $1" 2>/dev/null; }

step "the card"
nvidia-smi --query-gpu=name,driver_version,memory.total --format=csv,noheader 2>/dev/null ||
    echo "nvidia-smi is not there; CuPy will tell what it finds"

step "an environment"
python=
for each in ${PYTHON:-} python3 python3.12 python3.13 python3.11 python; do
    command -v "$each" >/dev/null || continue
    python=${python:-$each}
    if "$each" -c 'import numpy, cupy' 2>/dev/null; then
        python=$each
        break
    fi
done
if [[ -z $python ]]; then
    say "there is no Python here"
    exit 1
fi
"$python" --version
need=(numpy cupy)
if [[ -n ${DRY_RUN:-} ]]; then need=(numpy torch); fi
for each in "${need[@]}"; do
    if ! has "$each"; then
        say "$each is missing, and nothing runs without it: pip install 'numpy-deconv[cuda12]', or [cuda13]"
        exit 1
    fi
done
for each in torch pytest hypothesis PIL; do
    has "$each" || say "$each is missing: what needs it is left out"
done

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
version = re.search(r'= "(.+?)"', text).group(1)
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
if [[ -z ${DRY_RUN:-} ]]; then
    "$python" - <<'PYTHON' || exit 1
import sys

import numpy_deconv

state = numpy_deconv.available_backends()["cupy"]
print(state.detail)
sys.exit(0 if state.ready else "there is nothing to measure without a card")
PYTHON
fi

# One step: its name, the share of the time that it may take, its command. It runs in
# the background, so that an interruption is heard at once.
run() {
    local name=$1 most status
    most=$(share "$2")
    shift 2
    if ((most < 10)); then
        say "$name: left out, time is up"
        return
    fi
    step "$name"
    {
        timeout -k 10 "$most" "$@" &
        echo $! >"$work/pid"
        wait $!
        echo $? >"$work/status"
    } > >(tee "$out/$name.log") 2>&1 &
    running=$!
    wait "$running"
    running=
    status=$(<"$work/status")
    case $status in
    0) say "$name: passed: $(last "$name")" ;;
    124 | 137)
        say "$name: CUT SHORT after $most s; $name.log and what it wrote are kept"
        failed+=("$name")
        ;;
    *)
        say "$name: FAILED ($status): $(last "$name")"
        failed+=("$name")
        ;;
    esac
}
last() { grep -v '^ *$' "$out/$1.log" | tail -n 1; }

finish() {
    trap - INT TERM
    step "results are in $out"
    if [[ -f $out/gpu.md ]]; then { echo && cat "$out/gpu.md"; } >>"$told"; fi
    cat "$told"
    if ((${#failed[@]})); then
        echo "failed: ${failed[*]}"
        exit "${1:-1}"
    fi
    exit 0
}
# What runs is ended, and what it has written by then is shown and kept.
stopped() {
    trap '' INT TERM
    if [[ $running ]]; then
        kill "$(<"$work/pid")" 2>/dev/null
        wait "$running"
    fi
    say "interrupted: what was measured is kept"
    failed+=(interrupted)
    finish $((128 + $1))
}
trap 'stopped 2' INT
trap 'stopped 15' TERM

tests=("$python" -m pytest tests/test_cupy_on_gpu.py tests/test_cupy_package.py
    -o filterwarnings=default -p no:cacheprovider -p no:benchmark -v --tb=short)
benchmark=("$python" "$root/benchmarks/gpu" --json "$out/gpu.json")
slow="contract or without_the_host or same_bits" # on the stand-in
most_tests="not sanitized"
if [[ -n ${DRY_RUN:-} ]]; then
    export PYTHONPATH=$PYTHONPATH:$root/benchmarks/gpu
    tests+=(-p dry_run)
    benchmark+=(--dry-run --batches 1 32)
    most_tests="not (sanitized or $slow)"
fi
testable=
if has pytest && has hypothesis; then testable=1; fi
several=()
# compiling is what takes long, and on the CPU; but a card may be for one process only
if has xdist && ! nvidia-smi --query-gpu=compute_mode --format=csv,noheader 2>/dev/null |
    grep -q Exclusive; then several=(-n 4); fi

if wanted smoke && [[ $testable ]]; then
    run smoke 20 "${tests[@]}" "${several[@]}" -k sanitized
fi
if wanted targets; then
    # shellcheck disable=SC2086
    run targets 45 "${benchmark[@]}" --targets --seconds "$(($(share 45) - 10))" \
        ${BENCH_ARGS:-}
fi
if wanted tests && [[ $testable ]]; then
    run tests 35 "${tests[@]}" "${several[@]}" -k "$most_tests"
fi
if wanted sanitizer && [[ $testable ]]; then
    if command -v compute-sanitizer >/dev/null; then
        # its own allocator off: every array has guarded memory of its own
        for tool in memcheck racecheck; do
            CUPY_PLAIN_ALLOCATOR=1 run "$tool" 12 compute-sanitizer --tool "$tool" \
                --error-exitcode 9 "${tests[@]}" -k "sanitized"
        done
    else
        say "sanitizer: compute-sanitizer is not here"
    fi
fi
if wanted rest; then
    # shellcheck disable=SC2086
    run rest 100 "${benchmark[@]}" --rest --add --seconds "$(($(left) - 10))" \
        ${BENCH_ARGS:-}
fi
finish
