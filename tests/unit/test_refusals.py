"""Why packages cannot be had together, from what uv said."""

from __future__ import annotations

from datetime import date

import pytest

from runner.environments import refusals
from runner.errors import BoundError, LockError

CANNOT = ", we can conclude that your requirements are unsatisfiable."
NUMPY = f"""\
  × No solution found when resolving dependencies:
  ╰─▶ Because tensorflow-cpu==2.14.1 depends on numpy>=1.23.5,<2.0.0 and you require
      tensorflow-cpu==2.14.1, we can conclude that you require numpy>=1.23.5,<2.0.0.
      And because you require numpy==2.0.2{CANNOT}
"""
PANDAS = f"""\
Because pandas==1.5.0 depends on numpy{{python_full_version < '3.10'}}>=1.20.3 and
tensorflow-cpu>=2.3.0 depends on numpy>=1.16.0,<1.19.0, we can conclude that pandas==1.5.0 and
tensorflow-cpu>=2.3.0 are incompatible. And because you require pandas==1.5.0{CANNOT}
"""


def explained(said: str, *requirements: str) -> LockError:
    return refusals.explain_refusal(
        said, requirements, "3.10", date(2023, 12, 14), "TensorFlow 2.14.1"
    )


@pytest.mark.parametrize(
    ("said", "asked", "reason"),
    [
        (NUMPY, "numpy==2.0.2", "numpy>=1.23.5,<2.0.0; asked for is numpy==2.0.2"),
        (PANDAS, "pandas==1.5.0", "numpy>=1.16.0,<1.19.0; pandas==1.5.0 needs numpy>=1.20.3"),
    ],
)
def test_a_bound_of_tensorflows_own_is_the_reason(said: str, asked: str, reason: str) -> None:
    found = explained(said, "tensorflow-cpu==2.14.1", asked)
    assert isinstance(found, BoundError)
    assert found.message == f"TensorFlow 2.14.1 needs {reason}"


def test_a_version_that_is_not_there_is_no_bound() -> None:
    found = explained(
        f"Because there is no version of pandas==9.9 and you require pandas==9.9{CANNOT}",
        "pandas==9.9",
    )
    assert not isinstance(found, BoundError)
    assert found.message == (
        "no packages of 2023-12-14 satisfy pandas==9.9 on Python 3.10: Because there is no version"
        " of pandas==9.9 and you require pandas==9.9."
    )


ABSENT = f"""\
  × No solution found when resolving dependencies:
  ╰─▶ Because nosuch-thing was not found in the package registry and you require
      nosuch-thing>=1{CANNOT}
"""


def test_a_package_that_does_not_exist_is_told_by_its_name() -> None:
    asked = ("tensorflow-cpu==2.14.1", "Nosuch_Thing>=1")
    said = "the package index has no Nosuch_Thing>=1: correct the name, or leave it out"
    assert explained(ABSENT, *asked).one_line == said
    private = "hint: An index URL (http://x) could not be queried due to a lack of credentials"
    assert explained(ABSENT + private, *asked).message.startswith("no packages of")
    assert explained(ABSENT, "other").message.startswith("no packages of"), "another asks for it"


def test_a_long_explanation_is_cut_and_its_hint_left_out() -> None:
    found = explained("Because " + "x depends on y and " * 100 + "hint: try harder", "x")
    assert len(found.message) < 550
    assert "hint" not in found.message
    assert found.message.endswith("…")


def test_an_index_that_is_away_is_said_so() -> None:
    found = explained("error: dns error: failed to lookup", "x")
    assert found.message.startswith("the package index cannot be reached")


def test_what_keeps_uv_from_looking_is_not_put_down_to_the_packages() -> None:
    said = "error: Failed to initialize cache at `/proc/x`: failed to create directory"
    found = explained(said, "tensorflow-cpu==2.14.1", "tabulate")
    assert found.one_line == (
        "uv could not look for tensorflow-cpu==2.14.1, tabulate: Failed to initialize cache at"
        " `/proc/x`: failed to create directory"
    )
