"""Each record's fields in the order of the JSON, with what each may be."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Generic, Optional, TypeVar, Union

import attrs

from runner.model import (
    Case,
    Device,
    EnvironmentInfo,
    Exclusion,
    Execution,
    Expectation,
    Json,
    Limits,
    Outcome,
    Repro,
    Result,
    Rule,
    RunInfo,
    Verdict,
)
from runner.serial.values import (
    Reader,
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
    whole,
)

R = TypeVar("R")


class Table(Generic[R]):
    """How one record is written and read. Unknown fields are left out in reading, so that an older
    tfmatrix reads a newer one's files; a field that has a default may be missing."""

    def __init__(self, record: Callable[..., R], **readers: Reader) -> None:
        self.record = record
        self.readers = readers
        fields = attrs.fields_dict(record)  # type: ignore[arg-type]
        self._required = {name for name in readers if fields[name].default is attrs.NOTHING}

    def write(self, record: R) -> dict[str, Json]:
        return {name: _written(getattr(record, name)) for name in self.readers if name != "outcome"}

    def read(self, data: Any, where: str = "") -> R:
        """Raises ValueError with the path of the field that is wrong."""
        given = mapping(data, where)
        values = {}
        for name, reader in self.readers.items():
            path = f"{where}.{name}" if where else name
            if name in given:
                values[name] = reader(given[name], path)
            elif name in self._required:
                raise ValueError(f"{path} is missing")
        return self.record(**values)


def _written(value: Any) -> Json:
    table = _TABLES.get(type(value))
    if table is not None:
        return dict(table.write(value))
    if isinstance(value, tuple):
        return [_written(item) for item in value]
    return plain(value)


def _path(value: Any, name: str) -> Path:
    return Path(text(value, name))


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
    attempts=whole,
    note=text,
    notes=texts,
    trouble=optional(text),
)

RESULT = Table(
    Result,
    repro=text,
    case=text,
    tensorflow=text,
    python=text,
    device=text,
    environment=text,
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
    expected=optional(text),
    unexpected=flag,
    mode=text,
    key=optional(text),
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
    tensorflow=text,
    python=text,
    device=text,
    engine=text,
    key=text,
    image=optional(text),
    packages=texts,
    released=text,
)

LIMITS = Table(Limits, timeout=number, memory=whole, processes=whole, output=whole, scratch=whole)
CASE = Table(Case, name=text, args=texts, about=text)
RULE = Table(Rule, tf=text, cases=texts, device=optional(choice(Device)))
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
)

_TABLES: dict[Optional[type], Table[Any]] = {
    Limits: LIMITS,
    Case: CASE,
    Rule: RULE,
    Exclusion: EXCLUSION,
    Expectation: EXPECTATION,
}
