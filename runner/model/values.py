"""Types of the values that records hold."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Union

from msgspec import Meta

if TYPE_CHECKING:
    Json = Union[None, bool, int, float, str, list["Json"], dict[str, "Json"]]
else:
    Json = Any  # what reads records by their types cannot read a type that names itself

Whole = Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)]
"""An integer that every reader of JSON takes."""
