"""A package index on this machine: the simple API as JSON or HTML, and wheels by range."""

from __future__ import annotations

import hashlib
import io
import json
import re
import threading
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Optional

METADATA = """\
Metadata-Version: 2.1
Name: tensorflow
Version: {version}
Requires-Dist: absl-py>=1.0.0
Requires-Dist: keras>=3.12.0
Requires-Dist: tensorflow-intel=={version}; platform_system == "Windows"
Requires-Dist: nvidia-cuda-runtime-cu12<13.0,>=12.5.82; extra == "and-cuda"
Requires-Dist: nvidia-cudnn-cu12<10.0,>=9.3.0.75; extra == "and-cuda"

Requires-Dist: this is the description
"""
BUILD_INFO = """\
import collections

build_info = collections.OrderedDict([('cuda_compute_capabilities', ['sm_60', 'compute_90']), \
('cuda_version', '12.5.1'), ('cudnn_version', '9'), ('is_cuda_build', True)])
"""


def wheel(version: str, metadata: str = METADATA, build_info: str = BUILD_INFO) -> bytes:
    """A wheel with little in it besides 200 kB that nobody needs to fetch."""
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as archive:
        archive.writestr("tensorflow/libtensorflow_cc.so.2", b"\x7f" * 200_000)
        archive.writestr(
            f"tensorflow-{version}.dist-info/METADATA", metadata.format(version=version)
        )
        archive.writestr("tensorflow/python/platform/build_info.py", build_info)
    return held.getvalue()


class IndexServer(ThreadingHTTPServer):
    """Serves what `files` holds: package → filename → facts of PEP 691."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.files: dict[str, dict[str, dict[str, Any]]] = {}
        self.contents: dict[str, bytes] = {}
        self.form = "json"
        self.ranges = True
        self.failures = 0
        """Answers 503 that many times first."""
        self.drip = 0.0
        """Seconds between two bytes of an answer."""
        self.astray = False
        """Every page is said to be elsewhere, under an address that was never asked for."""
        self.sent = 0
        """Bytes of wheels."""
        self.asked: list[str] = []

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up early, as one that has read enough of a wheel does, is no news."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/simple/"

    def add(
        self,
        package: str,
        version: str,
        *,
        pythons: str = "cp310 cp311",
        platform: str = "manylinux_2_27_x86_64",
        content: Optional[bytes] = None,
        **facts: Any,
    ) -> None:
        """One wheel a Python, of one content."""
        for python in pythons.split():
            name = f"{package.replace('-', '_')}-{version}-{python}-{python}-{platform}.whl"
            self.contents[name] = content or b""
            self.files.setdefault(package, {})[name] = {
                "upload-time": "2026-03-06T17:22:44.043838Z",
                "size": 273_600_000,
                "yanked": False,
                **facts,
            }


class _Handler(BaseHTTPRequestHandler):
    server: IndexServer
    protocol_version = "HTTP/1.1"

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        if self.server.failures:
            self.server.failures -= 1
            return self._answer(503, "text/plain", b"busy")
        if self.server.astray:
            elsewhere = f"{self.server.url}{len(self.server.asked)}/"
            return self._answer(302, "text/plain", b"", ("Location", elsewhere))
        _, kind, name, *_ = [*self.path.split("/"), ""]
        if kind == "simple" and name in self.server.files:
            return self._page(name)
        if kind == "files" and name in self.server.contents:
            return self._file(self.server.contents[name])
        return self._answer(404, "text/plain", b"no such thing")

    def _page(self, package: str) -> None:
        files = [
            {
                "filename": name,
                "url": f"/files/{name}",
                "hashes": {"sha256": _digest(name)},
                **facts,
            }
            for name, facts in self.server.files[package].items()
        ]
        if self.server.form == "json":
            page = {"meta": {"api-version": "1.1"}, "name": package, "files": files}
            return self._answer(
                200, "application/vnd.pypi.simple.v1+json", json.dumps(page).encode()
            )
        links = "".join(
            f'<a href="{f["url"]}#sha256={f["hashes"]["sha256"]}">{f["filename"]}</a>'
            for f in files
        )
        return self._answer(200, "text/html", f"<html><body>{links}</body></html>".encode())

    def _file(self, content: bytes) -> None:
        asked = re.fullmatch(r"bytes=(\d*)-(\d*)", self.headers.get("Range", ""))
        if asked is None or not self.server.ranges:
            self.server.sent += len(content)
            return self._answer(200, "application/octet-stream", content)
        first, last = asked.groups()
        start = int(first) if first else max(len(content) - int(last), 0)
        end = min(int(last), len(content) - 1) if first and last else len(content) - 1
        part = content[start : end + 1]
        self.server.sent += len(part)
        return self._answer(
            206,
            "application/octet-stream",
            part,
            ("Content-Range", f"bytes {start}-{end}/{len(content)}"),
        )

    def _answer(self, code: int, kind: str, body: bytes, *headers: tuple[str, str]) -> None:
        self.send_response(code)
        for name, value in [("Content-Type", kind), ("Content-Length", f"{len(body)}"), *headers]:
            self.send_header(name, value)
        self.end_headers()
        if self.command == "HEAD":
            return
        for start in range(0, len(body), 1 if self.server.drip else len(body)):
            time.sleep(self.server.drip)
            self.wfile.write(body[start:] if not self.server.drip else body[start : start + 1])

    def log_message(self, *_: Any) -> None:
        """Not on the terminal."""


def _digest(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()


@contextmanager
def serving() -> Iterator[IndexServer]:
    with IndexServer() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
