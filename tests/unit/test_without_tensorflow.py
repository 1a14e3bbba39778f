"""Environments without TensorFlow: their locks, Dockerfiles, rules and words."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from attrs import evolve

from runner.environments import locks, render, sizes
from runner.errors import LockError
from runner.matrix import plan, vary
from runner.model import Case, Device, Environment, Release, Repro, Resolution, Target
from runner.releases import catalogue, specifier
from runner.report.text import tensorflow_words

NONE = catalogue.without_tensorflow()
TARGET = Target(
    release=NONE,
    device=Device.CPU,
    python="3.10",
    requirements=("jax[cpu]", "keras==3.4.1"),
    resolution=Resolution(later="2024-06-26"),
)


def locked(*names: str) -> str:
    pins = "".join(f"{name}==1.0 --hash=sha256:{'0' * 64}\n" for name in names)
    return locks.lock_header(TARGET) + pins


def test_its_lock_asks_for_the_packages_of_the_columns_day_alone() -> None:
    asked = locks.lock_request(TARGET)
    assert asked.requirements == ("jax[cpu]", "keras==3.4.1")
    assert asked.as_of == date(2024, 6, 26)
    assert (asked.constraints, asked.left_out, asked.stand_in) == ((), (), "")
    first = locks.lock_header(TARGET).splitlines()[0]
    assert first == "# no TensorFlow on cpu: Python 3.10, Linux x86-64, packages as of 2024-06-26"


def test_a_day_that_the_user_names_comes_first() -> None:
    chosen = evolve(TARGET, resolution=Resolution(later="2024-06-26", as_of="2025-01-31"))
    assert locks.lock_request(chosen).as_of == date(2025, 1, 31)


@pytest.mark.parametrize("name", ["tensorflow", "tensorflow-cpu", "tf-nightly", "tensorflow-gpu"])
def test_a_lock_that_brings_it_all_the_same_is_refused(name: str) -> None:
    locks.verify(locked("keras", "tensorflow-probability"), TARGET, Path("a"))
    with pytest.raises(LockError, match="one of these needs TensorFlow, which --tf none leaves"):
        locks.verify(locked("keras", name), TARGET, Path("a"))


def test_its_dockerfile_installs_the_packages_and_no_tensorflow() -> None:
    text = render.dockerfile(TARGET)
    assert text.startswith("# Without TensorFlow, on cpu, Python 3.10\n")
    assert "AS lock" not in text
    assert "TensorFlow alone" not in text
    assert "/mnt/tensorflow" not in text
    assert "as of 2024-06-26" in text
    assert "--requirement /mnt/requirements.txt" in text
    assert "2015" not in text


def test_it_is_named_by_what_it_lacks_and_takes_no_wheels_room() -> None:
    environment = Environment(target=TARGET, requirements="", key="a" * 64)
    assert environment.id == "no-tensorflow-py3.10-cpu-jax-cpu-keras-3.4.1-aaaaaaaa"
    newest = catalogue.load_releases()[-1]
    assert sizes.estimate("local", NONE) < sizes.estimate("local", newest) / 4


@pytest.mark.parametrize("spec", [">=2.4", "<2.18", "2.9", "tf-nightly", "!=2.4.0", "<=0", "0"])
def test_no_rule_about_releases_is_for_it(spec: str) -> None:
    assert not specifier.matches(spec, NONE)


@pytest.mark.parametrize("spec", ["", " ", ">=0"])
def test_a_rule_about_all_is_for_it_too(spec: str) -> None:
    assert specifier.matches(spec, NONE)


def test_the_backends_of_keras_3_are_there_without_a_release_that_has_keras_3() -> None:
    (jax,) = vary.parse_axis("backend=jax").values
    case = Case(name="default@backend=jax", variant=jax)
    repro = Repro(name="mine", script=Path("my.py"), cases=(case,))
    assert plan.planned_cell(repro, case, NONE, Device.CPU).skip is None
    older = evolve(NONE, version="2.9.3")
    assert plan.planned_cell(repro, case, older, Device.CPU).skip is not None


def test_it_has_the_pythons_of_the_newest_release() -> None:
    assert NONE.pythons == catalogue.load_releases()[-1].pythons
    assert isinstance(NONE, Release)
    assert (NONE.spec, evolve(NONE, version="2.9.3").spec) == ("none", "2.9.3")


def test_words() -> None:
    assert tensorflow_words("2.9.3") == "TensorFlow 2.9.3"
    assert tensorflow_words(NONE.version) == "no TensorFlow"
