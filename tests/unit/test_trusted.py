"""Which failures of a forked child are trusted after an edit: two fresh processes must agree."""

from __future__ import annotations

import pytest
from attrs import evolve

from runner.cells.flakiness.confirmations import InMemory
from runner.cells.flakiness.trusted import Trusted

SAID = "ValueError: no such luck"


def trusted(**more: str) -> Trusted:
    known = {"environment": "2.9", "files": "as-edited:my.py", "script": "/home/my.py", **more}
    return Trusted(store=InMemory(), **known)


def confirmed_elsewhere(now: Trusted, said: str = SAID, test: str = "") -> None:
    """The two fresh processes: before the edit here, after it in another environment."""
    evolve(now, files="before:my.py").confirm(said, test)
    evolve(now, environment="2.10").confirm(said, test)


def test_what_was_shown_before_the_edit_and_after_it_elsewhere_is_trusted() -> None:
    now = trusted()
    confirmed_elsewhere(now)
    assert now.signatures() == {SAID}
    assert now.shown() == frozenset()


def test_one_of_the_two_is_not_enough() -> None:
    now = trusted()
    evolve(now, files="before:my.py").confirm(SAID)
    assert now.signatures() == frozenset()
    now = trusted()
    evolve(now, environment="2.10").confirm(SAID)
    assert now.signatures() == frozenset()


def test_both_must_have_shown_the_same() -> None:
    now = trusted()
    evolve(now, files="before:my.py").confirm(SAID)
    evolve(now, environment="2.10").confirm("ValueError: another")
    assert now.signatures() == frozenset()


@pytest.mark.parametrize(
    "said",
    [
        "AssertionError",
        "keras.errors.OopsError",
        "exit 3",
        "exit 3: AssertionError",
        "killed for processes",
        "failed test T.test_a: AssertionError",
        "failed tests a (ValueError), b (KeyError)",
        "SystemExit: the process ended with 1 in the middle of the tests",
    ],
)
def test_what_has_no_text_is_not_trusted_after_an_edit(said: str) -> None:
    for test in ("", "test_a[x: 1]"):
        now = trusted()
        confirmed_elsewhere(now, said, test)
        assert now.signatures(test) == frozenset()


def test_another_script_says_nothing_of_this_one() -> None:
    now = trusted()
    evolve(now, files="before:my.py", script="/home/other.py").confirm(SAID)
    evolve(now, environment="2.10").confirm(SAID)
    assert now.signatures() == frozenset()


def test_each_test_of_a_suite_and_each_suite_has_its_own() -> None:
    now = trusted(suite=":test_a.py")
    confirmed_elsewhere(now, test="test_one")
    assert now.signatures("test_one") == {SAID}
    assert now.signatures("test_two") == frozenset()
    assert evolve(now, suite=":test_b.py").signatures("test_one") == frozenset()
    now.confirm("ValueError: here", "test_two")
    assert now.shown("test_two") == {"ValueError: here"}


def test_without_a_path_no_edit_counts() -> None:
    now = trusted(script="")
    confirmed_elsewhere(now)
    assert now.signatures() == frozenset()
    now.confirm(SAID)
    assert now.signatures() == {SAID}
