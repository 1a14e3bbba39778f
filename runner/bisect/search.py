"""A bisection carried out: the pure search says where, `Looks` measures, `Ahead` makes ready."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Optional

from attrs import evolve, frozen
from rich.console import Console

from runner.bisect import answer, bisect
from runner.bisect import axis as along
from runner.bisect.answer import Side
from runner.bisect.criteria import Criterion
from runner.bisect.prefetch import Ahead
from runner.bisect.probe import Looks
from runner.bisect.votes import Votes
from runner.model import Cell, Result, Target
from runner.pipeline import Options, events
from runner.pipeline.display import PlainDisplay

_WORDS = {True: "bad", False: "good", None: "cannot be judged"}


@frozen(kw_only=True)
class Question:
    """What is looked for, and along which row."""

    cells: tuple[Cell, ...]
    """One for each release, oldest first; the ends are what the user named."""
    coarse: tuple[int, ...]
    """Positions to look at before all others."""
    seeks_bad: bool
    """Whether the newer end is the bad one; else the first good release is looked for."""
    criterion: Criterion
    votes: Votes
    axis: str = ""
    """What is walked along; empty for TensorFlow's releases."""

    def place(self, at: int) -> str:
        """The version, or the name of the value, at a position."""
        return along.place(self.cells[at], self.axis)

    def name(self, at: int) -> str:
        """`2.9.3`, `numpy 1.23.5`."""
        return f"{self.axis} {self.place(at)}".strip()

    @property
    def count(self) -> int:
        return len(self.cells)

    def only_coarse(self) -> Question:
        """The same over the coarse positions alone, and both ends."""
        kept = sorted({0, *self.coarse, self.count - 1})
        return evolve(self, cells=tuple(self.cells[at] for at in kept), coarse=())


class Watch:
    """Shows what is being prepared; and when a cell starts, has what may come next made ready."""

    def __init__(self, console: Console, ahead: Ahead) -> None:
        self.console = console
        self.ahead = ahead
        self.next: tuple[Target, ...] = ()
        self._display = PlainDisplay(console, 0)

    def __call__(self, event: events.Event) -> None:
        if isinstance(event, events.Started):
            self.ahead.hint(self.next)
        elif not isinstance(event, events.Ended):
            self._display(event)

    def say(self, line: str) -> None:
        self.console.print(line, markup=False, highlight=False, soft_wrap=True)


class Hunt:
    """`known` is where the search stands, `sides` what was seen there, in the order of looking."""

    def __init__(self, *, question: Question, looks: Looks, watch: Watch, options: Options) -> None:
        """`options` as for a run; several runs of one cell are fresh processes, never stored."""
        self.question = question
        self.looks = looks
        self.known: dict[int, Optional[bool]] = {}
        self.sides: dict[int, Side] = {}
        self._watch = watch
        self._options = options

    def follow(self) -> Optional[bisect.Boundary]:
        """Search to the end. None where an end is not what it was said to be."""
        row = (self.question.count, self.question.coarse)
        self._watch.ahead.hint([self.question.cells[0].target])  # both ends are wanted in any case
        while (at := bisect.next_look(self.known, *row)) is not None:
            later = bisect.foreseen(self.known, row[0], at, row[1])
            self._watch.next = tuple(self.question.cells[way].target for way in later)
            bad = self._judge(at)
            self.known[at] = None if bad is None else bad is self.question.seeks_bad
        return bisect.boundary(self.known, *row)

    def _judge(self, at: int) -> Optional[bool]:
        """Whether the cell at a position is bad, by as many runs as it takes."""
        cell, votes = self.question.cells[at], self.question.votes
        answers: list[Optional[bool]] = []
        seen: list[tuple[Result, str]] = []
        while not votes.settled(answers):
            result = self._look(cell)
            seen.append((result, self.looks.output(result)))
            answers.append(self.question.criterion.judge(result))
            if not result.outcome.verdict.judged:
                break
        bad = votes.decide(answers)
        place = answers.index(bad) if bad in answers else -1
        self._note(at, *seen[place], words=votes.words(answers), seen=[one for one, _ in seen])
        self._say(at, bad)
        return bad

    def _look(self, cell: Cell) -> Result:
        self._watch.ahead.join(cell.target)
        release = cell.target.release
        released = {release.version: release.released.isoformat()}
        return self.looks.look(cell, self._options, released)

    def _note(
        self, at: int, result: Result, output: str, *, words: str, seen: Sequence[Result]
    ) -> None:
        """Keep what was seen; of several runs the journal gets one that shows what was decided."""
        if len(seen) > 1:
            reason = "; ".join(filter(None, (result.outcome.reason, words)))
            agreed = sum(one.outcome.verdict is result.outcome.verdict for one in seen)
            outcome = evolve(result.outcome, reason=reason)
            result = evolve(result, outcome=outcome, attempts=len(seen), agreed=agreed)
            self.looks.amend(result, output)
        environment = self.looks.environment(result)
        name = self.question.name(at)
        self.sides[at] = Side(result=result, environment=environment, votes=words, place=name)

    def _say(self, at: int, bad: Optional[bool]) -> None:
        side = self.sides[at]
        said = answer.shows(side, self.question.criterion.observation)
        votes = f", {side.votes}" if side.votes else ""
        self._watch.say(f"{said}: {_WORDS[bad]}{votes}")
