"""A package index on loopback, with tiny made-up wheels, that fails on demand."""

from __future__ import annotations

import hashlib
import io
import threading
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.metadata import distribution
from typing import Any, Optional

Wheels = Mapping[str, bytes]


def wheel(name: str, version: str, files: Mapping[str, str]) -> tuple[str, bytes]:
    """A file name and a wheel's bytes, the same for the same arguments."""
    info = f"{name.replace('-', '_')}-{version}.dist-info"
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    tag = "Wheel-Version: 1.0\nGenerator: t\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    content = {**files, f"{info}/METADATA": metadata, f"{info}/WHEEL": tag}
    content[f"{info}/RECORD"] = "".join(f"{path},,\n" for path in [*content, f"{info}/RECORD"])
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for path, text in content.items():
            archive.writestr(zipfile.ZipInfo(path, (2020, 1, 1, 0, 0, 0)), text)
    return f"{name.replace('-', '_')}-{version}-py3-none-any.whl", buffer.getvalue()


def tensorflow(version: str) -> tuple[str, bytes]:
    """What calls itself TensorFlow of that version when imported; it does nothing else."""
    return wheel(
        "tensorflow-cpu", version, {"tensorflow/__init__.py": f"__version__ = {version!r}\n"}
    )


def installed_uv() -> tuple[str, bytes]:
    """The uv that is installed here, packed as a wheel again."""
    found = distribution("uv")
    info = f"uv-{found.version}.dist-info"
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for path in found.files or ():
            if path.name in ("uv", "uvx"):
                archive.write(path.locate(), f"uv-{found.version}.data/scripts/{path.name}")
            elif path.parts[0] == "uv":
                archive.write(path.locate(), str(path))
        archive.writestr(f"{info}/METADATA", found.read_text("METADATA") or "")
        archive.writestr(f"{info}/WHEEL", found.read_text("WHEEL") or "")
        archive.writestr(f"{info}/RECORD", "")
    return f"uv-{found.version}-py3-none-manylinux_2_17_x86_64.whl", buffer.getvalue()


def other(version: str) -> bytes:
    """A sound wheel of that version that is not the one that was locked."""
    return wheel("tensorflow-cpu", version, {"tensorflow/__init__.py": f"__version__='{version}'"})[
        1
    ]


class Index:
    """Serves wheels; `trouble` is `500`, `stalls`, `truncated` or `other bytes`, or None."""

    def __init__(self, wheels: Wheels) -> None:
        self.wheels = dict(wheels)
        self.trouble: Optional[str] = None
        self.asked = 0
        self.released = threading.Event()
        handler = type("Handler", (_Handler,), {"index": self})
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_address[1]}/simple"

    def page(self) -> str:
        """The links to all wheels: one page does for any project."""
        return "".join(
            f'<a href="/files/{name}#sha256={digest(content)}">{name}</a>\n'
            for name, content in self.wheels.items()
        )

    def close(self) -> None:
        self.released.set()
        self.server.shutdown()
        self.server.server_close()


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@contextmanager
def serving(wheels: Wheels) -> Iterator[Index]:
    index = Index(wheels)
    try:
        yield index
    finally:
        index.close()


class _Handler(BaseHTTPRequestHandler):
    index: Index

    def do_GET(self) -> None:
        index, name = self.index, self.path.rpartition("/")[2]
        index.asked += 1
        if index.trouble == "500":
            self.send_error(500, "the index is on fire")
        elif index.trouble == "stalls":
            index.released.wait(120)
        elif name in index.wheels:
            self._send("application/octet-stream", index.wheels[name])
        elif self.path.startswith("/simple/"):
            self._send("text/html", index.page().encode())
        else:
            self.send_error(404)

    def do_HEAD(self) -> None:
        self.send_error(405)

    def _send(self, kind: str, content: bytes) -> None:
        trouble = self.index.trouble if kind != "text/html" else None
        if trouble == "other bytes":
            content = other(self.path.split("-")[1])
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if trouble == "truncated":
            content = content[: len(content) // 2]
        self.wfile.write(content)
        if trouble == "truncated":
            self.close_connection = True

    def log_message(self, *_: Any) -> None:
        """Nothing: a test's output is its own."""
