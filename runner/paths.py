"""The places of data files, caches and results."""

from __future__ import annotations

import contextlib
import enum
import functools
import hashlib
import os
import re
from pathlib import Path

import platformdirs
from attrs import frozen

from runner.errors import TfmatrixError, UsageError

_PACKAGE = Path(__file__).resolve().parent


def package() -> Path:
    """The folder of this package's code."""
    return _PACKAGE


def data_folder() -> Path:
    """The folder of data files: docker/ of the checkout, or the copy that a wheel installs."""
    return _PACKAGE.parent / "docker" if is_checkout() else _PACKAGE / "data"


def is_checkout() -> bool:
    """Whether this package runs from a checkout, where catalogue and locks can be committed."""
    return (_PACKAGE.parent / "docker" / "releases.yaml").is_file()


def releases() -> Path:
    return data_folder() / "releases.yaml"


def system_calls() -> Path:
    """What a container may ask of the kernel: a seccomp profile, as Docker and Podman read it."""
    return data_folder() / "seccomp.json"


def locks() -> Path:
    """The committed locks."""
    return data_folder() / "locks"


def agent() -> Path:
    """The file that runs inside the environments."""
    return _PACKAGE / "agent.py"


def suite_driver() -> Path:
    """The file that runs pytest inside the environments."""
    return _PACKAGE / "cells" / "suites" / "tfmatrix_driver.py"


@functools.cache
def agent_digest() -> str:
    """What a measured execution depends on besides its environment and its script."""
    return hashlib.sha256(agent().read_bytes()).hexdigest()


def proof() -> Path:
    """The script that shows that an environment's TensorFlow works, by training something."""
    return data_folder() / "prove.py"


class Removal(enum.Enum):
    """How `tfmatrix clean` treats a folder of the cache."""

    WHOLE = "all of it, as one thing"
    EACH = "each entry by itself"
    BY_AGE = "with --older-than only"
    NEVER = "never: it is small, or environments need it"


@frozen(kw_only=True)
class CacheFolder:
    """A folder of the cache. `clean` and docs/disk.md go by these, too."""

    name: str
    holds: str
    entries: str
    """The names that this tool gives to what lies there, as a pattern: nothing else is ours."""
    removal: Removal


ENVIRONMENT = r"\d[\w.]*-py\d+\.\d+-[a-z]+-[0-9a-f]{12}"
"""The name of a local environment: `2.9.3-py3.10-cpu-330e2f19dc43`."""
_FOLDERS = (
    ("environments", "the local engine's virtual environments", ENVIRONMENT, Removal.EACH),
    (
        "packages",
        "what those are linked from: a cache of uv's, ours alone",
        r"archive-v\d+",
        Removal.EACH,
    ),
    (
        "bytecode",
        "the bytecode of their modules, which environments share",
        r"\d+\.\d+\.\d+\w*",
        Removal.EACH,
    ),
    (
        "snapshots",
        "scripts and their files as they ran",
        r"[0-9a-f]{64}|\.[0-9a-f]{16}",
        Removal.EACH,
    ),
    (
        "scripts",
        "scripts made of notebooks, commands and links",
        r"[0-9a-f]{16}",
        Removal.WHOLE,
    ),
    ("store", "measured executions", r"[0-9a-f]{2}", Removal.BY_AGE),
    (
        "confirmed",
        "signatures of fresh processes",
        r"[0-9a-f]{40}\.jsonl",
        Removal.WHOLE,
    ),
    (
        "remembered",
        "what was worked out from files",
        r"[a-z_]+(-[0-9a-f]{16})?\.json",
        Removal.WHOLE,
    ),
    ("index", "pages of the package index", r"[0-9a-f]{16}", Removal.WHOLE),
    (
        "data",
        "data sets and weights that `fetch` downloaded",
        r"[0-9a-f]{64}(\.json)?|view-[0-9a-f]{16}|\.[0-9a-f]{16}",
        Removal.WHOLE,
    ),
    ("bench", "what the benchmark installs", r"tox==[\d.]+", Removal.WHOLE),
    ("bugs", "logs of bugs of this tool", r"\d{8}-\d{6}\.txt", Removal.WHOLE),
    ("wheels", "users' own packages, as `--with` took them", r"[0-9a-f]{64}", Removal.WHOLE),
    ("locks", "packages resolved for users' requirements", r".+\.txt", Removal.NEVER),
    (
        "pythons",
        "Pythons that uv fetched for a user whose own folders cannot be written",
        r"cpython-.+",
        Removal.NEVER,
    ),
    ("images", "when each image was last used", r"[0-9a-f]{64}", Removal.NEVER),
    ("sizes", "how large each environment came out", r"[a-z]+-[0-9a-f]{64}", Removal.NEVER),
    ("claims", "what running runs use", r"\d+-[0-9a-f]{8}\.json", Removal.NEVER),
    ("watch", "files of `watch` while it runs", r"[0-9a-f]+(-\d+)?", Removal.NEVER),
    ("warm", "where warm agents are found", r"keeper", Removal.NEVER),
)
CACHE = {
    name: CacheFolder(name=name, holds=holds, entries=entries, removal=removal)
    for name, holds, entries, removal in _FOLDERS
}
_MARKER = ".tfmatrix"
UNWRITABLE_CACHE = "let this user write there, or name another folder in TFMATRIX_CACHE"
"""The remedy for a cache that this user may not write to."""


def cache() -> Path:
    """What this tool made and can make again; `TFMATRIX_CACHE` moves it."""
    chosen = os.environ.get("TFMATRIX_CACHE")
    return expanded(chosen).absolute() if chosen else _usual_cache()


def _usual_cache() -> Path:
    """Raises `TfmatrixError` for a user without a home folder: a container's, for example."""
    with contextlib.suppress(RuntimeError):
        found = platformdirs.user_cache_path("tfmatrix", appauthor=False)
        if found.is_absolute():
            return found
    raise TfmatrixError(
        "this user has no home folder for the cache",
        remedy="name a folder that the user may write to in TFMATRIX_CACHE, or in HOME",
    )


def home() -> Path:
    """The user's home folder; one that does not exist if the user has none."""
    return expanded("~")


def expanded(path: str) -> Path:
    """`path`, with its leading `~` replaced."""
    try:
        return Path(path).expanduser()
    except RuntimeError:
        return Path("/nonexistent", path)


def mark_cache() -> None:
    """Say in the cache that this tool uses it: `clean` looks nowhere else. Raises `OSError`."""
    cache().mkdir(parents=True, exist_ok=True)
    (cache() / _MARKER).touch()


def is_marked() -> bool:
    """Whether the cache is one that this tool has used."""
    return cache() == _usual_cache() or (cache() / _MARKER).is_file()


def own_files(folder: CacheFolder) -> list[Path]:
    """What this tool put into a folder of its cache, oldest name first."""
    return entries(cache() / folder.name, folder.entries) if is_marked() else []


def entries(folder: Path, names: str) -> list[Path]:
    """What lies in `folder` under such a name. Nothing is reached through a link."""
    if folder.is_symlink() or not folder.is_dir():
        return []
    found = (each for each in folder.iterdir() if re.fullmatch(names, each.name))
    return sorted(each for each in found if not each.is_symlink())


def _cached(name: str) -> Path:
    return cache() / CACHE[name].name


bugs = functools.partial(_cached, "bugs")
cached_data = functools.partial(_cached, "data")
cached_locks = functools.partial(_cached, "locks")
environments = functools.partial(_cached, "environments")
packages = functools.partial(_cached, "packages")
bytecode = functools.partial(_cached, "bytecode")
pythons = functools.partial(_cached, "pythons")
snapshots = functools.partial(_cached, "snapshots")
scripts = functools.partial(_cached, "scripts")
store = functools.partial(_cached, "store")
confirmed = functools.partial(_cached, "confirmed")
remembered = functools.partial(_cached, "remembered")
index = functools.partial(_cached, "index")
bench = functools.partial(_cached, "bench")
images = functools.partial(_cached, "images")
sizes = functools.partial(_cached, "sizes")
claims = functools.partial(_cached, "claims")
watch = functools.partial(_cached, "watch")
warm = functools.partial(_cached, "warm")
wheels = functools.partial(_cached, "wheels")


def working_folder() -> Path:
    """The folder in which the command was given. Raises `UsageError` if it has been removed."""
    try:
        return Path.cwd()
    except FileNotFoundError:
        raise UsageError(
            "the current folder has been removed", remedy="cd to a folder that exists"
        ) from None


def results() -> Path:
    """results/ of the folder in which the command was given."""
    return working_folder() / "results"
