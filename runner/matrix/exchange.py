"""The square of `tfmatrix exchange`: what a release saves, every release loads. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from attrs import evolve, frozen

from runner.errors import UsageError
from runner.matrix import plan
from runner.matrix.selection import Selection
from runner.model import Case, Cell, Device, Release, Repro, saved_by


@frozen(kw_only=True)
class Exchange:
    """The cells of a square, before it is known what was saved."""

    chosen: Selection
    """All of them."""
    saves: tuple[Cell, ...]
    """One on each release."""
    loads: tuple[Cell, ...]
    """For each word, release that saved, and release that loads."""

    @property
    def saver(self) -> Repro:
        return self.saves[0].repro

    @property
    def loaders(self) -> tuple[Repro, ...]:
        """A repro for each word, whose cases are the releases that saved."""
        return tuple(repro for repro in self.chosen.matrix.repros if repro.saved_by)


def square(chosen: Selection, words: Sequence[str], rows: Sequence[str] = ()) -> Exchange:
    """`chosen` has two repros, the script that saves and the one that loads; with `words` the
    latter runs once for each, and gets it as its argument. `rows` are patterns of the cases that
    run: all, if there are none. Raises `UsageError`."""
    save, load = _scripts(chosen)
    releases = chosen.releases
    savers = _savers(releases, rows)
    loaders = [_loader(load, save, savers, word) for word in dict.fromkeys(words or ("",))]
    saver = evolve(save, cases=(Case(name="default"),), expectations=(), keep=".")
    device = chosen.matrix.devices[0]
    saves = _cells(saver, savers, device)
    loads = [cell for loader in loaders for cell in _cells(loader, releases, device)]
    matrix = evolve(chosen.matrix, repros=(saver, *loaders))
    return Exchange(
        chosen=evolve(chosen, matrix=matrix, cells=(*saves, *loads)),
        saves=tuple(saves),
        loads=tuple(loads),
    )


def _scripts(chosen: Selection) -> tuple[Repro, Repro]:
    repros = chosen.matrix.repros
    if len(repros) != 2:
        raise UsageError("exchange takes two scripts, one that saves and one that loads")
    for repro in repros:
        if repro.suite or repro.folder:
            raise UsageError(f"{repro.name}: exchange takes plain Python scripts")
    return repros[0], repros[1]


def _savers(releases: Sequence[Release], rows: Sequence[str]) -> list[Release]:
    names = {saved_by(release.version): release for release in releases}
    found = [names[name] for name in names if plan.is_selected(Case(name=name), rows)]
    if not found:
        there = ", ".join(names)
        raise UsageError(f"no row is named {', '.join(rows)}; there are: {there}")
    return found


def _loader(load: Repro, save: Repro, savers: Sequence[Release], word: str) -> Repro:
    cases = tuple(
        Case(name=saved_by(release.version), args=(word,) if word else ()) for release in savers
    )
    name = f"{load.name} {word}" if word else load.name
    return evolve(load, name=name, cases=cases, expectations=(), saved_by=save.name)


def _cells(repro: Repro, releases: Sequence[Release], device: Device) -> list[Cell]:
    return [
        plan.planned_cell(repro, case, release, device)
        for release in releases
        for case in repro.cases
    ]
