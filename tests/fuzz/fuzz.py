"""`make fuzz`: coverage-guided fuzzing of all targets, or of those named, each in its own process.

    python -m tests.fuzz.fuzz [--inputs N] [TARGET ...]

Needs atheris. An input that is found to break something is written to tests/fuzz/findings/TARGET/;
once mended it stays there, and tests/fuzz/test_findings.py runs it for ever after.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

FINDINGS = Path(__file__).parent / "findings"
SECONDS = 10
"""Within which one input must be done."""


def main() -> int:
    parser = argparse.ArgumentParser(prog="fuzz", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--inputs", type=int, default=120_000, help="in all, over the targets")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("targets", nargs="*")
    options = parser.parse_args()
    from tests.fuzz.targets import RENDERING, TARGETS

    names = options.targets or list(TARGETS)
    done = broken = 0
    shares = {name: 1 if name in RENDERING else 10 for name in names}
    for name in names:
        runs = -(-options.inputs * shares[name] // sum(shares.values()))
        inputs, code, seconds = _fuzz(name, runs, options.seed)
        done, broken = done + inputs, broken + bool(code)
        print(f"{name:<20} {inputs:>8} inputs {inputs / seconds:>8.0f}/s", flush=True)
        if code:
            print(f"  a finding: see {FINDINGS / name}", flush=True)
    print(f"{done} inputs, {broken} of {len(names)} targets with a finding")
    return 1 if broken else 0


def _fuzz(name: str, inputs: int, seed: int) -> tuple[int, int, float]:
    """Inputs tried, exit code, seconds."""
    (FINDINGS / name).mkdir(parents=True, exist_ok=True)
    memory = (
        "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    )  # what is flushed is quick there
    with tempfile.TemporaryDirectory(prefix="tfmatrix-fuzz-", dir=memory) as folder:
        command = [sys.executable, "-m", "tests.fuzz.one", name, folder, f"-runs={inputs}"]
        command += [
            f"-artifact_prefix={FINDINGS / name}/",
            f"-timeout={SECONDS}",
            "-rss_limit_mb=2048",
        ]
        command += [f"-seed={seed}", "-max_len=4096", "-print_final_stats=1", "-close_fd_mask=1"]
        started = time.monotonic()
        done = subprocess.run(command, stderr=subprocess.PIPE, text=True, errors="replace")
        seconds = time.monotonic() - started
    if done.returncode:
        sys.stderr.write(done.stderr[-4000:])
    tried = re.findall(r"stat::number_of_executed_units:\s*(\d+)", done.stderr)
    if not any((FINDINGS / name).iterdir()):
        (FINDINGS / name).rmdir()
    return int(tried[-1]) if tried else 0, done.returncode, seconds


if __name__ == "__main__":
    sys.exit(main())
