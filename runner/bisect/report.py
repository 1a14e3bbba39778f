"""Describes a bisection's result for people and as JSON for other programs."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from typing import Any, Optional

import click
from attrs import frozen

from runner import serial
from runner.bisect import answer
from runner.bisect.answer import Neighbour
from runner.bisect.blame import Blame, blame_sentences
from runner.bisect.search import Search
from runner.bisect.search_range import ChangePoint
from runner.machine.units import count
from runner.model import Result, Verdict
from runner.report import text
from runner.report.text import listed


@frozen(kw_only=True)
class Conclusion:
    """The result of a search that is over."""

    search: Search
    again: Sequence[str]
    """The command that shows releases again, without the releases."""
    blame: Optional[Blame] = None
    """The cause of the change, if the user asked for it."""
    controls: Sequence[str] = ()
    """What controls of the two neighbours showed, one clause each."""
    unblamed: bool = False
    """Whether the user asked for the cause, and the release that shows it can no longer be run."""

    @property
    def change(self) -> Optional[ChangePoint]:
        """None if nothing changes, or if an end is not good or bad as the user said."""
        return self.search.problem.positions.change(self.search.answers)

    @property
    def exit_code(self) -> int:
        """The exit code: 1 if there is nothing to find, 3 if a doubtful cell could not be
        measured."""
        if self.change is None:
            return 3 if self._ended_unjudged else 1
        errors = [one for one in self.unknown if one.outcome.verdict is Verdict.ERROR]
        return 3 if errors else 0

    @property
    def sides(self) -> tuple[Neighbour, Neighbour]:
        """The last release before the change, and the first one after it that was judged."""
        assert self.change is not None
        return self.search.sides[self.change.before], self.search.sides[self.change.after]

    @property
    def unknown(self) -> list[Result]:
        """The releases between the two sides."""
        places = self.change.unknown if self.change else ()
        return [self.search.sides[at].result for at in places]

    @property
    def kind(self) -> str:
        return "good" if self.change and not self.change.to_bad else "bad"

    @property
    def sentence(self) -> str:
        if self.change is None:
            return self._nothing_found
        problem, change = self.search.problem, self.change
        candidates, seen = problem.candidates, problem.criterion.observation
        if not candidates.by_series:
            names = [candidates.name(at) for at in change.unknown]
            return answer.release_sentence(self.kind, *self.sides, names, seen, why=self._why)
        series = candidates.series(change.before), candidates.series(change.after)
        unknown = list(dict.fromkeys(candidates.series(at) for at in change.unknown))
        return answer.series_sentence(self.kind, *self.sides, series, unknown, seen, why=self._why)

    @property
    def _why(self) -> str:
        """Why the releases between the two sides are neither good nor bad."""
        places = self.change.unknown if self.change else ()
        ambiguous = [self.search.sides[at].ambiguous for at in places]
        if not any(ambiguous):
            return answer.UNJUDGED
        return "is ambiguous" if all(ambiguous) else "is ambiguous or could not be judged"

    @property
    def remarks(self) -> Iterator[str]:
        """Other facts that readers must know, such as contradictions, one sentence each."""
        if self.change is None:
            return
        contradicting = self.contradicting
        if contradicting:
            names = self.search.problem.candidates.name
            older = [names(at) for at in contradicting if at <= self.change.before]
            newer = [names(at) for at in contradicting if at > self.change.before]
            yield answer.contradiction(self.kind, self.sides[1].name, older, newer)
        if not self.search.problem.candidates.axis:
            yield from filter(None, [answer.dates_disagree(*self.sides)])
            yield from filter(None, [answer.gap_between(*self.sides)])
        yield from (f"{clause}." for clause in self.controls)
        other = self._other_reason
        if other is not None:
            yield (
                f"{other.name} fails for another reason, {answer.quoted_result(other.result)}: "
                "--on signature:TEXT finds where that failure began"
            )
        lost = [side.name for side in self.sides if side.kept]
        if lost:
            which = "it" if len(lost) == 1 else "them"
            yield f"{listed(lost)} cannot be run again: the index no longer has {which}."
        if self.unblamed:
            yield f"So --blame cannot try {self.sides[1].name} with the packages of the one before."
        if self.blame is not None:
            yield from blame_sentences(self.blame, self.sides[0].name, self.sides[1].name)

    @property
    def contradicting(self) -> tuple[int, ...]:
        """Positions whose result contradicts a single change."""
        return self.change.contradictions(self.search.answers) if self.change else ()

    @property
    def finding(self) -> str:
        """The answer and its evidence, for the beginning of the run's reports."""
        parts = [" ".join([self.sentence, *self.remarks])]
        parts += [answer.evidence(*self.sides)] if self.change else []
        return "\n\n".join(parts)

    @property
    def command(self) -> str:
        """ "" if none of the releases can be run again."""
        assert self.change is not None
        kept = self.search.problem.kept
        around = (self.change.before, *self.change.unknown, self.change.after)
        places = [at for at in around if at not in kept]
        if not places:
            return ""
        return shlex.join([*self.again, *self.search.problem.candidates.options(places)])

    @property
    def compare_link(self) -> str:
        """ "" if the change is not between releases of TensorFlow."""
        if self.change is None or self.search.problem.candidates.axis:
            return ""
        return answer.compare_link(*self.sides)

    @property
    def _ended_unjudged(self) -> bool:
        """Whether the search ended because cells could not be judged."""
        answers, sides = self.search.answers, self.search.sides
        wrong = self.search.problem.positions.wrong_end(answers)
        if wrong is not None:
            return answers[wrong] is None and not sides[wrong].ambiguous
        unjudged = [at for at, bad in answers.items() if bad is None and not sides[at].ambiguous]
        return len(unjudged) == len(answers)

    @property
    def _nothing_found(self) -> str:
        search, seen = self.search, self.search.problem.criterion.observation
        positions = search.problem.positions
        wrong = positions.wrong_end(search.answers)
        if wrong is None:
            return self._no_change
        if positions.is_swapped(search.answers):
            return self._swapped
        side, judged = search.sides[wrong], search.answers[wrong]
        claimed = "bad" if wrong == positions.bad else "good"
        said = answer.result_clause(side, seen) + (f" ({side.votes})" if side.votes else "")
        if side.ambiguous:
            return (
                f"{said} is ambiguous, so there is no answer: allow more runs (--repeat), or give "
                f"another release as --{claimed}"
            )
        if judged is None:
            why = self._why_unjudged(side)
            return f"{said}{why}, so there is no answer: give another release as --{claimed}"
        if None in (positions.good, positions.bad):
            other = "good" if claimed == "bad" else "bad"
            ends = shlex.join([f"--{other}", search.problem.candidates.version(wrong)])
            return f"{said}, so it is not {claimed}; did you mean {ends}?"
        return f"{said}, so it is not {claimed}: no release to find"

    @property
    def _swapped(self) -> str:
        """The sentence for ends that the user exchanged, with the options as they should be."""
        search, seen = self.search, self.search.problem.criterion.observation
        positions, version = search.problem.positions, search.problem.candidates.version
        good, bad = positions.bad, positions.good
        assert good is not None
        assert bad is not None
        said = [answer.result_clause(search.sides[at], seen) for at in (bad, good)]
        ends = shlex.join(["--good", version(good), "--bad", version(bad)])
        return f"{said[0]}, and {said[1]}: the ends are swapped; did you mean {ends}?"

    def _why_unjudged(self, side: Neighbour) -> str:
        """Why a judged outcome does not say whether the release is bad."""
        criterion = self.search.problem.criterion
        if not side.result.outcome.verdict.judged:
            return ""
        if criterion.value is not None:  # the votes say it too
            return "" if side.votes else f", but {criterion.value.why_missing(side.result)}"
        missing = criterion.observation not in side.result.observations
        return f", but it observed no {criterion.observation}" if missing else ""

    @property
    def _no_change(self) -> str:
        """The sentence for a search in which all judged releases behave alike."""
        search = self.search
        judged = [at for at, bad in sorted(search.answers.items()) if bad is not None]
        if not judged and any(side.ambiguous for side in search.sides.values()):
            return "all releases looked at are ambiguous: allow more runs (--repeat)"
        if not judged:
            return "none of the releases could be judged, so there is no answer"
        names = search.problem.candidates.name
        bad = "bad" if search.answers[judged[-1]] else "good"
        if len(judged) == 1:
            return f"only {names(judged[0])} could be judged, and it is {bad}: no release to find"
        return (
            f"all {len(judged)} releases looked at are {bad}, {names(judged[0])} to "
            f"{names(judged[-1])}: no release to find"
        )

    @property
    def _other_reason(self) -> Optional[Neighbour]:
        """The bad end, if it fails for another reason than the
        release found; there may be two bugs."""
        search, change = self.search, self.change
        if change is None or search.problem.criterion.precise:
            return None
        near = self.sides[1 if change.to_bad else 0]
        bad = [at for at, is_bad in sorted(search.answers.items()) if is_bad]
        end = search.sides[bad[-1] if change.to_bad else bad[0]]
        return end if end.result.outcome.signature != near.result.outcome.signature else None


def print_conclusion(conclusion: Conclusion) -> None:
    """Prints the conclusion for people."""
    _print(conclusion.sentence)
    if conclusion.change is None:
        return
    search = conclusion.search
    problem = search.problem
    _print(f"\n{answer.evidence(*conclusion.sides)}\n")
    for remark in conclusion.remarks:
        _print(remark)
    if conclusion.compare_link:
        _print(f"what changed in TensorFlow: {conclusion.compare_link}")
    releases, runs = count(len(problem.cells), "release"), count(search.probe.measured, "run")
    kept = f" and {count(len(problem.kept), 'kept verdict')}" if problem.kept else ""
    looked = f"{len(search.sides) - len(problem.kept)} of {releases} looked at, in {runs}{kept}"
    _print(f"bad is: {problem.in_words}; {looked}")
    if conclusion.command:
        lost = any(side.kept for side in conclusion.sides)
        _print(f"see {'the other' if lost else 'both'} again: {conclusion.command}")


def _print(line: str) -> None:
    click.echo(text.safe_message(line))


def print_json(conclusion: Conclusion) -> None:
    """Prints the conclusion for programs."""
    search = conclusion.search
    problem = search.problem
    facts: dict[str, Any] = {
        "found": None if conclusion.change is None else _found(conclusion),
        "sentence": conclusion.sentence,
        "remarks": list(conclusion.remarks),
        "bad_is": problem.criterion.words,
        "repeat": {"need": problem.votes.need, "runs": problem.votes.runs},
        "value": None if problem.criterion.value is None else problem.criterion.value.label,
        "releases": len(problem.cells),
        "runs": search.probe.measured,
        "looked_at": [_looked(search, at) for at in sorted(search.sides)],
        "folder": str(search.probe.folder),
    }
    click.echo(text.json_document(facts))


def _found(conclusion: Conclusion) -> dict[str, Any]:
    change, candidates = conclusion.change, conclusion.search.problem.candidates
    assert change is not None
    return {
        "kind": conclusion.kind,
        "axis": candidates.axis or "tensorflow",
        "before": candidates.version(change.before),
        "first": candidates.version(change.after),
        "first_series": candidates.series(change.after) if candidates.by_series else None,
        "unknown": [candidates.version(at) for at in change.unknown],
        "contradicting": [candidates.version(at) for at in conclusion.contradicting],
        "packages": {
            name: list(pair) for name, *pair in answer.differing_packages(*conclusion.sides)
        },
        "blame": None if conclusion.blame is None else _blamed(conclusion.blame),
        "git_versions": [side.result.git_version for side in conclusion.sides],
        "compare": conclusion.compare_link or None,
        "again": conclusion.command or None,
    }


def _blamed(blame: Blame) -> dict[str, Any]:
    return {
        "packages": list(blame.packages),
        "tried": list(blame.tried),
        "refused": dict(blame.refused),
    }


def _looked(search: Search, at: int) -> dict[str, Any]:
    side = search.sides[at]
    facts = serial.result_to_json(side.result)
    judged: dict[str, Any] = {"bad": search.answers[at], "votes": side.votes or None}
    judged["kept"] = side.kept and {"run": side.kept.run.id, "started": side.kept.run.started}
    if side.evidence is not None:
        judged["evidence"] = {
            "judgement": side.evidence.judgement,
            "values": side.evidence.values,
            "good": side.evidence.good,
            "chance": side.evidence.chance,
        }
    return {**judged, **facts}
