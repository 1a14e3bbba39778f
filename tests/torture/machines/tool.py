"""The real command line, in a made-up world: `TFMATRIX_WORLD` is the catalogue's folder."""

from __future__ import annotations

import os
from pathlib import Path

from runner import paths
from runner.cli import main

if __name__ == "__main__":
    world = Path(os.environ["TFMATRIX_WORLD"])
    paths.data_folder = lambda: world
    main()
