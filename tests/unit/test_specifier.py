"""What a SPEC selects."""

from __future__ import annotations

from typing import Optional

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st
from packaging.specifiers import SpecifierSet

from runner.errors import UsageError
from runner.model import Release
from runner.releases import catalogue, specifier

RELEASES = catalogue.load_releases()
NEWEST = [release.version for release in specifier.newest_patches(RELEASES)]


def selected(spec: str, patches: str = "latest") -> list[str]:
    return [release.version for release in specifier.select(RELEASES, spec, patches)]


def release(version: str) -> Release:
    found: Optional[Release] = catalogue.find_release(RELEASES, version)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("spec", "versions"),
    [
        ("latest", ["2.21.0"]),
        ("2.10", ["2.10.1"]),
        ("2.9.3,2.10", ["2.9.3", "2.10.1"]),
        (" 2.10 , 1.15 ", ["1.15.5", "2.10.1"]),
        ("1.12,latest", ["1.12.3", "2.21.0"]),
        ("2.9.1", ["2.9.1"]),
        ("2.9.1,2.9", ["2.9.1", "2.9.3"]),
        ("2.15.0.post1", ["2.15.0.post1"]),
        ("==2.9.1", ["2.9.1"]),
        ("===2.9.1", ["2.9.1"]),
        ("==2.9.*", ["2.9.3"]),
        ("~=2.9.1", ["2.9.3"]),
        (">=2.4,<2.8", ["2.4.4", "2.5.3", "2.6.5", "2.7.4"]),
        (">=2.4,<2.8,!=2.6.*", ["2.4.4", "2.5.3", "2.7.4"]),
        # The newest of a series that the specifier allows, which need not be the newest of all.
        (">=2.8,<=2.9.1", ["2.8.4", "2.9.1"]),
        (">=2.9,<2.10,!=2.9.3", ["2.9.2"]),
        # PEP 440: `<=2.9` allows 2.9.0 of its series; `>2.9` the patches after it.
        (">=2.8,<=2.9", ["2.8.4", "2.9.0"]),
        (">2.9,<2.11", ["2.9.3", "2.10.1"]),
        # A post-release is neither its release nor, by `>`, newer than it.
        ("==2.15.0", ["2.15.0"]),
        (">2.15.0,<2.15.1", None),
        (">=2.15.0,<2.15.1", ["2.15.0.post1"]),
    ],
)
def test_what_is_selected(spec: str, versions: Optional[list[str]]) -> None:
    if versions is None:
        with pytest.raises(UsageError):
            selected(spec)
    else:
        assert selected(spec) == versions


def test_with_all_patches_a_series_is_all_of_its_releases() -> None:
    assert selected("2.9", "all") == ["2.9.0", "2.9.1", "2.9.2", "2.9.3"]
    assert selected("2.9.1", "all") == ["2.9.1"]
    assert selected("==2.15.*", "all") == ["2.15.0", "2.15.0.post1", "2.15.1"]
    assert len(selected(">=1.12", "all")) == len(RELEASES)


def test_a_tag_of_git_names_its_release_or_series() -> None:
    assert selected("v2.9,v2.10.0") == ["2.9.3", "2.10.0"]


def test_all_series() -> None:
    assert selected(">=1.12") == NEWEST
    assert len(NEWEST) == 26


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("2.9.9", "no TensorFlow release 2.9.9 is known; the nearest known are 2.9.3 and 2.10.0"),
        ("2.16.0", "the nearest known are 2.15.1 and 2.16.1"),
        ("3.0", "no TensorFlow release 3.0 is known; the nearest known is 2.21.0"),
        (">=2.22.0rc0", "no TensorFlow release is >=2.22.0rc0; the nearest known is 2.21.0"),
        ("==2.6.7", "the nearest known are 2.6.5 and 2.7.0"),
        ("<1.12", "the nearest known is 1.12.0"),
        ("99", "no TensorFlow release 99 is known; the nearest known is 2.21.0"),
        ("2.9,3", "no TensorFlow release 3 is known"),
        ("2,9", "'2,9': a comma separates versions, and a dot their parts: write `2.9`"),
        ("2, 1", "write `2.1`"),
        ("1,15,2,9", "write `1.15,2.9`"),
        (">=2,4,<2,8", "write `>=2.4,<2.8`"),
        ("2.9,2", "'2.9,2' is neither a release nor a series: write `==2.*`"),
        ("2", "'2' is neither a release nor a series: write `==2.*`"),
        ("2.9,>=2.11", "mixes versions and comparisons: write `==2.9.*`"),
        ("2.9.1,>=2.11", "mixes versions and comparisons: write `==2.9.1`"),
        ("", "is not a SPEC"),
        ("2.9,", "is not a SPEC"),
        ("newest", "'newest' is not a version: a SPEC is `latest`, versions such as"),
        (">=2.x", "is not a PEP 440 specifier set"),
        ("=>2.4", "is not a PEP 440 specifier set"),
    ],
)
def test_what_is_refused(spec: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        selected(spec)
    assert message in str(caught.value)
    assert caught.value.exit_code == 2
    assert "\n" not in str(caught.value)


def test_patches_are_the_latest_or_all() -> None:
    with pytest.raises(UsageError, match="expected `latest` or `all`"):
        selected(">=2.4", "newest")


@pytest.mark.parametrize(
    ("spec", "version", "answer"),
    [
        ("", "2.9.0", True),
        ("2.9", "2.9.0", True),
        ("2.9", "2.10.0", False),
        ("2.9.3,2.10", "2.9.0", False),
        ("2.9.3,2.10", "2.10.0", True),
        ("==2.9.*", "2.9.0", True),
        ("<2.4", "2.3.4", True),
        ("<2.4", "2.4.0", False),
    ],
)
def test_a_rule_speaks_of_each_release_by_itself(spec: str, version: str, answer: bool) -> None:
    assert specifier.matches(spec, release(version)) is answer


def test_a_rule_cannot_mean_the_latest() -> None:
    with pytest.raises(UsageError, match="name the versions"):
        specifier.matches("latest", release("2.9.0"))


VERSIONS = st.sampled_from([release.version for release in RELEASES])
CLAUSES = st.builds(str.__add__, st.sampled_from(["==", "!=", "<", "<=", ">", ">="]), VERSIONS)


@given(st.lists(CLAUSES, min_size=1, max_size=3).map(",".join))
def test_all_that_is_selected_is_allowed_and_no_allowed_series_is_left_out(spec: str) -> None:
    allowed = [r for r in RELEASES if SpecifierSet(spec).contains(r.version)]
    try:
        chosen = specifier.select(RELEASES, spec)
    except UsageError:
        assert not allowed
        return
    assert set(chosen) <= set(allowed)
    assert [r.series for r in chosen] == list(dict.fromkeys(r.series for r in allowed))
    assert set(specifier.select(RELEASES, spec, "all")) == set(allowed)


# Pre-releases -------------------------------------------------------------------------------


def pre(version: str) -> Release:
    return evolve(RELEASES[-1], version=version)


KNOWN = tuple(
    sorted(
        [
            *RELEASES,
            *map(pre, ("2.20.0rc0", "2.21.0rc0", "2.21.0rc1", "2.22.0rc0", "2.22.0rc1")),
            *map(pre, ("2.22.0.dev20260204", "2.22.0.dev20260905", "2.23.0.dev20261026")),
        ],
        key=lambda release: release.parsed,
    )
)


@pytest.mark.parametrize(
    ("spec", "versions"),
    [
        # Not asked for, they are not there.
        ("latest", ["2.21.0"]),
        (">=2.20", ["2.20.0", "2.21.0"]),
        ("2.21", ["2.21.0"]),
        # Asked for by name …
        ("2.22.0rc0", ["2.22.0rc0"]),
        ("2.22.0-rc.0", ["2.22.0rc0"]),
        ("2.23.0.dev20261026", ["2.23.0.dev20261026"]),
        ("nightly", ["2.23.0.dev20261026"]),
        ("2.21,nightly", ["2.21.0", "2.23.0.dev20261026"]),
        ("2.21,tf-nightly==2.22.0.dev20260204", ["2.21.0", "2.22.0.dev20260204"]),
        # … by a requirement on the package …
        ("tf-nightly", ["2.22.0.dev20260204", "2.22.0.dev20260905", "2.23.0.dev20261026"]),
        ("tf-nightly>=2.22.0.dev20260301", ["2.22.0.dev20260905", "2.23.0.dev20261026"]),
        ("tf-nightly>=2.22.0.dev20260301,<2.23.0.dev0", ["2.22.0.dev20260905"]),
        ("tf_nightly==2.23.*", ["2.23.0.dev20261026"]),
        # … or by a comparison with one: then a series stands for its newest, as ever.
        (">=2.21.0,<=2.22.0rc0", ["2.21.0", "2.22.0rc0"]),
        (">=2.21.0,<=2.22.0.dev20260905", ["2.21.0", "2.22.0.dev20260905"]),
    ],
)
def test_pre_releases_are_taken_where_they_are_asked_for(spec: str, versions: list[str]) -> None:
    assert [release.version for release in specifier.select(KNOWN, spec)] == versions


@pytest.mark.parametrize(
    ("spec", "patches", "versions"),
    [
        (">=2.20", "latest", ["2.20.0", "2.21.0", "2.22.0rc1"]),
        ("latest", "latest", ["2.22.0rc1"]),
        ("2.22", "latest", ["2.22.0rc1"]),
        (">=2.21.0rc0,<2.22", "all", ["2.21.0rc0", "2.21.0rc1", "2.21.0"]),
    ],
)
def test_with_pre_candidates_count_as_releases(
    spec: str, patches: str, versions: list[str]
) -> None:
    chosen = specifier.select(KNOWN, spec, patches, pre=True)
    assert [release.version for release in chosen] == versions


def test_between_a_release_and_a_nightly_lies_all_that_there_is() -> None:
    """The ends of a bisection."""
    chosen = specifier.select(KNOWN, ">=2.21.0,<=2.23.0.dev20261026", "all")
    assert [release.version for release in chosen] == [
        "2.21.0",
        "2.22.0.dev20260204",
        "2.22.0.dev20260905",
        "2.22.0rc0",
        "2.22.0rc1",
        "2.23.0.dev20261026",
    ]


@pytest.mark.parametrize(
    ("spec", "candidates", "nightlies"),
    [
        (">=2.4,<2.8", False, False),
        ("latest", False, False),
        ("2.15.0.post1", False, False),
        ("2.22.0rc0", True, False),
        (">=2.22.0a1", True, False),
        ("nightly", False, True),
        ("2.9, nightly", False, True),
        ("tf-nightly", False, True),
        (">=2.21.0,<=2.23.0.dev20261026", True, True),
        ("not a spec at all", False, False),
    ],
)
def test_the_index_is_only_read_for_what_it_alone_knows(
    spec: str, candidates: bool, nightlies: bool
) -> None:
    asked = specifier.prereleases_asked(spec)
    assert (asked.candidates, asked.nightlies) == (candidates, nightlies)


@pytest.mark.parametrize(
    "spec", ["tf-nightly>>2", "tf-nightly,2.9", "2.9,tf-nightly", "tf-nightly==x"]
)
def test_a_wrong_requirement_on_nightlies_is_refused(spec: str) -> None:
    with pytest.raises(UsageError):
        specifier.check(spec)
    with pytest.raises(UsageError):
        specifier.select(KNOWN, spec)


def test_a_rule_for_nightlies() -> None:
    nightly, release = pre("2.23.0.dev20261026"), RELEASES[-1]
    for rule, both in (
        ("nightly", (True, False)),
        ("tf-nightly>=2.23.0.dev1", (True, False)),
        (">=2.16", (True, True)),
        ("==2.21.*", (False, True)),
    ):
        assert (specifier.matches(rule, nightly), specifier.matches(rule, release)) == both


def test_an_unknown_newer_release_may_be_a_candidate() -> None:
    for spec in ("2.22", "3.0"):
        with pytest.raises(UsageError, match="--pre counts release candidates too"):
            specifier.select(RELEASES, spec)
    for spec in ("9.2", "29", "2,9"):
        with pytest.raises(UsageError) as caught:
            specifier.select(RELEASES, spec)
        assert "--pre" not in str(caught.value)
