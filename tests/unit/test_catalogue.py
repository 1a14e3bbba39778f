"""The catalogue as it is, and what its loader refuses."""

from __future__ import annotations

from datetime import date

import pytest
from packaging.version import Version

from runner.model import Release
from runner.releases import catalogue
from runner.releases.catalogue import CatalogueError

RELEASES = catalogue.load_releases()
NAMES = [release.version for release in RELEASES]

SERIES = """
"2.9":
  pythons: "3.10 3.9"
  cpu: tensorflow-cpu
  keras: "2.9"
  image: "tensorflow/tensorflow:{version}"
  cuda: {cuda: "11.2", cudnn: "8.1", package: tensorflow, base: "tensorflow:{version}-gpu"}
  quirks: [{what: all of them, remedy: one}]
  releases:
    2.9.0: {released: 2022-05-16, cpu_mb: 207, cuda_mb: 512}
"""


def parsed(version: str, line: str) -> Release:
    """The release that one more line under `releases:` makes."""
    found = catalogue.find_release(catalogue.parse(f"{SERIES}    {version}: {line}\n"), version)
    assert found is not None
    return found


# The file -----------------------------------------------------------------------------------


def test_every_final_release_is_there_oldest_first() -> None:
    assert len(RELEASES) == 82
    assert (NAMES[0], NAMES[-1]) == ("1.12.0", "2.21.0")
    assert sorted(NAMES, key=Version) == NAMES
    minors = [f"1.{minor}" for minor in range(12, 16)] + [f"2.{minor}" for minor in range(22)]
    assert list(dict.fromkeys(release.series for release in RELEASES)) == minors


@pytest.mark.parametrize("release", RELEASES, ids=NAMES)
def test_the_cpu_build_is_no_cuda_build(release: Release) -> None:
    """`tensorflow` is the CUDA build in 1.15.0 and from 2.1 on; from 2.16 it is both."""
    own = release.version == "1.15.0" or release.parsed >= Version("2.1")
    package = "tensorflow-cpu" if own else "tensorflow"
    assert release.cpu_requirement == f"{package}=={release.version}"


@pytest.mark.parametrize("release", RELEASES, ids=NAMES)
def test_the_preferred_python_is_one_of_four(release: Release) -> None:
    for first, python in (("2.8", "3.10"), ("2.2", "3.8"), ("1.13", "3.7"), ("1.12", "3.6")):
        if release.parsed >= Version(first):
            assert release.pythons[0] == python
            break
    assert len(set(release.pythons)) == len(release.pythons)


@pytest.mark.parametrize("release", RELEASES, ids=NAMES)
def test_cuda_comes_from_an_image_or_from_packages(release: Release) -> None:
    cuda = release.cuda
    assert cuda is not None
    assert (cuda.base is None) == ("[and-cuda]" in cuda.requirement)
    assert (cuda.base is None) == (release.parsed >= Version("2.14"))
    assert (cuda.unavailable is not None) == (release.version in ("2.15.0", "2.16.1"))


@pytest.mark.parametrize("release", RELEASES, ids=NAMES)
def test_with_keras_3_comes_the_old_keras(release: Release) -> None:
    keras_3 = release.parsed >= Version("2.16")
    assert (release.keras == "3") == keras_3
    assert release.extras == ((f"tf_keras=={release.series}.*",) if keras_3 else ())


def test_wheels_that_were_dropped_within_a_series() -> None:
    def pythons(version: str) -> tuple[str, ...]:
        release = catalogue.find_release(RELEASES, version)
        assert release is not None
        return release.pythons

    assert "3.6" in pythons("2.6.2")
    assert "3.6" not in pythons("2.6.3")
    assert "3.7" in pythons("2.11.0")
    assert "3.7" not in pythons("2.11.1")


def test_releases_can_be_kept_in_sets() -> None:
    assert len(set(RELEASES)) == len(RELEASES)


# An entry -----------------------------------------------------------------------------------


def test_adding_a_release_is_adding_a_line() -> None:
    release = parsed("2.9.1", "{released: 2022-05-23, cpu_mb: 207, cuda_mb: 512}")
    assert release.released == date(2022, 5, 23)
    assert release.cpu_requirement == "tensorflow-cpu==2.9.1"
    assert release.image == "tensorflow/tensorflow:2.9.1"
    assert release.cuda is not None
    assert release.cuda.base == "tensorflow:2.9.1-gpu"


def test_a_release_says_otherwise_than_its_series() -> None:
    release = parsed(
        "2.9.1",
        "{released: 2022-05-23, cpu_mb: 207, image: null, cutoff_days: 7, newer: {six: 2022-09-01},"
        " cuda: {base: other}, quirks: [{what: its own, remedy: two}]}",
    )
    assert (release.image, release.cutoff_days) == (None, 7)
    assert release.newer == (("six", date(2022, 9, 1)),)
    assert release.cuda is not None
    assert (release.cuda.base, release.cuda.cuda) == ("other", "11.2")
    assert [quirk.remedy for quirk in release.quirks] == ["one", "two"]


@pytest.mark.parametrize("spelling", ["2.15.0.post1", "2.15.0-1", "2.15.0.0.post1"])
def test_a_version_is_found_however_it_is_spelt(spelling: str) -> None:
    release = catalogue.find_release(RELEASES, spelling)
    assert release is not None
    assert release.version == "2.15.0.post1"


@pytest.mark.parametrize("spelling", ["2.15.9", "nonsense", ""])
def test_what_there_is_not_is_not_found(spelling: str) -> None:
    assert catalogue.find_release(RELEASES, spelling) is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            SERIES + "    2.9.1: {released: soon, cpu_mb: 1}",
            "releases.yaml: 2.9.1: released: Input should be a valid date (found 'soon')",
        ),
        (
            SERIES + "    2.9.1: {released: 2022-05-23}",
            "releases.yaml: 2.9.1: cpu_mb: Field required",
        ),
        (
            SERIES + "    2.9.1: {released: 2022-05-23, cpu_mb: 1, imag: x}",
            "releases.yaml: 2.9.1: imag: Extra inputs are not permitted",
        ),
        (
            SERIES + "    2.9.1: {released: 2022-05-23, cpu_mb: 1, pythons: 3.10}",
            "releases.yaml: 2.9.1: pythons: Input should be a valid string (found 3.1)",
        ),
        (
            SERIES + "    2.9.1: {released: 2022-05-23, cpu_mb: 1, cuda: {basis: x}}",
            "releases.yaml: 2.9.1: cuda.basis: Extra inputs are not permitted",
        ),
        (
            SERIES + "    2.10.0: {released: 2022-05-23, cpu_mb: 1}",
            "releases.yaml: 2.10.0: not a final release of the series 2.9",
        ),
        (
            SERIES + "    2.9.1rc0: {released: 2022-05-23, cpu_mb: 1}",
            "releases.yaml: 2.9.1rc0: not a final release of the series 2.9",
        ),
        (
            SERIES + "    2.9.0: {released: 2022-05-23, cpu_mb: 1}",
            "releases.yaml:11:5: 2.9.0 is given twice",
        ),
        (SERIES + "    2.9.1: {", "releases.yaml:12:1: expected the node content"),
        (SERIES.replace('"2.9":', "2.9:"), "releases.yaml: 2.9: put the series in quotes"),
        (SERIES + "    2.9.1:", "releases.yaml: 2.9: 2.9.1: expected a mapping, found None"),
        ("- a list", "releases.yaml: expected a mapping, found ['a list']"),
    ],
)
def test_a_mistake_is_told_with_its_place(text: str, message: str) -> None:
    with pytest.raises(CatalogueError) as caught:
        catalogue.parse(f"{text}\n")
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)
