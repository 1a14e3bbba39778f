"""How the cells of a repro are started: each in a fresh process, or as children of one that has
imported TensorFlow already, where nothing in the script can tell the difference.
"""

from __future__ import annotations

from pathlib import Path
from typing import Optional

from runner.model import Repro


def of(repro: Repro, wanted: str) -> str:
    """`fresh` or `fork` for a repro; `wanted` is what the user said, perhaps `auto`."""
    if wanted != "auto":
        return wanted
    return "fresh" if why_fresh(repro) else "fork"


def why_fresh(repro: Repro) -> Optional[str]:
    """Why `auto` starts a fresh process for each cell of `repro`; None where it need not."""
    try:
        source = repro.script.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        return f"the script cannot be read: {error}"
    from runner.forkable import forkable

    return forkable(source, repro.env, siblings(repro.script))


def siblings(script: Path) -> tuple[str, ...]:
    """The modules beside a script: importing one before TensorFlow is more than an import."""
    return tuple(
        path.stem for path in script.parent.iterdir() if path.suffix == ".py" or path.is_dir()
    )
