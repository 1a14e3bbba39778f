"""The folder of one run: written as cells end, readable at any moment, even after a SIGKILL.

    run.json      what was planned: the run's head, its environments and repros
    cells.jsonl   one line a cell, appended as it ends and flushed to disk
    controls.jsonl  lines like these of controls, where there are any (`runner.matrix.controls`)
    logs/         the output of each cell, capped

`matrix.json` and the other reports are made from these two and can be made again at any time.
"""

from __future__ import annotations

import functools
import hashlib
import os
import re
import secrets
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from pathlib import Path
from typing import Optional

from attrs import evolve

from runner import serial
from runner.errors import TfmatrixError, UsageError
from runner.machine import files
from runner.model import Environment, Result, Run

HEAD = "run.json"
CELLS = "cells.jsonl"
CONTROLS = "controls.jsonl"
LATEST = "latest"
_BETWEEN = "__"
"""Between the parts of a log's name."""
MOST_HEAD, LONGEST_LINE, MOST_CELLS = 64 << 20, 16 << 20, 2 << 30
"""Bytes of files that are read: a stranger may have made them. 100,000 cells take 80 MB."""
_AT_ONCE = 1000
"""Lines of known cells that are written together."""


def new_id(now: datetime) -> str:
    """`20261122-154500-3fa9`: sorts by time, and two runs of one second still differ."""
    return f"{now.astimezone(timezone.utc):%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"


def timestamp() -> str:
    """Now, ISO 8601, UTC, to the second."""
    return datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


class Journal:
    """The one writer of a run's folder. Methods may be called from any thread."""

    def __init__(self, folder: Path, run: Run) -> None:
        self.folder = folder
        self._run = run
        self._lock = threading.Lock()
        with _writing(folder):
            (folder / "logs").mkdir(parents=True, exist_ok=True)
            write_file(folder / HEAD, serial.dumps(serial.head_to_json(run)))
            self._cells = os.open(folder / CELLS, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)

    def keep_environment(self, environment: Environment) -> None:
        """Write environments/<id>/, what is needed to make that environment by hand."""
        from runner.environments import locks  # reports are written without it

        folder = self.folder / "environments" / environment.id
        lock = locks.for_installers(environment.requirements)
        write_file(folder / "requirements.txt", lock, sync=False)
        if environment.dockerfile:
            write_file(folder / "Dockerfile", environment.dockerfile, sync=False)

    def keep_script(self, name: str, text: str) -> None:
        """Write scripts/<repro>.py: what ran, for whoever reads the report later."""
        write_file(self.folder / script_name(name), text, sync=False)

    def append(self, result: Result, output: str, *, sync: bool = True) -> Result:
        """Record a cell: its log first, so that a line in the journal never points at nothing.

        `sync=False` is for cells that would not be lost by losing the line: answers from the store.
        """
        result = self._keep_log(result, output)
        self._write(serial.result_line(result) + "\n", sync)
        return result

    def append_known(self, known: Iterable[tuple[Result, str]]) -> list[Result]:
        """Record many cells with their outputs, none of which would be lost by losing its line."""
        results: list[Result] = []
        lines: list[str] = []
        for result, output in known:
            results.append(self._keep_log(result, output))
            lines.append(serial.result_line(results[-1]) + "\n")
            if len(lines) == _AT_ONCE:
                self._write("".join(lines), sync=False)
                lines.clear()
        self._write("".join(lines), sync=False)
        return results

    def _keep_log(self, result: Result, output: str) -> Result:
        if not output:
            return result
        name = f"logs/{log_name(result)}"
        try:  # without `_writing`, whose making is felt at 100,000 cells
            _write_new(f"{self.folder}/{name}", output.encode("utf-8", "backslashreplace"))
        except OSError as error:
            raise _unwritable(self.folder, error) from error
        return evolve(result, log=name)

    def _write(self, lines: str, sync: bool) -> None:
        """All of it or nothing: half a line on a full disk would spoil the next one too."""
        with self._lock, _writing(self.folder):
            before = os.fstat(self._cells).st_size
            try:
                files.write_all(self._cells, lines.encode("utf-8"))
                if sync:
                    os.fsync(self._cells)
            except OSError:
                os.ftruncate(self._cells, before)
                raise

    @contextmanager
    def controls(self) -> Iterator[None]:
        """What is appended meanwhile are controls."""
        cells = self._cells
        with _writing(self.folder):
            how = os.O_WRONLY | os.O_APPEND | os.O_CREAT
            self._cells = os.open(self.folder / CONTROLS, how, 0o666)
        try:
            yield
        finally:
            os.close(self._cells)
            self._cells = cells

    def finish(self, finished: str) -> None:
        """Note the end time; a run without one was interrupted or killed."""
        self._run = evolve(self._run, info=evolve(self._run.info, finished=finished))
        write_file(self.folder / HEAD, serial.dumps(serial.head_to_json(self._run)))

    def close(self) -> None:
        if self._cells >= 0:
            os.close(self._cells)
            self._cells = -1


def _write_new(path: str, data: bytes) -> None:
    """A file that was not there: a script of the local engine may have put a link in its place.

    Without a file object, which takes as long as all the rest: there is one such file a cell.
    """
    how = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    try:
        file = os.open(path, how, 0o666)
    except FileExistsError:
        Path(path).unlink()
        file = os.open(path, how, 0o666)
    try:
        files.write_all(file, data)
    finally:
        os.close(file)


def log_name(result: Result) -> str:
    """A file name that is safe whatever the repro and case are called, and unique per cell."""
    return _BETWEEN.join(_safe(part) for part in result.id) + ".txt"


def script_name(repro: str) -> str:
    """Where a repro's script is kept, relative to the run's folder."""
    return f"scripts/{_safe(repro)}.py"


@functools.lru_cache(maxsize=4096)
def _safe(name: str) -> str:
    """`name` as part of a file name, with a digest, to stay unique, where it had to be changed or
    could be taken for two parts: `a` and `b__c` are not `a__b` and `c`."""
    plain = re.sub(r"[^A-Za-z0-9._-]+", "-", name)[:80]
    if plain == name and _BETWEEN not in name and name.strip("_") == name:
        return plain
    return f"{plain}-{hashlib.sha256(name.encode('utf-8', 'surrogatepass')).hexdigest()[:8]}"


def read_run(folder: Path, warn: Callable[[str], None] = lambda _: None) -> Run:
    """The run that a folder holds. If a cell has several lines, the last one counts.

    Raises `UsageError` where `folder` is no run. A line that cannot be read (the last one of a run
    that was killed, say) is left out with a warning; the cell then counts as not measured.
    """
    try:
        head = serial.run_from_json(serial.parse(files.read_regular(folder / HEAD, MOST_HEAD)))
    except FileNotFoundError:
        raise UsageError(f"{folder} is no run: it has no {HEAD}") from None
    except (OSError, ValueError, RecursionError) as error:
        raise _unreadable(folder / HEAD, error) from None
    results, controls = (_last_of_each(folder / name, warn) for name in (CELLS, CONTROLS))
    return evolve(head, results=results, controls=controls)


def _last_of_each(cells: Path, warn: Callable[[str], None]) -> tuple[Result, ...]:
    try:
        return tuple({result.id: result for result in _results(cells, warn)}.values())
    except FileNotFoundError:
        return ()
    except OSError as error:
        raise _unreadable(cells, error) from None


def _unreadable(path: Path, error: Exception) -> UsageError:
    return UsageError(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}")


def _results(cells: Path, warn: Callable[[str], None]) -> Iterator[Result]:
    for number, line in enumerate(files.lines_of_regular(cells, LONGEST_LINE, MOST_CELLS), 1):
        if not line.strip():
            continue
        try:
            yield serial.result_from_json(serial.parse(line))
        except (ValueError, RecursionError) as error:
            warn(f"{cells}:{number}: left out, not a cell: {error}")


def find_run(name: Optional[str], results: Path) -> Path:
    """The folder of a run, given as a path, as an id in results/, or not at all for the newest."""
    wanted = name or LATEST
    for folder in (results / wanted, Path(wanted)):
        if (folder / HEAD).is_file():
            return folder
    known = ", ".join(sorted(p.parent.name for p in results.glob(f"*/{HEAD}"))[-5:]) or "none yet"
    raise UsageError(f"no run {wanted!r} in {results}/; there are: {known}")


def point_latest(folder: Path) -> None:
    """Make results/latest a link to `folder`, in one step."""
    link = folder.parent / LATEST
    temporary = folder.parent / f".{LATEST}-{secrets.token_hex(4)}"
    with _writing(link):
        temporary.symlink_to(folder.name, target_is_directory=True)
        os.replace(temporary, link)


def write_file(path: Path, text: str, *, sync: bool = True) -> None:
    """A file of a run, or one that a user asked for; one line says why it cannot be written."""
    with _writing(path):
        files.write_atomic(path, text, sync=sync)


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    """A disk that is full or read-only ends the command with one line, and loses nothing."""
    try:
        yield
    except OSError as error:
        raise _unwritable(path, error) from error


def _unwritable(path: Path, error: OSError) -> TfmatrixError:
    return TfmatrixError(
        f"{path} cannot be written: {error.strerror or error}",
        remedy="free disk space (`tfmatrix clean`) or name another folder with --output; what"
        " was measured is kept, and the same command goes on from there",
    )
