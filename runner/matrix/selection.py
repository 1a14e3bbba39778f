"""The options of a command line → the selected cells."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Optional, Union

from attrs import evolve, frozen

from runner.errors import UsageError
from runner.matrix import additions, config, plan, variants
from runner.matrix.patterns import checked_pattern
from runner.model import (
    Axis,
    Cell,
    Device,
    Expectation,
    Matrix,
    Release,
    Repro,
    Rule,
    Verdict,
)
from runner.releases import catalogue, specifier
from runner.releases.upstream import known
from runner.requirements import wheels
from runner.requirements.asked import NOTHING, Asked
from runner.scripts.named import Named, find_script, script_of_module

MATRIX = "matrix.yaml"
WITHOUT = "none"
"""The value of `--tf` that leaves TensorFlow out, so that a package's releases are the columns."""
NOTHING_AHEAD = "--nightly: the package index has no nightly and no candidate of a coming release"


@frozen(kw_only=True)
class Selection:
    """The selection of a command line."""

    matrix: Matrix
    releases: tuple[Release, ...]
    cells: tuple[Cell, ...]
    remarks: tuple[str, ...] = ()
    """Facts about the scripts for the user, one sentence each."""
    reported: str = ""
    """The signature of the failure that an issue reports, if the script comes from it."""
    along: str = ""
    """The axis whose values are the columns; "" if these are TensorFlow's releases."""


def select(
    *,
    scripts: Sequence[Path],
    modules: Sequence[str] = (),
    command: Sequence[str] = (),
    tf: Optional[str],
    patches: Optional[str],
    devices: Sequence[str],
    cases: Sequence[str],
    args: Sequence[str],
    timeout: Optional[float],
    memory: Optional[int],
    matrix_file: Optional[Path],
    pre: bool = False,
    vary: Sequence[Union[str, Axis]] = (),
    env: Sequence[str] = (),
    packages: Sequence[str] = (),
    local: Optional[Asked] = None,
    requirement_files: Sequence[Path] = (),
    projects: Sequence[str] = (),
    forced: Sequence[str] = (),
    relax: bool = False,
    as_of: Optional[str] = None,
    data: Optional[Path] = None,
    network: bool = False,
    allow_no_tensorflow: bool = False,
    expect: Optional[str] = None,
    reported: str = "",
    nightly: bool = False,
    fail_on: Optional[str] = None,
    along: Optional[str] = None,
    gone: Sequence[Release] = (),
) -> Selection:
    """Options → cells. All mistakes in them are found here, before anything runs.

    `local`: what those of the `packages` ask for that are folders and wheels of this machine.
    `gone`: pre-releases that the index no longer has, from which `tf` selects too.
    """
    added = (*packages, *requirement_files, *projects)
    sources = _sources(scripts, modules, command, programs_may_come=bool(added))
    matrix = _with_files(_matrix(sources, args, matrix_file))
    patches = patches or matrix.patches
    columns = None
    if along is not None:
        if nightly:
            raise UsageError("--nightly adds a release of TensorFlow: leave it out with --along")
        release = _only_release(along, "latest" if tf is None else tf, pre=pre)
        columns = _along(along, release, devices, patches, matrix.axes)
        tf, vary = release.spec, (*vary, columns)
    asked = additions.shared_packages(requirement_files, projects) + (local or NOTHING)
    named = [each for each in packages if not wheels.is_path(each)]
    resolution = additions.resolution(forced, relax, as_of)

    def changed(repro: Repro) -> Repro:
        repro = additions.with_packages(repro, asked, named, resolution)
        repro = additions.with_data(repro, data, network)
        repro = _expecting(_limited(repro, timeout, memory), expect)
        return _judged_by(repro, fail_on, allow_no_tensorflow)

    if tf == WITHOUT:
        _check_without(columns, vary, devices, as_of)
    matrix = _varied(matrix, vary, env)
    matrix = evolve(
        matrix,
        tf=matrix.tf if tf is None else tf,
        patches=patches,
        devices=tuple(Device(device) for device in devices) or matrix.devices,
        repros=tuple(map(changed, matrix.repros)),
    )
    ahead = known.newest_ahead() if nightly else None
    releases = _releases(matrix, ahead, gone, pre=pre)
    noted = dict.fromkeys(note for repro in matrix.repros for note in repro.notes)
    return Selection(
        matrix=matrix,
        releases=releases,
        cells=_cells(matrix, releases, cases),
        reported=reported,
        along=columns.name if columns else "",
        remarks=(
            *(remark for source in sources for remark in source.remarks),
            *noted,
            *([NOTHING_AHEAD] if nightly and ahead is None else []),
        ),
    )


def _sources(
    scripts: Sequence[Path],
    modules: Sequence[str],
    command: Sequence[str],
    *,
    programs_may_come: bool,
) -> list[Named]:
    sources = [*map(find_script, scripts), *map(script_of_module, modules)]
    if command:
        from runner.scripts.commands import script_of_command

        sources.append(script_of_command(command, programs_may_come=programs_may_come))
    return sources


def _releases(
    matrix: Matrix, ahead: Optional[Release], gone: Sequence[Release], *, pre: bool
) -> tuple[Release, ...]:
    """The releases that the matrix names, with `ahead` as the last, as far as its repros allow."""
    if matrix.tf == WITHOUT:
        return additions.allowed_releases(
            matrix.repros, (catalogue.without_tensorflow(),), "--tf none"
        )
    named = (*known.releases(matrix.tf, pre=pre), *gone)
    chosen = specifier.select(named, matrix.tf, matrix.patches, pre=pre)
    if ahead and ahead not in chosen:
        chosen = (*chosen, ahead)
    return additions.allowed_releases(matrix.repros, chosen, matrix.tf)


def _cells(matrix: Matrix, releases: Sequence[Release], cases: Sequence[str]) -> tuple[Cell, ...]:
    planned = plan.cells(matrix, releases, cases)
    if not planned:
        names = sorted({case.name for repro in matrix.repros for case in repro.cases})
        raise UsageError(f"no case is named {', '.join(cases)}; there are: {', '.join(names)}")
    return tuple(planned)


def _only_release(along: str, tf: str, *, pre: bool) -> Release:
    if tf == WITHOUT:
        return catalogue.without_tensorflow()
    found = specifier.select(known.releases(tf, pre=pre), tf, "latest", pre=pre)
    if len(found) > 1:
        raise UsageError(
            f"--along {along} is about one release of TensorFlow, and --tf {tf} means {len(found)}",
            remedy=f"--tf {found[-1].version}",
        )
    return found[0]


def _check_without(
    columns: Optional[Axis],
    vary: Sequence[Union[str, Axis]],
    devices: Sequence[str],
    as_of: Optional[str],
) -> None:
    """Raises `UsageError` for what an environment without TensorFlow cannot be."""
    from runner.matrix.vary import BACKEND  # slow to import and rarely used

    if columns is None:
        raise UsageError(
            "--tf none leaves TensorFlow out, whose releases are the columns",
            remedy="name a package whose releases are: --along 'keras>=3' --vary backend=jax",
        )
    if not as_of and not all(value.later for value in columns.values):
        raise UsageError(
            f"--tf none: it is not known when each release of {columns.name} came out, and packages"
            " are resolved as of that day",
            remedy="name a day: --as-of 2026-01-31",
        )
    for each in vary:
        name, _, values = each.partition("=") if isinstance(each, str) else ("", "", "")
        asked = {value.strip() for value in values.split(",")}
        if name.strip() == BACKEND and not asked.isdisjoint(("", "tensorflow")):
            raise UsageError(
                f"--vary {each}: --tf none leaves TensorFlow out, so the backend is another",
                remedy="--vary backend=jax",
            )
    if any(device != Device.CPU.value for device in devices):
        raise UsageError("--tf none has no CUDA environments: leave --device out")


def _along(
    spec: str, release: Release, devices: Sequence[str], patches: str, axes: Sequence[Axis]
) -> Axis:
    from runner.matrix import along  # slow to import and rarely used

    target = plan.target(release, Device(devices[0]) if devices else Device.CPU)
    return along.column_axis(spec, target, patches, axes)


def _matrix(sources: Sequence[Named], args: Sequence[str], matrix_file: Optional[Path]) -> Matrix:
    file = matrix_file or Path(MATRIX)
    loaded = config.load_matrix(file) if matrix_file or not sources or file.exists() else None
    if not sources:
        assert loaded is not None
        if args:
            raise UsageError("--arg needs a SCRIPT: matrix.yaml's cases have their own args")
        return loaded
    return config.adhoc(sources, args, loaded)


def _with_files(matrix: Matrix) -> Matrix:
    """The matrix with a case for each file of a suite; each command lists the files again."""
    if not any(repro.suite for repro in matrix.repros):
        return matrix
    from runner.scripts import suites

    repros = (
        evolve(
            repro,
            cases=tuple(
                variants.in_variant(case, variant)
                for case in suites.cases(repro.suite)
                for variant in variants.variants_of(repro.cases)
            ),
        )
        if repro.suite
        else repro
        for repro in matrix.repros
    )
    return evolve(matrix, repros=tuple(repros))


def _varied(matrix: Matrix, vary: Sequence[Union[str, Axis]], env: Sequence[str]) -> Matrix:
    if not vary and not env:
        return matrix
    from runner.matrix import vary as words

    axes = [words.parse_axis(each, matrix.axes) if isinstance(each, str) else each for each in vary]
    used = {name for r in matrix.repros for case in r.cases for name in case.variant.values}
    own = [value for axis in matrix.axes for value in axis.values]
    for axis in axes:
        if axis.name in used and not all(value in own for value in axis.values):
            raise UsageError(f"matrix.yaml varies {axis.name} already: choose with --case")
    variables = dict(words.variable(each) for each in env)
    repros = (
        evolve(
            repro,
            cases=variants.all_combinations(repro.cases, axes),
            env={**repro.env, **variables},
        )
        for repro in matrix.repros
    )
    return evolve(matrix, repros=tuple(repros))


def _expecting(repro: Repro, outcome: Optional[str]) -> Repro:
    """The repro with `outcome` expected for every cell, instead of matrix.yaml's expectations."""
    if outcome is None:
        return repro
    everywhere = Expectation(rule=Rule(), verdict=Verdict(outcome), source="--expect")
    return evolve(repro, expectations=(everywhere,))


def _judged_by(repro: Repro, fail_on: Optional[str], allow_no_tensorflow: bool) -> Repro:
    return evolve(
        repro,
        fail_on=repro.fail_on if fail_on is None else checked_pattern(fail_on, "--fail-on"),
        needs_tensorflow=repro.needs_tensorflow and not allow_no_tensorflow,
    )


def _limited(repro: Repro, timeout: Optional[float], memory: Optional[int]) -> Repro:
    limits = repro.limits
    return evolve(
        repro,
        limits=evolve(
            limits,
            timeout=limits.timeout if timeout is None else timeout,
            memory=limits.memory if memory is None else memory,
        ),
    )
