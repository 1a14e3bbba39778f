"""Names that would do harm where they are taken for more than names: of cases, scripts, folders."""

from __future__ import annotations

from pathlib import Path

import pytest
from attrs import evolve

from runner.model import Case, Environment, Repro
from tests.engines import plain
from tests.torture import bench
from tests.torture.bench import Evidence, Site
from tests.torture.checks import check_inert
from tests.torture.contained import WatchedEngine
from tests.torture.local import BareEngine

ODD = 'it\'s "odd" `x` $(touch owned) ;touch owned| * [a](javascript:b) <b>\n# é\t\x1b[2J %s {x}'


def odd_site(folder: Path) -> Site:
    made = Site(folder=folder / ODD)
    made.folder.mkdir()
    made.furnish()
    return made


def odd_names(site: Site) -> Repro:
    """A repro whose every name would do harm where it is taken for more than a name."""
    script = site.folder / "scripts" / f"-{ODD}.py"
    (site.folder / "scripts" / "good.py").rename(script)
    names = (*("../" * 20 + "tmp/owned", ODD, "-rf", "--help", "..", "con:/x"), "\u202e\ud800")
    cases = tuple(Case(name=name, args=(ODD, name[:30].replace("\ud800", ""))) for name in names)
    folder = site.folder / "scripts" / ".." / "scripts"
    return Repro(
        name=f"../../{ODD}",
        script=folder / script.name,
        cases=(Case(name="before", args=("slowly",)), *cases),
        limits=bench.LIMITS,
        env={"ODD": ODD},
        needs_tensorflow=False,
    )


def check_names(found: Evidence, site: Site) -> None:
    assert len(found.cells) == 9
    assert {cell["verdict"] for cell in found.cells.values()} == {"pass"}, found.cells
    assert list(site.folder.parent.rglob("owned*")) == []
    assert not Path("/tmp/owned").exists()
    assert all(path.parent == site.run / "logs" for path in site.run.rglob("*.txt"))
    check_inert(evolve(found, terminal=""), site)


@pytest.mark.docker
@pytest.mark.timeout(180)
def test_docker_takes_any_name(tmp_path: Path, images: dict[str, Environment]) -> None:
    site = odd_site(tmp_path)
    check_names(bench.carry_out(WatchedEngine(), images, site, odd_names(site)), site)


def test_local_takes_any_name(tmp_path: Path) -> None:
    site = odd_site(tmp_path)
    environments = {v: plain.environment(v) for v in (bench.HOME, bench.NEIGHBOUR)}
    engine = BareEngine(tmp_path / "environments")
    check_names(bench.carry_out(engine, environments, site, odd_names(site)), site)
