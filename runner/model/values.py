"""Types of values in records."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Union

from msgspec import Meta

if TYPE_CHECKING:
    Json = Union[None, bool, int, float, str, list["Json"], dict[str, "Json"]]
else:
    Json = Any  # msgspec cannot read a type that refers to itself

Whole = Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)]
"""An integer that every JSON reader accepts."""
