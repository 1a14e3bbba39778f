"""Two contents of a file → the first value or line that differs."""

from __future__ import annotations

import io
import json
import math
import struct
import zipfile
from collections.abc import Mapping, Sequence
from typing import Any, Optional

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.model import Json
from runner.runs import contents
from runner.runs.contents import UnreadableError, find_difference


def found(name: str, before: bytes, after: bytes, tolerance: Optional[float] = None) -> Any:
    """The place, both values, and how many of how many differ; None if all agree."""
    one = find_difference(name, before, after, tolerance)
    return one and (one.place, one.before, one.after, one.differing, one.values)


# --- Text ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "after", "difference"),
    [
        ("a\nb\nc\n", "a\nB\nC\n", ("line 2", "b", "B")),
        ("a\n", "a\nb\n", ("line 2", "", "b")),
        ("a", "a\nb", ("number of lines", 1, 2)),
        ("a\r\n", "a\n", ("line 1", "a\r", "a")),
        ("", "é", ("line 1", "", "é")),
    ],
)
def test_text(before: str, after: str, difference: tuple[Json, ...]) -> None:
    assert found("log", before.encode(), after.encode()) == (*difference, 0, 0)


@pytest.mark.parametrize("content", [b"\xff", b"a\0b", b"\x89HDF\r\n\x1a\n"])
def test_what_is_no_text_is_unreadable(content: bytes) -> None:
    for pair in ((b"a", content), (content, b"a")):
        with pytest.raises(UnreadableError):
            find_difference("model.h5", *pair)


# --- JSON ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "after", "difference"),
    [
        ({"loss": [0.5, 0.4]}, {"loss": [0.5, 0.3]}, ("loss[1]", 0.4, 0.3)),
        ({"a": {"b": 1}}, {"a": {"b": "1"}}, ("a.b", 1, "1")),
        ([1, 2], [1], ("length", 2, 1)),
        ({"a": [{"b": []}]}, {"a": [{"b": [1]}]}, ("length of a[0].b", 0, 1)),
        ({"a": 1, "b": 2}, {"b": 3, "c": 4, "d": 5}, ("keys", ["a"], ["c", "d"])),
        ({"a": {"b": 1}}, {"a": {}}, ("keys of a", ["b"], [])),
        ({"a": 1}, [1], ("", {"a": 1}, [1])),
        (None, 0, ("", None, 0)),
        ({"loss": 0.5}, {"loss": 0.50001}, None),
        ({"n": 10000}, {"n": 10001}, ("n", 10000, 10001)),
    ],
)
def test_json(before: Json, after: Json, difference: Optional[tuple[Json, ...]]) -> None:
    expected = difference and (*difference, 0, 0)
    assert found("a/b.JSON", json.dumps(before).encode(), json.dumps(after).encode()) == expected


def test_json_has_the_numbers_that_python_writes_into_it() -> None:
    before, after = b'{"a": 1, "b": NaN}', b'{"b": NaN, "a": 1}'
    assert found("a.json", before, after) == found("a.json", b"[1]", b"[1 ]")
    assert found("a.json", before, b'{"a": 1, "b": -Infinity}')[0] == "b"


def test_what_is_no_json_is_compared_as_text() -> None:
    assert found("a.json", b'{"a": 1}', b"{") == ("line 1", '{"a": 1}', "{", 0, 0)
    deep = b"[" * 100_000
    assert found("a.json", deep, b"1")[0] == "line 1"


# --- Tables ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "after", "difference"),
    [
        (
            "epoch,loss\n1,0.5\n2,0.4\n",
            "epoch,loss\n1,0.5\n2,0.3\n",
            ("row 3, loss", 0.4, 0.3, 1, 6),
        ),
        ("epoch,loss\n1,0.5\n", "epoch,loss\n1,0.500001\n", None),
        ("1,2\n3,4\n", "1,2\n3,5\n", ("row 2, column 2", 4, 5, 1, 4)),
        ("a,b\n1,2\n", "a,b\n1,2,3\n", ("values in row 2", 2, 3, 0, 0)),
        ("a\n1\n", "a\n1\n2\n", ("number of rows", 2, 3, 0, 0)),
        ("a\nnan\n", "a\nNaN\n", None),
        ("a\n1e-3\n", "a\n.001\n", None),
        ("a\nx\n", "a\n'y, z'\n", ("values in row 2", 1, 2, 0, 0)),
    ],
)
def test_csv(before: str, after: str, difference: Any) -> None:
    assert found("a.csv", before.encode(), after.encode()) == difference
    one, other = (text.replace(",", "\t").encode() for text in (before, after))
    assert found("a.tsv", one, other) == difference


def test_a_field_without_end_is_compared_as_text() -> None:
    long = b"x" * 200_000
    assert found("a.csv", long, long + b"y")[0] == "line 1"


# --- Arrays ----------------------------------------------------------------------------------


def npy(
    values: Sequence[Any],
    shape: tuple[int, ...],
    dtype: str = "<f4",
    letter: str = "f",
    *,
    fortran: bool = False,
    version: int = 1,
) -> bytes:
    """A file as `numpy.save` writes it."""
    head = f"{{'descr': '{dtype}', 'fortran_order': {fortran}, 'shape': {shape}, }}"
    wide = version > 1
    start = 12 if wide else 10
    padding = -(start + len(head) + 1) % 64
    text = (head + " " * padding + "\n").encode()
    length = struct.pack("<I" if wide else "<H", len(text))
    order = dtype[0].replace("|", "<")
    data = struct.pack(f"{order}{len(values)}{letter}", *values)
    return b"\x93NUMPY" + bytes([version, 0]) + length + text + data


def npz(arrays: Mapping[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        for name, content in arrays.items():
            archive.writestr(f"{name}.npy", content)
    return file.getvalue()


def test_arrays_of_numbers() -> None:
    one = npy([0, 1, 2, 3, 4, 5], (2, 3))
    other = npy([0, 1, 2, 3, 4.5, 6], (2, 3))
    assert found("a.npy", one, other) == ("[1, 1]", 4.0, 4.5, 2, 6)
    assert found("a.npy", one, npy([0, 1, 2, 3, 4, 5.0001], (2, 3))) is None
    assert found("a.npy", one, npy([0, 1, 2, 3, 4, 5.0001], (2, 3)), 0.0)[0] == "[1, 2]"
    assert found("a.npy", one, npy([0, 1, 2, 3, 4, 5], (3, 2))) == ("shape", [2, 3], [3, 2], 0, 0)
    doubles = npy([0, 1, 2, 3, 4, 5], (2, 3), "<f8", "d")
    assert found("a.npy", one, doubles) == ("dtype", "f4", "f8", 0, 0)


@pytest.mark.parametrize(
    ("dtype", "letter"),
    [
        *(("|b1", "?"), ("|i1", "b"), ("|u1", "B"), ("<i2", "h"), (">u2", "H"), ("<i4", "i")),
        *((">i4", "i"), ("<u4", "I"), ("<i8", "q"), (">u8", "Q"), ("<f2", "e"), (">f8", "d")),
    ],
)
def test_every_kind_of_number(dtype: str, letter: str) -> None:
    one, other = (npy([1, last], (2,), dtype, letter) for last in (0, 1))
    assert found("a.npy", one, other) == ("[1]", 0, 1, 1, 2)


def test_a_single_number_an_empty_array_and_newer_versions_of_the_format() -> None:
    assert found("a.npy", npy([1], ()), npy([2], ())) == ("", 1.0, 2.0, 1, 1)
    assert found("a.npy", npy([], (0, 3)), npy([], (0, 3), version=2)) is None
    assert found("a.npy", npy([1], (1,), version=2), npy([2], (1,), version=3))[0] == "[0]"
    nan = npy([math.nan], (1,))
    assert found("a.npy", nan, npy([math.nan], (1,), version=2)) is None
    assert found("a.npy", nan, npy([1.0], (1,)))[0] == "[0]"


def test_the_order_in_memory_is_no_difference() -> None:
    rows = npy([0, 1, 2, 3, 4, 5], (2, 3))
    columns = npy([0, 3, 1, 4, 2, 5], (2, 3), fortran=True)
    assert found("a.npy", rows, columns) is None
    other = npy([0, 3, 1, 4, 2, 9], (2, 3), fortran=True)
    assert found("a.npy", rows, other) == ("[1, 2]", 5.0, 9.0, 1, 6)
    assert found("a.npy", other, rows) == ("[1, 2]", 9.0, 5.0, 1, 6)


def test_archives_of_arrays() -> None:
    kernel, bias = npy([1, 2], (1, 2)), npy([3], (1,))
    one = npz({"kernel": kernel, "bias": bias})
    other = npz({"kernel": npy([1, 5], (1, 2)), "bias": bias})
    assert found("w.npz", one, other) == ("kernel[0, 1]", 2.0, 5.0, 1, 3)
    assert found("w.npz", one, npz({"bias": bias, "kernel": kernel}, zipfile.ZIP_STORED)) is None
    assert found("w.npz", one, npz({"bias": bias})) == (
        "arrays",
        ["bias", "kernel"],
        ["bias"],
        0,
        0,
    )
    wide = npz({"kernel": kernel, "bias": npy([3, 3], (2,))})
    assert found("w.npz", one, wide) == ("bias shape", [1], [2], 0, 0)


PICKLED = b"cos\nsystem\n(S'touch /tmp/pickled'\ntR."


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x93NUMPY",
        b"\x93NUMPY\1\0\xff\xff",
        npy([1, 2], (2,))[:-1],
        npy([1, 2], (2,)) + b"\0",
        npy([1], (10**8,) * 8),
        npy([1], (1,)).replace(b"<f4", b"|O\0"),
        npy([1], (1,)).replace(b"'<f4'", b"'|O' ") + PICKLED,
        npy([1], (1,)).replace(b"'<f4'", b"'<c8'"),
        npy([1], (1,)).replace(b"(1,)", b"(-1)"),
        npy([1], (1,)).replace(b"False", b"exec "),
        PICKLED + b"\xff",
    ],
)
def test_what_is_no_array_of_numbers_is_unreadable(content: bytes) -> None:
    for pair in ((npy([1], (1,)), content), (content, npy([1], (1,)))):
        with pytest.raises(UnreadableError):
            find_difference("a.npy", *pair)


def test_an_archive_that_unpacks_without_end_is_unreadable() -> None:
    bomb = npz({"a": b"\0" * (9 << 20)})
    lying = bomb.replace(struct.pack("<I", 9 << 20), struct.pack("<I", 100))
    many = npz({str(number): b"" for number in range(1001)})
    packed = npz({"a": npy([1], (1,))}, zipfile.ZIP_LZMA)
    cut = npz({"a": npy([1], (1,))})[:-10]
    for content in (bomb, lying, many, packed, cut, b"PK\3\4\xff"):
        with pytest.raises(UnreadableError):
            find_difference("w.npz", content, npz({}))


@given(st.binary(max_size=200), st.binary(max_size=200), st.sampled_from(sorted(contents._KINDS)))
def test_no_content_is_more_than_unreadable(before: bytes, after: bytes, ending: str) -> None:
    for start in (b"", npy([1], (1,))[:60], npz({"a": npy([1], (1,))})[:-30]):
        try:
            find_difference(f"a{ending}", start + before, start + after)
        except UnreadableError:
            continue
