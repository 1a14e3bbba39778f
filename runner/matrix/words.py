"""Checks the small grammars in matrix.yaml's texts.

Each function returns its argument, normalised, or raises ValueError. The message completes a
sentence that begins with the text, and states what would be right.
"""

from __future__ import annotations

import re
import unicodedata

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from runner.errors import UsageError
from runner.matrix import patterns
from runner.model import Verdict
from runner.releases.specifier import check as check_spec
from runner.requirements import wheels
from runner.requirements.asked import is_tensorflow

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_PYTHON = re.compile(r"3\.(0|[1-9][0-9]?)")
_IMAGE = re.compile(
    r"[a-z0-9]([a-zA-Z0-9._:/-]*[a-zA-Z0-9])?(:[A-Za-z0-9_][A-Za-z0-9_.-]*)?(@sha256:[0-9a-f]{64})?"
)
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_COARSE = re.compile(r"(==|!=|<=|>)\s*([0-9]+\.[0-9]+)")


def checked_spec(values: list[str]) -> list[str]:
    """A SPEC: PEP 440 specifiers that must all match, or versions. A text may have several."""
    text = ",".join(value.strip() for value in values)
    try:
        check_spec(text)
    except UsageError as error:
        raise ValueError(error.message) from None
    except ValueError:  # too many digits
        raise ValueError("is not a SPEC") from None
    return [part.strip() for part in text.split(",")]


def specifier(value: str) -> str:
    """A PEP 440 specifier set that means the same for every patch release."""
    value = value.strip()
    if not value:
        raise ValueError('is empty; expected a specifier, such as "==1.12.*" or ">=2.4,<2.8"')
    if any(_is_version(part.strip()) for part in value.split(",")):
        series = ".*" if value.count(".") == 1 else ""
        raise ValueError(f'is a bare version, no specifier; write "=={value}{series}"')
    try:
        SpecifierSet(value)
    except ValueError:  # InvalidSpecifier is one
        raise ValueError(
            'is not a specifier; expected one such as ">=2.4,<2.8", "==1.12.*" or "!=2.6.*"'
        ) from None
    for part in value.split(","):
        coarse = _COARSE.fullmatch(part.strip())
        if coarse:
            raise ValueError(_coarse_message(*coarse.groups()))
    return value


def _coarse_message(operator: str, series: str) -> str:
    """The message for `==1.12`: PEP 440 reads it as 1.12.0 alone, but 1.12.3 stands for the
    series."""
    major, minor = series.split(".")
    following = f"{major}.{int(minor) + 1}"
    meant = {"==": f"=={series}.*", "!=": f"!={series}.*", "<=": f"<{following}"}
    series_wide = meant.get(operator, f">={following}")
    return f'means "{operator}{series}.0"; write that, or "{series_wide}" for the whole series'


def _is_version(text: str) -> bool:
    try:
        Version(text)
    except ValueError:  # InvalidVersion is one
        return False
    return True


def checked_name(value: str) -> str:
    if not _NAME.fullmatch(value) or len(value) > 100:
        raise ValueError(
            "is not a name; use up to 100 letters, digits, `.`, `_`, `-`, a letter or digit first"
            + _instead(_as_name(value))
        )
    return value


def repro_name(value: str) -> str:
    """A repro's name. It becomes a file name, also on file systems that ignore case."""
    if value != value.lower():
        wanted = _instead(_as_name(value).lower())
        raise ValueError(f"has capitals, and names become names of files{wanted}")
    return checked_name(value)


def name_like(text: str) -> str:
    """A repro's name made from the allowed letters in `text`; é counts as e, and ß as ss."""
    return _as_name(text).lower() or "script"


def _as_name(text: str) -> str:
    letters = unicodedata.normalize("NFKD", text.replace("ß", "ss"))
    plain = "".join(each for each in letters if not unicodedata.combining(each))
    return re.sub(r"[^A-Za-z0-9._-]+", "-", plain).strip("-._")[:80]


def _instead(name: str) -> str:
    return f'; write "{name}"' if name else ""


def some_text(value: str) -> str:
    if not value.strip():
        raise ValueError("is empty")
    return value.strip()


def variable(value: str) -> str:
    if not _VARIABLE.fullmatch(value):
        raise ValueError(
            "is not the name of an environment variable; those have letters, digits and `_`"
        )
    return value


def python_version(value: str) -> str:
    if not _PYTHON.fullmatch(value):
        raise ValueError('is not a Python version such as "3.10"')
    return value


def image(value: str) -> str:
    if not _IMAGE.fullmatch(value):
        raise ValueError('is not an image such as "python:3.10-slim-bookworm@sha256:…"')
    return value


def output_pattern(value: str) -> str:
    patterns.validate(value)
    return value


def requirement(value: str) -> str:
    if wheels.is_path(value):
        raise ValueError("is a folder or a file; add it on the command line: --with ./FOLDER")
    try:
        parsed = Requirement(value)
    except (ValueError, RecursionError):
        raise ValueError(
            'is not a requirement (PEP 508); expected one such as "tensorflow-probability==0.12.2"'
        ) from None
    if (parsed.url or "").startswith("file:"):
        raise ValueError("is a package of one machine; there, --with ./FOLDER or FILE.whl adds it")
    if parsed.url:
        raise ValueError(
            "has a URL, which cannot be locked as of a date; name a package and its version"
        )
    if is_tensorflow(parsed.name):
        raise ValueError("is TensorFlow itself, which the matrix varies; choose releases by `tf:`")
    return value


def verdict(value: Verdict) -> Verdict:
    if value is Verdict.ERROR:
        raise ValueError("is this tool's own failure, which says nothing about TensorFlow")
    return value


def relative_file(value: str) -> str:
    """A path below the script's folder."""
    parts = value.rstrip("/").split("/")
    if value.startswith("/") or not value.strip("/.") or ".." in parts:
        raise ValueError("is not a path below the script's own folder")
    return "/".join(part for part in parts if part not in ("", "."))
