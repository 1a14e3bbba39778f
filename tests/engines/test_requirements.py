"""A stranger's requirement runs nothing on this machine while it is resolved."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Sequence
from datetime import date
from pathlib import Path

import pytest

from runner.environments import locks, resolve, sources
from runner.errors import LockError
from runner.matrix import vary
from runner.model import Device, Resolution, Target
from runner.releases import catalogue
from tests.unit import index_server

pytestmark = pytest.mark.tensorflow  # it needs uv


def test_a_source_distribution_is_not_built_to_learn_what_it_requires(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    harm = tmp_path / "harm"
    setup = f"open({str(harm)!r}, 'w')\nfrom setuptools import setup\nsetup(name='evil')\n"
    with tarfile.open(tmp_path / "evil-1.0.tar.gz", "w:gz") as archive:
        for name, text in (
            ("setup.py", setup),
            ("PKG-INFO", "Metadata-Version: 1.0\nName: evil\nVersion: 1.0\n"),
        ):
            member = tarfile.TarInfo(f"evil-1.0/{name}")
            member.size = len(text)
            archive.addfile(member, io.BytesIO(text.encode()))
    question = resolve.LockRequest(
        python="3.10", requirements=("evil==1.0",), as_of=date(2024, 1, 1), undated=("evil",)
    )
    with index_server.serving() as server:
        monkeypatch.setenv("UV_DEFAULT_INDEX", server.url)
        monkeypatch.setenv("UV_FIND_LINKS", str(tmp_path))
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        with pytest.raises(LockError, match="source distributions are not built"):
            resolve.resolve_lock(question)
    assert not harm.exists()


@pytest.mark.parametrize(
    ("asked", "stand_in", "version"),
    [
        (("text",), "2.15.1", "2.15.0"),
        (("text",), "2.16.2", "2.16.0"),
        (("text",), "2.16.0.dev20240101", "2.16.0"),
        (("text==2.16.0",), "2.15.1", "2.16.0"),  # what the two do to each other is the question
    ],
)
def test_the_newest_version_that_admits_the_release_is_taken(
    asked: Sequence[str],
    stand_in: str,
    version: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for minor in (14, 15, 16):
        demand = f"tensorflow>=2.{minor}.dev0,<2.{minor + 1}"
        sources.write_wheel(tmp_path, "text", f"2.{minor}.0", [demand])
    question = resolve.LockRequest(
        python="3.10",
        requirements=tuple(asked),
        as_of=date(2026, 1, 1),
        undated=tuple(each.partition("==")[0] for each in asked if "==" in each),
        left_out=("tensorflow",),
        stand_in=stand_in,
    )
    with index_server.serving() as server:
        monkeypatch.setenv("UV_DEFAULT_INDEX", server.url)
        monkeypatch.setenv("UV_FIND_LINKS", str(tmp_path))
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        lock = resolve.resolve_lock(question)
    assert [line.split()[0] for line in lock.splitlines() if "==" in line] == [f"text=={version}"]


TORCH = "torch-2.5.1+cpu-py3-none-any.whl"


def test_a_cpu_build_of_torch_comes_from_the_index_that_the_user_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Such an index does not say when a build came out, so its exact version is taken of any day;
    it has copies of other packages too."""
    (backend,) = vary.parse_axis("backend=torch==2.5.1+cpu").values
    target = Target(
        release=catalogue.without_tensorflow(),
        device=Device.CPU,
        python="3.10",
        requirements=backend.requirements,
        resolution=Resolution(later="2026-01-31"),
    )
    sources.write_wheel(tmp_path, "torch", "2.5.1+cpu", ["text"])
    sources.write_wheel(tmp_path, "text", "1.0")
    text = "text-1.0-py3-none-any.whl"
    with index_server.serving() as usual, index_server.serving() as other:
        usual.add("torch", "2.5.1", pythons="cp310", content=b"with CUDA")
        usual.files["text"] = {text: {"upload-time": "2026-01-01T00:00:00Z"}}
        other.form = "html"
        other.files["torch"] = {TORCH: {}}
        other.files["text"] = {text: {}}
        for server, name in ((usual, text), (other, text), (other, TORCH)):
            server.contents[name] = (tmp_path / name).read_bytes()
        monkeypatch.setenv("UV_DEFAULT_INDEX", usual.url)
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        with pytest.raises(LockError, match=r"torch==2\.5\.1\+cpu"):
            locks.resolve_lock(target)
        monkeypatch.setenv("UV_INDEX", other.url)
        with pytest.raises(LockError, match="text"):
            locks.resolve_lock(target)
        monkeypatch.setenv("UV_INDEX_STRATEGY", "unsafe-best-match")
        lock = locks.resolve_lock(target)
    pins = [line.split()[0] for line in locks.lock_lines(lock)]
    assert pins == ["text==1.0", "torch==2.5.1+cpu"]
