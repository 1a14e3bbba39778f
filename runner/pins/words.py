"""Describes a pin, or the check of a requirement, in words and as JSON. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Optional, Union

from packaging.version import Version

from runner.grid import Column
from runner.machine.units import count
from runner.model import EnvironmentInfo
from runner.pins.check import RequirementCheck
from runner.pins.obstacles import Obstacle, obstacles_by_cause
from runner.pins.pin import Pin
from runner.pins.standings import Standing
from runner.report.names import short_names
from runner.report.text import clean, listed, shortened

NONE = "no release qualifies"
MOST_WHAT = 160
MOST_CASES = 8
MOST_RANGES = 40


def pin_text(answer: Pin, environment: Optional[EnvironmentInfo]) -> str:
    """The specifier on the first line, then the reasons. `environment` is the newest release's."""
    lines = _none(answer) if answer.requirement is None else _some(answer, environment)
    return "\n".join([*lines, *_unjudged(answer)])


def check_text(text: str, answer: RequirementCheck) -> str:
    return "\n".join(_checked(clean(text), answer))


def pin_to_json(answer: Pin, environment: Optional[EnvironmentInfo]) -> dict[str, Any]:
    claim = answer.requirement
    return {
        "package": answer.package,
        "requirement": claim.requirement if claim else None,
        "specifier": claim.specifier if claim else None,
        "newest": answer.newest.release if answer.newest else None,
        "environment": environment.id if environment else None,
        "required": [f"{row.repro}/{row.case}" for row in answer.required],
        "qualifying": [standing.release for standing in answer.qualifying],
        "blocking": [_obstacle(obstacle) for obstacle in answer.blocking],
        "admitted_unmeasured": [str(v) for v in claim.unmeasured] if claim else [],
        "excluded_unmeasured": [str(v) for v in claim.excluded] if claim else [],
        "releases": [_standing(standing) for standing in answer.standings],
    }


def check_to_json(text: str, answer: RequirementCheck) -> dict[str, Any]:
    return {
        "requirement": text,
        "holds": answer.holds,
        "releases": [_standing(standing) for standing in answer.admitted],
        "admitted_unmeasured": [str(version) for version in answer.unmeasured],
        "admitted_unknown": [str(version) for version in answer.unvouched],
    }


def _some(answer: Pin, environment: Optional[EnvironmentInfo]) -> Iterator[str]:
    assert answer.requirement is not None
    assert answer.newest is not None
    good = answer.qualifying
    measured = count(len(answer.measured), "measured release")
    yield answer.requirement.requirement
    yield ""
    place = f" ({environment.id})" if environment else ""
    yield f"newest: {answer.newest.release}{place}"
    yield (
        f"{len(good)} of {measured} "
        f"{'passes' if len(good) == 1 else 'pass'} {_asked(answer)}: {_all(good)}"
    )
    yield from _about(
        "admitted but not measured, because newer patches of the series pass "
        "(--strict excludes them; `tfmatrix run --patches all` measures them)",
        answer.requirement.unmeasured,
    )
    yield from _about("excluded without being measured", answer.requirement.excluded)
    yield ""
    if answer.newest is answer.standings[-1]:
        yield f"nothing newer than {answer.newest.release} is in the run"
    else:
        newest = answer.newest.release
        yield f"what rules out releases after {newest} (the first obstacle of each case):"
        yield from _grouped(answer.blocking)


def _none(answer: Pin) -> Iterator[str]:
    closest = answer.closest
    yield NONE
    yield ""
    yield (
        f"none of {count(len(answer.measured), 'measured release')} passes {_asked(answer)}; "
        f"{closest.release} comes closest:"
    )
    yield from _grouped(closest.obstacles)


def _unjudged(answer: Pin) -> Iterator[str]:
    """Releases with no failure, but also without enough evidence."""
    open_ = [
        s for s in answer.standings if s.obstacles and not any(o.measured for o in s.obstacles)
    ]
    if open_:
        yield ""
        yield "not enough evidence to pin (nothing failed there):"
        yield from _grouped(obstacle for standing in open_ for obstacle in standing.obstacles)


def _checked(text: str, answer: RequirementCheck) -> Iterator[str]:
    if answer.holds:
        yield f"{text} holds: {_all(answer.admitted)} passed everything required"
    elif not answer.admitted:
        yield f"{text} does not hold: it admits no release of the run"
    else:
        yield f"{text} does not hold:"
        yield from _grouped(answer.obstacles)
    yield from _about("it admits releases that nobody measured", answer.unvouched)
    known = set(answer.unvouched)
    yield from _about(
        "it also admits unmeasured releases, because newer patches of their series pass",
        [version for version in answer.unmeasured if version not in known],
    )


def _grouped(obstacles: Iterable[Obstacle]) -> Iterator[str]:
    for (release, what), here in obstacles_by_cause(obstacles).items():
        devices = sorted({obstacle.device for obstacle in here})
        cases = listed(short_names(o.row.case for o in here), MOST_CASES, "more cases")
        yield f"  {release} {'+'.join(devices)}  {shortened(what, MOST_WHAT)}"
        yield f"      {cases}"


def _asked(answer: Pin) -> str:
    number = len(answer.required)
    named = {1: "the one required case", 2: "both required cases"}
    return named.get(number, f"all {number} required cases")


def _all(standings: Sequence[Standing]) -> str:
    return ", ".join(standing.release for standing in standings)


def _about(what: str, versions: Sequence[Version]) -> Iterator[str]:
    if versions:
        yield f"{what}: {listed(list(_ranges(versions)), MOST_RANGES, 'more ranges')}"


def _ranges(versions: Sequence[Version]) -> Iterator[str]:
    """`2.8.0–2.8.3`: patches with consecutive numbers form a range."""
    start = last = versions[0]
    for version in versions[1:]:
        if version.release != (*last.release[:2], last.micro + 1) or str(last) != last.base_version:
            yield str(start) if start == last else f"{start}–{last}"
            start = version
        last = version
    yield str(start) if start == last else f"{start}–{last}"


def _place(there: Union[Column, Obstacle]) -> dict[str, Any]:
    value = {"value": there.value} if there.value else {}
    return {"tensorflow": there.tensorflow, **value}


def _standing(standing: Standing) -> dict[str, Any]:
    return {
        **_place(standing.columns[0]),
        "qualifies": standing.qualifies,
        "obstacles": [_obstacle(obstacle) for obstacle in standing.obstacles],
    }


def _obstacle(obstacle: Obstacle) -> dict[str, Any]:
    return {
        **_place(obstacle),
        "repro": obstacle.row.repro,
        "case": obstacle.row.case,
        "device": obstacle.device,
        "python": obstacle.python or None,
        "outcome": obstacle.verdict.value if obstacle.verdict else None,
        "why": obstacle.why,
        "inferred": obstacle.inferred,
        "votes": obstacle.votes or None,
    }
