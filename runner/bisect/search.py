"""Carries out a search: `SearchRange` chooses, `Probe` measures, `Prefetch` prepares."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Optional

from attrs import evolve
from rich.console import Console

from runner.bisect import answer
from runner.bisect.answer import Neighbour
from runner.bisect.prefetch import Prefetch
from runner.bisect.probe import Probe
from runner.bisect.problem import Problem
from runner.bisect.sampler import Evidence, Sampler
from runner.bisect.values import Value
from runner.errors import UsageError
from runner.model import Cell, Result, Target
from runner.pipeline import ControlPlan, Options, events
from runner.pipeline.display import PlainDisplay
from runner.report.text import safe_message

_WORDS = {True: "bad", False: "good", None: "cannot be judged"}


class _Run(NamedTuple):
    """One run of a cell whose value decides."""

    result: Result
    output: str
    value: Optional[float]


class PrefetchingDisplay:
    """Shows what is being prepared. When a cell starts, it prepares what may come next."""

    def __init__(self, console: Console, prefetch: Prefetch) -> None:
        self.prefetch = prefetch
        self.next: tuple[Target, ...] = ()
        self._console = console
        self._display = PlainDisplay(console, 0)

    def __call__(self, event: events.Event) -> None:
        if isinstance(event, events.Started):
            self.prefetch.prepare_next(self.next)
        elif not isinstance(event, events.Ended):
            self._display(event)

    def print_line(self, line: str) -> None:
        self._console.print(safe_message(line), markup=False, highlight=False, soft_wrap=True)


class Search:
    """`answers` holds the judgements, `sides` the results, both in the order of looking."""

    def __init__(
        self, *, problem: Problem, probe: Probe, display: PrefetchingDisplay, options: Options
    ) -> None:
        """`options` as for a run. If a cell runs several times, each run is fresh and never
        stored."""
        self.problem = problem
        self.probe = probe
        self.answers: dict[int, Optional[bool]] = {}
        self.sides: dict[int, Neighbour] = {}
        self._display = display
        self._options = options

    def run(self) -> None:
        """Searches to the end; stored results come first."""
        if self.problem.criterion.value is not None:
            self._run_sampled(self.problem.criterion.value)
            return
        row = self.problem.positions
        self._take_kept()
        if self.problem.votes.runs == 1:
            self._recall()
        # Both named ends are needed anyway.
        if row.good is not None and row.bad is not None and 0 not in self.problem.kept:
            self._display.prefetch.prepare_next([self.problem.cells[0].target])
        while (at := row.next_look(self.answers)) is not None:
            foreseen = row.foreseen(self.answers, at)
            self._display.next = tuple(self.problem.cells[each].target for each in foreseen)
            self.answers[at] = self._judge(at)

    def _run_sampled(self, value: Value) -> None:
        """Searches by the values of several runs. Nothing is recalled or prepared meanwhile: only
        what was measured together, on a machine that does nothing else, is compared."""
        row, question = self.problem.positions, value.question
        runs: dict[int, list[_Run]] = {}

        def draw(at: int) -> Optional[float]:
            result = self._measure(self.problem.cells[at])
            run = _Run(result, self.probe.output(result), value.read(result))
            runs.setdefault(at, []).append(run)
            return run.value

        good = row.good if question.relative else None
        sampler = Sampler(question=question, budget=self.problem.budget, draw=draw, good=good)
        at = row.next_look(self.answers) if good is None else good
        while at is not None:
            evidence = sampler.judge(at)
            self.answers[at] = evidence.answer
            self._note_evidence(at, value, evidence, runs[at])
            self._say(at, self.answers[at])
            at = row.next_look(self.answers)
        if good is not None and self.answers[good] is False:
            evidence = sampler.evidence_of_good([run.value for run in runs[good]])
            self._note_evidence(good, value, evidence, runs[good])

    def _note_evidence(
        self, at: int, value: Value, evidence: Evidence, runs: Sequence[_Run]
    ) -> None:
        """Keeps the run whose value is nearest to the median; without values, the last."""
        shown, words = runs[-1], evidence.words
        if evidence.values:
            middle = evidence.median
            shown = min(runs, key=lambda run: abs((run.value or 0.0) - middle))
        elif evidence.judgement is None:
            words = value.why_missing(shown.result)
        seen = [run.result for run in runs]
        self._note(at, shown.result, shown.output, words=words, seen=seen)
        self.sides[at] = evolve(self.sides[at], evidence=evidence, value=value.label)

    def try_variant(self, cell: Cell) -> Result:
        """Measures a cell outside the candidates and prints its outcome."""
        result = self.probe.measure(cell, self._options)
        side = Neighbour(result=result, environment=None, label=cell.case.variant.name)
        self._display.print_line(
            f"with {answer.result_clause(side, self.problem.criterion.observation)}"
        )
        return result

    def run_controls(self, wanted: ControlPlan, before: int, after: int) -> None:
        """Runs controls that show whether TensorFlow caused the difference between two
        positions."""
        cells = [self.problem.cells[at] for at in (before, after)]
        results = [self.sides[at].result for at in (before, after)]
        self.probe.run_controls(wanted, cells, results, self._options)

    def _take_kept(self) -> None:
        """Takes the verdicts on releases that can no longer be run; they are not of this run."""
        for at, verdict in self.problem.kept.items():
            self.answers[at] = self.problem.criterion.judge(verdict.result)
            self.sides[at] = Neighbour(
                result=verdict.result,
                environment=verdict.environment,
                label=self.problem.candidates.name(at),
                kept=verdict,
            )

    def _recall(self) -> None:
        """Takes earlier results from the store."""
        places = [at for at in range(len(self.problem.cells)) if at not in self.problem.kept]
        cells = [self.problem.cells[at] for at in places]
        recalled = self.probe.recall(cells, self._options)
        for at, result in ((places[n], result) for n, result in recalled.items()):
            self._note(at, result, "", words="", seen=[result])
            self.answers[at] = self.problem.criterion.judge(result)
        if recalled:
            count = len(recalled)
            self._display.print_line(f"{count} of {len(self.problem.cells)} are known already")

    def _judge(self, at: int) -> Optional[bool]:
        """Whether the cell at a position is bad. Runs it as often as needed."""
        cell, votes = self.problem.cells[at], self.problem.votes
        answers: list[Optional[bool]] = []
        seen: list[tuple[Result, str]] = []
        while not votes.settled(answers):
            result = self._measure(cell)
            seen.append((result, self.probe.output(result)))
            answers.append(self.problem.criterion.judge(result))
            if not result.outcome.verdict.judged:
                break
        bad = votes.decide(answers)
        shown = answers.index(bad) if bad in answers else -1
        self._note(at, *seen[shown], words=votes.words(answers), seen=[one for one, _ in seen])
        self._say(at, bad)
        return bad

    def _measure(self, cell: Cell) -> Result:
        self._display.prefetch.wait_for(cell.target)
        result = self.probe.measure(cell, self._options)
        why_not = self.problem.criterion.why_never_observed(
            result, lambda name: self.probe.has_word(cell, name)
        )
        if why_not:
            raise UsageError(why_not)
        return result

    def _note(
        self, at: int, result: Result, output: str, *, words: str, seen: Sequence[Result]
    ) -> None:
        """Keeps the result. If the cell ran several times, the journal gets one that shows the
        decision."""
        if len(seen) > 1:
            reason = "; ".join(filter(None, (result.outcome.reason, words)))
            agreed = sum(one.outcome.finding == result.outcome.finding for one in seen)
            outcome = evolve(result.outcome, reason=reason)
            result = evolve(result, outcome=outcome, attempts=len(seen), agreed=agreed)
            self.probe.amend(result, output)
        environment = self.probe.environment(result)
        name = self.problem.candidates.name(at)
        self.sides[at] = Neighbour(result=result, environment=environment, votes=words, label=name)

    def _say(self, at: int, bad: Optional[bool]) -> None:
        side = self.sides[at]
        said = answer.result_clause(side, self.problem.criterion.observation)
        votes = f", {side.votes}" if side.votes else ""
        word = "ambiguous" if side.ambiguous else _WORDS[bad]
        self._display.print_line(f"{said}: {word}{votes}")
