"""Source distributions that may be built: which a lock names, and that nothing else ever is."""

from __future__ import annotations

import hashlib
import re
import zipfile
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from runner.environments import downloads, locks, render, resolve, sources
from runner.errors import LockError, PrepareError
from runner.machine import interpreters
from runner.matrix import plan
from runner.model import Device, Target
from runner.releases import catalogue
from tests.unit import index_server
from tests.unit.index_server import IndexServer

TERMCOLOR = "1d6d69ce66211143803fbc56652b41d73b4a400a2891d7bf7a1cdf4c02de613b"


def target(version: str) -> Target:
    (release,) = (each for each in catalogue.load_releases() if each.version == version)
    return plan.target(release, Device.CPU)


def lock(version: str) -> str:
    path = locks.committed_path(target(version))
    assert path is not None
    return path.read_text("utf-8")


@pytest.mark.parametrize(
    ("version", "names"),
    [
        ("1.14.0", ["absl-py", "gast", "termcolor", "wrapt"]),
        ("1.15.5", ["gast", "termcolor", "wrapt"]),
        ("2.6.5", ["clang", "termcolor", "wrapt"]),
        ("2.12.1", ["jax"]),
        ("2.9.3", []),
    ],
)
def test_a_lock_tells_which_are_built(version: str, names: list[str]) -> None:
    found = sources.distributions_in_lock(locks.lock_lines(lock(version)))
    assert [each.name for each in found] == names


def test_another_file_of_that_name_is_not_known() -> None:
    text = f"termcolor==1.1.0 \\\n    --hash=sha256:{'0' * 64}\n"
    assert sources.distributions_in_lock(locks.lock_lines(text)) == ()


def test_installers_may_build_only_what_is_known() -> None:
    assert locks.for_installers(lock("2.9.3")).startswith("--only-binary :all:\n#")
    text = locks.for_installers(lock("1.15.5"))
    forbidden = set(re.findall(r"(?m)^--only-binary (\S+)$", text))
    named = {line.partition("==")[0] for line in locks.lock_lines(lock("1.15.5"))}
    assert named - forbidden == {"gast", "termcolor", "wrapt"}
    assert text.endswith(lock("1.15.5"))


def test_wheels_of_metadata_hold_no_code_and_are_of_their_day(tmp_path: Path) -> None:
    hashes = sources.write_metadata(tmp_path, date(2019, 12, 31))
    names = {path.name for path in tmp_path.iterdir()}
    assert "absl_py-0.9.0-py3-none-any.whl" in names
    assert not [name for name in names if name.startswith("jax")]
    assert TERMCOLOR in hashes.values()
    for path in tmp_path.iterdir():
        with zipfile.ZipFile(path) as wheel:
            assert all(".dist-info/" in name for name in wheel.namelist())
    with zipfile.ZipFile(tmp_path / "absl_py-0.9.0-py3-none-any.whl") as wheel:
        text = wheel.read("absl_py-0.9.0.dist-info/METADATA").decode()
    assert text.splitlines()[1:] == ["Name: absl-py", "Version: 0.9.0", "Requires-Dist: six"]


def test_a_package_that_is_asked_for_by_version_counts_whatever_its_day(tmp_path: Path) -> None:
    sources.write_metadata(tmp_path, date(2019, 1, 1), ("jax",))
    assert (tmp_path / "jax-0.4.14-py3-none-any.whl").exists()


def test_a_lock_has_the_hashes_of_the_real_files() -> None:
    stub, other = "a" * 64, "f" * 64
    text = (
        "six==1.16.0 \\\n    --hash=sha256:" + "b" * 64 + "\n"
        f"termcolor==1.1.0 \\\n    --hash=sha256:{stub} \\\n    --hash=sha256:{other}\n"
    )
    real = sources.with_real_hashes(text, {stub: TERMCOLOR})
    assert real == text.replace(stub, TERMCOLOR)
    assert sources.with_real_hashes(text, {}) == text


def test_what_is_built_is_built_without_network_secrets_or_cache() -> None:
    made = render.dockerfile(
        target("1.15.5"), sources=sources.distributions_in_lock(locks.lock_lines(lock("1.15.5")))
    )
    stage = made[made.index("FROM wheels AS built") : made.rindex("FROM wheels")]
    assert stage.count("RUN") == stage.count("RUN --network=none") == 1
    assert "secret" not in stage
    assert "type=cache" not in stage
    assert f"{TERMCOLOR} termcolor-1.1.0.tar.gz" in stage
    after = made[made.rindex("FROM wheels") :]
    assert "--offline" in after
    assert "secret" not in after
    assert "type=cache" not in after


def test_a_lock_without_source_distributions_has_no_such_stage() -> None:
    assert "built" not in render.dockerfile(target("2.9.3"))


@pytest.fixture
def lock_request() -> resolve.LockRequest:
    return resolve.LockRequest(python="3.10", requirements=("evil==1.0",), as_of=date(2024, 1, 1))


def test_no_wheel_is_told_in_one_line(lock_request: resolve.LockRequest) -> None:
    said = (
        "  × No solution found: Because evil==1.0 has no usable wheels and you require evil==1.0,\n"
        "hint: Wheels are required for `evil` because building from source is disabled"
    )
    with pytest.raises(LockError, match=r"^evil has no wheel for Python 3\.10") as raised:
        raise resolve._failure(lock_request, said)
    assert "source distributions are not built" in str(raised.value)


def test_uv_is_told_to_build_nothing(
    lock_request: resolve.LockRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    command = resolve._command(lock_request, tmp_path)
    assert "--no-build" in command
    assert "--no-build-isolation" not in command


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[IndexServer]:
    """The index that this machine is told to use."""
    with index_server.serving() as running:
        monkeypatch.setenv("TFMATRIX_CACHE", str(tmp_path / "cache"))
        monkeypatch.setenv("UV_DEFAULT_INDEX", running.url)
        yield running


def put(server: IndexServer, content: bytes) -> None:
    name = "some_thing-1.0.tar.gz"
    server.contents[name] = content
    server.files.setdefault("some-thing", {})[name] = {"size": len(content), "yanked": False}


def source(content: bytes) -> sources.SourceDistribution:
    return sources.SourceDistribution(
        name="some-thing",
        version="1.0",
        uploaded=date(2020, 1, 1),
        requires=(),
        sha256=hashlib.sha256(content).hexdigest(),
    )


def test_a_source_distribution_is_downloaded_and_checked(
    server: IndexServer, tmp_path: Path
) -> None:
    put(server, b"the file")
    downloads.fetch([source(b"the file")], tmp_path / "sources")
    assert (tmp_path / "sources" / "some-thing-1.0.tar.gz").read_bytes() == b"the file"


def test_another_file_in_its_place_is_refused(server: IndexServer, tmp_path: Path) -> None:
    put(server, b"another file")
    with pytest.raises(PrepareError, match="not the file that is known by its hash"):
        downloads.fetch([source(b"the file")], tmp_path / "sources")
    assert not list((tmp_path / "sources").iterdir())


def test_an_index_that_has_none_is_told(server: IndexServer, tmp_path: Path) -> None:
    with pytest.raises(PrepareError, match=r"some-thing-1\.0\.tar\.gz could not be downloaded"):
        downloads.fetch([source(b"the file")], tmp_path / "sources")


def test_uv_sees_no_token_and_no_setting_that_changes_what_it_resolves(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("GITHUB_TOKEN", "AWS_SECRET_ACCESS_KEY", "DOCKER_HOST", "PYTHONPATH"):
        monkeypatch.setenv(name, "secret")
    for name in ("UV_RESOLUTION", "UV_PRERELEASE", "CFLAGS"):
        monkeypatch.setenv(name, "changes")
    kept = {"UV_DEFAULT_INDEX", "UV_CACHE_DIR", "https_proxy", "NO_PROXY", "SSL_CERT_FILE", "HOME"}
    for name in kept:
        monkeypatch.setenv(name, "kept")
    seen = interpreters.uv_environment()
    assert kept <= seen.keys()
    assert not {"secret", "changes"} & set(seen.values())


def test_places_that_the_user_names_are_looked_at_too(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("UV_FIND_LINKS", "/mine,/ours")
    assert resolve._environment(tmp_path)["UV_FIND_LINKS"] == f"/mine,/ours,{tmp_path}"
    monkeypatch.delenv("UV_FIND_LINKS")
    assert resolve._environment(tmp_path)["UV_FIND_LINKS"] == str(tmp_path)
