"""Bounds on what a server may cost: a deadline over all, and limits on answers and their size."""

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
    """The server went on beyond a bound; the message says which."""


@define
class Bounds:
    """What all that is asked of a server may cost together."""

    seconds: float
    """That its answers are waited for."""
    answers: int
    size: int
    """Bytes of all answers, unpacked."""
    too_many: str = "it gives more answers than it can have"
    too_large: str = "its answers are larger than they can be"
    _spent: float = field(default=0.0, init=False)

    def within_the_deadline(self, call: Callable[[], T]) -> T:
        """The call's result. A server that sends a byte now and then never times out, so the call
        is in a thread, which is left to itself where it takes too long.

        Raises `TooMuchError`, and what the call raises.
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
    """Gives what `call` gives, or raises what it raises, when it is asked."""
    try:
        value = call()
    except BaseException as error:
        caught = error

        def again() -> T:
            raise caught

        return again
    return lambda: value


class BoundedAdapter(HTTPAdapter):
    """Counts what comes in."""

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
