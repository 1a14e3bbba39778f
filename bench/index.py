"""A package index on this machine that counts: it passes on what the real one has, keeps every file
on disk, and notes what is fetched from it how often. Whoever comes second is then served no faster.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.error import HTTPError
from urllib.parse import urljoin, urlsplit
from urllib.request import Request, urlopen

UPSTREAM = "https://pypi.org/simple/"
PAGE = "application/vnd.pypi.simple.v1+html, text/html;q=0.5"
_LINK = re.compile(r'href="([^"#]+)')
_RANGE = re.compile(r"bytes=(\d*)-(\d*)$")


class Index(ThreadingHTTPServer):
    """Serves on the loopback interface, on a port of its own."""

    daemon_threads = True

    def __init__(self, folder: Path) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.upstream = os.environ.get("PIP_INDEX_URL") or UPSTREAM
        self._lock = threading.Lock()
        self._locks: dict[str, threading.Lock] = {}
        self.forget()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/simple/"

    def forget(self) -> None:
        """Count from zero again."""
        self.fetched: Counter[str] = Counter()
        """File → how often it was fetched whole."""
        self.bytes = 0
        self.passed_on = 0
        """Files that were not here yet."""

    def count(self, name: str, size: int, *, whole: bool) -> None:
        with self._lock:
            self.bytes += size
            if whole and not name.endswith(".metadata"):
                self.fetched[name] += 1

    def kept(self, url: str) -> Path:
        """The copy of `url`, fetched now where there is none. Raises `HTTPError`."""
        path = self.folder / hashlib.sha256(url.encode()).hexdigest()
        with self._lock:
            lock = self._locks.setdefault(url, threading.Lock())
        with lock:
            if not path.exists():
                part = path.with_suffix(".part")
                asked = Request(url, headers={"Accept": PAGE})
                with urlopen(asked, timeout=120) as answer, open(part, "wb") as file:
                    shutil.copyfileobj(answer, file)
                part.replace(path)
                self.passed_on += 1
        return path


@contextmanager
def serving(folder: Path) -> Iterator[Index]:
    """An index that answers while the block lasts."""
    index = Index(folder)
    thread = threading.Thread(target=index.serve_forever, daemon=True)
    thread.start()
    try:
        yield index
    finally:
        index.shutdown()
        index.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    server: Index
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        try:
            if self.path.startswith("/simple/"):
                self._page(urljoin(self.server.upstream, self.path[len("/simple/") :]))
            else:
                self._file()
        except HTTPError as error:
            self.send_error(error.code)
        except ValueError:
            self.send_error(404)
        except OSError:
            self.close_connection = True

    do_HEAD = do_GET

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: the counts are what is wanted."""

    def _page(self, url: str) -> None:
        text = self.server.kept(url).read_text("utf-8")
        page = _LINK.sub(lambda found: f'href="{here(urljoin(url, found[1]))}', text)
        self._send(200, page.encode(), {"Content-Type": "text/html"})

    def _file(self) -> None:
        url = there(self.path)
        path = self.server.kept(url)
        size, part = path.stat().st_size, _RANGE.match(self.headers.get("Range", ""))
        first, last = _bounds(part[1], part[2], size) if part else (0, size - 1)
        headers = {"Accept-Ranges": "bytes", "Content-Type": "application/octet-stream"}
        if part:
            headers["Content-Range"] = f"bytes {first}-{last}/{size}"
        if self.command == "GET":  # counted first: who has the file may look at the count
            name = urlsplit(url).path.rsplit("/", 1)[-1]
            self.server.count(name, last - first + 1, whole=not part)
        with open(path, "rb") as file:
            file.seek(first)
            self._send(206 if part else 200, file.read(last - first + 1), headers)

    def _send(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)


def here(url: str) -> str:
    """The path under which `url` is served: its last part must stay, for it names the file."""
    folder, _, name = url.rpartition("/")
    return f"/file/{folder.encode().hex()}/{name}"


def there(path: str) -> str:
    """The address behind a path; with `.metadata` behind it, that of the file's metadata."""
    _, _, folder, name = path.split("/", 3)
    return f"{bytes.fromhex(folder).decode()}/{name}"


def _bounds(first: str, last: str, size: int) -> tuple[int, int]:
    """Of a byte range: `5-9`, `5-` or `-5`, the last five."""
    if not first:
        return max(size - int(last), 0), size - 1
    return int(first), min(int(last or size - 1), size - 1)
