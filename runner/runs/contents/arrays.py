"""The first number that differs between two files of NumPy arrays, `.npy` or `.npz`.

NumPy's format is read here, in part: arrays of numbers in C or Fortran order. So an array of
objects, which NumPy would unpickle, is unreadable.
"""

from __future__ import annotations

import io
import math
import re
import struct
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple, Optional

from runner.grid.tolerance import differs
from runner.runs.contents.record import Difference, UnreadableError

_MAGIC = b"\x93NUMPY"
_LONGEST_HEAD = 10_000
_HEAD = re.compile(
    r"\{'descr': '([<>|][bifu][1248])', 'fortran_order': (True|False), "
    r"'shape': \(((?:\d{1,9}(?:, ?)?){0,32})\),? ?\} *\n?"
)
_LETTERS = {
    "b1": "?",
    **{f"i{size}": letter for size, letter in zip("1248", "bhiq")},
    **{f"u{size}": letter for size, letter in zip("1248", "BHIQ")},
    **{f"f{size}": letter for size, letter in zip("248", "efd")},
}
"""NumPy's name of a type → that of `struct`."""
_MOST_ARRAYS = 1000
_MOST_UNPACKED = 8 << 20
_BROKEN = (
    *(zipfile.BadZipFile, zlib.error, struct.error, NotImplementedError, RuntimeError),
    *(EOFError, OSError, ValueError),
)
"""What zipfile raises for an archive that is damaged, or encrypted."""


class Array(NamedTuple):
    dtype: str
    shape: tuple[int, ...]
    is_fortran: bool
    values: Sequence[float]


def of_npy(before: bytes, after: bytes, tolerance: Optional[float]) -> Optional[Difference]:
    return _difference({"": _array(before)}, {"": _array(after)}, tolerance)


def of_npz(before: bytes, after: bytes, tolerance: Optional[float]) -> Optional[Difference]:
    return _difference(_arrays(before), _arrays(after), tolerance)


def _difference(
    before: Mapping[str, Array], after: Mapping[str, Array], tolerance: Optional[float]
) -> Optional[Difference]:
    if before.keys() != after.keys():
        return Difference(place="arrays", before=[*sorted(before)], after=[*sorted(after)])
    for name, one in before.items():
        other = after[name]
        if one.dtype != other.dtype:
            place = f"{name} dtype".lstrip()
            return Difference(place=place, before=one.dtype, after=other.dtype)
        if one.shape != other.shape:
            place = f"{name} shape".lstrip()
            return Difference(place=place, before=[*one.shape], after=[*other.shape])
    found = [
        (name, at) for name, one in before.items() for at in _differing(one, after[name], tolerance)
    ]
    if not found:
        return None
    name, at = found[0]
    one, other = before[name], after[name]
    return Difference(
        place=name + _index(one, at),
        before=one.values[at],
        after=_in_order_of(one, other)[at],
        differing=len(found),
        values=sum(len(array.values) for array in before.values()),
    )


def _differing(one: Array, other: Array, tolerance: Optional[float]) -> Iterator[int]:
    """Where their numbers differ, as places in `one.values`."""
    for at, (old, new) in enumerate(zip(one.values, _in_order_of(one, other))):
        if old != new and differs(old, new, tolerance):
            yield at


def _in_order_of(one: Array, other: Array) -> Sequence[float]:
    """The values of `other` in the order in which `one` has its own."""
    if one.is_fortran == other.is_fortran or len(one.shape) < 2:
        return other.values
    return [other.values[_place(other, _indices(one, at))] for at in range(len(one.values))]


def _indices(array: Array, at: int) -> tuple[int, ...]:
    found = []
    for size in array.shape if array.is_fortran else reversed(array.shape):
        at, index = divmod(at, size)
        found.append(index)
    return tuple(found if array.is_fortran else reversed(found))


def _place(array: Array, indices: tuple[int, ...]) -> int:
    at = 0
    pairs = list(zip(array.shape, indices))
    for size, index in reversed(pairs) if array.is_fortran else pairs:
        at = at * size + index
    return at


def _index(array: Array, at: int) -> str:
    return f"[{', '.join(map(str, _indices(array, at)))}]" if array.shape else ""


# --- Reading ---------------------------------------------------------------------------------


def _array(content: bytes) -> Array:
    """The array in a file `.npy`. Raises `UnreadableError`."""
    if content[:6] != _MAGIC or len(content) < 12:
        raise UnreadableError("it is no array")
    wide = content[6] > 1
    (length,) = struct.unpack_from("<I" if wide else "<H", content, 8)
    start = (12 if wide else 10) + length
    head = content[start - length : start] if length <= _LONGEST_HEAD else b""
    found = _HEAD.fullmatch(head.decode("latin-1"))
    if found is None or found[1][1:] not in _LETTERS:
        raise UnreadableError("it is no array of numbers")
    shape = tuple(int(size) for size in found[3].replace(" ", "").split(",") if size)
    order = found[1][0].replace("|", "<")
    layout = f"{order}{math.prod(shape)}{_LETTERS[found[1][1:]]}"
    try:
        values = struct.unpack(layout, content[start:])
    except (struct.error, OverflowError, MemoryError):
        raise UnreadableError("it is damaged") from None
    return Array(found[1][1:], shape, found[2] == "True", values)


def _arrays(content: bytes) -> dict[str, Array]:
    """The arrays in a file `.npz` by name. Raises `UnreadableError`."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = archive.infolist()
            if len(members) > _MOST_ARRAYS or sum(m.file_size for m in members) > _MOST_UNPACKED:
                raise UnreadableError("it is too large")
            if any(m.compress_type not in (0, zipfile.ZIP_DEFLATED) for m in members):
                raise UnreadableError("it is packed in an unknown way")
            return {
                member.filename.removesuffix(".npy"): _array(_unpacked(archive, member))
                for member in members
            }
    except _BROKEN as error:
        raise UnreadableError(str(error)) from None


def _unpacked(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> bytes:
    with archive.open(member) as file:
        return file.read(member.file_size + 1)  # no more, whatever it unpacks to
