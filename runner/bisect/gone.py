"""Lets verdicts that earlier runs kept stand in for nightlies that the index no longer has."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Union

from attrs import evolve, frozen

from runner.bisect.candidates import Candidates
from runner.errors import UsageError
from runner.machine.units import count
from runner.model import Cell, Release, Repro
from runner.releases import catalogue
from runner.runs import kept
from runner.runs.kept import KeptVerdict


@frozen(kw_only=True)
class Gone:
    """The pre-releases that the index no longer has, and the verdicts on them."""

    releases: tuple[Release, ...] = ()
    verdicts: tuple[KeptVerdict, ...] = ()


def gone_among(verdicts: Iterable[KeptVerdict], there: Iterable[Release]) -> Gone:
    """The releases of the verdicts that are not `there`."""
    versions = {release.parsed for release in there}
    verdicts = tuple(verdicts)
    known = kept.releases_of(verdicts, catalogue.load_releases())
    releases = tuple(each for each in known if each.parsed not in versions)
    names = {each.version for each in releases}
    return Gone(
        releases=releases,
        verdicts=tuple(each for each in verdicts if each.result.tensorflow in names),
    )


def with_kept_verdicts(
    found: Candidates, gone: Gone, planned: Sequence[Repro], say: Callable[[str], None]
) -> Candidates:
    """The candidates, those that are gone with the verdict of the same script.

    A release whose verdicts are another script's is left out; if it is a named end, that raises
    `UsageError`. `planned` are the repros as this run records them.
    """
    names = {release.version for release in gone.releases}
    repros = {repro.name: repro for repro in planned}
    standing: dict[str, KeptVerdict] = {}
    refused: dict[int, str] = {}
    for at, cell in enumerate(found.cells):
        if cell.target.release.version not in names or cell.skip or cell.lacks:
            continue
        verdict = _verdict(cell, repros[cell.repro.name], gone.verdicts)
        if isinstance(verdict, str):
            refused[at] = verdict
        else:
            standing[cell.target.release.version] = verdict
    for end in (found.row.good, found.row.bad):
        if end in refused:
            raise UsageError(refused[end], remedy="name a release that can be run, or that script")
    if refused:
        more = f"; so are {count(len(refused) - 1, 'other')}" if len(refused) > 1 else ""
        say(f"left out: {next(iter(refused.values()))}{more}")
    if standing:
        say(
            f"{count(len(standing), 'verdict')} on nightlies that the index no longer has, kept by "
            "earlier runs, will not be measured now"
        )
    return evolve(found.without(refused), kept=standing)


def _verdict(
    cell: Cell, planned: Repro, verdicts: Sequence[KeptVerdict]
) -> Union[KeptVerdict, str]:
    """The newest verdict that counts for `cell`, or why there is none."""
    release = cell.target.release.version
    several = list(kept.of_cell(cell, verdicts))
    differences = [each.difference(cell, planned) for each in several]
    equal = [each for each, why in zip(several, differences) if not why]
    if not equal:
        why = f"differ in {differences[0]}" if several else "are of other tests"
        return f"the index no longer has {release}, and the verdicts kept of it {why}"
    tests = [each.result.case for each in equal if each.run.id == equal[0].run.id]
    if len(set(tests)) > 1:
        named = ", ".join(dict.fromkeys(tests))
        raise UsageError(f"{len(set(tests))} tests are meant; choose one with --case: {named}")
    return equal[0]
