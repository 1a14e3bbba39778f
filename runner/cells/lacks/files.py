"""Finds a data file that the script expects but does not have."""

from __future__ import annotations

import re
from typing import Optional

from runner.cells.lacks import data
from runner.cells.signature import Raised

_MISSING = (
    re.compile(
        r"\[Errno 2\] No such file or directory: b?(['\"])(?P<path>[^\n]+?)\1(?= -> |: |$|\n)"
    ),
    re.compile(r"\[Errno 2\] File [^\n]+ does not exist: b?(['\"])(?P<path>[^\n]+)\1"),
    re.compile(r"File b?(['\"])(?P<path>[^\n]+)\1 does not exist"),
    re.compile(r"(?P<path>\S[^\n;]*); No such file or directory"),
    re.compile(r"Could not find directory (?P<path>[^\n]+)"),
    re.compile(r"(?P<path>\S[^\n]*\.\w+) not found\.$"),
)
_KINDS = ("FileNotFoundError", "NotFoundError", "OSError", "IOError")
_DATA = re.compile(
    r"\.(?:avi|bin|bmp|csv|dat|dcm|flac|mat|mov|gif|gz|jpe?g|jsonl?|mp[34]|ogg|np[yz]|parquet|pickle|pkl|png|tar|tfrecords?"
    r"|tgz|tiff?|tsv|txt|wav|webp|xlsx?|xml|ya?ml|zip)$|/$",
    re.IGNORECASE,
)
_MODEL = re.compile(
    r"\.(?:ckpt|data-\d+-of-\d+|h5|hdf5|index|keras|meta|pb|pbtxt|tflite)$|saved_model"
)
_LISTS = re.compile(r"\b(?:listdir|scandir|walk)\(")
"""A folder that is listed was to be read; so it does not matter how it is called."""
_STARTS_PROGRAMS = re.compile(r"[/\\]subprocess\.py$")
_TEMPORARY = re.compile(r"^(?:/var)?/tmp/|^/scratch|\btmp\w{8}\b|tfmatrix-|^~")


def find_need(raised: Raised) -> Optional[str]:
    """The missing path; None for a model's file or a temporary file, which TensorFlow should have
    written.

    If TensorFlow reads the file, it counts only if its name is that of a data file.
    """
    if raised.kind not in _KINDS:
        return None
    found = next((match for each in _MISSING if (match := each.match(raised.message))), None)
    if found is None or not _is_data(found["path"]):
        return None
    path = found["path"]
    if _STARTS_PROGRAMS.search("".join(raised.files[-1:])) and "/" not in path:
        return f"needs the program {path[:100]}, which is not in the environments"
    of_data = _DATA.search(path) or found.re is _MISSING[4] or _LISTS.search(raised.source)
    if (data.through_tensorflow(raised.files) or raised.kind == "NotFoundError") and not of_data:
        return None
    return describe_missing(path)


def find_need_in(said: str) -> Optional[str]:
    """The same of a text in which a program says why it ended."""
    found = _MISSING[0].search(said)
    return describe_missing(found["path"]) if found and _is_data(found["path"]) else None


def _is_data(path: str) -> bool:
    return not _TEMPORARY.search(path) and not _MODEL.search(path)


def describe_missing(path: str) -> str:
    return f"needs {path[:100]}, which is not there: put it beside the script"
