"""Each record's fields in the order of the JSON, with what each may be."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any, Generic, Optional, TypeVar, Union

import attrs

from runner.model import (
    Axis,
    Case,
    Cuda,
    Device,
    EnvironmentInfo,
    Exclusion,
    Execution,
    Expectation,
    Json,
    Limits,
    Matrix,
    Outcome,
    Quirk,
    Release,
    Repro,
    Result,
    Rule,
    RunInfo,
    Variant,
    Verdict,
)
from runner.serial.values import (
    Reader,
    as_it_is,
    choice,
    each,
    flag,
    items,
    mapping,
    number,
    optional,
    plain,
    text,
    texts,
    version,
    whole,
    word,
)

R = TypeVar("R")


class Table(Generic[R]):
    """How one record is written and read. Unknown fields are left out in reading, so that an older
    tfmatrix reads a newer one's files; a field that has a default may be missing."""

    def __init__(self, record: Callable[..., R], **readers: Reader) -> None:
        self.record = record
        self.readers = readers
        self.names = [name for name in readers if name != "outcome"]
        fields = attrs.fields_dict(record)  # type: ignore[arg-type]
        self._required = {name for name in readers if fields[name].default is attrs.NOTHING}
        self._plan = [(n, as_it_is(reader), reader) for n, reader in readers.items()]

    def write(self, record: R) -> dict[str, Json]:
        values = ((name, getattr(record, name)) for name in self.names)
        return {
            # Most values are texts or nothing, and a matrix has millions of them.
            name: value
            if value is None or (type(value) is str and value.isascii())
            else written(value)
            for name, value in values
        }

    def read(self, data: Any, where: str = "") -> R:
        """Raises ValueError with the path of the field that is wrong."""
        given = mapping(data, where)
        try:  # Names of fields are put together only for a message: there are many records.
            return self.build(given)
        except ValueError:
            return self.build(given, f"{where}." if where else "")

    def build(self, given: dict[str, Any], prefix: str = "") -> R:
        """As `read`, of what is known to be an object."""
        values = {}
        for name, taken, reader in self._plan:
            if name in given:
                value = given[name]
                if type(value) not in taken:
                    value = reader(value, prefix + name if prefix else name)
                values[name] = value
            elif name in self._required:
                raise ValueError(f"{prefix}{name} is missing")
        return self.record(**values)


def written(value: Any) -> Json:
    kind = type(value)
    if value is None or kind is bool:
        return value  # type: ignore[no-any-return]
    if kind is tuple:
        return [written(item) for item in value]
    table = _TABLES.get(kind)
    return plain(value) if table is None else dict(table.write(value))


def _path(value: Any, name: str) -> Path:
    return Path(text(value, name))


def _day(value: Any, name: str) -> date:
    return date.fromisoformat(text(value, name))


def _package_day(value: Any, name: str) -> tuple[str, date]:
    package, day = texts(value, name)
    return package, date.fromisoformat(day)


def _inferred(value: Any, name: str) -> Union[bool, tuple[str, ...]]:
    return value if isinstance(value, bool) else texts(value, name)


def _ready(value: Any, name: str) -> Outcome:
    """A cell has the outcome's three fields beside its own; `result_from_json` has read them."""
    assert isinstance(value, Outcome), name
    return value


EXECUTION = Table(
    Execution,
    exit_code=optional(whole),
    signal=optional(whole),
    killed_for=optional(text),
    seconds=number,
    max_rss_mb=number,
    output=text,
    errors=text,
    output_bytes=whole,
    observations=mapping,
    mode=text,
    mode_reason=text,
    attempts=whole,
    agreed=whole,
    note=text,
    notes=texts,
    trouble=optional(text),
    imported=optional(flag),
    worker=text,
)

RESULT = Table(
    Result,
    repro=word,
    case=word,
    tensorflow=version,
    python=version,
    device=word,
    environment=word,
    outcome=_ready,
    exit_code=optional(whole),
    signal=optional(whole),
    seconds=number,
    max_rss_mb=number,
    observations=mapping,
    log=optional(text),
    attempts=whole,
    cached=flag,
    inferred=_inferred,
    expected=optional(word),
    unexpected=flag,
    mode=word,
    mode_reason=word,
    key=optional(text),
    agreed=whole,
    worker=text,
    variant=word,
)

RUN_INFO = Table(
    RunInfo,
    id=text,
    started=text,
    finished=optional(text),
    engine=text,
    tool_version=text,
    command=text,
    host=mapping,
)

ENVIRONMENT = Table(
    EnvironmentInfo,
    id=text,
    tensorflow=version,
    python=version,
    device=text,
    engine=text,
    key=text,
    image=optional(text),
    packages=texts,
    released=text,
)

LIMITS = Table(Limits, timeout=number, memory=whole, processes=whole, output=whole, scratch=whole)
VARIANT = Table(
    Variant,
    name=text,
    values=each(text),
    tf=texts,
    python=optional(version),
    env=each(text),
    requirements=texts,
)
AXIS = Table(Axis, name=text, values=items(VARIANT.read))
CASE = Table(Case, name=text, args=texts, about=text, variant=VARIANT.read)
RULE = Table(Rule, tf=text, cases=texts, device=optional(choice(Device)), axes=each(text))
EXCLUSION = Table(Exclusion, rule=RULE.read, reason=text)
EXPECTATION = Table(
    Expectation,
    rule=RULE.read,
    verdict=choice(Verdict),
    source=text,
    signature=optional(text),
)
REPRO = Table(
    Repro,
    name=text,
    script=_path,
    about=text,
    cases=items(CASE.read),
    limits=LIMITS.read,
    files=items(_path),
    env=each(text),
    requirements=each(texts),
    exclusions=items(EXCLUSION.read),
    expectations=items(EXPECTATION.read),
    digest=text,
)

MATRIX = Table(
    Matrix,
    source=_path,
    tf=text,
    patches=text,
    devices=items(choice(Device)),
    repros=items(REPRO.read),
    images=each(text),
    axes=items(AXIS.read),
)

QUIRK = Table(Quirk, what=text, remedy=text)
CUDA = Table(
    Cuda,
    cuda=text,
    cudnn=text,
    requirement=text,
    base=optional(text),
    python=optional(text),
    unavailable=optional(text),
    capabilities=texts,
    wheel_mb=optional(whole),
)
RELEASE = Table(
    Release,
    version=text,
    released=_day,
    pythons=texts,
    cpu_requirement=text,
    extras=texts,
    constraints=texts,
    cutoff_days=whole,
    newer=items(_package_day),
    keras=text,
    image=optional(text),
    wheel_mb=optional(whole),
    cuda=optional(CUDA.read),
    quirks=items(QUIRK.read),
    yanked=optional(text),
)

_TABLES: dict[Optional[type], Table[Any]] = {
    Limits: LIMITS,
    Case: CASE,
    Variant: VARIANT,
    Axis: AXIS,
    Rule: RULE,
    Exclusion: EXCLUSION,
    Expectation: EXPECTATION,
    Repro: REPRO,
    Quirk: QUIRK,
    Cuda: CUDA,
}
