"""What one source asks for: packages to install, and bounds on TensorFlow and Python."""

from __future__ import annotations

import re
from collections.abc import Iterable

from attrs import frozen
from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import canonicalize_name

from runner.errors import UsageError
from runner.model import Bound

_TENSORFLOW = re.compile(r"(tensorflow|tf-nightly)(-cpu|-gpu|-intel|-macos)?(-[0-9].*)?")


@frozen(kw_only=True)
class Asked:
    """The packages and bounds that a source asks for."""

    packages: tuple[str, ...] = ()
    constraints: tuple[str, ...] = ()
    """These restrict the versions of packages that something else asks for."""
    tensorflow: tuple[Bound, ...] = ()
    python: tuple[Bound, ...] = ()
    notes: tuple[str, ...] = ()
    """What was set aside, one line each."""

    def __add__(self, other: Asked) -> Asked:
        return Asked(
            packages=tuple(dict.fromkeys((*self.packages, *other.packages))),
            constraints=tuple(dict.fromkeys((*self.constraints, *other.constraints))),
            tensorflow=(*self.tensorflow, *other.tensorflow),
            python=(*self.python, *other.python),
            notes=tuple(dict.fromkeys((*self.notes, *other.notes))),
        )


NOTHING = Asked()


def is_tensorflow(name: str) -> bool:
    """Whether this is a package of TensorFlow itself, such as `tensorflow-cpu`."""
    return _TENSORFLOW.fullmatch(canonicalize_name(name)) is not None


def read_requirements(
    requirements: Iterable[str], source: str, *, constraining: bool = False
) -> Asked:
    """The requirements of `source`; those on TensorFlow become bounds on its releases.

    An exact version of TensorFlow is set aside, because the matrix varies TensorFlow.
    `constraining` says that `requirements` are constraints. Raises `UsageError`.
    """
    packages: list[str] = []
    bounds: list[Bound] = []
    notes: list[str] = []
    for text in requirements:
        parsed = plain_requirement(text, source)
        if not is_tensorflow(parsed.name):
            packages.append(str(parsed))
        elif any(each.operator in ("==", "===") and "*" not in each.version
                 for each in parsed.specifier):  # fmt: skip
            notes.append(f"{source}: {parsed} is set aside, for the matrix varies TensorFlow")
        elif parsed.specifier:
            bounds.append(Bound(requirement=str(parsed), source=source))
            notes.append(f"{source} asks for {parsed}: other releases are left out")
    return Asked(
        packages=() if constraining else tuple(packages),
        constraints=tuple(packages) if constraining else (),
        tensorflow=tuple(bounds),
        notes=tuple(notes),
    )


def python_bound(specifier: object, source: str) -> Asked:
    """The bound in `requires-python`. Raises `UsageError`."""
    try:
        if not isinstance(specifier, str):
            raise InvalidSpecifier
        SpecifierSet(specifier)
    except InvalidSpecifier:
        raise UsageError(
            f'{source}: requires-python is {specifier!r}; expected a specifier such as ">=3.8"'
        ) from None
    return Asked(python=(Bound(requirement=specifier, source=source),))


def list_of_texts(value: object, what: str, source: str) -> list[str]:
    """`value`, which must be a list of texts. Raises `UsageError`."""
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise UsageError(f"{source}: {what} is not a list of texts")
    return value


def plain_requirement(text: str, source: str) -> Requirement:
    """The requirement, which names a package of an index. Raises `UsageError`."""
    try:
        parsed = Requirement(text)
    except (InvalidRequirement, RecursionError):
        raise UsageError(
            f'{source}: "{text[:80]}" is not a requirement (PEP 508), such as "pandas>=1.3"'
        ) from None
    if parsed.url:
        raise UsageError(
            f'{source}: "{text[:80]}" has a URL, which cannot be locked as of a date;'
            " name a package and its version"
        )
    return parsed
