"""Letters for signatures: equal signatures share a letter, and the legend explains it."""

from __future__ import annotations

from collections.abc import Iterable
from string import ascii_uppercase
from typing import Optional


def letter(number: int) -> str:
    """The letter of a number from 0 on: A … Z, AA, AB …, as spreadsheets name their columns."""
    name = ""
    number += 1
    while number:
        number, place = divmod(number - 1, len(ascii_uppercase))
        name = ascii_uppercase[place] + name
    return name


def letters(signatures: Iterable[Optional[str]]) -> dict[str, str]:
    """Signature → letter, in order of first appearance; cells without a signature have none."""
    assigned: dict[str, str] = {}
    for signature in signatures:
        if signature is not None and signature not in assigned:
            assigned[signature] = letter(len(assigned))
    return assigned


def legend(assigned: dict[str, str]) -> dict[str, str]:
    """Letter → signature, in the order of the letters."""
    return {name: signature for signature, name in assigned.items()}
