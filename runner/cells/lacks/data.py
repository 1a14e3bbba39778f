"""The data files with patterns, and the place of a traceback's code."""

from __future__ import annotations

import functools
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from runner.machine.derived_cache import cached_yaml

_FOLDER = Path(__file__).parent
_INSTALLED = re.compile(r"[/\\](?:site|dist)-packages[/\\]|[/\\]lib[/\\]python\d|^<(?!fstring>)")
_GENERATED = re.compile(r"(?:__autograph_generated_file|^tmp)\w{8}\.py$")
_LIBRARY = re.compile(r"[/\\]lib[/\\]python3\.\d+[/\\](?!site-packages|dist-packages)|^<frozen ")
_TENSORFLOW = re.compile(r"-packages[/\\](?:tensorflow|tensorflow_core|keras|tf_keras)[/\\]")


@functools.cache
def table(name: str) -> Any:
    """A data file, `packages`, for example, as a table."""
    return cached_yaml(_FOLDER / f"{name}.yaml")


@functools.cache
def patterns(table_name: str, name: str) -> tuple[re.Pattern[str], ...]:
    """A list of compiled regular expressions from a data file."""
    return tuple(re.compile(pattern) for pattern in table(table_name)[name])


def is_own(files: Sequence[str]) -> bool:
    """Whether the innermost frame is in the user's code: neither installed nor generated."""
    if not files:
        return False
    name = re.split(r"[/\\]", files[-1])[-1]
    return not _INSTALLED.search(files[-1]) and not _GENERATED.search(name)


def in_library(file: str) -> bool:
    """Whether a frame is in Python's own library."""
    return _LIBRARY.search(file) is not None


def through_tensorflow(files: Sequence[str]) -> bool:
    """Whether code of TensorFlow or Keras led to the innermost frame."""
    return any(_TENSORFLOW.search(file) for file in files)
