"""Which releases of a package one Python can have. Pure."""

from __future__ import annotations

from datetime import date, datetime
from typing import Optional

import pytest
from attrs import define

from runner.errors import UsageError
from runner.releases.upstream import packages


@define
class File:
    filename: str
    requires_python: Optional[str] = None
    is_yanked: bool = False
    upload_time: Optional[datetime] = None


def versions(*files: File, python: str = "3.10") -> list[str]:
    return [f"{each.version}" for each in packages.releases(files, python)]


@pytest.mark.parametrize(
    ("name", "fits"),
    [
        ("numpy-1.23.5-cp310-cp310-manylinux_2_17_x86_64.manylinux2014_x86_64.whl", True),
        ("protobuf-4.21.1-cp37-abi3-manylinux2014_x86_64.whl", True),
        ("keras-2.9.0-py2.py3-none-any.whl", True),
        ("six-1.16.0-py3-none-any.whl", True),
        ("numpy-1.23.5-cp311-cp311-manylinux2014_x86_64.whl", False),
        ("protobuf-4.21.1-cp311-abi3-manylinux2014_x86_64.whl", False),
        ("numpy-1.23.5-cp310-cp310-manylinux2014_aarch64.whl", False),
        ("numpy-1.23.5-cp310-cp310-musllinux_1_1_x86_64.whl", False),
        ("numpy-1.23.5-cp310-cp310-win_amd64.whl", False),
        ("numpy-1.23.5-cp310-cp310-manylinux_2_34_x86_64.whl", False),
        ("numpy-1.23.5.tar.gz", False),
        ("no wheel.whl", False),
    ],
)
def test_only_wheels_that_this_python_can_have_count(name: str, fits: bool) -> None:
    assert bool(versions(File(name))) is fits


def test_old_pythons_have_an_abi_of_their_own() -> None:
    old = File("numpy-1.16.4-cp36-cp36m-manylinux1_x86_64.whl")
    assert versions(old, python="3.6") == ["1.16.4"]
    assert versions(old, python="3.10") == []


def test_the_pythons_that_a_package_asks_for_are_heeded() -> None:
    keras = "keras-3.12.0-py3-none-any.whl"
    assert versions(File(keras, ">=3.10")) == ["3.12.0"]
    assert versions(File(keras, ">=3.11")) == []
    assert versions(File(keras, "nonsense")) == ["3.12.0"]


def six(version: str, yanked: bool = False, day: Optional[int] = None) -> File:
    at = None if day is None else datetime(2022, 5, day)
    return File(f"six-{version}-py3-none-any.whl", None, yanked, at)


def test_a_release_is_as_old_as_its_first_wheel_and_yanked_with_its_last() -> None:
    (found,) = packages.releases([six("1.0", True, 9), six("1.0.0", False, 7), six("1.0")], "3.10")
    assert (found.uploaded, found.yanked) == (date(2022, 5, 7), False)


THERE = packages.releases(
    [six("1.9"), six("1.10"), six("1.11rc1"), six("1.11", True), six("1.12"), six("1.13rc1")],
    "3.10",
)


def walk(one: str, other: str) -> list[str]:
    return [f"{each.version}" for each in packages.releases_between("six", THERE, one, other)]


def test_between_two_ends_lie_the_final_releases_that_were_not_yanked() -> None:
    assert walk("1.9", "1.12") == walk("1.12", "1.9.0") == ["1.9", "1.10", "1.12"]


def test_ends_may_be_yanked_or_pre_releases() -> None:
    assert walk("1.10", "1.11") == ["1.10", "1.11"]
    assert walk("1.10", "1.13rc1") == ["1.10", "1.11rc1", "1.12", "1.13rc1"]


@pytest.mark.parametrize(
    ("one", "said"),
    [
        ("newest", "'newest' is not a version of six"),
        ("1.9.5", "six 1.9.5 that fits; the nearest: 1.9, 1.10"),
        ("2", "six 2 that fits; the nearest: 1.13rc1"),
    ],
)
def test_an_end_that_is_not_there_is_wrong_use(one: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        walk(one, "1.12")
