"""The folder of one run. It grows as cells end and is readable at any moment, even after a SIGKILL.

    run.json        what was planned: the facts of the run, its environments and repros
    cells.jsonl     one line per cell, appended when the cell ends and flushed to disk
    controls.jsonl  the same for control cells, if there are any (`runner.matrix.controls`)
    logs/           the output of each cell, up to a limit; of many cells also logs.tar
                    (`runner.runs.logs`)
    out/            the files that each cell left in its folder `out`, up to limits

The reports (`matrix.json` and the others) are made from these files, at any time.
"""

from __future__ import annotations

import errno
import functools
import hashlib
import os
import re
import secrets
import shlex
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timezone
from pathlib import Path
from typing import Optional, Union

from attrs import evolve

from runner import serial
from runner.errors import TfmatrixError, UsageError
from runner.machine import files, removal
from runner.model import OUT, Environment, KeptFile, Result, Run
from runner.runs import logs

HEAD = "run.json"
CELLS = "cells.jsonl"
CONTROLS = "controls.jsonl"
LATEST = "latest"
MOST_TOLD = 5
"""At most this many runs are named if another was asked for."""
_BETWEEN = "__"
"""Separates the parts of a log's name."""
MOST_HEAD, LONGEST_LINE, MOST_CELLS = 64 << 20, 16 << 20, 2 << 30
"""Limits in bytes, since a stranger may have made the files. 100,000 cells take 80 MB."""
_AT_ONCE = 1000
"""How many lines of known cells are written together."""


def new_id(now: datetime) -> str:
    """An id such as `20261122-154500-3fa9`: ids sort by time; two runs of one second differ."""
    return f"{now.astimezone(timezone.utc):%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"


def timestamp() -> str:
    """Now, ISO 8601, UTC, to the second."""
    return datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


class Journal:
    """The only writer of a run's folder. Any thread may call its methods."""

    def __init__(self, folder: Path, run: Run) -> None:
        self.folder = folder
        self._run = run
        self._lock = threading.Lock()
        with _writing(folder):
            self._logs = logs.LogWriter(folder)
            write_file(folder / HEAD, serial.dumps(serial.head_to_json(run)))
            self._cells = os.open(folder / CELLS, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)

    def keep_environment(self, environment: Environment) -> None:
        """Write environments/<id>/, with which a person can make that environment by hand."""
        from runner.environments import locks  # imported late: reports do not need it

        folder = self.folder / "environments" / environment.id
        lock = locks.for_installers(environment.requirements)
        write_file(folder / "requirements.txt", lock, sync=False)
        if environment.dockerfile:
            write_file(folder / "Dockerfile", environment.dockerfile, sync=False)

    def keep_script(self, name: str, text: str) -> None:
        """Write scripts/<repro>.py, the text that ran, for readers of the report."""
        write_file(self.folder / script_name(name), text, sync=False)

    def keep_files(self, result: Result, left: Mapping[str, bytes]) -> Result:
        """Write the files that a cell left to out/<cell>/. Returns the result with their places."""
        folder = self.folder / OUT / cell_name(result)
        with _writing(folder):
            removal.remove_folder(str(folder))
            for name, content in left.items():
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                logs.write_new(f"{folder}/{name}", content)
        files = tuple(
            KeptFile(
                name=name,
                path=f"{OUT}/{folder.name}/{name}",
                size=len(content),
                sha256=hashlib.sha256(content).hexdigest(),
            )
            for name, content in sorted(left.items())
        )
        return evolve(result, files=files)

    def append(self, result: Result, output: str, *, sync: bool = True) -> Result:
        """Record a cell. The log is written first, so that a journal line never names a log that
        is missing.

        `sync=False` is for answers from the store: they survive the loss of their line.
        """
        result = self._keep_log(result, output)
        self._write(serial.result_line(result) + "\n", sync)
        return result

    def append_known(self, known: Iterable[tuple[Result, str]]) -> list[Result]:
        """Record many answers from the store with their outputs; each survives losing its line."""
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
        name = f"{logs.FOLDER}/{log_name(result)}"
        try:  # without `_writing`: at 100,000 cells its cost is felt
            self._logs.write(name, output.encode("utf-8", "backslashreplace"))
        except OSError as error:
            raise _unwritable(self.folder, error) from error
        return evolve(result, log=name)

    def _write(self, lines: str, sync: bool) -> None:
        """Append all the lines or none, after their logs."""
        with self._lock, _writing(self.folder):
            self._logs.flush()
            files.append_whole(self._cells, lines.encode("utf-8"), sync=sync)

    @contextmanager
    def controls(self) -> Iterator[None]:
        """Within this context, `append` writes to controls.jsonl."""
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
        """Record the end time; a run without one was interrupted or killed."""
        self._run = evolve(self._run, info=evolve(self._run.info, finished=finished))
        write_file(self.folder / HEAD, serial.dumps(serial.head_to_json(self._run)))

    def close(self) -> None:
        if self._cells >= 0:
            os.close(self._cells)
            self._cells = -1
        self._logs.close()


def cell_name(result: Result) -> str:
    """A file name for the cell: safe for any name of repro and case, and unique per cell."""
    return _BETWEEN.join(_safe(part) for part in result.id)


def log_name(result: Result) -> str:
    return f"{cell_name(result)}.txt"


def script_name(repro: str) -> str:
    """The path of a repro's script, relative to the run's folder."""
    return f"scripts/{_safe(repro)}.py"


@functools.lru_cache(maxsize=4096)
def _safe(name: str) -> str:
    """`name` as a part of a file name.

    A digest keeps the part unique if `name` had to be changed, or if it looks like two parts:
    `a` and `b__c` must differ from `a__b` and `c`.
    """
    plain = re.sub(r"[^A-Za-z0-9._-]+", "-", name)[:80]
    if plain == name and _BETWEEN not in name and name.strip("_") == name:
        return plain
    return f"{plain}-{hashlib.sha256(name.encode('utf-8', 'surrogatepass')).hexdigest()[:8]}"


def read_run(folder: Path, warn: Callable[[str], None] = lambda _: None) -> Run:
    """The run in a folder. If a cell has several lines, the last one counts.

    Raises `UsageError` if `folder` is not a run. An unreadable line (for example the last one
    of a killed run) is left out with a warning; the cell then counts as not measured.
    """
    return with_results(read_head(folder), folder, warn)


def read_head(folder: Path) -> Run:
    """The run in a folder without its results, as it was planned. Raises `UsageError`."""
    try:
        return serial.run_from_json(serial.parse(files.read_regular(folder / HEAD, MOST_HEAD)))
    except FileNotFoundError:
        raise UsageError(f"{folder} is not a run: it has no {HEAD}") from None
    except (OSError, ValueError, RecursionError) as error:
        raise _unreadable(folder / HEAD, error) from None


def with_results(head: Run, folder: Path, warn: Callable[[str], None] = lambda _: None) -> Run:
    """The planned run with the results in its folder, as `read_run` reads them."""
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
    """The folder of the run that `name` names: a path, or an id in results/; None is the newest."""
    wanted = name or LATEST
    for folder in (results / wanted, Path(wanted)):
        if _is_file(folder / HEAD):
            return folder
    there = sorted(path.parent.name for path in results.glob(f"*/{HEAD}"))
    more = f" and {len(there) - MOST_TOLD} more" if len(there) > MOST_TOLD else ""
    known = ", ".join(there[-MOST_TOLD:]) + more
    if name is None:
        raise UsageError(
            f"there is no run in {results}/ yet" + (f" but {known}" if there else ""),
            remedy="tfmatrix run my.py makes one" + ("; or name one of these" if there else ""),
        )
    raise UsageError(
        f"no run {wanted!r} in {results}/; there are: {known or 'none yet'}",
        remedy=_way_to_run(wanted),
    )


def _way_to_run(name: str) -> Optional[str]:
    """How to run what somebody named instead of a run; None if nothing of that name can run."""
    path = Path(name)
    if name.startswith("https://") or (path.suffix == ".md" and _is_file(path)):
        source = shlex.join(["--from-issue", name])
    elif (path.suffix in (".py", ".ipynb") and _is_file(path)) or _is_file(path / "__main__.py"):
        source = shlex.quote(name)
    else:
        return None
    return f"first tfmatrix run {source}; then leave the name out, for the newest run"


def _is_file(path: Path) -> bool:
    return os.path.isfile(path)  # noqa: PTH113 - Path.is_file raises for a name that is too long


def point_latest(folder: Path) -> None:
    """Let results/latest link to `folder`, in one atomic step."""
    link = folder.parent / LATEST
    temporary = folder.parent / f".{LATEST}-{secrets.token_hex(4)}"
    with _writing(link):
        temporary.symlink_to(folder.name, target_is_directory=True)
        os.replace(temporary, link)


_ANOTHER_FOLDER = (
    "name another folder with --output; what was measured is kept, and the same command goes on"
    " from there"
)


def write_file(
    path: Path,
    text: Union[str, Iterable[str]],
    *,
    sync: bool = True,
    elsewhere: str = _ANOTHER_FOLDER,
) -> None:
    """Write a file of a run or of a user's choice; a large text can be given in pieces.

    Raises `TfmatrixError` with the reason and the remedy `elsewhere`.
    """
    with _writing(path, elsewhere):
        files.write_atomic(path, text, sync=sync)


@contextmanager
def _writing(path: Path, elsewhere: str = _ANOTHER_FOLDER) -> Iterator[None]:
    """Turn an `OSError`, such as a full or read-only disk, into an error of one line."""
    try:
        yield
    except OSError as error:
        raise _unwritable(path, error, elsewhere) from error


def _unwritable(path: Path, error: OSError, elsewhere: str = _ANOTHER_FOLDER) -> TfmatrixError:
    full = error.errno in (errno.ENOSPC, errno.EDQUOT)
    room = "free disk space (`tfmatrix clean`) or " if full else ""
    return TfmatrixError(
        f"{path} cannot be written: {error.strerror or error}",
        remedy=f"{room}{elsewhere}",
    )
