"""What scripts ask Keras to download: told from the text, fetched in bounds, checked by hash."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from runner import cli, paths
from runner.cli import fetch as verb
from runner.datasets import fetching
from runner.datasets.wanted import DataFile, wanted_by
from runner.errors import TfmatrixError

CONTENT = b"data\n" * 1000
SHA256 = hashlib.sha256(CONTENT).hexdigest()
MD5 = hashlib.md5(CONTENT, usedforsecurity=False).hexdigest()


# What is wanted -----------------------------------------------------------------------------------


def places(text: str) -> list[str]:
    return [place for file in wanted_by(text).files for place in file.places]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("import tensorflow as tf\ntf.keras.datasets.mnist.load_data()", ["datasets/mnist.npz"]),
        (
            "from tensorflow.keras.datasets import imdb",
            ["datasets/imdb.npz", "datasets/imdb_word_index.json"],
        ),
        ("from keras.datasets.mnist import load_data", ["datasets/mnist.npz"]),
        ("keras.applications.VGG16()", ["models/vgg16_weights_tf_dim_ordering_tf_kernels.h5"]),
        (
            "from tensorflow.keras.applications import ResNet50\nResNet50(include_top=False)",
            ["models/resnet50_weights_tf_dim_ordering_tf_kernels_notop.h5"],
        ),
        ("tf.keras.utils.get_file('a.csv', 'https://e.org/a.csv')", ["datasets/a.csv"]),
        ("U = 'https://e.org/'\ntf.keras.utils.get_file(origin=U + 'b.csv')", ["datasets/b.csv"]),
        ("keras.utils.get_file('c', f'https://e.org/{1}', cache_subdir='x')", []),
        ("keras.utils.get_file('c', 'https://e.org/c', cache_subdir='x')", ["x/c"]),
        (
            "keras.utils.get_file('d', 'https://e.org/d.tgz', untar=True)",
            ["datasets/d.tar.gz", "datasets/d_archive"],
        ),
        ("keras.utils.get_file('../../e', 'https://e.org/e')", []),
        ("keras.datasets.unheard_of.load_data()", []),
        ("keras.applications.VGG16(weights=None)", []),
        ("import mine.datasets.mnist", []),
        ("not python (", []),
    ],
)  # fmt: skip
def test_what_a_script_asks_for(text: str, found: list[str]) -> None:
    assert places(text) == found


def test_an_address_that_is_worked_out_is_told_by_its_line() -> None:
    text = "import keras\nkeras.utils.get_file('a', url())\n"
    assert wanted_by(text).untold == (2,)


# Fetching -----------------------------------------------------------------------------------------


class _Server(ThreadingHTTPServer):
    asked: list[str]


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        assert isinstance(self.server, _Server)
        self.server.asked.append(self.path)
        if self.path == "/away":
            self.send_response(302)
            self.send_header("Location", "http://example.org/x")
        elif self.path == "/round":
            self.send_response(302)
            self.send_header("Location", "/round")
        elif self.path == "/drip":
            self.send_response(200)
            self.send_header("Content-Length", "1000")
            self.end_headers()
            with suppress(OSError):  # the client has gone
                for _ in range(1000):
                    self.wfile.write(b"a")
                    time.sleep(0.1)
            return
        elif self.path == "/gone":
            self.send_response(404)
        else:
            self.send_response(200)
            self.send_header("Content-Length", str(len(CONTENT)))
        self.end_headers()
        if self.path.startswith("/file"):
            self.wfile.write(CONTENT)

    def log_message(self, *_: object) -> None:
        """Silent."""


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[_Server]:
    monkeypatch.setenv("TFMATRIX_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with _Server(("127.0.0.1", 0), _Handler) as running:
        running.asked = []
        threading.Thread(target=running.serve_forever, daemon=True).start()
        check, own = fetching.check_address, f"http://127.0.0.1:{running.server_address[1]}/"
        monkeypatch.setattr(
            fetching, "check_address", lambda url: url.startswith(own) or check(url)
        )
        yield running
        running.shutdown()


def at(server: _Server, path: str, digest: str = "") -> DataFile:
    url = f"http://127.0.0.1:{server.server_address[1]}{path}"
    return DataFile(url=url, places=("datasets/a", "datasets/b"), digest=digest)


@pytest.mark.parametrize("digest", ["", SHA256, MD5])
def test_a_file_is_fetched_once_and_lies_where_keras_looks(server: _Server, digest: str) -> None:
    said: list[str] = []
    folder = fetching.fetch([at(server, "/file", digest)], said.append)
    assert (folder / ".keras" / "datasets" / "a").read_bytes() == CONTENT
    assert (folder / ".keras" / "datasets" / "b").read_bytes() == CONTENT
    assert fetching.fetch([at(server, "/file", digest)], said.append) == folder
    assert server.asked == ["/file"]
    assert len(said) == 1


def test_a_file_that_was_changed_is_fetched_again(server: _Server) -> None:
    folder = fetching.fetch([at(server, "/file")], print)
    file = folder / ".keras" / "datasets" / "a"
    file.chmod(0o644)
    file.write_bytes(b"other")
    again = fetching.fetch([at(server, "/file")], print)
    assert (again / ".keras" / "datasets" / "a").read_bytes() == CONTENT
    assert server.asked == ["/file", "/file"]


@pytest.mark.parametrize(
    ("path", "digest", "said"),
    [
        ("/file", "0" * 64, "is not the file that 0000"),
        ("/gone", "", "the answer is 404"),
        ("/away", "", "http://example.org/x is not fetched: it is not https"),
        ("/round", "", "leads from one address to the next"),
    ],
)
def test_what_is_not_as_it_should_be_is_not_kept(
    server: _Server, path: str, digest: str, said: str
) -> None:
    with pytest.raises(TfmatrixError, match=said):
        fetching.fetch([at(server, path, digest)], print)
    assert list(paths.cached_data().iterdir()) == []


@pytest.mark.parametrize("url", ["http://example.org/x", "file:///etc/passwd", "ftp://e.org/x"])
def test_only_https_is_fetched(server: _Server, url: str) -> None:
    with pytest.raises(TfmatrixError, match="is not fetched: it is not https"):
        fetching.fetch([DataFile(url=url, places=("datasets/x",))], print)


def test_too_much_ends_it(server: _Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetching, "MOST_BYTES", 1000)
    with pytest.raises(TfmatrixError, match="is too much"):
        fetching.fetch([at(server, "/file")], print)
    assert list(paths.cached_data().iterdir()) == []


def test_a_file_that_comes_byte_by_byte_is_not_waited_for(
    server: _Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetching, "SECONDS", 0.5)
    began = time.monotonic()
    with pytest.raises(TfmatrixError, match=r"no whole answer within 0\.5 s"):
        fetching.fetch([at(server, "/drip")], print)
    assert time.monotonic() - began < 30
    assert list(paths.cached_data().iterdir()) == []


@pytest.mark.parametrize(
    "url",
    ["https://127.0.0.1/x", "https://localhost/x", "https://a.localhost./x", "https://[::1]/x",
     "https://[fe80::1]/x", "https://169.254.169.254/x", "https://192.168.0.1/x", "https:///x"],
)  # fmt: skip
def test_no_script_names_this_machine_or_its_network(url: str) -> None:
    with pytest.raises(TfmatrixError, match="is an address of this machine or its network"):
        fetching.check_address(url)


def test_addresses_that_a_script_may_name() -> None:
    for url in ("https://example.org/x", "https://8.8.8.8/x", "https://[2606:4700::1]/x"):
        fetching.check_address(url)


@pytest.mark.parametrize(
    "name", ["../../e", "/etc/e", "a/../../../e", "\x1b[2J", "a\nb", "\ud800", "é" * 200]
)
def test_a_name_or_an_address_that_is_none_is_told_by_its_line(name: str) -> None:
    for call in (f"{name!r}, 'https://e.org/e'", f"'e', 'https://e.org/' + {name + chr(27)!r}"):
        found = wanted_by(f"import keras\nkeras.utils.get_file({call})")
        assert (found.files, found.untold) == ((), (2,))


# The verb -----------------------------------------------------------------------------------------


def test_the_verb_prints_the_folder(
    server: _Server,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    url = at(server, "/file").url
    Path("my.py").write_text(f"import keras\nkeras.utils.get_file('x', '{url}')\n", "utf-8")
    assert cli.execute(["fetch", "my.py", "--list"]) == 0
    assert capsys.readouterr().out == f"{url}  ~/.keras/datasets/x\n"
    assert server.asked == []
    assert cli.execute(["fetch", "my.py"]) == 0
    folder = Path(capsys.readouterr().out.strip())
    assert (folder / ".keras" / "datasets" / "x").read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("my.py", "import keras\nif x:\n", "line 2: "),
        ("my.py", "import keras\nx = '\0'\n", "source code string cannot contain null bytes"),
        ("my.py", f"import keras\nx = {'-' * 100_000}1\n", ""),
        ("test_my.py", "import helper\n\ndef test_x(): pass\n", "line 1: "),
        (
            "my.ipynb",
            '{"nbformat": 4, "cells": [{"cell_type": "code", "source": ["import keras"]},'
            ' {"cell_type": "code", "source": ["x = 1\\n", "def f(:"]}]}',
            "cell 2, line 2: invalid syntax",
        ),
    ],
)
def test_a_text_that_is_not_python_is_told(
    name: str,
    text: str,
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TFMATRIX_CACHE", str(tmp_path / "cache"))
    Path(name).write_text(text, "utf-8")
    Path("helper.py").write_text("def (:\n", "utf-8")
    assert cli.execute(["fetch", name]) == 2
    first, *others = capsys.readouterr().err.splitlines()
    assert " cannot be read as Python 3." in first
    assert said in first
    assert others == ["  to fix it: correct it; or get the data yourself, and use --data FOLDER"]


def test_a_run_goes_on_without_the_data_of_such_a_text(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another release's Python may be able to read it."""
    monkeypatch.chdir(tmp_path)
    Path("my.py").write_text("import keras\nnot python (\n", "utf-8")
    said: list[str] = []
    nothing = dict.fromkeys(("tf", "patches", "timeout", "memory", "matrix_file"))
    asked = {"scripts": (Path("my.py"),), "packages": (), "devices": (), "cases": (), "args": ()}
    selection: dict[str, Any] = {**nothing, **asked, "data": verb.AUTO}
    verb.with_data(selection, said.append)
    assert selection["data"] is None
    (line,) = said
    assert line.startswith("my.py cannot be read as Python 3.")


def test_the_data_of_a_suite_are_those_of_its_tests(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    files = {
        "test_my.py": "import keras\n\ndef test_x():\n    keras.datasets.mnist.load_data()\n",
        "conftest.py": "import keras\nkeras.utils.get_file('a.csv', 'https://e.org/a.csv')\n",
    }
    for name, text in files.items():
        Path(name).write_text(text, "utf-8")
    assert cli.execute(["fetch", "test_my.py", "--list"]) == 0
    places = [line.rpartition("/")[2] for line in capsys.readouterr().out.splitlines()]
    assert places == ["a.csv", "mnist.npz"]
