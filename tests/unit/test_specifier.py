"""What a SPEC selects."""

from __future__ import annotations

from typing import Optional

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.specifiers import SpecifierSet

from runner import catalogue, specifier
from runner.errors import UsageError
from runner.model import Release

RELEASES = catalogue.load()
NEWEST = [release.version for release in specifier.newest_patches(RELEASES)]


def selected(spec: str, patches: str = "latest") -> list[str]:
    return [release.version for release in specifier.select(RELEASES, spec, patches)]


def release(version: str) -> Release:
    found: Optional[Release] = catalogue.find(RELEASES, version)
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
        ("2", "'2' is neither a release nor a series: write `==2.*`"),
        ("2.9,>=2.11", "mixes versions and comparisons: write `==2.9.*`"),
        ("2.9.1,>=2.11", "mixes versions and comparisons: write `==2.9.1`"),
        ("", "is no SPEC"),
        ("2.9,", "is no SPEC"),
        ("newest", "'newest' is no version: a SPEC is `latest`, versions such as"),
        (">=2.x", "is no PEP 440 specifier set"),
        ("=>2.4", "is no PEP 440 specifier set"),
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
