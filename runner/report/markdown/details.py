"""The folded parts of matrix.md: reasons, observations, environments, logs, the script itself."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

from runner.grid import Grid
from runner.machine.units import count
from runner.matrix import variants
from runner.model import NO_TENSORFLOW, EnvironmentInfo, Verdict
from runner.report import block, gfm, text
from runner.report.context import Context
from runner.report.markdown.grid import reasons
from runner.report.names import short_name
from runner.report.preparation import preparation_lines

TELLING = (
    *("numpy", "keras", "keras-nightly", "tf-keras", "tf-keras-nightly", "protobuf", "h5py"),
)
"""The packages whose versions readers want first."""


def skips(grid: Grid, most: int) -> Iterator[str]:
    lines = list(reasons(grid, Verdict.SKIP))
    if lines:
        more = [f"- and {len(lines) - most} more reasons"] if len(lines) > most else []
        yield gfm.details(
            f"Skipped: {count(grid.counts[Verdict.SKIP], 'cell')}",
            "\n".join([*lines[:most], *more]),
        )


def preparation(context: Context, most: int) -> Iterator[str]:
    """What a reader must know about the packages. It is not folded, because it may be the cause."""
    found = preparation_lines(context.run)
    if found and most:
        more = [f"- and {len(found) - most} more"] if len(found) > most else []
        yield "\n".join(
            ["Packages:", "", *(f"- {gfm.code_span(line, 300)}" for line in found[:most]), *more]
        )


def cases(context: Context, most: int) -> Iterator[str]:
    """The script's arguments and other facts of each case, if any are known."""
    lines = []
    told = set()
    for row in context.grid.rows:
        case = context.case(row)
        arguments = case.args
        if (row.repro, case.base_name) in told:
            continue  # a variant of it
        if row.saver:
            continue  # its name and its repro's name say it
        told.add((row.repro, case.base_name))
        says = [f": {gfm.code_span(row.about)}"] if row.about else []
        says += [f", run with {gfm.code_span(shlex.join(arguments))}"] if arguments else []
        if row.about or arguments not in ((), (case.base_name,)):
            lines.append(f"- {gfm.case_name(case.base_name)}{''.join(says)}")
    lines += _variants(context)
    if lines and most:
        more = [f"- and {len(lines) - most} more"] if len(lines) > most else []
        yield gfm.details("What the cases are", "\n".join([*lines[:most], *more]))


def _variants(context: Context) -> Iterator[str]:
    """What each variant changes."""
    for variant in variants.variants_of(context.case(row) for row in context.grid.rows):
        if variant.name:
            changes = [f"Python {variant.python}"] if variant.python else []
            changes += [f"{name}={shlex.quote(text)}" for name, text in variant.env.items()]
            changes += variant.requirements
            where = f", on TensorFlow {gfm.code_span(','.join(variant.tf))}" if variant.tf else ""
            name = gfm.code_span("@" + variant.name, 60)
            yield f"- {name}: {gfm.code_span(', '.join(changes))}{where}"


def environments(context: Context, most: int, *, packages: bool) -> Iterator[str]:
    known = context.run.environments[:most]
    if not known:
        return
    versions = [dict(p.split("==", 1) for p in e.packages if "==" in p) for e in known]
    telling = [name for name in TELLING if any(name in v for v in versions)]
    git_versions = context.git_versions
    rows = [
        [
            "none" if e.tensorflow == NO_TENSORFLOW else gfm.plain_or_code(e.tensorflow),
            *([gfm.plain_or_code(git_versions.get(e.id, "?"))] if git_versions else []),
            gfm.plain_or_code(e.released or "?"),
            gfm.plain_or_code(e.python),
            gfm.plain_or_code(e.device),
            *(gfm.plain_or_code(v.get(name, "–")) for name in telling),
            gfm.table_code_span(e.key[:12]),
        ]
        for e, v in zip(known, versions)
    ]
    built = ["GIT_VERSION"] if git_versions else []
    header = ["TensorFlow", *built, "released", "Python", "device", *telling, "key"]
    body = [gfm.table(header, rows, centred=False)]
    if packages:
        body += ["All packages:", gfm.fence([_packages(e) for e in known], "text")]
    yield gfm.details(f"Environments: {len(context.run.environments)}", "\n\n".join(body))


def _packages(environment: EnvironmentInfo) -> str:
    return text.shortened(f"{environment.id}: {' '.join(environment.packages)}", 8_000)


def log_ends(context: Context, most: int) -> Iterator[str]:
    """The end of one log for each letter."""
    body = []
    for entry in context.grid.legend if most else ():
        shown = text.log_lines(context.log(entry.first), most)
        if shown:
            where = gfm.code_span(f"{short_name(entry.first.case)} on {entry.first.environment}")
            body += [f"**{entry.letter}**: {where}", gfm.fence(shown, "text")]
    if body:
        yield gfm.details("Logs: the end of one for each letter", "\n\n".join(body))


def scripts(context: Context) -> Iterator[str]:
    known = {repro: script for repro, script in context.extras.scripts.items() if script}
    for number, script in enumerate(known.values(), 1):
        shown = text.log_lines(script, 0, block.WIDEST_LINE)
        name = "The script" if len(known) == 1 else f"Script {number} of {len(known)}"
        yield gfm.details(name, gfm.fence(shown, "python"))
