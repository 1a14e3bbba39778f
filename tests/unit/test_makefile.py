"""What `make` says where it cannot work."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

MAKEFILE = Path(__file__).parents[2] / "Makefile"
AS_OTHERS = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"]
"""Root may write anywhere, unless it gives that up."""


@pytest.mark.skipif(shutil.which("make") is None, reason="needs make")
@pytest.mark.skipif(
    os.geteuid() == 0 and shutil.which("setpriv") is None, reason="root may write anywhere"
)
def test_a_checkout_that_cannot_be_written_is_one_line_with_its_remedy(tmp_path: Path) -> None:
    checkout = tmp_path / "check out"
    checkout.mkdir()
    shutil.copy(MAKEFILE, checkout)
    checkout.chmod(0o555)
    prefix = AS_OTHERS if os.geteuid() == 0 else []
    try:
        done = subprocess.run(
            [*prefix, "make", "--no-print-directory", "matrix"],
            cwd=checkout,
            capture_output=True,
            text=True,
        )
    finally:
        checkout.chmod(0o755)
    assert done.returncode == 2
    (line,) = done.stdout.splitlines()
    assert line.startswith(f"{checkout} cannot be written, and make puts .venv there; to fix it:")
    assert not (checkout / ".venv").exists()
