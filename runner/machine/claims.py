"""Claims on what running commands use, so that neither `clean` nor another run removes it.

A claim is a file in the cache folder that its process keeps locked. The kernel releases the lock
when the process ends, however it ends. One more lock is held while claims are made or read, so
nothing can be claimed between a check and the removal.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Optional

from attrs import frozen

from runner import paths
from runner.machine import file_lock
from runner.machine.items import Removable
from runner.model import Environment


@frozen(kw_only=True)
class Claimed:
    """Everything that is claimed: environments by
    `environment_stem`, and folders (runs, snapshots)."""

    environments: frozenset[str] = frozenset()
    folders: frozenset[str] = frozenset()

    def covers(self, item: Removable) -> bool:
        return item.of in self.environments or item.name in self.folders


@frozen(kw_only=True)
class Claim:
    """The claim of one process, as long as it lasts."""

    file: Optional[Path]

    def alone(self, environment: Environment) -> bool:
        """Whether no other run uses the environment now, so that it may be removed."""
        with claims_settled(besides=self.file) as held:
            return environment_stem(environment) not in held.environments


def environment_stem(environment: Environment) -> str:
    """The start of the names of the environment's folders and images: `2.9.3-py3.10-cpu`."""
    target = environment.target
    return f"{target.release.version}-py{target.python}-{target.device}"


@contextlib.contextmanager
def claim(environments: Iterable[Environment], folders: Iterable[Path] = ()) -> Iterator[Claim]:
    """Claims these until the block ends.

    If the cache cannot be written, nothing is claimed. But then no other run can remove anything
    either.
    """
    content = {
        "environments": sorted({environment_stem(each) for each in environments}),
        "folders": sorted(str(folder.absolute()) for folder in folders),
    }
    with contextlib.ExitStack() as stack:
        file = None
        with contextlib.suppress(OSError), _looking():
            paths.mark_cache()
            file = _folder() / f"{os.getpid()}-{secrets.token_hex(4)}.json"
            claimed = stack.enter_context(file.open("w", encoding="utf-8"))
            stack.callback(_unlink, file)
            file_lock.wait_for_lock(claimed)
            json.dump(content, claimed)
            claimed.flush()
        yield Claim(file=file)


@contextlib.contextmanager
def claims_settled(besides: Optional[Path] = None) -> Iterator[Claimed]:
    """Everything that is claimed, except the claim `besides`.
    During the block, no claim can be made."""
    with contextlib.ExitStack() as stack:
        with contextlib.suppress(OSError):
            stack.enter_context(_looking())
        yield _read(file for file in sorted(_folder().glob("*.json")) if file != besides)


def _read(files: Iterable[Path]) -> Claimed:
    claims = [content for file in files if (content := _content(file)) is not None]
    return Claimed(
        environments=frozenset(each for claim in claims for each in claim["environments"]),
        folders=frozenset(each for claim in claims for each in claim["folders"]),
    )


def _content(file: Path) -> Optional[dict[str, list[str]]]:
    """The claim of a running process; None, and its file is removed, if the process has ended."""
    try:
        with file.open("r+", encoding="utf-8") as claim:
            if file_lock.try_lock(claim):
                file.unlink()
                return None
            content: dict[str, list[str]] = json.load(claim)
            return content
    except (OSError, ValueError):
        return None  # its process has just ended


def _unlink(file: Path) -> None:
    with contextlib.suppress(OSError):
        file.unlink()


@contextlib.contextmanager
def _looking() -> Iterator[None]:
    _folder().mkdir(parents=True, exist_ok=True)
    with (_folder() / ".lock").open("w") as file:
        file_lock.wait_for_lock(file)
        yield


def _folder() -> Path:
    return paths.claims()
