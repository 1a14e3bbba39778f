"""Wall clock of one command, and what every script of the benchmark is started with."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Optional

from runner.errors import TfmatrixError
from runner.machine import processes

ENVIRONMENT = {"PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8", "HOME": "/nonexistent"}
"""As the local engine has it: nothing of the caller's."""
PATIENCE = "timeout --kill-after=5 120"
"""Before each script of a shell loop: TensorFlow 1.15 hangs now and then."""


class BenchError(TfmatrixError):
    """The benchmark could not measure what it set out to."""

    exit_code = 3


def timed(
    command: Sequence[str],
    *,
    good: frozenset[int] = frozenset({0}),
    env: Optional[Mapping[str, str]] = None,
    cwd: Optional[Path] = None,
    input: Optional[str] = None,
) -> float:
    """Seconds from the command's start to its end. Raises `BenchError` for an unexpected exit."""
    began = time.perf_counter()
    done = processes.run(command, env=env, cwd=cwd, input=input)
    seconds = time.perf_counter() - began
    if done.returncode not in good:
        said = (done.stderr or done.stdout)[-2000:]
        raise BenchError(f"{' '.join(command[:6])} … ended with {done.returncode}:\n{said}")
    return seconds
