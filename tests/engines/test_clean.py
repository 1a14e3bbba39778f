"""What `clean` goes by, with real sessions and images: when was it last used, and is it now?"""

from __future__ import annotations

import io
import os
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from runner import paths
from runner.engines.base import Workspace
from runner.engines.local.engine import LocalEngine
from runner.errors import TfmatrixError
from runner.machine.items import Removable
from runner.model import Environment, Limits
from tests.engines.plain import environment

LONG_AGO = 1_000_000_000.0


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TFMATRIX_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


# --- Local -------------------------------------------------------------------------------------


@pytest.fixture
def made(cache: Path) -> Environment:
    """An environment that is made already, with this Python in it, and was not used for long."""
    made = environment("2.9.3")
    paths.mark_cache()
    folder = LocalEngine()._folder(made)
    (folder / "bin").mkdir(parents=True)
    (folder / "bin" / "python").symlink_to(sys.executable)
    folder.with_name(f"{folder.name}.lock").touch()
    (folder / "tfmatrix.json").write_text("{}")
    os.utime(folder / "tfmatrix.json", (LONG_AGO, LONG_AGO))
    return made


def test_a_session_that_opens_is_a_use(made: Environment, tmp_path: Path) -> None:
    (before,) = LocalEngine().inventory()
    assert (before.last_used, before.of) == (LONG_AGO, "2.9.3-py3.10-cpu")
    workspace = Workspace(folder=tmp_path, script="script.py")
    LocalEngine().start_agent(made, workspace, Limits()).close()
    (after,) = LocalEngine().inventory()
    assert after.last_used > LONG_AGO


# --- Docker ------------------------------------------------------------------------------------

KEY = "0f" * 32
BASE, CHILD = "tfmatrix-test-base:1", "tfmatrix:0.0.1-py3.10-cpu-0f0f0f0f0f0f"


@pytest.fixture
def images(tmp_path: Path) -> Iterator[None]:
    """A base of ours, as `tfmatrix bases` makes them, and an environment's image built on it."""
    from runner.engines.docker import daemon, names

    tarball = tmp_path / "layer.tar"
    with tarfile.open(tarball, "w") as tar:
        member = tarfile.TarInfo("file")
        member.size = 5000
        tar.addfile(member, io.BytesIO(os.urandom(5000)))
    daemon.import_filesystem(tarball, BASE, [f"LABEL {names.OURS}=1", 'CMD ["/x"]'])
    api = daemon.connect().api
    container = api.create_container(BASE)["Id"]
    try:
        repository, _, tag = CHILD.partition(":")
        api.commit(container, repository, tag, changes=f"LABEL tfmatrix.key={KEY}")
    finally:
        api.remove_container(container)
    yield
    for name in (CHILD, BASE):
        if daemon.find_image(name) is not None:
            api.remove_image(name, force=True)


def found() -> dict[str, Removable]:
    from runner.engines.docker import images

    return {item.name: item for item in images.inventory()}


@pytest.mark.docker
def test_an_image_is_as_recently_used_as_its_last_session_and_a_base_as_what_is_built_on_it(
    images: None,
) -> None:
    from runner.engines.docker.images import mark_used

    before = found()
    assert before[CHILD].of == "0.0.1-py3.10-cpu"
    assert before[BASE].of == ""
    names = list(before)
    assert names.index(CHILD) < names.index(BASE), "a base goes after what is built on it"
    mark_used(KEY)
    later = before[CHILD].last_used + 1000
    os.utime(paths.cache() / "images" / KEY, (later, later))
    after = found()
    assert after[CHILD].last_used == pytest.approx(later)
    assert after[BASE].last_used == after[CHILD].last_used
    assert before[BASE].last_used < later


@pytest.mark.docker
def test_an_image_that_a_container_uses_stays_and_one_of_others_too(images: None) -> None:

    from runner.engines.docker import daemon

    api = daemon.connect().api
    item = found()[CHILD]
    container = api.create_container(CHILD)["Id"]
    try:
        with pytest.raises(TfmatrixError, match="stays"):
            item.remove()
        assert daemon.find_image(CHILD) is not None
    finally:
        api.remove_container(container)
    item.remove()
    assert daemon.find_image(CHILD) is None
    assert daemon.find_image(BASE) is not None
