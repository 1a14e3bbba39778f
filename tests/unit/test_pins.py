"""Which releases may be pinned, and the requirement that says so."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Optional

import pytest
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from runner import grid
from runner.errors import UsageError
from runner.model import EnvironmentInfo, Run, Suite
from runner.pins import constraints, requirement, words
from runner.pins.check import check_requirement
from runner.pins.pin import Pin, find_pin
from runner.releases import catalogue
from tests.unit import runs

CATALOGUE = tuple(release.version for release in catalogue.load_releases())


def pin(run: Run, known: Sequence[str] = (), **asked: Any) -> Pin:
    return find_pin(grid.build_grid(run), known, **asked)


def requirement_of(picture: str, known: Sequence[str] = (), **asked: Any) -> Optional[str]:
    claim = pin(runs.drawn(picture), known, **asked).requirement
    return claim.requirement if claim else None


# --- What qualifies --------------------------------------------------------------------------


def test_the_issues_example() -> None:
    picture = "2.4 2.5 2.6 2.7 2.15 2.16\na ✓ ✓ A ✓ ✓ B\nb ✓ ✓ ✓ ✓ ✓ ✓"
    assert requirement_of(picture) == "tensorflow>=2.4,!=2.6.*,<2.16"


@pytest.mark.parametrize("glyph", ["–", "!", "?"])
def test_what_was_not_measured_supports_no_pin(glyph: str) -> None:
    assert requirement_of(f"2.4 2.5\na ✓ ✓\nb ✓ {glyph}") == "tensorflow==2.4.0"


def test_an_inferred_pass_supports_no_pin() -> None:
    run = runs.drawn("2.4 2.5 2.6\na ✓ ✓ ✓")
    first, second, third = run.results
    inferred = evolve(second, inferred=("2.4.0", "2.6.0"))
    answer = pin(evolve(run, results=(first, inferred, third)))
    assert [s.release for s in answer.qualifying] == ["2.4.0", "2.6.0"]
    assert not answer.standings[1].obstacles[0].measured


def test_only_what_is_required_must_pass() -> None:
    picture = "2.4 2.5\nfit-a ✓ ✓\nfit-b ✓ ✓\nother ✓ A"
    assert requirement_of(picture) == "tensorflow==2.4.0"
    assert requirement_of(picture, require=["fit-*"]) == "tensorflow>=2.4,<=2.5.0"
    assert requirement_of(picture, require=["script/fit-a", "other"]) == "tensorflow==2.4.0"


def test_variants_are_required_where_they_are_named() -> None:
    picture = "2.4 2.5 2.6\na ✓ ✓ A\na@k=v – ✓ ✓\nb@k=v ✓ ✓ ✓"
    assert requirement_of(picture) == "tensorflow>=2.4,<2.6"
    assert requirement_of(picture, require=["a*"]) == "tensorflow>=2.4,<2.6"
    assert requirement_of(picture, require=["a@*"]) == "tensorflow>=2.5,<=2.6.0"


def test_each_glob_must_name_a_case() -> None:
    with pytest.raises(UsageError, match=r"'nonesuch'; there are: a, b"):
        requirement_of("2.4\na ✓\nb ✓", require=["a", "nonesuch"])


def test_a_row_is_required_by_the_name_that_reports_show() -> None:
    picture = "2.4 2.5\nt.py::lr[0.1] ✓ ✓\nt.py::lr[0.5] ✓ A"
    assert requirement_of(picture, require=["t.py::lr[0.1]"]) == "tensorflow>=2.4,<=2.5.0"
    assert requirement_of(picture, require=["t.py::lr[0.5]"]) == "tensorflow==2.4.0"


@pytest.mark.parametrize(
    ("require", "names"),
    [
        ([], ["t.py::a"]),
        (["t.py::*"], ["t.py::a"]),
        (["t.py::gpu"], ["t.py::gpu"]),
        (["*", "t.py::gpu"], ["t.py::a", "t.py::gpu"]),
    ],
)
def test_a_test_that_was_skipped_everywhere_counts_only_by_its_name(
    require: list[str], names: list[str]
) -> None:
    run = runs.drawn("2.4 2.5\nt.py::a ✓ ✓\nt.py::gpu – –")
    (repro,) = run.repros
    suite = evolve(run, repros=(evolve(repro, suite=Suite(folder=Path())),))
    assert [row.case for row in pin(suite, require=require).required] == names


def on_two_devices() -> Run:
    cpu = runs.drawn("2.4 2.5 2.6\na ✓ ✓ ✓")
    cuda = runs.drawn("2.4 2.5\na ✓ A", device="cuda")
    return evolve(
        cpu,
        environments=cpu.environments + cuda.environments,
        results=cpu.results + cuda.results,
    )


def test_a_release_must_pass_on_every_device_asked_for() -> None:
    run = on_two_devices()
    assert [s.release for s in pin(run).qualifying] == ["2.4.0"]
    assert [s.release for s in pin(run, devices=["cpu"]).qualifying] == [
        "2.4.0",
        "2.5.0",
        "2.6.0",
    ]
    missing = pin(run).standings[-1].obstacles
    assert [(o.device, o.verdict) for o in missing] == [("cuda", None)]


def test_evidence_from_other_pythons_does_not_count() -> None:
    old, new = runs.drawn("2.4\na ✓"), runs.drawn("2.4 2.5\na A ✓", python="3.10")
    run = evolve(
        old, environments=old.environments + new.environments, results=old.results + new.results
    )
    assert [s.release for s in pin(run).qualifying] == ["2.5.0"]
    assert [s.release for s in pin(run, pythons=["3.8"]).qualifying] == ["2.4.0"]
    with pytest.raises(UsageError, match=r"no Python 3\.7; it has: 3\.10, 3\.8"):
        pin(run, pythons=["3.7"])


def test_a_device_that_the_run_has_not_is_wrong_use() -> None:
    with pytest.raises(UsageError, match="no device cuda; it has: cpu"):
        pin(runs.drawn("2.4\na ✓"), devices=["cuda"])


def test_none_qualifies() -> None:
    answer = pin(runs.drawn("2.4 2.5 2.6\na A ✓ ✓\nb B A ✓\nc A A A"))
    assert answer.requirement is None
    assert answer.newest is None
    assert answer.closest.release == "2.6.0"


# --- What keeps from the next ----------------------------------------------------------------


def test_each_case_says_where_it_first_blocks_and_why() -> None:
    answer = pin(runs.drawn("2.4 2.5 2.6 2.7\na ✓ ✓ A A\nb ✓ ✓ ✓ B\nc ✓ ✓ ✓ ✓\nd A ✓ – A"))
    assert answer.newest is not None
    assert answer.newest.release == "2.5.0"
    assert [(o.row.case, o.tensorflow, o.measured) for o in answer.blocking] == [
        ("a", "2.6.0", True),
        ("d", "2.6.0", False),
        ("b", "2.7.0", True),
    ]
    assert answer.blocking[0].why == "ErrorA: what A says"


# --- The requirement -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("measured", "specifier", "unmeasured"),
    [
        # Of each series the newest patch: the older ones of those that pass stay inside.
        ("2.7.4+ 2.8.4+ 2.9.3-", ">=2.7.4,<2.9", "2.8.0 2.8.1 2.8.2 2.8.3"),
        ("2.7.4+ 2.8.4- 2.9.3+", ">=2.7.4,!=2.8.*,<2.10", "2.9.0 2.9.1 2.9.2"),
        # Nothing is said for patches newer than the measured one, nor for a series never looked at.
        ("2.7.4+ 2.8.2+ 2.10.1+", ">=2.7.4,!=2.8.3,!=2.8.4,!=2.9.*,<2.11", "2.8.0 2.8.1 2.10.0"),
        # Nor between a patch that fails and one that passes.
        ("2.7.4+ 2.8.1- 2.8.4+", ">=2.7.4,!=2.8.0,!=2.8.1,!=2.8.2,!=2.8.3,<2.9", ""),
        # Patches to come are not promised.
        ("2.20.0+ 2.21.0+", ">=2.20,<=2.21.0", ""),
        ("2.7.4+ 2.8.2+", ">=2.7.4,<=2.8.2", "2.8.0 2.8.1"),
        ("2.15.1+", "==2.15.1", ""),
        ("1.15.5+ 2.0.4-", "==1.15.5", ""),
        ("1.14.0+ 1.15.5+ 2.0.4-", ">=1.14,<2.0", "1.15.0 1.15.2 1.15.3 1.15.4"),
        # A release candidate does not vouch for the release, nor for anything after it.
        ("2.21.0+ 2.22.0rc1+ 2.23.0-", ">=2.21,<=2.22.0rc1", ""),
        ("2.4.0- 2.5.0-", None, ""),
    ],
)
def test_specifiers(measured: str, specifier: Optional[str], unmeasured: str) -> None:
    claim = requirement.narrowest_requirement(
        {Version(word[:-1]): word[-1] == "+" for word in measured.split()}, map(Version, CATALOGUE)
    )
    assert (claim and claim.specifier) == specifier
    assert [str(version) for version in claim.unmeasured] == unmeasured.split() if claim else True


def test_strict_excludes_every_release_that_was_not_measured() -> None:
    claim = requirement.narrowest_requirement(
        {Version("2.7.4"): True, Version("2.8.4"): True}, map(Version, CATALOGUE), strict=True
    )
    assert claim is not None
    assert claim.specifier == ">=2.7.4,!=2.8.0,!=2.8.1,!=2.8.2,!=2.8.3,<2.9"


VERSIONS = st.one_of(
    st.sampled_from(CATALOGUE),
    st.builds("{}.{}.{}".format, st.integers(1, 3), st.integers(0, 3), st.integers(0, 3)),
    st.builds(
        "2.{}.{}{}".format,
        st.integers(0, 3),
        st.integers(0, 2),
        st.sampled_from(["rc0", "rc1", ".post1", ".dev2", "a1"]),
    ),
).map(Version)


@settings(deadline=None)
@given(st.dictionaries(VERSIONS, st.booleans(), min_size=1), st.sets(VERSIONS), st.booleans())
def test_it_admits_exactly_what_qualifies_of_all_that_was_measured(
    measured: dict[Version, bool], known: set[Version], strict: bool
) -> None:
    claim = requirement.narrowest_requirement(measured, known, strict=strict)
    if claim is None:
        assert not any(measured.values())
        return
    found = SpecifierSet(claim.specifier, prereleases=True)
    assert {v for v in measured if v in found} == {v for v, good in measured.items() if good}
    beyond = {v for v in known if v in found} - set(measured)
    assert beyond == set(claim.unmeasured)
    assert not (strict and beyond)
    assert requirement.parse_requirement(claim.requirement) == found


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from(CATALOGUE), st.sampled_from("✓✓✓A–!"), min_size=1))
def test_the_grid_and_the_requirement_agree(drawn: dict[str, str]) -> None:
    versions = sorted(drawn, key=Version)
    picture = " ".join(versions) + "\na " + " ".join(drawn[version] for version in versions)
    answer = pin(runs.drawn(picture), CATALOGUE)
    good = [version for version in versions if drawn[version] == "✓"]
    assert [standing.release for standing in answer.qualifying] == good
    if answer.requirement:
        checked = check_requirement(
            answer, requirement.parse_requirement(answer.requirement.requirement), CATALOGUE
        )
        assert checked.holds
        assert [standing.release for standing in checked.admitted] == good
        assert checked.unmeasured == answer.requirement.unmeasured


# --- Checking one ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("tensorflow==2.15.*", True),
        ("tensorflow-cpu~=2.15.0", True),
        ("TensorFlow[and-cuda]>=2.15,<2.16", True),
        (">=2.4,<2.16", False),  # nobody measured 2.5 to 2.14
        ("tensorflow==2.16.0", False),
        (">=2.4", False),
        ("tensorflow", False),
        ("==2.16.*", False),
        ("==2.17.*", False),
        ("==2.3.*", False),
    ],
)
def test_check(text: str, holds: bool) -> None:
    answer = pin(runs.drawn("2.4.4 2.15.1 2.16.2 2.17.1\na ✓ ✓ A –"))
    assert check_requirement(answer, requirement.parse_requirement(text), CATALOGUE).holds is holds


def test_a_check_holds_only_for_what_was_measured_or_has_a_newer_patch_that_was() -> None:
    run = runs.drawn("2.4.1 2.5.3\na ✓ ✓")
    text = requirement.parse_requirement("tensorflow>=2.4,<2.6")
    answer = check_requirement(pin(run), text, CATALOGUE)
    assert not answer.holds
    assert [str(version) for version in answer.unvouched] == ["2.4.2", "2.4.3", "2.4.4"]
    said = words.check_text("tensorflow>=2.4,<2.6", answer)
    assert "does not hold" in said
    assert "it admits releases that nobody measured: 2.4.2–2.4.4" in said
    whole = pin(runs.drawn("2.4.4 2.5.3\na ✓ ✓"))
    assert check_requirement(whole, text, CATALOGUE).holds
    strict = pin(runs.drawn("2.4.4 2.5.3\na ✓ ✓"), strict=True)
    assert not check_requirement(strict, text, CATALOGUE).holds


def test_a_release_of_which_all_is_inferred_was_not_measured() -> None:
    run = runs.drawn("2.4.4 2.5.3 2.6.5\na ✓ ✓ ✓")
    first, second, third = run.results
    inferred = evolve(second, inferred=("2.4.4", "2.6.5"))
    answer = pin(evolve(run, results=(first, inferred, third)), CATALOGUE)
    assert list(map(str, answer.measured)) == ["2.4.4", "2.6.5"]
    assert answer.requirement is not None
    assert "2.5.3" in list(map(str, answer.requirement.excluded))
    assert "2 of 2 measured releases pass" in words.pin_text(answer, None)
    assert not check_requirement(answer, requirement.parse_requirement("==2.5.3"), CATALOGUE).holds


def test_what_passed_most_times_qualifies_only_where_that_is_asked() -> None:
    run = runs.drawn("2.4.4 2.5.3\na ✓ ✓")
    flaky = evolve(run.results[1], attempts=5, agreed=3)
    run = evolve(run, results=(run.results[0], flaky))
    refused, allowed = pin(run), pin(run, flaky=True)
    assert [one.release for one in refused.qualifying] == ["2.4.4"]
    assert [one.release for one in allowed.qualifying] == ["2.4.4", "2.5.3"]
    assert refused.standings[1].obstacles[0].measured
    assert "2.5.3 cpu  flaky, pass in 3 of 5 attempts" in words.pin_text(refused, None)
    assert words.pin_to_json(refused, None)["blocking"][0]["votes"] == "3/5"


def test_a_name_that_no_case_has_gets_the_nearest_five() -> None:
    names = [f"layers-{number:02}" for number in range(70)] + ["serving", "training"]
    run = runs.drawn("2.4.4\n" + "\n".join(f"{name} ✓" for name in names))
    with pytest.raises(UsageError, match=r"nearest 5 of 72 are: training, ") as caught:
        pin(run, require=["trainning"])
    assert len(str(caught.value)) < 150


@pytest.mark.parametrize(
    "text",
    ["", " ", "2.15", "tensorflow=2.15", ">>2", "numpy>=1", "tensorflow @ file:///x", "==2.*.1"],
)
def test_what_is_no_requirement_is_wrong_use(text: str) -> None:
    with pytest.raises(UsageError):
        requirement.parse_requirement(text)


def test_a_marker_cannot_be_checked() -> None:
    with pytest.raises(UsageError, match="marker"):
        requirement.parse_requirement("tensorflow>=2.4; python_version < '3.10'")


# --- In words --------------------------------------------------------------------------------


def test_in_words() -> None:
    picture = "2.7.4 2.8.4 2.9.3 2.10.1\na ✓ ✓ A –\nb ✓ ✓ A ✓"
    assert words.pin_text(pin(runs.drawn(picture), CATALOGUE), None).splitlines() == [
        "tensorflow>=2.7.4,<2.9",
        "",
        "newest: 2.8.4",
        "2 of 4 measured releases pass both required cases: 2.7.4, 2.8.4",
        "admitted but not measured, because newer patches of the series pass (--strict excludes "
        "them; `tfmatrix run --patches all` measures them): 2.8.0–2.8.3",
        "",
        "what rules out releases after 2.8.4 (the first obstacle of each case):",
        "  2.9.3 cpu  fail: ErrorA: what A says",
        "      a and b",
        "",
        "not enough evidence to pin (nothing failed there):",
        "  2.10.1 cpu  skip: tf.function came with TensorFlow 1.14",
        "      a",
    ]


def test_no_escape_code_reaches_the_terminal() -> None:
    answer = pin(runs.hostile())
    assert words.pin_text(answer, None).replace("\n", "").isprintable()
    checked = check_requirement(answer, requirement.parse_requirement(">=1"), CATALOGUE)
    assert words.check_text("\x1b[31m>=1", checked).replace("\n", "").isprintable()


# --- Constraints -----------------------------------------------------------------------------


def environment(*packages: str) -> EnvironmentInfo:
    return evolve(runs.environment("2.15"), packages=packages)


def test_constraints_are_the_packages_of_where_the_newest_passed() -> None:
    run = runs.drawn("2.4 2.15 2.16\na ✓ ✓ A")
    built = grid.build_grid(run)
    chosen = constraints.pinned_environment(find_pin(built, ()), built, run.environments)
    assert chosen.id == "2.15.0-py3.8-cpu"


def test_constraints_are_those_of_the_newest_python() -> None:
    old, new = runs.drawn("2.4\na ✓", python="3.9"), runs.drawn("2.4\na ✓", python="3.10")
    run = evolve(
        old, environments=new.environments + old.environments, results=new.results + old.results
    )
    built = grid.build_grid(run)
    chosen = constraints.pinned_environment(find_pin(built, ()), built, run.environments)
    assert chosen.id == "2.4.0-py3.10-cpu"


def test_constraints_hold_every_distribution_and_have_no_extras() -> None:
    text = constraints.constraints_text(
        environment("numpy==1.23.5", "tensorflow[and-cuda]==2.15.0"), "run x"
    )
    assert [line for line in text.splitlines() if not line.startswith("#")] == [
        "numpy==1.23.5",
        "tensorflow==2.15.0",
        "tensorflow-cpu==2.15.0",
        "tensorflow-gpu==2.15.0",
    ]
