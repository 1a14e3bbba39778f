"""How much a command prints (`-v`, `-q`), and the log that it writes to the run's folder.

Modules log with `logging.getLogger(__name__)`: steps as DEBUG, lines for the terminal as INFO. A
text that looks like a credential becomes `***`, so that the log has no secrets.
"""

from __future__ import annotations

import enum
import functools
import logging
import os
import platform
import shlex
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Any, Optional

import click

from runner import __version__, paths
from runner.errors import TfmatrixError
from runner.machine import secret_text

FILE = "run.log"
MOST_BYTES = 2 << 20
"""The size of one file; a full file becomes `run.log.1` and replaces the older one."""
MOST_RECORDS = 5000
"""How many records are kept in memory until the run has a folder."""
LIBRARIES = ("urllib3",)
"""Libraries that are logged too, for the requests to the Docker daemon and to GitHub."""
SHOWN_ANYWAY = "runner.pipeline.display"
"""The logger of lines that the display prints itself."""

_LOG = logging.getLogger("runner")


class Verbosity(enum.Enum):
    """What a command prints in addition to the answer and problems."""

    QUIET = "nothing"
    USUAL = "progress"
    VERBOSE = "every step"


def with_log(command: click.Command) -> click.Command:
    """The command with the options `-v` and `-q`, and with a log."""
    if command.callback is None or any(option.name == "verbose" for option in command.params):
        return command
    command.params += [
        click.Option(["-v", "--verbose"], is_flag=True, help="Print every step too."),
        click.Option(["-q", "--quiet"], is_flag=True, help="Print only the answer and problems."),
    ]
    command.callback = _logged(command.callback)
    return command


def _logged(callback: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(callback)
    def logged_call(*args: Any, verbose: bool, quiet: bool, **others: Any) -> Any:
        if verbose and quiet:
            raise click.UsageError("-v and -q exclude each other", click.get_current_context())
        said = Verbosity.VERBOSE if verbose else Verbosity.QUIET if quiet else Verbosity.USUAL
        with _logging(said):
            return callback(*args, **others)

    return logged_call


# The state of the one command that runs: its log, and the log's file.


class _State:
    verbosity = Verbosity.USUAL
    recent: Optional[_Recent] = None
    file: Optional[Path] = None


def verbosity() -> Verbosity:
    """How much the command prints."""
    return _State.verbosity


def log_file() -> Optional[Path]:
    """The log of the current or last command; None if it has no run's folder."""
    return _State.file


def write_to(folder: Path) -> None:
    """Write the log to `folder` from now on, beginning with the records so far."""
    recent, _State.recent = _State.recent, None
    if recent is None:
        return
    _State.file = folder / FILE
    writer = _Writer(_State.file)
    for record in recent.records:
        writer.handle(record)
    _replace(recent, writer)


@contextmanager
def _logging(said: Verbosity) -> Iterator[None]:
    """Installs the handlers for one command, and logs its start and its end."""
    _State.verbosity, _State.file, _State.recent = said, None, _Recent()
    _add(_State.recent)
    if said is Verbosity.VERBOSE:
        _add(_Teller())
    started = time.monotonic()
    _LOG.debug("tfmatrix %s, Python %s", __version__, platform.python_version())
    _LOG.debug("on %s, in %s", platform.platform(), paths.working_folder())
    _LOG.debug("command: %s", shlex.join(sys.argv))
    try:
        yield
    except TfmatrixError as error:
        _LOG.debug("ends with %s: %s", type(error).__name__, error)
        raise
    except (click.exceptions.Exit, click.ClickException):
        raise
    except BaseException:
        _LOG.debug("ends with an exception", exc_info=True)
        raise
    finally:
        _LOG.debug("ended after %.1f s", time.monotonic() - started)
        _State.verbosity = Verbosity.USUAL
        _remove_all()


def _loggers() -> tuple[logging.Logger, ...]:
    return (_LOG, *map(logging.getLogger, LIBRARIES))


def _add(handler: logging.Handler) -> None:
    for logger in _loggers():
        logger.setLevel(logging.DEBUG)
        logger.propagate = False
        logger.addHandler(handler)


def _replace(old: logging.Handler, new: logging.Handler) -> None:
    for logger in _loggers():
        logger.addHandler(new)
        logger.removeHandler(old)


def _remove_all() -> None:
    for logger in _loggers():
        for handler in list(logger.handlers):
            if isinstance(handler, (_Recent, _Writer, _Teller)):
                logger.removeHandler(handler)
                handler.close()


class _Recent(logging.Handler):
    """Keeps the latest records until they can be written to a file."""

    def __init__(self) -> None:
        super().__init__()
        self.records: deque[logging.LogRecord] = deque(maxlen=MOST_RECORDS)

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)


class _Formatter(logging.Formatter):
    """Formats records in UTC, without secrets."""

    converter = time.gmtime  # type: ignore[assignment]  # as in its documentation

    def __init__(self, line: str, moment: str) -> None:
        super().__init__(line, moment)
        self._without_secrets = secret_text.secret_remover(os.environ)

    def format(self, record: logging.LogRecord) -> str:
        return self._without_secrets(super().format(record))


class _Writer(RotatingFileHandler):
    def __init__(self, path: Path) -> None:
        super().__init__(path, maxBytes=MOST_BYTES, backupCount=1, encoding="utf-8", delay=True)
        self.errors = "backslashreplace"
        line = "%(asctime)s.%(msecs)03dZ %(levelname)-7s %(threadName)s %(name)s: %(message)s"
        self.setFormatter(_Formatter(line, "%Y-%m-%dT%H:%M:%S"))

    def handleError(self, record: logging.LogRecord) -> None:
        """Ignore the error: if the log cannot be written, the run must go on."""


class _Teller(logging.StreamHandler):  # type: ignore[type-arg]  # generic from Python 3.11 on
    """With -v, prints steps to standard error, except lines that are printed anyway."""

    def __init__(self) -> None:
        super().__init__(sys.stderr)
        self.setFormatter(_Formatter("%(asctime)s %(name)s: %(message)s", "%H:%M:%S"))
        self.addFilter(lambda record: record.levelno < logging.INFO)
        self.addFilter(lambda record: record.name != SHOWN_ANYWAY)


def print_note(line: str) -> None:
    """Print a note on standard error, except with -q."""
    _LOG.info("%s", line)
    if _State.verbosity is not Verbosity.QUIET:
        click.echo(_shown(line), err=True)


def print_warning(line: str) -> None:
    """Print a warning on standard error, also with -q."""
    _LOG.warning("%s", line)
    click.echo(_shown(line), err=True)


def print_answer(text: str, *, err: bool = False) -> None:
    """Print what a command answers: names and messages in it may be anybody's."""
    click.echo(_shown(text), err=err)


def _shown(line: str) -> str:
    from runner.report import text  # imported late: most commands print nothing here

    return text.safe_message(line)
