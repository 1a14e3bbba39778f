"""`--along SPEC`: which releases of a package become columns."""

from __future__ import annotations

import re
from datetime import date

import pytest
from attrs import evolve
from packaging.version import Version

from runner.errors import UsageError
from runner.matrix import along, plan, vary
from runner.model import Axis, Device, Release, Resolution, Target
from runner.releases.upstream.packages import PackageRelease

TARGET = plan.target(
    Release(
        version="2.18.1",
        released=date(2025, 3, 12),
        pythons=("3.10",),
        cpu_requirement="tensorflow-cpu==2.18.1",
    ),
    Device.CPU,
)
KERAS = (
    ("2.15.0", date(2023, 11, 7)),
    ("3.0.5", date(2024, 2, 20)),
    ("3.9.0", date(2025, 3, 4)),
    ("3.9.2", date(2025, 4, 2)),
    ("3.10.0", date(2025, 5, 19)),
    ("3.11.0rc1", date(2025, 7, 1)),
)


def found(_name: str, _target: Target) -> list[PackageRelease]:
    return [PackageRelease(version=Version(version), uploaded=day) for version, day in KERAS]


def columns(spec: str, patches: str = "latest", known: tuple[Axis, ...] = ()) -> Axis:
    return along.column_axis(spec, TARGET, patches, known, find=found)


@pytest.mark.parametrize(
    ("spec", "patches", "versions"),
    [
        ("keras>=3", "latest", ["3.0.5", "3.9.2", "3.10.0"]),
        ("keras>=3", "all", ["3.0.5", "3.9.0", "3.9.2", "3.10.0"]),
        ("keras", "latest", ["2.15.0", "3.0.5", "3.9.2", "3.10.0"]),
        ("keras>=3.9,<3.11", "latest", ["3.9.2", "3.10.0"]),
    ],
)
def test_a_range_is_its_releases_and_a_series_its_newest_patch(
    spec: str, patches: str, versions: list[str]
) -> None:
    axis = columns(spec, patches)
    assert [value.values["keras"] for value in axis.values] == versions
    assert [value.requirements for value in axis.values] == [(f"keras=={v}",) for v in versions]


def test_packages_are_those_of_the_later_day() -> None:
    axis = columns("keras>=3.9")
    assert [value.later for value in axis.values] == ["2025-04-02", "2025-05-19"]
    days = [evolve(TARGET, resolution=Resolution(later=v.later)).as_of for v in axis.values]
    assert days == [date(2025, 4, 11), date(2025, 5, 19)]


def test_an_axis_of_the_matrix_is_meant_by_its_name() -> None:
    own = vary.parse_axis("keras=3.0.5,3.9.2")
    assert columns("keras", known=(own,)) is own


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("keras>=4", "--along keras>=4: the index has no such release of keras for Python 3.10"),
        (
            "keras>=3.10,<4",
            "--along keras>=3.10,<4: 1 of its releases install on Python 3.10",
        ),
        ("keras>=3,!=3.9.*", "--along keras>=3,!=3.9.*: a range has no gaps"),
        ("keras @ https://example.org/k.whl", "expected a package and a range"),
        ("keras>=>3", "--along keras>=>3: "),
        ("tensorflow>=2.4", "--along tensorflow>=2.4: releases of TensorFlow are the columns"),
    ],
)
def test_what_is_no_range_of_a_package_is_refused(spec: str, message: str) -> None:
    with pytest.raises(UsageError, match=f"^.*{re.escape(message)}"):
        columns(spec)
