"""Base images without a registry: what is taken out of the system, and what a failure says."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from runner.engines.docker import bases
from runner.errors import PrepareError
from runner.machine import processes


def system(root: Path) -> None:
    """A tree as debootstrap leaves it: a package's documentation is a link to another's."""
    for name in ("gcc-12-base", "zlib1g"):
        folder = root / "usr/share/doc" / name
        folder.mkdir(parents=True)
        (folder / "copyright").write_text("terms")
        (folder / "changelog.Debian.gz").write_text("long")
    (root / "usr/share/doc/gcc-12-base/examples").mkdir()
    (root / "usr/share/doc/gcc-12-base/examples/a.c").write_text("")
    (root / "usr/share/doc/libstdc++6").symlink_to("gcc-12-base")
    (root / "var/log").mkdir(parents=True)
    (root / "var/log/dpkg.log").write_text("")


def files(root: Path) -> Iterator[str]:
    return (str(path.relative_to(root)) for path in sorted(root.rglob("*")) if not path.is_dir())


def test_documentation_goes_and_a_link_to_anothers_is_not_followed(tmp_path: Path) -> None:
    system(tmp_path)
    bases.remove_unneeded(tmp_path)
    assert list(files(tmp_path)) == [
        "usr/share/doc/gcc-12-base/copyright",
        "usr/share/doc/zlib1g/copyright",
    ]
    assert (tmp_path / "usr/share/doc/libstdc++6").is_symlink()


def test_nothing_is_removed_through_a_link_that_leads_out_of_the_tree(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "changelog").write_text("somebody's")
    root = tmp_path / "root"
    (root / "usr/share/doc").mkdir(parents=True)
    (root / "var").mkdir()
    (root / "usr/share/doc/foo").symlink_to(outside)
    (root / "var/log").symlink_to(outside)
    bases.remove_unneeded(root)
    assert (outside / "changelog").read_text() == "somebody's"


def test_a_failed_debootstrap_says_its_cause_and_the_remedy_and_one_line_a_step(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    said: list[str] = []
    steps = ("Retrieving", "Validating")  # package by package, as debootstrap does it
    lines = [f"I: {step} package{n} 1.0" for n in range(90) for step in steps]
    lines += ["E: Couldn't download packages: apt", "exit 1"]
    monkeypatch.setattr(processes, "stream", lambda *_, **__: iter(lines))
    with pytest.raises(PrepareError) as caught:
        bases._debootstrap("bookworm", "", tmp_path / "root", said.append)
    assert (
        caught.value.message == "debootstrap of bookworm failed: E: Couldn't download packages: apt"
    )
    assert "mirror" in str(caught.value.remedy)
    assert said == [
        "debootstrap of bookworm",
        "debootstrap: retrieving packages",
        "debootstrap: validating packages",
    ]
