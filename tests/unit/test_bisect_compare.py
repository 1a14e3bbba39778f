"""bisect's end: what TensorFlow's repository calls the two sides."""

from __future__ import annotations

import pytest

from runner.bisect.answer import Neighbour, compare_link, evidence
from runner.model import Outcome, Result, Verdict

SHOWN = "https://github.com/tensorflow/tensorflow/compare/"


def side(version: str, git_version: str = "") -> Neighbour:
    outcome = Outcome(verdict=Verdict.PASS)
    facts = {"python": "3.10", "device": "cpu", "environment": "e"}
    return Neighbour(
        result=Result(
            repro="a",
            case="a",
            tensorflow=version,
            outcome=outcome,
            git_version=git_version,
            **facts,  # type: ignore[arg-type]
        ),
        environment=None,
    )


@pytest.mark.parametrize(
    ("before", "after", "link"),
    [
        (side("2.8.4"), side("2.9.0"), "v2.8.4...v2.9.0"),
        (side("2.21.0"), side("2.22.0rc1"), "v2.21.0...v2.22.0-rc1"),
        (
            side("2.21.0"),
            side("2.23.0.dev20261020", "v1.12.1-120-gd8ce9f9c301"),
            "v2.21.0...d8ce9f9c301",
        ),
        (side("2.21.0"), side("2.23.0.dev20261020"), None),
        (side("2.21.0"), side("2.23.0.dev20261020", "unknown"), None),
        (side("2.9.0"), side("2.9.0"), None),
    ],
)
def test_the_link_between_two_releases(before: Neighbour, after: Neighbour, link: str) -> None:
    assert compare_link(before, after) == (f"{SHOWN}{link}" if link else "")


def test_the_evidence_has_both_commits() -> None:
    one, other = side("2.8.4", "v2.8.3-90-g1b8f5c396f0"), side("2.9.0")
    (line,) = [each for each in evidence(one, other).splitlines() if "GIT_VERSION" in each]
    assert line.split() == ["GIT_VERSION", "v2.8.3-90-g1b8f5c396f0", "-"]
