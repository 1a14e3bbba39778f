"""Virtual environments in the user's cache folder. No sandbox: scripts run as the user.

`<cache>/environments/<release>-py<python>-<device>-<digest>` is an environment. It is complete once
it holds the marker file, which is written last. A process that makes or removes it locks it.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import platform
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from functools import lru_cache, partial
from pathlib import Path
from typing import Optional

from runner import paths
from runner.engines import remedies
from runner.engines.base import Channel, Phase, Progress, Workspace
from runner.engines.local import bytecode, intact, packages, venv
from runner.engines.local.lent import LendableAgent
from runner.engines.local.pipe import PipeChannel
from runner.engines.variables import DATA_VARIABLE
from runner.environments import locks
from runner.errors import PrepareError, TfmatrixError
from runner.machine import file_lock, host, interpreters
from runner.machine.files import write_atomic
from runner.machine.items import Removable, if_there
from runner.model import Device, Environment, Limits, Target

_MARKER = "tfmatrix.json"
_DAMAGED = "damaged.json"
_PROOF_PATIENCE = 600.0


class LocalEngine:
    """The default where no Docker daemon answers."""

    name = "local"

    def __init__(self, root: Optional[Path] = None) -> None:
        self._root = root or paths.environments()

    def unavailable(self) -> Optional[str]:
        return _wrong_machine()

    def refuses(self, target: Target) -> Optional[str]:
        wrong = _wrong_machine()
        if wrong is None and target.device is Device.CUDA:
            wrong = _no_cuda(target)
        return wrong or _no_interpreter(target)

    def why_not_made(self, environments: Sequence[Environment]) -> Optional[str]:
        return None  # `refuses` tells which have no interpreter

    def repair(self, environments: Sequence[Environment], say: Callable[[str], None]) -> bool:
        return True

    def prepare(self, environment: Environment, progress: Progress) -> None:
        folder = self._folder(environment)
        if not _whole(folder):
            try:
                with _holding(folder, progress):
                    if not _whole(folder):
                        self._make(environment, folder, progress)
            except OSError as error:  # the disk is full, the folder is somebody else's …
                raise _broken(f"{folder} could not be made", error) from error
        _touch(folder)

    def prepared(self, environment: Environment) -> bool:
        return _whole(self._folder(environment))

    def image(self, environment: Environment) -> Optional[str]:
        return None

    def machine_keys(self, environment: Environment) -> Sequence[str]:
        """Python's patch release, and the processor's features, by which TensorFlow's libraries
        choose how they compute."""
        python = interpreters.find_interpreter(environment.target.python)
        return (f"{python.version if python else ''}:{host.cpu_features()}",)

    def start_agent(
        self,
        environment: Environment,
        workspace: Workspace,
        limits: Limits,
    ) -> Channel:
        folder = self._folder(environment)
        if not _whole(folder):
            raise PrepareError(f"the environment {environment.id} is gone", remedy="run again")
        _touch(folder)
        try:
            return PipeChannel(
                [str(venv.python(folder)), str(paths.agent())],
                root=str(workspace.folder),
                shown={**venv.shown_paths(folder), **_shown_data(workspace)},
                env={**venv.environment(folder), **_data_variable(workspace)},
                damage=partial(_damage, environment, folder),
            )
        except OSError as error:  # no memory, no processes left, the interpreter is gone …
            raise _broken(f"no agent of {environment.id} could be started", error) from error

    def lendable(self, environment: Environment) -> Optional[LendableAgent]:
        """What fits this environment as it is now; None if it is not there."""
        folder = self._folder(environment)
        if not _whole(folder):
            return None
        return LendableAgent(
            folder=folder, marker=folder / _MARKER, damage=partial(_damage, environment, folder)
        )

    def disk_size(self, environment: Environment) -> int:
        return packages.disk_size(self._folder(environment))

    def remove(self, environment: Environment) -> None:
        _drop(self._folder(environment))

    def prove(self, environment: Environment) -> None:
        """Prepare `environment` and train something in it. Raises `PrepareError`."""
        self.prepare(environment, _in_silence)
        venv.run_python(
            self._folder(environment),
            str(paths.proof()),
            version=environment.target.release.version,
            patience=_PROOF_PATIENCE,
        )

    def inventory(self) -> Iterator[Removable]:
        """All environments, whole or half-made, and packages that none uses."""
        if self._root == paths.environments() and not paths.is_marked():
            return
        for folder in paths.entries(self._root, paths.ENVIRONMENT):
            if Path(f"{folder}.lock").is_file():
                yield from if_there(partial(_item, folder))
        yield from packages.inventory()
        yield from bytecode.inventory()

    def _folder(self, environment: Environment) -> Path:
        """The name depends on the packages only, not on the Dockerfile."""
        target = environment.target
        digest = _digest(environment.requirements, target.python)
        name = f"{target.release.version}-py{target.python}-{target.device}-{digest}"
        return self._root / name

    def _make(self, environment: Environment, folder: Path, progress: Progress) -> None:
        target = environment.target
        interpreter, why_not = interpreters.obtain_interpreter(target.python)
        if interpreter is None:
            raise PrepareError(f"no Python {target.python}: {why_not}")
        # A damaged file may be damaged in uv's cache too: it is a link into that cache.
        apart = (folder / _DAMAGED).exists()
        paths.mark_cache()
        _remove(folder, keep_packages=not apart)
        started = time.monotonic()
        venv.make_venv(
            folder,
            interpreter,
            locks.with_wheels(environment),
            progress,
            apart=apart,
        )
        if target.usual:  # scripts shall tell what a user's packages do to TensorFlow
            progress(Phase(what="checking", detail="import tensorflow"))
            venv.prove_import(folder, target.release.version)
        seconds = time.monotonic() - started
        found = intact.fingerprint(venv.packages(folder))
        _mark(folder, {"python": interpreter.version, "seconds": seconds, "packages": found})


def _item(folder: Path) -> Removable:
    return Removable(
        kind="environment",
        name=str(folder),
        size=packages.shared_size(folder),
        last_used=_last_used(folder),
        remove=partial(_drop_idle, folder),
        of=folder.name.rpartition("-")[0],
    )


def _data_variable(workspace: Workspace) -> dict[str, str]:
    return {DATA_VARIABLE: str(workspace.data)} if workspace.data else {}


def _shown_data(workspace: Workspace) -> dict[str, str]:
    """As in a container."""
    if workspace.data is None:
        return {}
    return {str(workspace.data): "/data/.keras" if workspace.data.name == ".keras" else "/data"}


def _broken(what: str, error: Exception) -> PrepareError:
    return PrepareError(f"{what}: {error}", remedy=remedies.remedy(str(error)))


# Whether a target can be made here ----------------------------------------------------


def _wrong_machine() -> Optional[str]:
    system, machine = platform.system(), platform.machine()
    if system != "Linux" or machine not in ("x86_64", "AMD64"):
        return (
            f"TensorFlow's wheels back to 1.12 are for Linux on x86-64, and this is {system} on"
            f" {machine}: start a Docker daemon and use --engine docker"
        )
    if platform.libc_ver()[0] != "glibc":
        return "TensorFlow's wheels need glibc, which this system does not have"
    return None


def _no_cuda(target: Target) -> Optional[str]:
    cuda = target.release.cuda
    if cuda is None or cuda.unavailable:
        return cuda.unavailable if cuda else "no CUDA build is known of it"
    if not _has_driver():
        return (
            "no NVIDIA driver is loaded on this machine: CUDA needs a GPU and `nvidia-smi` to work"
        )
    if cuda.base is not None:
        return (
            f"it needs the CUDA {cuda.cuda} libraries of the image {cuda.base}: use --engine docker"
        )
    return None


def _has_driver() -> bool:
    return Path("/proc/driver/nvidia/version").exists()


def _no_interpreter(target: Target) -> Optional[str]:
    python = target.python
    interpreter, why_not = interpreters.obtain_interpreter(python)
    if interpreter is not None:
        return None
    if why_not == interpreters.TOO_OLD:
        said = (
            f"no Python {python} on this machine: `pyenv install {python}` or"
            f" `conda create -n py{python} python={python}`, or use --engine docker"
        )
    else:
        said = f"no Python {python} on this machine: `uv python install {python}` ({why_not})"
    others = (other for other in target.release.pythons if other != python)
    here = next((other for other in others if interpreters.find_interpreter(other)), None)
    return f"{said}; Python {here} is here: --vary python={here}" if here else said


# The folder of an environment --------------------------------------------------------------


@lru_cache(maxsize=256)
def _digest(requirements: str, python: str) -> str:
    parts = [*locks.lock_lines(requirements), python]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:12]


def _whole(folder: Path) -> bool:
    """Whether it was completed, and the interpreter that it links to still exists."""
    return (folder / _MARKER).is_file() and os.access(venv.python(folder), os.X_OK)


def _mark(folder: Path, facts: dict[str, object]) -> None:
    write_atomic(folder / _MARKER, json.dumps(facts) + "\n")


def _damage(environment: Environment, folder: Path) -> Optional[str]:
    """Whether its packages are as installed; if not, it counts as incomplete from now on."""
    try:
        recorded = json.loads((folder / _MARKER).read_text(encoding="utf-8")).get("packages", {})
    except FileNotFoundError:  # another process has noticed it too, or is removing it
        return f"the environment {environment.id} is gone: run again"
    except (OSError, ValueError, AttributeError):
        recorded = {}
    changed = intact.changed_packages(venv.packages(folder), recorded) if recorded else []
    if not changed:
        return None
    with contextlib.suppress(OSError):
        (folder / _MARKER).replace(folder / _DAMAGED)
    names = ", ".join(changed[:3]) + (" …" if len(changed) > 3 else "")
    return (
        f"the packages of {environment.id} are not as they were installed ({names}): a script may"
        " have written to them; run again, and they are installed anew"
    )


def _touch(folder: Path) -> None:
    """When it was last used; `clean --older-than` decides by this."""
    with contextlib.suppress(OSError):
        os.utime(folder / _MARKER)


def _last_used(folder: Path) -> float:
    marker = folder / _MARKER
    return (marker if marker.exists() else folder).stat().st_mtime


def _holding(folder: Path, progress: Progress) -> AbstractContextManager[None]:
    """The lock beside `folder`, waited for where another process or thread has it."""
    waiting = Phase(what="waiting", detail="another run is preparing it")
    return file_lock.holding_lock(Path(f"{folder}.lock"), lambda: progress(waiting))


def _in_silence(phase: Phase) -> None:
    """Ignores progress."""


def _drop(folder: Path) -> None:
    with _holding(folder, _in_silence):
        _remove(folder)


def _drop_idle(folder: Path) -> None:
    """Raises `TfmatrixError` if it is being made or removed now, instead of waiting."""
    with open(f"{folder}.lock", "a") as file:
        if not file_lock.try_lock(file):
            raise TfmatrixError(f"{folder} stays: another run is preparing it")
        _remove(folder)


def _remove(folder: Path, *, keep_packages: bool = False) -> None:
    """With the packages that no other environment uses.

    The marker goes first, so that an interrupted removal leaves an incomplete environment.
    """
    (folder / _MARKER).unlink(missing_ok=True)
    if folder.exists():
        files = frozenset[int]() if keep_packages else packages.own_inodes(folder)
        shutil.rmtree(folder)
        if files:
            packages.release(files)
            bytecode.release()
