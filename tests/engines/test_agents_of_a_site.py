"""Which cells share a running agent, and with it one import of TensorFlow."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from attrs import evolve

from runner.cells import snapshot
from runner.cells.snapshot.handed_on import hand_on
from runner.cells.snapshot.record import Snapshot
from runner.model import Case, Cell, Device, Limits, Repro, Target
from runner.pipeline.local_site import LocalSite
from runner.pipeline.tasks import Measure
from tests.engines.plain import PlainEngine, environment, release


class Site:
    """A site whose cells print what they were given."""

    def __init__(self, folder: Path) -> None:
        self.engine = PlainEngine()
        self.site = LocalSite(self.engine, lambda _: None)
        self.folder = folder / "mine"
        self.folder.mkdir()
        self.snapshots = folder / "snapshots"

    def script(self, name: str, text: str = "print(open('model').read())\n") -> Repro:
        (self.folder / f"{name}.py").write_text(text, "utf-8")
        limits = Limits(timeout=30)
        return Repro(name=name, script=self.folder / f"{name}.py", limits=limits)

    def copies(self, repro: Repro, *sets: dict[str, bytes]) -> list[Snapshot]:
        taken = snapshot.take_snapshot(repro, self.snapshots)
        saved = {str(number): files for number, files in enumerate(sets)}
        return [*hand_on(taken, saved, self.snapshots).values()]

    def output(
        self, repro: Repro, files: Snapshot, mode: str = "fork", prologue: str = "", env: str = ""
    ) -> str:
        cell = Cell(
            repro=evolve(repro, env={"A": env} if env else {}),
            case=Case(name="c"),
            target=Target(release=release("2.9.3"), device=Device.CPU, python="3.10"),
        )
        where = environment("2.9.3")
        task = Measure(environment=where, cell=cell, snapshot=files, mode=mode, prologue=prologue)
        return self.site.measure(task).output

    @property
    def agents(self) -> int:
        return len(self.engine.opened)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    made = Site(tmp_path)
    try:
        yield made
    finally:
        made.site.close()


def test_cells_that_load_what_several_saved_share_one(site: Site) -> None:
    load = site.script("load")
    for number, copy in enumerate(
        site.copies(load, {"model": b"the first"}, {"model": b"the second"})
    ):
        assert ("the first", "the second")[number] in site.output(load, copy)
    assert site.agents == 1


def test_not_where_an_import_could_find_another_module(site: Site) -> None:
    """A folder `pandas` is a package for Python, and TensorFlow asks for pandas."""
    load = site.script("load")
    copies = site.copies(load, {"model": b"1"}, {"model": b"2", "pandas/rows": b""})
    for copy in copies:
        site.output(load, copy)
    assert site.agents == 2
    for copy in copies:
        site.output(load, copy, mode="fresh")
    assert site.agents == 3, "nothing is imported in advance for fresh processes"


def test_scripts_of_one_folder_share_one_if_they_import_alike(site: Site) -> None:
    first = "import os\n"
    scripts = [site.script(name, f"{first}print('{name}')\n") for name in ("one", "two")]
    (_, two) = (site.copies(script, {"model": b"1"})[0] for script in scripts)
    one = site.copies(scripts[0], {"model": b"1"})[0]
    assert "one" in site.output(scripts[0], one)
    assert "two" in site.output(scripts[1], two)
    assert site.agents == 1
    site.output(scripts[0], one, prologue=first)
    assert site.agents == 2
    site.output(scripts[1], two, prologue=first)
    assert site.agents == 3, "the code of a prologue knows its file"
    site.output(scripts[0], one, env="1")
    assert site.agents == 4
