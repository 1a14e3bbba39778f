"""Limits for requests to a server: a deadline, and a maximum number and size of answers."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import requests
from attrs import define, field
from requests.adapters import HTTPAdapter

T = TypeVar("T")


class TooMuchError(OSError):
    """The server exceeded a limit; the message names it."""


@define
class Bounds:
    """Limits for all requests to a server together."""

    seconds: float
    """Seconds to wait for all answers together."""
    answers: int
    size: int
    """The bytes of all answers, after unpacking."""
    too_many: str = "it gives more answers than it can have"
    too_large: str = "its answers are larger than they can be"
    _spent: float = field(default=0.0, init=False)

    def within_the_deadline(self, call: Callable[[], T]) -> T:
        """The call's result. Raises `TooMuchError`, and what the call raises.

        A server that sends a byte now and then never times out. So the call runs in a thread, which
        is abandoned if it takes too long.
        """
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
            raise TooMuchError(self.too_many)

    def received(self, size: int) -> None:
        self.size -= size
        if self.size < 0:
            raise TooMuchError(self.too_large)


def _result(call: Callable[[], T]) -> Callable[[], T]:
    """Returns a function that waits for the result of `call`, or raises its error."""
    try:
        value = call()
    except BaseException as error:
        caught = error

        def again() -> T:
            raise caught

        return again
    return lambda: value


class BoundedAdapter(HTTPAdapter):
    """Counts the bytes of answers."""

    def __init__(self, bounds: Bounds, **options: Any) -> None:
        super().__init__(**options)
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

    def read(self, *args: Any, **options: Any) -> bytes:
        data: bytes = self._raw.read(*args, **options)
        self._bounds.received(len(data))
        return data

    def stream(self, size: int, **options: Any) -> Iterator[bytes]:
        for chunk in self._raw.stream(size, **options):
            self._bounds.received(len(chunk))
            yield chunk
