"""Everything that fuzzing ever found, and what it starts from, once more: fast, in every Python."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fuzz import guard
from tests.fuzz.targets import SEEDS, TARGETS

FINDINGS = Path(__file__).parent / "findings"


def inputs() -> Iterator[object]:
    for name, seeds in SEEDS.items():
        for number, seed in enumerate(seeds):
            yield pytest.param(name, seed, id=f"{name}-seed{number}")
    for path in sorted(FINDINGS.glob("*/*")):
        yield pytest.param(
            path.parent.name, path.read_bytes(), id=f"{path.parent.name}-{path.name}"
        )


@pytest.mark.timeout(60)
@pytest.mark.parametrize(("name", "data"), list(inputs()))
def test_it_is_judged_or_refused(name: str, data: bytes, tmp_path: Path) -> None:
    with guard.only_in(tmp_path):
        TARGETS[name](data, tmp_path)
