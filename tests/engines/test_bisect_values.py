"""`tfmatrix bisect` by noisy values from end to end, with real processes and without TensorFlow."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from runner import engines, paths
from runner.environments import locks
from runner.model import Environment, Target
from tests.engines.test_bisect import Desk, Pretending

HEAD = """
import os, pathlib, sys
version = tuple(map(int, os.environ["PRETENDED"].split(".")))
runs = pathlib.Path("FOLDER", os.environ["PRETENDED"] + ".runs")
number = len(runs.read_bytes()) if runs.exists() else 0
runs.write_bytes(b"x" * (number + 1))
with open(pathlib.Path("FOLDER", "order"), "a") as order:
    order.write(os.environ["PRETENDED"] + "\\n")
"""
NOISY = """
level = 10 if version < (2, 7) else 20 if version >= (2, 9) else (10, 20)[number % 2]
print("::observe level=%s" % (level + number / 100))
"""
"""Worse since 2.9; between the two, 2.7 and 2.8 vary as much as the others differ."""
SERIES = ("--patches", "latest")


@pytest.fixture
def desk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Desk:
    engine = Pretending()

    def lock(target: Target, images: object = None) -> Environment:
        return Environment(target=target, requirements="six==1.0\n", key=target.release.version)

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TFMATRIX_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(engines, "choose", lambda name, say, *_: engine)
    monkeypatch.setattr(locks, "environment", lock)
    return Desk(tmp_path, engine, capsys)


def write(desk: Desk, body: str) -> None:
    desk.script((HEAD + body).replace("FOLDER", str(desk.folder)))


def test_the_release_that_takes_more_memory(desk: Desk) -> None:
    """A bare Python takes about 10 MiB."""
    write(desk, "kept = b'x' * ((100 if version >= (2, 7) else 1) << 20)\n")
    arguments = ("--good", "2.6", "--bad", "2.8", "--on", "rss_mb > 3 * median(good)")
    assert desk.give("bisect", *arguments, *SERIES) == 0
    assert desk.said.startswith("The first bad series is 2.7: 2.6.5 passes with rss_mb = ")
    assert ", 2.7.4 passes with rss_mb = 1" in desk.said
    assert "judged by 5 to 20 runs of each release (chance of a wrong answer" in desk.said
    report = (desk.folder_of_run / "matrix.md").read_text("utf-8")
    assert "The first bad series is 2.7: 2.6.5 passes with rss_mb = " in report


def test_it_measures_good_and_candidate_in_turns_and_asks_no_store(desk: Desk) -> None:
    write(desk, "print('::observe level=%s' % (20 if version >= (2, 7) else 10))\n")
    assert desk.give("run", "--tf", "2.6,2.8", "--patches", "latest") == 0
    (desk.folder / "order").unlink()
    made = len(desk.engine.made)
    arguments = ("--good", "2.6", "--bad", "2.8", "--on", "level > 1.5 * median(good)")
    assert desk.give("bisect", *arguments, *SERIES) == 0
    assert "known already" not in desk.noted
    order = (desk.folder / "order").read_text("utf-8").split()
    turns = ["2.6.5", "2.8.4", "2.8.4", "2.6.5"]
    assert order[:12] == ["2.6.5", "2.8.4", *turns, *turns, *turns[:2]]
    assert Counter(order) == {"2.6.5": 1 + 5 + 5, "2.8.4": 1 + 5, "2.7.4": 1 + 5}
    assert [each.partition("-")[0] for each in desk.engine.made[made:]] == order, "nothing else"


def test_what_is_ambiguous_leaves_a_range(desk: Desk) -> None:
    write(desk, NOISY)
    arguments = ("--good", "2.6", "--bad", "2.9", "--on", "level > 1.5 * median(good)")
    options = ("--repeat", "6", "--format", "json")
    assert desk.give("bisect", *arguments, *SERIES, *options) == 0
    told = json.loads(desk.said)
    assert told["sentence"].startswith(
        "The first bad series is 2.9 or one before it that is ambiguous, 2.7 … 2.8 (2 series): "
        "2.6.5 passes with level = 10."
    )
    assert "2.7.4 passes with level = 15.04: ambiguous, 6 runs from 10.02 to 20.05" in desk.noted
    assert (told["value"], told["found"]["unknown"]) == ("level", ["2.7.4", "2.8.4"])
    found = {one["tensorflow"]: one for one in told["looked_at"]}
    assert {
        version: (one["bad"], one["evidence"]["judgement"]) for version, one in found.items()
    } == {
        "2.6.5": (False, "good"),
        "2.7.4": (None, "ambiguous"),
        "2.8.4": (None, "ambiguous"),
        "2.9.3": (True, "bad"),
    }
    evidence = found["2.9.3"]["evidence"]
    assert len(evidence["values"]) == len(evidence["good"]) == 5
    assert evidence["chance"] == pytest.approx(1 / 252)
    assert found["2.9.3"]["attempts"] == 6, "one more, which is not counted"


def test_an_end_that_is_ambiguous_is_no_answer(desk: Desk) -> None:
    write(desk, NOISY)
    arguments = ("--good", "2.6", "--bad", "2.8", "--on", "level > 1.5 * median(good)")
    assert desk.give("bisect", *arguments, *SERIES, "--repeat", "6") == 1
    assert "2.8.4 passes with level = 15.04 (6 runs from" in desk.said
    assert "is ambiguous, so there is no answer: allow more runs (--repeat)" in desk.said


def test_a_bound_needs_no_end(desk: Desk) -> None:
    write(desk, "print('::observe level=%s' % (20 if version >= (2, 21) else 10))\n")
    assert desk.give("bisect", "--bad", "level > 15", *SERIES) == 0
    assert desk.said.startswith(
        "The first bad series is 2.21: 2.20.0 passes with level = 10, 2.21.0 passes with level = 20"
    )


def test_a_leak_is_the_growth_of_a_series(desk: Desk) -> None:
    write(
        desk,
        "step = 0.5 if version >= (2, 7) else 0\n"
        "print('::observe mem=%s' % [100 + number + step * at for at in range(9)])\n",
    )
    arguments = ("--good", "2.6", "--bad", "2.7", "--on", "growth(mem) > 0.2")
    assert desk.give("bisect", *arguments, *SERIES) == 0
    assert desk.said.startswith(
        "The first bad series is 2.7: 2.6.5 passes with growth(mem) = 0, 2.7.4 passes with "
        "growth(mem) = 0.5."
    )


@pytest.mark.parametrize(
    ("body", "code", "said"),
    [
        ("", 2, "2.4.4 observed no level: a script observes NAME with a line ::observe NAME=1.5"),
        ("level = 1", 3, "2.4.4 passes (it observed no number level), so there is no answer"),
        ("sys.exit(1)", 3, '2.4.4 fails with "exit 1" (it observed no number level), so'),
        ("sys.exit(125)", 3, "2.4.4 is skipped (the script exited with 125), so"),
    ],
    ids=["no such name", "nothing is observed", "it fails", "it skips"],
)
def test_a_good_end_without_a_value_ends_the_search_at_once(
    desk: Desk, body: str, code: int, said: str
) -> None:
    write(desk, body)
    arguments = ("--good", "2.4", "--bad", "2.9", "--on", "level > 1.5 * median(good)")
    assert desk.give("bisect", *arguments) == code
    assert said in desk.said + desk.noted
    assert len((desk.folder / "order").read_text("utf-8").split()) <= 2


def test_a_good_release_without_newer_ones_leaves_nothing_to_find(desk: Desk) -> None:
    write(desk, "")
    assert desk.give("bisect", "--good", "2.21", "--bad", "rss_mb > 2 * median(good)") == 1
    assert "only 2.21.0 could be judged, and it is good: no release to find" in desk.said


def test_an_interrupted_search_keeps_its_reports(desk: Desk) -> None:
    write(desk, NOISY)
    desk.engine.interrupts = 4
    arguments = ("--good", "2.5", "--bad", "2.10", "--on", "level > 1.5 * median(good)")
    with pytest.raises(KeyboardInterrupt):
        desk.give("bisect", *arguments)
    assert set(desk.results()) == {"2.5.3", "2.10.1"}
    assert (desk.folder_of_run / "matrix.md").is_file()
    assert not (paths.results() / "latest").exists()
