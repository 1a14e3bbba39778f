"""A Docker daemon that fails: a second one, of the tests' own, killed and robbed in a real run."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from runner.engines.docker import names
from runner.environments import render
from tests.torture.machines.daemon import Daemon, daemon
from tests.torture.machines.killing import every_cell
from tests.torture.machines.world import Said, World, nonces, verdicts, world

pytestmark = [pytest.mark.docker, pytest.mark.torture, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def _shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[World, Daemon]]:
    """A world whose images the machine's daemon builds; they are then moved into another one."""
    if os.geteuid() != 0 or shutil.which("dockerd") is None:
        pytest.skip("a second daemon needs root and dockerd")
    folder = tmp_path_factory.mktemp("docker")
    with world(folder / "world", engine="docker", python="3.10") as made:
        built = made.run()
        assert built.code == 0, built
        images = [str(environment.image) for environment in made.latest().environments]
        with daemon(folder / "daemon") as own:
            own.load(images)
            subprocess.run(["docker", "rmi", *images], check=True, stdout=subprocess.DEVNULL)
            made.more = {"DOCKER_HOST": own.host}
            yield made, own


@pytest.fixture
def place(_shared: tuple[World, Daemon]) -> World:
    _shared[0].edit(os.urandom(8).hex())
    return _shared[0]


@pytest.fixture
def own(_shared: tuple[World, Daemon]) -> Daemon:
    return _shared[1]


def disturbed(place: World, moment: str, disturb: Callable[[], None]) -> Said:
    """A run during which `disturb` happens once `moment` is on its standard error."""
    process = place.start(*place.command())
    assert process.stderr is not None
    lines, done = [], False
    for line in process.stderr:
        lines.append(line)
        if moment in line and not done:
            done = True
            disturb()
    out = process.stdout.read() if process.stdout else ""
    said = Said(code=process.wait(200), out=out, err="".join(lines))
    assert done, said
    assert "Traceback (most recent call last)" not in said.err, said.err
    return said


def mended(place: World, own: Daemon) -> None:
    """Nothing says `fail`; what is missing is measured by the same command, and only that."""
    first = place.latest()
    found = verdicts(first)
    assert set(found.values()) <= {"pass", "error"}, found
    assert all(r.outcome.reason for r in first.results if r.outcome.verdict.value == "error")
    again = place.run()
    assert again.code == 0, [again.err, *{r.outcome.reason for r in place.latest().results}]
    assert verdicts(place.latest()) == dict.fromkeys(every_cell(), "pass")
    after = nonces(place.latest())
    measured = {cell: one for cell, one in nonces(first).items() if found[cell] == "pass"}
    assert all(after[cell] == one for cell, one in measured.items())
    assert not own.client().containers.list(all=True)


def test_the_daemon_dies_and_comes_back(place: World, own: Daemon) -> None:
    def die_for_a_while() -> None:
        own.kill()
        time.sleep(3)
        own.start()

    disturbed(place, "[2/12]", die_for_a_while)
    mended(place, own)


def test_the_daemon_dies_for_good(place: World, own: Daemon) -> None:
    said = disturbed(place, "[2/12]", own.kill)
    assert said.code == 3, said
    assert "could not be measured" in said.out + said.err
    assert "same command" in said.err
    gone = place.run()
    assert gone.code == 3
    assert "no Docker daemon" in gone.err
    own.start()
    mended(place, own)


def test_the_daemon_hangs(place: World, own: Daemon) -> None:
    """The first cell to notice ends the run, in seconds: a cell's limit alone is 20."""
    with ExitStack() as frozen:
        began = []

        def hang() -> None:
            frozen.enter_context(own.frozen())
            began.append(time.monotonic())

        said = disturbed(place, "[2/12]", hang)
        assert time.monotonic() - began[0] < 90, said
        assert said.code == 3, said
        assert said.err.count("the Docker daemon hangs: no answer in 30 s") == 1, said
        assert "of 12 cells" in said.err.partition("measured and kept in")[2]
    mended(place, own)


def test_a_container_is_removed_under_us(place: World, own: Daemon) -> None:
    def remove() -> None:
        for container in own.client().containers.list():
            container.remove(force=True)

    disturbed(place, "[3/12]", remove)
    mended(place, own)


def test_an_image_disappears(place: World, own: Daemon, tmp_path: Path) -> None:
    tags = [tag for image in own.client().images.list() for tag in image.tags]
    (gone,) = [tag for tag in tags if "2.1.0" in tag]
    kept = tmp_path / "image.tar"
    docker = ["docker", "--host", own.host]
    subprocess.run([*docker, "save", gone, "--output", str(kept)], check=True)
    said = disturbed(
        place, "[1/12]", lambda: own.client().images.remove(gone, force=True, noprune=True)
    )
    subprocess.run([*docker, "load", "--quiet", "--input", str(kept)], check=True)
    assert said.code in (0, 3), said
    mended(place, own)


def test_the_daemon_hangs_while_it_builds(place: World, own: Daemon) -> None:
    """The build is given up, and with it the run: the client alone would wait for ever. Afterwards
    the same command makes the images and measures everything."""
    place.serve_uv()  # the daemon keeps nothing of the images that were loaded into it
    own.load([render.default_base(place.python)])
    for image in own.client().images.list(filters={"label": names.KEY}):
        own.client().images.remove(image.tags[0], force=True)
    own.client().api.prune_builds()
    place.index.trouble = "stalls"
    asked = place.index.asked
    process = place.start(*place.command())
    try:
        while place.index.asked == asked:  # by a build
            assert process.poll() is None, process.communicate()
            time.sleep(0.1)
        with own.frozen():
            began = time.monotonic()
            _, err = process.communicate(timeout=200)
            assert time.monotonic() - began < 90, err
    finally:
        process.kill()
        place.index.trouble = None
        place.index.released.set()
    assert process.returncode == 3, err
    assert err.count("the Docker daemon hangs: no answer in 30 s") == 1, err
    assert "Traceback (most recent call last)" not in err
    assert verdicts(place.latest()) == {}, "nothing was measured"
    mended(place, own)
