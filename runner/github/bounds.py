"""Bounds on what a server may cost: a deadline over all, and limits on answers and their size."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import requests
from attrs import define, field
from github.Requester import HTTPRequestsConnectionClass, HTTPSRequestsConnectionClass
from requests.adapters import HTTPAdapter

T = TypeVar("T")


class TooMuchError(Exception):
    """The server went on beyond a bound; the message says which."""


@define
class Bounds:
    """What one client may cost in all."""

    seconds: float = 120.0
    """That it waits for answers; waiting for a rate limit to end does not count."""
    answers: int = 300
    """A hundred comments are in each."""
    size: int = 64 * 1024 * 1024
    """Bytes of all answers, unpacked."""
    _spent: float = field(default=0.0, init=False)

    def within_the_deadline(self, call: Callable[[], T]) -> T:
        """The call's result. A server that sends a byte now and then never times out, so the call
        is in a thread, which is left to itself where it takes too long."""
        ended: list[Callable[[], T]] = []
        thread = threading.Thread(target=lambda: ended.append(_result(call)), daemon=True)
        began = time.monotonic()
        thread.start()
        thread.join(max(0.0, self.seconds - self._spent))
        self._spent += time.monotonic() - began
        if not ended:
            raise TooMuchError(f"no whole answer within {self.seconds:g} s")
        return ended[0]()

    def answered(self) -> None:
        self.answers -= 1
        if self.answers < 0:
            raise TooMuchError("more answers than any issue has pages")

    def received(self, size: int) -> None:
        self.size -= size
        if self.size < 0:
            raise TooMuchError("more bytes than all comments of an issue have")


def _result(call: Callable[[], T]) -> Callable[[], T]:
    """Gives what `call` gives, or raises what it raises, when it is asked."""
    try:
        value = call()
    except BaseException as error:
        caught = error

        def again() -> T:
            raise caught

        return again
    return lambda: value


def connections(
    bounds: Bounds,
) -> tuple[type[HTTPRequestsConnectionClass], type[HTTPSRequestsConnectionClass]]:
    """PyGithub's own, within the bounds."""

    class Plain(HTTPRequestsConnectionClass):
        def __init__(self, *args: Any, **options: Any) -> None:
            super().__init__(*args, **options)
            self.session.mount("http://", _Adapter(bounds))

    class Encrypted(HTTPSRequestsConnectionClass):
        def __init__(self, *args: Any, **options: Any) -> None:
            super().__init__(*args, **options)
            self.session.mount("https://", _Adapter(bounds))

    return Plain, Encrypted


class _Adapter(HTTPAdapter):
    """Counts what comes in. It never tries again by itself."""

    def __init__(self, bounds: Bounds) -> None:
        super().__init__(max_retries=0)
        self._bounds = bounds

    def send(
        self, request: requests.PreparedRequest, *args: Any, **options: Any
    ) -> requests.Response:
        self._bounds.answered()
        response = super().send(request, *args, **options)
        response.raw = _Counted(response.raw, self._bounds)
        return response


class _Counted:
    """An answer whose bytes are counted as they are read."""

    def __init__(self, raw: Any, bounds: Bounds) -> None:
        self._raw = raw
        self._bounds = bounds

    def __getattr__(self, name: str) -> Any:
        return getattr(self._raw, name)

    def stream(self, size: int, **options: Any) -> Iterator[bytes]:
        for chunk in self._raw.stream(size, **options):
            self._bounds.received(len(chunk))
            yield chunk
