"""A Docker daemon of a test's own: it may be killed, and nothing of it can touch the other one."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Optional

import docker
import psutil

from tests.torture.machines.world import NAMESPACE


class Daemon:
    """All of it, containers and mounts too, lives in a namespace that ends with it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True)
        self.host = f"unix://{folder}/docker.sock"
        self._process: Optional[subprocess.Popen[bytes]] = None

    def start(self) -> None:
        place = self.folder
        command = [*NAMESPACE, "dockerd", f"--host={self.host}", f"--data-root={place}/data"]
        command += [f"--exec-root={place}/exec", f"--pidfile={place}/pid", "--bridge=none"]
        command += ["--iptables=false", "--ip6tables=false"]
        # Its pids are of a namespace that is no more.
        subprocess.run(["rm", "-rf", f"{place}/exec", f"{place}/pid"], check=True)
        (place / "docker.sock").unlink(missing_ok=True)
        with open(place / "log", "ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log)
        end = time.monotonic() + 60
        while time.monotonic() < end and self._process.poll() is None:
            with suppress(Exception):
                self.client().ping()
                return
            time.sleep(0.2)
        raise AssertionError((place / "log").read_text("utf-8", "replace")[-2000:])

    def kill(self) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait()
            self._process = None

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """It is there, and answers nothing."""
        process = self._dockerd()
        process.suspend()
        try:
            yield
        finally:
            process.resume()

    def _dockerd(self) -> psutil.Process:
        assert self._process is not None
        below = psutil.Process(self._process.pid).children()
        return next(process for process in below if process.name() == "dockerd")

    def client(self) -> docker.DockerClient:
        return docker.DockerClient(self.host, timeout=30)

    def load(self, images: Sequence[str]) -> None:
        """Images of the machine's own daemon."""
        save = subprocess.Popen(["docker", "save", *images], stdout=subprocess.PIPE)
        load = ["docker", "--host", self.host, "load", "--quiet"]
        subprocess.run(load, stdin=save.stdout, check=True, stdout=subprocess.DEVNULL)
        assert save.wait() == 0


@contextmanager
def daemon(folder: Path) -> Iterator[Daemon]:
    own = Daemon(folder)
    own.start()
    try:
        yield own
    finally:
        own.kill()
        subprocess.run(["rm", "-rf", os.fspath(folder)], check=False)
