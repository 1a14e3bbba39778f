"""How a repro is run: with which arguments, and in which variant of the axes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Optional

from attrs import evolve, field, frozen


@frozen(kw_only=True)
class Variant:
    """One way to run a case: one value of each axis of the matrix."""

    name: str = ""
    """`keras=legacy,numpy=1.23.5`: the values that change something; "" if none does."""
    values: Mapping[str, str] = field(factory=dict)
    """Axis → value, even if the value changes nothing."""
    tf: tuple[str, ...] = ()
    """PEP 440 specifier sets: the variant exists only for releases that match all of these."""
    python: Optional[str] = None
    """Replaces the release's preferred Python."""
    env: Mapping[str, str] = field(factory=dict)
    requirements: tuple[str, ...] = ()
    """Replace the release's requirements on the same packages."""
    later: str = ""
    """If the release's own date is earlier, packages are resolved as of this day, ISO 8601."""

    def without(self, axis: str) -> Variant:
        """The variant without this axis in its name and values; what the axis sets stays set."""
        parts = [part for part in self.name.split(",") if part.partition("=")[0] != axis]
        values = {name: value for name, value in self.values.items() if name != axis}
        return evolve(self, name=",".join(parts), values=values)


USUAL = Variant()


@frozen(kw_only=True)
class Axis:
    """Something that a matrix varies besides releases and devices."""

    name: str
    values: tuple[Variant, ...]
    """The variants of this axis alone, in the order of the report."""


@frozen(kw_only=True)
class Case:
    """One list of arguments for a repro, in one variant."""

    name: str
    """The name with the variant: `layers-both`, `layers-both@keras=legacy`."""
    args: tuple[str, ...] = ()
    about: str = ""
    variant: Variant = USUAL

    @property
    def base_name(self) -> str:
        """The name that all its variants share."""
        return _base_name(self.name, self.variant.name)

    def without(self, axis: str) -> Case:
        """The case without this axis: `layers-both` for `layers-both@keras=3.4.1`."""
        variant = self.variant.without(axis)
        name = "@".join(filter(None, (self.base_name, variant.name)))
        return evolve(self, name=name, variant=variant)


def full_name(repro: str, case: str) -> str:
    """`batchnorm/layers-both`; a test names its folder itself: `tests/test_a.py::test_b`."""
    names_itself = "::" in case and case.startswith((f"{repro.rstrip('/')}/", f"{repro}::"))
    return case if names_itself else f"{repro}/{case}"


_SAVED_BY = "saved by "


def saved_by(release: str) -> str:
    """The name of a case that loads what another script saved on a release: `saved by 2.9.3`."""
    return _SAVED_BY + release


def release_that_saved(case: str) -> str:
    """The release in a name that `saved_by` made."""
    return case.removeprefix(_SAVED_BY)


def file_of_test(name: str) -> str:
    """The file of a test: `tests/test_a.py` for `tests/test_a.py::test_b`; others unchanged."""
    return name.partition("::")[0]


def planned_name(name: str, variant: str) -> str:
    """The name of the planned case for `name`: for a test, its file, in its variant."""
    file = file_of_test(_base_name(name, variant))
    return f"{file}@{variant}" if variant else file


def _base_name(name: str, variant: str) -> str:
    return name.removesuffix(f"@{variant}") if variant else name
