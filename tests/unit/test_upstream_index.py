"""What is read of a package index, over real HTTP, and what is made of it when it is away."""

from __future__ import annotations

import io
import time
import zipfile
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve

from runner.releases.upstream import index, settings, wheel
from runner.releases.upstream.index import Index, IndexUnreachableError
from tests.unit import index_server
from tests.unit.index_server import IndexServer

NOWHERE = {"HOME": "/nonexistent", "PIP_CONFIG_FILE": "/nonexistent"}


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Try again without waiting."""
    monkeypatch.setattr(index, "_RETRY", index._RETRY.new(backoff_factor=0))


@pytest.fixture
def server() -> Iterator[IndexServer]:
    with index_server.serving() as server:
        yield server


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def source(server: IndexServer, tmp_path: Path, said: list[str]) -> Index:
    return Index(server.url, cache=tmp_path / "cache", say=said.append)


# Which index ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("environ", "address"),
    [
        ({}, "https://pypi.org/simple/"),
        ({"PIP_INDEX_URL": "https://pip/simple"}, "https://pip/simple"),
        ({"PIP_INDEX_URL": "https://pip/s", "UV_INDEX_URL": "https://old/s"}, "https://old/s"),
        ({"UV_INDEX_URL": "https://old/s", "UV_DEFAULT_INDEX": "https://uv/s"}, "https://uv/s"),
        ({"UV_DEFAULT_INDEX": "inner=https://u:p@uv/s"}, "https://u:p@uv/s"),
    ],
)
def test_the_index_is_the_one_that_uv_or_pip_uses(environ: dict[str, str], address: str) -> None:
    assert settings.address({**NOWHERE, **environ}) == address


def test_pips_own_file_counts_too(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("-----BEGIN CERTIFICATE-----\n")
    file = tmp_path / "pip.conf"
    file.write_text(f"[global]\nindex-url = https://conf/s\ncert = {tmp_path / 'ca.pem'}\n")
    environ = {"HOME": str(tmp_path), "PIP_CONFIG_FILE": str(file)}
    assert settings.address(environ) == "https://conf/s"
    assert settings.certificates(environ) == tmp_path / "ca.pem"
    assert settings.certificates({**environ, "SSL_CERT_FILE": str(file)}) == file


def test_a_password_is_not_shown(server: IndexServer, tmp_path: Path) -> None:
    server.add("tensorflow", "2.21.0")
    address = server.url.replace("http://", "http://me:secret@")
    source = Index(address, cache=tmp_path, say=print)
    assert source.shown == server.url
    assert source.wheels("tensorflow")
    assert not any("secret" in path.read_text() for path in tmp_path.rglob("*.json"))
    server.failures = 99
    with pytest.raises(IndexUnreachableError) as caught:
        source.wheels("tf-nightly", fresh=True)
    assert "secret" not in str(caught.value)


# What it has ------------------------------------------------------------------------------


def test_wheels_for_linux_and_pythons_that_run(server: IndexServer, source: Index) -> None:
    server.add("tensorflow", "2.21.0", pythons="cp310 cp313")
    server.add("tensorflow", "2.21.0", pythons="cp27", platform="manylinux1_x86_64")
    server.add("tensorflow", "2.21.0", platform="win_amd64")
    server.add("tensorflow", "2.21.0", platform="manylinux_2_27_aarch64")
    server.files["tensorflow"]["tensorflow-2.21.0-cp313-cp313t-manylinux_2_27_x86_64.whl"] = {}
    server.files["tensorflow"]["tensorflow-2.21.0.tar.gz"] = {}
    server.files["tensorflow"]["tensorflow-oddly-named.whl"] = {}
    found = source.wheels("tensorflow")
    assert [(each.version, each.python) for each in found] == [
        ("2.21.0", "3.10"),
        ("2.21.0", "3.13"),
    ]
    assert found[0].uploaded == date(2026, 3, 6)
    assert found[0].size == 273_600_000


def test_older_names_of_abi_and_platform(server: IndexServer, source: Index) -> None:
    name = "tensorflow-2.4.0-cp37-cp37m-manylinux_2_17_x86_64.manylinux2010_x86_64.whl"
    server.files["tensorflow"] = {name: {"yanked": "it is broken"}}
    (found,) = source.wheels("tensorflow")
    assert (found.python, found.yanked, found.uploaded) == ("3.7", "it is broken", None)


def test_an_index_of_html_tells_no_dates_and_no_sizes(server: IndexServer, source: Index) -> None:
    server.form = "html"
    server.add("tensorflow", "2.21.0", pythons="cp310")
    (found,) = source.wheels("tensorflow")
    assert (found.version, found.uploaded, found.size) == ("2.21.0", None, None)
    assert found.url.startswith("http://127.0.0.1")


def test_a_package_that_there_is_not_has_no_wheels(source: Index) -> None:
    assert source.wheels("tf-nightly-cpu") == ()
    assert source.versions("tf-keras") == ()


def test_versions_of_a_pure_package(server: IndexServer, source: Index) -> None:
    server.files["tf-keras"] = {
        "tf_keras-2.21.0-py3-none-any.whl": {},
        "tf_keras-2.21.0.tar.gz": {},
        "tf_keras-2.20.1-py3-none-any.whl": {},
    }
    assert sorted(source.versions("tf-keras")) == ["2.20.1", "2.21.0"]


def test_a_busy_index_is_asked_again(
    server: IndexServer, source: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.add("tensorflow", "2.21.0")
    server.failures = 2
    assert len(source.wheels("tensorflow")) == 2
    assert len(server.asked) == 3


# Away -------------------------------------------------------------------------------------


def test_what_it_said_last_is_kept(server: IndexServer, source: Index, said: list[str]) -> None:
    server.add("tensorflow", "2.21.0", pythons="cp310")
    before = source.wheels("tensorflow")
    server.files["tensorflow"].clear()
    server.failures = 99
    after = source.wheels("tensorflow")
    assert [(w.version, w.python, w.uploaded) for w in after] == [
        (w.version, w.python, w.uploaded) for w in before
    ]
    assert "cannot be read" in said[0]
    with pytest.raises(IndexUnreachableError):
        source.wheels("tensorflow", fresh=True)


def test_away_from_the_start(tmp_path: Path) -> None:
    source = Index("http://127.0.0.1:9/simple", cache=tmp_path, say=print)
    with pytest.raises(IndexUnreachableError) as caught:
        source.wheels("tensorflow")
    assert "http://127.0.0.1:9/simple" in str(caught.value)
    assert "UV_DEFAULT_INDEX" in str(caught.value)


@pytest.mark.parametrize("address", ["file:///opt/simple", "nonsense"])
def test_an_address_of_another_sort(address: str, tmp_path: Path) -> None:
    with pytest.raises(IndexUnreachableError):
        Index(address, cache=tmp_path, say=print).wheels("tensorflow")


def test_what_is_kept_may_be_damaged(server: IndexServer, source: Index, tmp_path: Path) -> None:
    server.add("tensorflow", "2.21.0")
    source.wheels("tensorflow")
    (kept,) = tmp_path.rglob("tensorflow.json")
    kept.write_text("{")
    server.failures = 99
    with pytest.raises(IndexUnreachableError):
        source.wheels("tensorflow")


def test_a_cache_that_cannot_be_written_is_no_reason_to_fail(
    server: IndexServer, tmp_path: Path, said: list[str]
) -> None:
    server.add("tensorflow", "2.21.0")
    (tmp_path / "file").write_text("")
    assert Index(server.url, cache=tmp_path / "file", say=said.append).wheels("tensorflow")
    assert "was not kept" in said[0]


# A server that does not come to an end -----------------------------------------------------


def bounded(server: IndexServer, tmp_path: Path, **bounds: Any) -> Index:
    allowed = evolve(index.allowance(), **bounds)
    return Index(server.url, cache=tmp_path / "cache", say=lambda _: None, bounds=allowed)


def test_a_page_that_comes_byte_by_byte_is_not_waited_for(
    server: IndexServer, tmp_path: Path
) -> None:
    server.add("tensorflow", "2.21.0", pythons="cp310")
    server.drip = 0.2
    slow = bounded(server, tmp_path, seconds=1)
    began = time.monotonic()
    for _ in range(3):  # the deadline is one over all that is asked
        with pytest.raises(IndexUnreachableError, match="no whole answer within 1 s"):
            slow.wheels("tensorflow")
    assert time.monotonic() - began < 5


def test_answers_without_end_are_not_followed(server: IndexServer, tmp_path: Path) -> None:
    server.astray = True
    with pytest.raises(IndexUnreachableError, match="more answers than it can have"):
        bounded(server, tmp_path, answers=10).wheels("tensorflow")
    assert len(server.asked) <= 10


@pytest.mark.parametrize("form", ["json", "html"])
def test_a_page_without_end_is_not_read(server: IndexServer, tmp_path: Path, form: str) -> None:
    server.form = form
    server.add("tensorflow", "2.21.0", pythons="cp310", yanked="x" * 3_000_000)
    server.add("tensorflow", "2.20.0" + "0" * 1_000_000, pythons="cp310")
    with pytest.raises(IndexUnreachableError, match="answers are larger than they can be"):
        bounded(server, tmp_path, size=1_000_000).wheels("tensorflow")


def bomb(name: str) -> bytes:
    """A wheel of some kB with a file of 64 MiB in it."""
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, b" " * (64 << 20))
    return held.getvalue()


@pytest.mark.parametrize(
    "name", ["tensorflow-2.21.0.dist-info/METADATA", "x/python/platform/build_info.py"]
)
def test_a_wheel_that_unpacks_without_end_is_not_unpacked(
    server: IndexServer, source: Index, name: str
) -> None:
    server.add("tensorflow", "2.21.0", pythons="cp310", content=bomb(name))
    (found,) = source.wheels("tensorflow")
    with pytest.raises(wheel.WheelUnreadableError):
        wheel.read_wheel(found, source)


@pytest.mark.parametrize("deep", ["(" * 100_000, "[" * 100_000, "-" * 1_000_000])
def test_what_a_build_says_may_be_nested_without_end(deep: str) -> None:
    hostile = f"build_info = collections.OrderedDict({deep})"
    assert wheel.build("Name: x\n", hostile).cuda is None


# A wheel ----------------------------------------------------------------------------------


def test_a_wheel_is_looked_into_without_fetching_it(server: IndexServer, source: Index) -> None:
    content = index_server.wheel("2.21.0")
    server.add("tensorflow", "2.21.0", pythons="cp310", content=content)
    (found,) = source.wheels("tensorflow")
    build = wheel.read_wheel(found, source)
    assert build == wheel.Build(
        requires=("absl-py>=1.0.0", "keras>=3.12.0"),
        cuda="12.5.1",
        cudnn="9.3",
        capabilities=("6.0", "9.0"),
        and_cuda=True,
        keras="3",
    )
    assert 0 < server.sent < len(content) / 2


def test_metadata_that_the_index_serves_apart_are_taken(server: IndexServer, source: Index) -> None:
    metadata_apart: dict[str, Any] = {"core-metadata": True}
    server.add(
        "tensorflow",
        "2.21.0",
        pythons="cp310",
        content=index_server.wheel("2.21.0"),
        **metadata_apart,
    )
    (name,) = server.files["tensorflow"]
    server.contents[f"{name}.metadata"] = b"Metadata-Version: 2.1\nRequires-Dist: apart>=1\n"
    (found,) = source.wheels("tensorflow")
    assert wheel.read_wheel(found, source).requires == ("apart>=1",)


def test_an_index_without_ranges_is_told(server: IndexServer, source: Index) -> None:
    server.ranges = False
    server.add("tensorflow", "2.21.0", pythons="cp310", content=index_server.wheel("2.21.0"))
    (found,) = source.wheels("tensorflow")
    with pytest.raises(wheel.WheelUnreadableError, match=r"2\.21\.0 for Python 3\.10"):
        wheel.read_wheel(found, source)


@pytest.mark.parametrize(
    "content",
    [b"", b"no archive at all", index_server.wheel("1")[:1000]],
    ids=["empty", "text", "cut off"],
)
def test_a_damaged_wheel_is_told(server: IndexServer, source: Index, content: bytes) -> None:
    server.add("tensorflow", "2.21.0", pythons="cp310", content=content)
    (found,) = source.wheels("tensorflow")
    with pytest.raises(wheel.WheelUnreadableError):
        wheel.read_wheel(found, source)


def test_what_a_build_says_of_itself_is_never_run(tmp_path: Path) -> None:
    call = f"open({str(tmp_path / 'x')!r}, 'w')"
    hostile = f"build_info = collections.OrderedDict([('cuda_version', {call})])"
    assert wheel.build("Name: x\n", hostile).cuda is None
    assert not (tmp_path / "x").exists()


def test_without_a_record_the_libraries_tell() -> None:
    build = wheel.build(index_server.METADATA.format(version="2.22.0"), "build_info = {}")
    assert (build.cuda, build.cudnn, build.capabilities) == ("12.5", "9.3", ())


@pytest.mark.parametrize(
    ("requirement", "keras"),
    [
        ("keras>=3.12.0", "3"),
        ("keras-nightly>=3.12.0.dev", "3"),
        ("keras (<2.16,>=2.15.0)", "2.15"),
        ("keras-nightly~=2.5.0.dev", None),
        ("keras-preprocessing>=1.1.1", None),
    ],
)
def test_which_keras_it_is(requirement: str, keras: str) -> None:
    assert wheel.build(f"Requires-Dist: {requirement}\n", "").keras == keras


def test_the_session_trusts_whom_the_machine_trusts(tmp_path: Path) -> None:
    assert index.session(index.allowance(), tmp_path / "ca.pem").verify == str(tmp_path / "ca.pem")
