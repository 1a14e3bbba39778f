"""The ends of a search, as the user names them: releases, values of an axis, or nightlies that the
package index no longer has."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Optional

from rich.console import Console

from runner import paths
from runner.bisect import candidates, criteria
from runner.bisect.candidates import Candidates
from runner.bisect.gone import Gone, gone_among
from runner.bisect.search_range import SearchRange
from runner.cli import log, running
from runner.cli.options import NEEDING
from runner.errors import UsageError
from runner.matrix.selection import WITHOUT
from runner.model import Release
from runner.releases import specifier
from runner.releases.upstream import known
from runner.runs.kept import load_verdicts

_KEPT = ("args", "timeout", "memory", "matrix_file", "reported", *NEEDING)
"""The options that choose cells, as in `run`."""
_MAY_BE_RELEASES = re.compile(r"\s*([\d<>=!~]|latest\b|(tf[-_.])?nightly\b)", re.IGNORECASE)


def find_candidates(
    script: Optional[Path],
    good: Optional[str],
    bad: Optional[str],
    axis: Optional[str],
    tf: Optional[str],
    console: Console,
    selection: dict[str, Any],
    there: Sequence[Release],
    gone: Sequence[Release],
) -> Candidates:
    """What to search, with the ends that the user named. Raises `UsageError`.

    Releases are those `there`, and those that are `gone` from the index.
    """
    if axis is None and tf is not None:
        raise UsageError(
            f"--tf {tf}: --good and --bad name the ends of the search, not --tf,"
            " which is only for --axis"
        )
    if axis is not None and tf is None:
        raise UsageError("--axis NAME needs --tf VERSION, the release of TensorFlow to use")
    rest = {name: selection[name] for name in _KEPT}
    rest.update(scripts=(script,) if script else (), command=selection.get("command", ()))
    rest.update(devices=(selection["device"],))
    case = (selection["case"],) if selection["case"] else ()
    if axis is None or tf is None:
        known_ones = (*there, *gone)
        ends = [
            None if end is None else named_release(end, name, known_ones)
            for end, name in ((good, "--good"), (bad, "--bad"))
        ]
        rest["gone"] = gone
        return candidates.release_candidates(*ends, case=case, **rest)
    if good is None or bad is None:
        raise UsageError("--axis needs both ends: --good VALUE --bad VALUE")
    return candidates.axis_candidates(
        axis,
        named_release(tf, "--tf", known.releases(tf)),
        good,
        bad,
        case=case,
        say=running.line_printer(console),
        **rest,
    )


def named_release(version: str, option: str, among: Sequence[Release]) -> Release:
    """The one release that `version` names; a series stands for its newest patch."""
    if version == WITHOUT:
        raise UsageError(f"{option} none is for `tfmatrix run --along PACKAGE`: name a release")
    if not _MAY_BE_RELEASES.match(version):
        hint = criteria.HINT.replace("expected", "or what counts as bad:", 1)
        what = f", {hint}" if option == "--bad" else ""
        raise UsageError(f"{option} {version}: expected one release, such as 2.9.3{what}")
    try:
        named = specifier.select(sorted(among, key=lambda each: each.parsed), version)
    except UsageError as error:
        if not _asks_for_prereleases(version) or error.remedy:
            raise
        raise UsageError(
            error.message, remedy="--kept FOLDER, if an earlier run measured it (docs/history.md)"
        ) from None
    if len(named) != 1:
        raise UsageError(f"{option} {version} names {len(named)} releases: give one version")
    return named[0]


def find_gone(
    folder: Optional[Path], named: Sequence[str], there: Sequence[Release], *, repeated: bool
) -> Gone:
    """What runs in a folder kept of releases that are not `there`, if an end may be one of them.

    A kept verdict is that of one run, so it decides nothing if several runs do. Raises
    `UsageError`.
    """
    asked = any(map(_asks_for_prereleases, named))
    if folder is not None:
        if not asked:
            raise UsageError("--kept is for nightlies: neither --good nor --bad names one")
        if repeated:
            raise UsageError(
                "--kept has one run of a release, and here several decide: leave it out"
            )
        if not folder.is_dir():
            raise UsageError(f"--kept {folder}: there is no such folder")
    if repeated or not asked:
        return Gone()
    verdicts = load_verdicts(folder or paths.results(), log.print_warning)
    if folder is not None and not verdicts:
        raise UsageError(f"--kept {folder}: no run in it has a verdict on a nightly or candidate")
    return gone_among(verdicts, there)


def check_order(find: Optional[str], row: SearchRange) -> None:
    """Raises `UsageError` if the ends are not in the order that --find needs."""
    if find is None:
        return
    if row.good is None or row.bad is None:
        raise UsageError("--find needs both ends: --good VERSION --bad VERSION")
    if find != ("regression" if row.good < row.bad else "fix"):
        older = "the bad" if find == "fix" else "the good"
        raise UsageError(f"--find {find} needs {older} release to be the older one")


def _asks_for_prereleases(version: str) -> bool:
    asked = specifier.prereleases_asked(version)
    return asked.candidates or asked.nightlies
