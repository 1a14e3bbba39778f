"""Where data files, caches and results lie."""

from __future__ import annotations

import functools
import hashlib
import os
from pathlib import Path

import platformdirs

_PACKAGE = Path(__file__).resolve().parent


def package() -> Path:
    """The folder of this package's code."""
    return _PACKAGE


def data() -> Path:
    """The folder of data files: docker/ of the checkout, or the copy that a wheel installs."""
    return _PACKAGE.parent / "docker" if is_checkout() else _PACKAGE / "data"


def is_checkout() -> bool:
    """Whether this package runs from a checkout, where catalogue and locks can be committed."""
    return (_PACKAGE.parent / "docker" / "releases.yaml").is_file()


def releases() -> Path:
    return data() / "releases.yaml"


def locks() -> Path:
    """The committed locks."""
    return data() / "locks"


def agent() -> Path:
    """The file that runs inside the environments."""
    return _PACKAGE / "agent.py"


@functools.cache
def agent_digest() -> str:
    """What a measured execution depends on besides its environment and its script."""
    return hashlib.sha256(agent().read_bytes()).hexdigest()


def proof() -> Path:
    """The script that shows that an environment's TensorFlow works, by training something."""
    return data() / "prove.py"


def cache() -> Path:
    """What this tool made and can make again; `TFMATRIX_CACHE` moves it."""
    chosen = os.environ.get("TFMATRIX_CACHE")
    if chosen:
        return Path(chosen).expanduser().absolute()
    return platformdirs.user_cache_path("tfmatrix", appauthor=False)


def cached_locks() -> Path:
    return cache() / "locks"


def environments() -> Path:
    """The local engine's virtual environments, shared by all checkouts."""
    return cache() / "environments"


def snapshots() -> Path:
    """Scripts and the files they need, as they were when they ran."""
    return cache() / "snapshots"


def store() -> Path:
    """Measured executions."""
    return cache() / "store"


def confirmed() -> Path:
    """Signatures that fresh processes have said."""
    return cache() / "confirmed"


def remembered() -> Path:
    """What was worked out from files once, and holds until they change."""
    return cache() / "remembered"


def results() -> Path:
    """results/ of the folder in which the command was given."""
    return Path.cwd() / "results"
