"""From what an index has to the catalogue's text, and to releases that no catalogue holds."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path
from typing import Any, Optional

import pytest
import yaml
from attrs import evolve
from packaging.version import Version

from runner import paths
from runner.releases import catalogue
from runner.releases.upstream import insert, offers, prereleases, proposal, table
from runner.releases.upstream.index import Wheel
from runner.releases.upstream.offers import Offer
from runner.releases.upstream.wheel import Build

TEXT = paths.releases().read_text("utf-8")
RELEASES = catalogue.parse(TEXT)
TODAY = date(2026, 11, 22)
SOME = [
    release
    for release in RELEASES
    if release.version in ("1.12.0", "1.12.2", "2.6.1", "2.6.5", "2.16.1", "2.21.0")
]
"""Entries of one line and of several, the first and the last of a series and of the file."""
BUILD = Build(
    requires=("keras>=3.12.0", "numpy>=1.26.0"),
    cuda="12.5.1",
    cudnn="9.3",
    capabilities=("6.0", "7.0", "8.0", "8.9", "9.0"),
    and_cuda=True,
    keras="3",
)


def offer(
    package: str,
    version: str,
    pythons: str = "3.10 3.11",
    uploaded: Optional[date] = date(2026, 10, 1),
    mb: Optional[float] = 274.0,
    yanked: Optional[str] = None,
) -> Offer:
    size = round(mb * 1e6) if mb else None
    wheels = tuple(
        Wheel(
            package=package,
            version=version,
            python=python,
            uploaded=uploaded,
            size=size,
            yanked=yanked,
        )
        for python in pythons.split()
    )
    return Offer(package=package, version=version, wheels=wheels)


def seen(version: str, build: Build = BUILD, **facts: Any) -> proposal.UpstreamFacts:
    full = {name: value for name, value in facts.items() if name not in ("before", "tf_keras")}
    return proposal.UpstreamFacts(
        full=offer("tensorflow", version, **{**full, "mb": 573.0}),
        cpu=offer("tensorflow-cpu", version, **full),
        build=build,
        before=facts.get("before"),
        tf_keras=facts.get("tf_keras", True),
    )


def proposed(text: str, found: proposal.UpstreamFacts) -> proposal.Proposal:
    template = insert.series_template(text, found.full.parsed)
    return proposal.propose(found, template.shared, new_series=not template.own, today=TODAY)


def without(series: str) -> str:
    """The catalogue as it was before a series came out."""
    found = re.search(rf'\n"{re.escape(series)}":\n(?:(?:  .*)?\n)*?(?=\n"|\Z)', TEXT)
    assert found is not None
    return TEXT[: found.start()] + TEXT[found.end() :]


# Into the text ----------------------------------------------------------------------------


def test_a_series_that_people_wrote_comes_back_to_the_letter() -> None:
    """2.20 said nothing that its wheels and 2.19 do not say."""
    text = without("2.20")
    found = seen("2.20.0", pythons="3.9 3.10 3.11 3.12 3.13", uploaded=date(2025, 8, 13), mb=259.0)
    found = evolve(found, full=evolve(found.full, wheels=resized(found.full, 621)))
    assert insert.with_release(text, proposed(text, found)) == TEXT


def resized(one: Offer, mb: int) -> tuple[Wheel, ...]:
    return tuple(evolve(wheel, size=mb * 10**6) for wheel in one.wheels)


def test_a_patch_release_is_a_line_in_its_place() -> None:
    found = seen("2.19.2", pythons="3.9 3.10 3.11 3.12", mb=252.4)
    text = insert.with_release(TEXT, proposed(TEXT, found))
    line = "    2.19.2: {released: 2026-10-01, cpu_mb: 252, cuda_mb: 573}"
    after = "    2.19.1: {released: 2025-08-13, cpu_mb: 252, cuda_mb: 645, image: null}"
    assert f"{after}\n{line}\n\n" in text
    assert text.replace(f"{line}\n", "") == TEXT


def test_it_goes_below_an_entry_of_several_lines_and_above_the_first() -> None:
    for version, before in (("2.6.6", "2.6.5"), ("2.8.0.post1", "2.8.0"), ("1.13.0", None)):
        text = insert.with_release(TEXT, proposed(TEXT, seen(version, uploaded=date(2022, 5, 30))))
        names = [release.version for release in catalogue.parse(text)]
        at = names.index(version)
        assert names[at - 1] == (before or "1.12.3")
        keys = list(yaml.safe_load(text)[version[:4].rstrip(".")]["releases"])
        assert keys == sorted(keys, key=Version)


@pytest.mark.parametrize("version", ["2.22.0", "3.0.0", "1.16.0"])
def test_a_series_goes_where_it_belongs(version: str) -> None:
    text = insert.with_release(TEXT, proposed(TEXT, seen(version, pythons="3.11 3.12")))
    series = list(yaml.safe_load(text))
    assert series == sorted(series, key=Version)
    found = catalogue.find_release(catalogue.parse(text), version)
    assert found is not None
    assert found.pythons == ("3.11", "3.12")
    assert text.count("\n\n\n") == TEXT.count("\n\n\n")


@pytest.mark.parametrize("release", SOME, ids=lambda release: release.version)
def test_no_other_release_changes(release: Any) -> None:
    """Whatever stands where: one release more, and not a line less."""
    version = f"{release.version}.post9"
    text = insert.with_release(TEXT, proposed(TEXT, seen(version)))
    parsed = catalogue.parse(text)
    assert [each for each in parsed if each.version != version] == list(RELEASES)
    assert set(TEXT.splitlines()) <= set(text.splitlines())


@pytest.mark.parametrize("release", SOME, ids=lambda release: release.version)
def test_a_yanked_release_is_marked_and_stays(release: Any) -> None:
    reason = 'it "crashes": see #1'
    parsed = catalogue.parse(insert.with_yanked(TEXT, release.version, reason))
    assert [each.version for each in parsed] == [each.version for each in RELEASES]
    assert [each.version for each in parsed if each.yanked] == [release.version]
    assert catalogue.find_release(parsed, release.version) == evolve(release, yanked=reason)


# What an entry says -----------------------------------------------------------------------


def test_a_release_that_was_yanked_at_once_is_added_as_such() -> None:
    text = insert.with_release(TEXT, proposed(TEXT, seen("2.21.1", yanked="")))
    found = catalogue.find_release(catalogue.parse(text), "2.21.1")
    assert found is not None
    assert found.yanked == "yanked from the index"


def test_what_a_patch_release_says_otherwise_than_its_series() -> None:
    build = evolve(BUILD, cuda="12.9", cudnn="9.10")
    entry = proposed(TEXT, seen("2.21.1", build, pythons="3.11 3.12")).entry
    assert entry == (
        "    2.21.1: {released: 2026-10-01, cpu_mb: 274, cuda_mb: 573,"
        ' pythons: "3.11 3.12", cuda: {cuda: "12.9", cudnn: "9.10"}}\n'
    )


def test_the_preferred_python_stays_while_there_are_wheels_for_it() -> None:
    assert offers.preferred_pythons(["3.10", "3.9", "3.13"], ["3.10", "3.9"]) == (
        "3.10",
        "3.13",
        "3.9",
    )
    assert offers.preferred_pythons(["3.12", "3.11", "3.13"], ["3.10"]) == ("3.11", "3.13", "3.12")


def test_a_reviewer_is_told_what_the_wheels_cannot_say() -> None:
    before = evolve(BUILD, requires=("numpy>=1.26.0", "keras>=3.10.0", "tensorboard~=2.20.0"))
    build = evolve(BUILD, capabilities=())
    found = seen("2.22.0", build, before=before, tf_keras=False, uploaded=date(2026, 11, 20))
    made = proposed(TEXT, found)
    notes = "\n".join(made.notes)
    assert "keras: >=3.10.0 → >=3.12.0" in notes
    assert "tensorboard: ~=2.20.0 → dropped" in notes
    assert "numpy" not in notes
    assert "2026-12-20, which is to come" in notes
    assert "setuptools<82 is taken over" in notes
    assert "no tf_keras" in notes
    assert "compute capabilities" in notes
    assert "tf_keras" not in made.head


def test_a_release_without_cuda_libraries_keeps_what_its_series_says() -> None:
    build = evolve(BUILD, and_cuda=False, capabilities=("3.5",))
    made = proposed(TEXT, seen("2.13.2", build, pythons="3.8 3.9 3.10 3.11"))
    assert "cuda:" not in made.entry
    assert any("CUDA" in note for note in made.notes)


def test_without_a_date_there_is_no_entry() -> None:
    with pytest.raises(proposal.UndatedError, match=r"2\.22\.0"):
        proposed(TEXT, seen("2.22.0", uploaded=None))


# The table --------------------------------------------------------------------------------


def offered(*versions: str, **facts: Any) -> dict[Version, Offer]:
    return {Version(v): offer("tensorflow", v, **facts) for v in versions}


def test_catalogue_and_index_side_by_side() -> None:
    known = RELEASES[-2:]
    rows = table.table_rows(known, offered("2.21.0", "2.22.0", "2.23.0rc0"))
    assert [(row.version, row.state) for row in rows] == [
        ("2.20.0", "gone from the index"),
        ("2.21.0", "in the catalogue"),
        ("2.22.0", "missing from the catalogue"),
    ]
    assert [one.version for one in table.missing_releases(known, offered("2.21.0", "2.22.0"))] == [
        "2.22.0"
    ]
    assert [row.index for row in table.table_rows(known, None)] == [None, None]


def test_yanked_in_part_is_not_yanked() -> None:
    whole = offer("tensorflow", "2.21.0", yanked="bad")
    part = evolve(whole, wheels=(evolve(whole.wheels[0], yanked=None), *whole.wheels[1:]))
    for one, reasons in ((whole, ["bad"]), (part, [])):
        found = table.newly_yanked(RELEASES, {Version("2.21.0"): one})
        assert [reason for _, reason in found] == reasons


# Pre-releases -----------------------------------------------------------------------------


def test_a_candidate_is_a_release_of_its_day() -> None:
    (found,) = prereleases.candidates(
        RELEASES, offered("2.22.0rc0"), offered("2.22.0rc0", "2.22.0.dev20261001")
    )
    assert found.cpu_requirement == "tensorflow-cpu==2.22.0rc0"
    assert (found.released, found.cutoff_days) == (date(2026, 10, 1), 0)
    assert found.pythons[0] == "3.10"
    assert found.cuda is not None
    assert found.cuda.requirement == "tensorflow[and-cuda]==2.22.0rc0"


def test_a_nightly_without_a_smaller_build_is_the_whole_one() -> None:
    cpu = offered("2.22.0.dev20260905")
    full = offered("2.22.0.dev20260905", "2.23.0.dev20261026")
    found = list(prereleases.nightlies(RELEASES, cpu, full))
    assert [release.cpu_requirement for release in found] == [
        "tf-nightly-cpu==2.22.0.dev20260905",
        "tf-nightly==2.23.0.dev20261026",
    ]
    assert all(release.extras == ("tf-keras-nightly",) for release in found)


def test_nightlies_come_after_the_newest_release() -> None:
    full = offered("2.21.0.dev20260202", "2.22.0.dev20260204")
    found = prereleases.nightlies(RELEASES, {}, full)
    assert [release.version for release in found] == ["2.22.0.dev20260204"]


def test_an_index_without_dates() -> None:
    """A nightly has its day in its name; a candidate cannot be resolved as of any."""
    full = offered("2.22.0.dev20260204", "2.22.0rc0", uploaded=None)
    (nightly,) = prereleases.nightlies(RELEASES, {}, full)
    assert nightly.released == date(2026, 2, 4)
    assert list(prereleases.candidates(RELEASES, {}, full)) == []


def test_pythons_too_old_for_the_agent_do_not_count(tmp_path: Path) -> None:
    wheels = offer("tensorflow", "1.13.1", pythons="3.5 3.6").wheels
    (found,) = offers.offers_of(wheels).values()
    assert found.pythons == ("3.6",)
    assert offers.offers_of(offer("tensorflow", "1.11.0", pythons="3.6").wheels) == {}
