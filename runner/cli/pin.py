"""`tfmatrix pin`: finds the releases that pass, as a requirement with its evidence."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Optional

import click

from runner import grid, paths
from runner.cli import completion, log
from runner.cli.formats import formats, print_json
from runner.pins import constraints, requirement, upgrades, words
from runner.pins.check import RequirementCheck, check_requirement
from runner.pins.pin import Pin, find_pin
from runner.releases import catalogue
from runner.runs import journal


@click.command(
    "pin",
    help="Find the releases that pass every required case: a requirement and its evidence. "
    "Exits 1 if no release does, if --check fails, or if --exchange finds no upgrade for a format.",
)
@click.argument("run", required=False, shell_complete=completion.complete_runs)
@click.option(
    "--require",
    multiple=True,
    metavar="CASE",
    shell_complete=completion.complete_cases,
    help="A case that must pass, or a glob; repeat for several. Default: all.",
)
@click.option(
    "--device",
    "devices",
    type=click.Choice(["cpu", "cuda"]),
    multiple=True,
    help="A device on which the cases must pass. Default: all devices of the run.",
)
@click.option(
    "--python", "pythons", multiple=True, metavar="3.X", help="Use only cells on this Python."
)
@click.option(
    "--check",
    metavar="SPEC",
    help="Check whether SPEC ('tensorflow==2.15.*') allows only releases that pass.",
)
@click.option(
    "--exchange",
    "exchanged",
    is_flag=True,
    help="For a run of tfmatrix exchange: which upgrades keep saved files loadable.",
)
@click.option("--strict", is_flag=True, help="Exclude every release that was not measured.")
@click.option(
    "--flaky",
    type=click.Choice(["refuse", "allow"]),
    default="refuse",
    show_default=True,
    help="Whether a case counts as passed that passed only in some attempts, such as 3 of 5.",
)
@click.option(
    "--constraints",
    "file",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Write the packages of the newest passing release to FILE, for pip -c.",
)
@formats("text", "spec", "json", default="text", help="spec: only the requirement.")
def command(
    run: Optional[str],
    require: Sequence[str],
    devices: Sequence[str],
    pythons: Sequence[str],
    check: Optional[str],
    exchanged: bool,
    strict: bool,
    flaky: str,
    file: Optional[Path],
    format_: str,
) -> int:
    if check is not None and (file or format_ == "spec"):
        raise click.UsageError("--check cannot be used with --constraints or --format spec")
    if exchanged and (check is not None or file or require or format_ == "spec"):
        raise click.UsageError(
            "--exchange cannot be used with --check, --constraints, --require or --format spec"
        )
    folder = journal.find_run(run, paths.results())
    loaded = journal.read_run(folder, warn=log.print_warning)
    about = loaded.info.along or requirement.TENSORFLOW
    wanted = None if check is None else requirement.parse_requirement(check, about)
    releases = catalogue.load_releases()
    built = grid.build_grid(loaded, releases)
    if exchanged:
        return _upgrades(built, [release.version for release in releases], format_)
    known = [] if loaded.info.along else [release.version for release in releases]
    pin = find_pin(
        built,
        known,
        require=require,
        devices=devices,
        pythons=pythons,
        strict=strict,
        flaky=flaky == "allow",
    )
    if check is not None and wanted is not None:
        return _checked(check, check_requirement(pin, wanted, known), format_)
    environment = (
        constraints.pinned_environment(pin, built, loaded.environments) if pin.newest else None
    )
    if file and environment:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(constraints.constraints_text(environment, f"run {loaded.info.id}"), "utf-8")
    if format_ == "json":
        print_json(words.pin_to_json(pin, environment))
    elif format_ == "text":
        log.print_answer(words.pin_text(pin, environment))
    else:
        _specifier(pin)
    return 0 if pin.requirement else 1


def _upgrades(built: grid.Grid, known: Sequence[str], format_: str) -> int:
    found = upgrades.find_upgrades(built, known)
    if format_ == "json":
        print_json(upgrades.upgrades_to_json(found))
    else:
        log.print_answer(upgrades.upgrades_text(found))
    return 0 if all(each.stretches for each in found) else 1


def _specifier(pin: Pin) -> None:
    """Print only the specifier on standard output, so that a shell can use it."""
    if pin.requirement:
        log.print_answer(pin.requirement.requirement)
    else:
        log.print_answer(f"{words.NONE}; --format text says why", err=True)


def _checked(text: str, answer: RequirementCheck, format_: str) -> int:
    if format_ == "json":
        print_json(words.check_to_json(text, answer))
    else:
        log.print_answer(words.check_text(text, answer))
    return 0 if answer.holds else 1
