"""Limits on requests to GitHub, and PyGithub connections that keep them."""

from __future__ import annotations

from typing import Any

from attrs import define
from github.Requester import HTTPRequestsConnectionClass, HTTPSRequestsConnectionClass

from runner.machine import bounds
from runner.machine.bounds import BoundedAdapter, TooMuchError

__all__ = ["Bounds", "TooMuchError", "connections"]


@define
class Bounds(bounds.Bounds):
    """The limits of one client; waiting for a rate limit to end does not count."""

    seconds: float = 120.0
    answers: int = 300
    """The most pages that are read; each has a hundred comments."""
    size: int = 64 * 1024 * 1024
    too_many: str = "more answers than an issue can have"
    too_large: str = "more bytes than the comments of an issue can have"


def connections(
    bounds: Bounds,
) -> tuple[type[HTTPRequestsConnectionClass], type[HTTPSRequestsConnectionClass]]:
    """PyGithub's connections within the limits. They do not retry by themselves."""

    class Plain(HTTPRequestsConnectionClass):
        def __init__(self, *args: Any, **options: Any) -> None:
            super().__init__(*args, **options)
            self.session.mount("http://", BoundedAdapter(bounds, max_retries=0))

    class Encrypted(HTTPSRequestsConnectionClass):
        def __init__(self, *args: Any, **options: Any) -> None:
            super().__init__(*args, **options)
            self.session.mount("https://", BoundedAdapter(bounds, max_retries=0))

    return Plain, Encrypted
