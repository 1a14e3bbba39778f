"""What running runs use, so that nobody removes it meanwhile: not `clean`, nor another run.

A claim is a file in the cache folder that its process keeps locked; the kernel lets go of the lock
however the process ends. Claims are made and looked at under one more lock, so nothing can be
claimed between the look and the removal.
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
    """What is claimed: environments by `environment_stem`, and folders (runs, snapshots)."""

    environments: frozenset[str] = frozenset()
    folders: frozenset[str] = frozenset()

    def covers(self, item: Removable) -> bool:
        return item.of in self.environments or item.name in self.folders


@frozen(kw_only=True)
class Claim:
    """One process's claim, while it lasts."""

    file: Optional[Path]

    def alone(self, environment: Environment) -> bool:
        """Whether no other run uses it now, and so may be dropped."""
        with claims_settled(besides=self.file) as held:
            return environment_stem(environment) not in held.environments


def environment_stem(environment: Environment) -> str:
    """`2.9.3-py3.10-cpu`: what every folder and image of such an environment is named after."""
    target = environment.target
    return f"{target.release.version}-py{target.python}-{target.device}"


@contextlib.contextmanager
def claim(environments: Iterable[Environment], folders: Iterable[Path] = ()) -> Iterator[Claim]:
    """Hold these until the block ends. Where the cache cannot be written, nothing is held: nobody
    else can remove anything there either."""
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
    """What is claimed, `besides` one's own; no claim is made while the block lasts."""
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
    """What a living process claims; the file of a dead one is removed."""
    try:
        with file.open("r+", encoding="utf-8") as claim:
            if file_lock.try_lock(claim):
                file.unlink()
                return None
            content: dict[str, list[str]] = json.load(claim)
            return content
    except (OSError, ValueError):
        return None  # its process ended this moment


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
