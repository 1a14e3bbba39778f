"""The committed locks, and how a lock is found, checked and keyed. Nothing is resolved here."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path

import pytest
from attrs import evolve

from runner import paths
from runner.environments import locks, resolve
from runner.environments.resolve import LockRequest
from runner.errors import LockError
from runner.matrix import plan
from runner.model import Device, Release, Target
from runner.releases import catalogue, specifier

RELEASES = catalogue.load_releases()
NEWEST = specifier.newest_patches(RELEASES)
HASH = "--hash=sha256:" + "0" * 64
CPU = [plan.target(release, Device.CPU) for release in NEWEST]


def target(version: str, device: Device = Device.CPU, *requirements: str) -> Target:
    release = catalogue.find_release(RELEASES, version)
    assert release is not None
    return plan.target(release, device, requirements)


def lock(of: Target, *requirements: str) -> str:
    return locks.lock_header(of) + "".join(f"{line}\n" for line in requirements)


@pytest.fixture(autouse=True)
def _private_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TFMATRIX_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[LockRequest]:
    """What would be resolved; the answer is six, with a hash."""
    requests: list[LockRequest] = []

    def fake_lock(request: LockRequest) -> str:
        requests.append(request)
        return f"six==1.15.0 \\\n    {HASH}\n"

    monkeypatch.setattr(resolve, "resolve_lock", fake_lock)
    return requests


# The committed locks --------------------------------------------------------------------------


@pytest.mark.parametrize("release", NEWEST, ids=lambda release: release.version)
def test_the_newest_patch_of_each_series_is_locked(
    release: Release, asked: list[LockRequest]
) -> None:
    text = locks.requirements(plan.target(release, Device.CPU))
    names = [re.split(r"==|\[", line)[0] for line in locks.lock_lines(text)]
    assert release.cpu_requirement in text.replace(" \\", "").splitlines()
    assert len([n for n in names if n in ("tensorflow", "tensorflow-cpu", "tensorflow-gpu")]) == 1
    assert ("tf-keras" in names) == bool(release.extras)
    assert not asked


@pytest.mark.parametrize("path", sorted(paths.locks().glob("*")), ids=lambda path: path.name)
def test_every_lock_is_as_the_catalogue_asks_and_names_no_machine(path: Path) -> None:
    version, python, device = path.stem.split("-")
    of = evolve(target(version, Device(device)), python=python.removeprefix("py"))
    text = path.read_text(encoding="utf-8")
    locks.verify(text, of, path)
    assert not re.search(r"https?:|file:|(^|\s)/|--index|--find-links|--extra", text)
    names = [line.split("==")[0] for line in locks.lock_lines(text)]
    assert names == sorted(set(names))


# Checking -------------------------------------------------------------------------------------


def test_a_lock_is_refused_when_the_catalogue_asks_for_something_else() -> None:
    of = target("2.9.0")
    text = lock(of, f"six==1.15.0 {HASH}")
    locks.verify(text, of, Path("x"))
    later = evolve(of, release=evolve(of.release, cutoff_days=30))
    with pytest.raises(LockError, match=r"was not made for TensorFlow 2\.9\.0") as caught:
        locks.verify(text, later, Path("x"))
    assert caught.value.remedy == "tfmatrix lock --tf 2.9.0 --device cpu"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("six==1.15.0", "has no hash"),
        (f"six {HASH}", "is not a locked requirement"),
        (f"six>=1.15.0 {HASH}", "is not a locked requirement"),
        ("six==1.15.0 --hash=md5:00", "is not a locked requirement"),
        ("--index-url https://example.org", "is not a locked requirement"),
        (f"six @ https://example.org/six.whl {HASH}", "is not a locked requirement"),
        (f"-e . {HASH}", "is not a locked requirement"),
    ],
)
def test_each_line_of_a_lock_names_one_file_by_hash(line: str, message: str) -> None:
    of = target("2.9.3")
    with pytest.raises(LockError, match=message):
        locks.verify(lock(of, f"wheel==0.30 {HASH}", line), of, Path("x"))


def test_lines_are_joined_and_comments_left_out() -> None:
    text = f"# head\nsix==1.15.0 ; python_version < '4' \\\n    {HASH} \\\n    {HASH}\n\n"
    assert list(locks.lock_lines(text)) == [f"six==1.15.0 ; python_version < '4' {HASH} {HASH}"]


# What is asked ----------------------------------------------------------------------------------


def test_packages_are_as_of_some_days_after_the_release() -> None:
    assert locks.lock_request(target("2.9.3")).as_of == date(2022, 12, 16)
    assert locks.lock_request(target("2.9.0")).as_of == date(2022, 5, 23)
    assert dict(locks.lock_request(target("1.12.0")).newer) == {"setuptools": date(2021, 12, 31)}


def test_tf_keras_does_not_bring_the_cuda_build_along() -> None:
    cpu = locks.lock_request(target("2.21.0"))
    assert cpu.requirements == ("tensorflow-cpu==2.21.0", "tf_keras==2.21.*")
    assert cpu.left_out == ("tensorflow",)
    cuda = locks.lock_request(target("2.21.0", Device.CUDA))
    assert cuda.requirements == ("tensorflow[and-cuda]==2.21.0", "tf_keras==2.21.*")
    assert cuda.left_out == ()
    assert locks.lock_request(target("1.15.5")).left_out == ()


def test_what_users_packages_demand_of_tensorflow_counts() -> None:
    def asked(version: str, *packages: str, device: Device = Device.CPU) -> LockRequest:
        return locks.lock_request(evolve(target(version, device), requirements=packages))

    assert asked("2.15.1", "tensorflow-text").stand_in == "2.15.1"
    assert asked("2.15.1", "tensorflow-text", device=Device.CUDA).stand_in == ""  # it is there
    assert "tensorflow-probability<0.24" in asked("2.15.1", "tf-agents").constraints
    assert "tensorflow-probability<0.12" in asked("1.15.5", "tf-agents").constraints
    exact = asked("2.15.1", "tensorflow-probability==0.24.0").constraints
    assert not any("probability" in constraint for constraint in exact)
    assert locks.lock_request(target("2.15.1")).stand_in == ""  # what is committed stays
    assert "probability" not in locks.lock_header(target("2.15.1"))


# Finding ----------------------------------------------------------------------------------------


def test_a_lock_that_is_not_committed_is_resolved_once(asked: list[LockRequest]) -> None:
    of = target("2.9.0")
    first, second = locks.requirements(of), locks.requirements(of)
    assert first == second
    assert len(asked) == 1
    assert first.startswith("# TensorFlow 2.9.0 on cpu: Python 3.10, Linux x86-64, packages as of")


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"# another head\n", b"six==1.15.0\n"])
def test_a_cached_lock_that_is_damaged_is_made_anew(
    asked: list[LockRequest], content: bytes
) -> None:
    sound = locks.requirements(target("2.9.1"))
    (path,) = paths.cached_locks().iterdir()
    path.write_bytes(content)
    assert locks.requirements(target("2.9.1")) == sound
    assert path.read_text(encoding="utf-8") == sound
    assert len(asked) == 2


def test_a_lock_that_cannot_be_kept_is_as_good(
    asked: list[LockRequest], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "no-folder").write_text("", "utf-8")
    monkeypatch.setattr(paths, "cached_locks", lambda: tmp_path / "no-folder")
    assert locks.requirements(target("2.9.1"))
    assert locks.requirements(target("2.9.1"))
    assert len(asked) == 2


def test_a_committed_lock_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    (tmp_path / "lock.txt").write_bytes(b"\xff\xfe")
    with pytest.raises(LockError, match=r"lock\.txt cannot be read"):
        locks.read_lock(tmp_path / "lock.txt", target("2.9.3"))


def test_packages_of_the_users_are_locked_together_with_the_release(
    asked: list[LockRequest],
) -> None:
    of = target("2.9.3", Device.CPU, "einops==0.6.0")
    environment = locks.environment(of)
    assert asked[0].requirements == ("tensorflow-cpu==2.9.3", "einops==0.6.0")
    assert environment.id.startswith("2.9.3-py3.10-cpu-")
    assert locks.environment(target("2.9.3")).id == "2.9.3-py3.10-cpu"
    assert locks.committed_path(of) is None


def test_a_change_of_the_catalogue_meets_no_old_answer(asked: list[LockRequest]) -> None:
    of = target("2.9.0")
    locks.requirements(of)
    locks.requirements(evolve(of, release=evolve(of.release, constraints=("six<1.16",))))
    assert [request.constraints for request in asked] == [(), ("six<1.16",)]


def test_renewing_what_is_committed_writes_it_beside_the_catalogue(
    asked: list[LockRequest], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paths, "locks", lambda: tmp_path / "locks")
    written = locks.renew(target("2.9.1"))
    assert written == tmp_path / "locks" / "2.9.1-py3.10-cpu.txt"
    assert locks.requirements(target("2.9.1")) == written.read_text(encoding="utf-8")
    assert len(asked) == 1
    assert [path.name for path in written.parent.iterdir()] == [written.name]


def test_an_installed_copy_keeps_what_is_renewed_in_the_cache_and_prefers_it(
    asked: list[LockRequest], monkeypatch: pytest.MonkeyPatch
) -> None:
    shipped_data = paths.data_folder()
    monkeypatch.setattr(paths, "is_checkout", lambda: False)
    monkeypatch.setattr(paths, "data_folder", lambda: shipped_data)
    shipped = locks.requirements(target("2.9.3"))
    written = locks.renew(target("2.9.3"))
    assert written.parent == paths.cached_locks()
    assert written.read_text("utf-8") != shipped
    assert locks.requirements(target("2.9.3")) == written.read_text("utf-8")
    assert locks.environment(target("2.9.3")).requirements == written.read_text("utf-8")


# The key ----------------------------------------------------------------------------------------


def key(of: Target, text: str) -> str:
    path = locks.committed_path(of)
    assert path is not None
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return locks.environment(of).key


def test_the_key_changes_with_what_is_installed_and_with_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paths, "locks", lambda: tmp_path / "locks")
    of = target("2.9.3")
    plain = key(of, lock(of, f"six==1.15.0 {HASH}"))
    assert key(of, lock(of, "# a remark", f"six==1.15.0 \\\n    {HASH}")) == plain
    assert key(of, lock(of, f"six==1.16.0 {HASH}")) != plain
    assert key(of, lock(of, f"six==1.15.0 {HASH[:-1]}1")) != plain
    assert key(of, lock(of, f"six==1.15.0 {HASH}")) == plain


def test_the_key_changes_with_the_base_image() -> None:
    of = target("2.9.3")
    plain, other = locks.environment(of), locks.environment(of, {"3.10": "example.org/python:3.10"})
    assert plain.key != other.key
    assert plain.requirements == other.requirements
    assert "example.org/python:3.10" in other.dockerfile
