"""Finds the controls that tell whether TensorFlow caused a change between two columns. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Optional

from attrs import evolve

from runner.grid.records import Column, Control, Row, Transition
from runner.model import Result, Run, pinned_version

Cells = Sequence[Sequence[Optional[Result]]]
PYTHON = "Python"


def with_controls(
    transitions: Iterable[Transition], run: Run, cells: Cells
) -> tuple[Transition, ...]:
    """The transitions, each with the controls of its changes."""
    if not run.controls:
        return tuple(transitions)
    return tuple(
        evolve(each, controls=tuple(_controls_of(each, run, cells))) for each in transitions
    )


def _controls_of(transition: Transition, run: Run, cells: Cells) -> Iterator[Control]:
    """The controls of a transition, those of the newer release first."""
    ends = (transition.after, transition.before), (transition.before, transition.after)
    for column, other in ends:
        for row in (change.row for change in transition.changes):
            own, others = (cells[row.index][each.index] for each in (column, other))
            if own is not None and others is not None:
                yield from _of_cell(run, row, (column, other), own, others)


def _of_cell(
    run: Run, row: Row, columns: tuple[Column, Column], own: Result, others: Result
) -> Iterator[Control]:
    place = own.repro, own.device, own.tensorflow
    for result in run.controls:
        if (result.repro, result.device, result.tensorflow) != place:
            continue
        name, version = _changed(row, result)
        if name and version == _version(run, others, name):
            yield Control(
                row=row,
                column=columns[0],
                other=columns[1],
                what=name,
                version=version,
                usual=_version(run, own, name),
                result=result,
                own=own,
                others=others,
            )


def _changed(row: Row, control: Result) -> tuple[str, str]:
    """What the control changed, and to which version; empty texts if it belongs to another row."""
    variant, _, last = control.variant.rpartition(",")
    if variant != row.variant or control.case != f"{row.base}@{control.variant}":
        return "", ""
    name, _, version = last.partition("=")
    return (PYTHON if name == "python" else name), version


def _version(run: Run, result: Result, name: str) -> str:
    if name == PYTHON:
        return result.python
    known = (each.packages for each in run.environments if each.id == result.environment)
    return dict(map(pinned_version, next(known, ()))).get(name, "")
