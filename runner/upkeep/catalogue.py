"""`tfmatrix releases --update`: adds each missing release to the catalogue, locks and tests it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Sequence
from datetime import date, datetime, timezone
from pathlib import Path
from typing import Optional

import click
from attrs import frozen
from packaging.version import Version

from runner import paths
from runner.environments import locks
from runner.errors import TfmatrixError, UsageError
from runner.matrix import plan
from runner.model import Device, Release, Verdict, release_series
from runner.releases import catalogue
from runner.releases.upstream import index, insert, offers, proposal, table, wheel
from runner.report.text import safe_message
from runner.runs import journal


@frozen(kw_only=True)
class Upstream:
    """The content of the index, read once."""

    source: index.Index
    full: table.Offers
    cpu: table.Offers
    tf_keras: frozenset[str]
    """The series for which it has a tf_keras."""


def update_catalogue(source: index.Index, *, dry_run: bool, prove: bool) -> int:
    """Add what is missing and mark what was yanked; the exit code."""
    file = _checkout()
    known = catalogue.load_releases()
    upstream = _read(source)
    missing = table.missing_releases(known, upstream.full)
    yanked = table.newly_yanked(known, upstream.full)
    if not missing and not yanked:
        _print(f"the catalogue has every release of {source.shown}")
        return 0
    text = file.read_text("utf-8")
    for release, reason in yanked:
        _print(f"{release.version} was yanked: {reason}")
        text = insert.with_yanked(text, release.version, reason)
    keep = _nothing if dry_run else _writer(file)
    keep(text)
    failed = 0
    for offer in missing:
        added = _added(offer, upstream, text)
        text = added or text
        keep(text)
        well = added is not None
        if well and not dry_run:
            well = _made_good(_release(text, offer.version), prove=prove)
        failed += not well
    return 3 if failed else 0


def _print(text: str, *, err: bool = False) -> None:
    """Versions, reasons and messages are the index's words."""
    click.echo(safe_message(text), err=err)


def _writer(file: Path) -> Callable[[str], None]:
    def write(text: str) -> None:
        if text != file.read_text("utf-8"):
            file.write_text(text, "utf-8")

    return write


def _nothing(text: str) -> None:
    """The writer of a dry run: nothing to do, because the additions were printed."""


def _added(offer: offers.Offer, upstream: Upstream, text: str) -> Optional[str]:
    """The catalogue's text with one more release, which is printed; None,
    with the reason printed, if it cannot be added."""
    try:
        proposed = _propose(offer, upstream, text)
    except TfmatrixError as error:
        _print(f"{offer.version}: {error}", err=True)
        return None
    _print(f"{proposed.head}{proposed.entry}".rstrip("\n"))
    for note in proposed.notes:
        _print(f"  # {note}")
    return insert.with_release(text, proposed)


def _checkout() -> Path:
    """The catalogue as a file in a checkout under version control."""
    file = paths.releases()
    if file.parent.name != "docker":
        raise UsageError("--update needs a checkout of tfmatrix: there is no docker/releases.yaml")
    return file


def _read(source: index.Index) -> Upstream:
    full, cpu = (
        offers.offers_of(source.wheels(name, fresh=True))
        for name in ("tensorflow", "tensorflow-cpu")
    )
    keras = map(Version, source.versions("tf-keras"))
    series = frozenset(release_series(v) for v in keras if not v.is_prerelease)
    return Upstream(source=source, full=full, cpu=cpu, tf_keras=series)


def _propose(offer: offers.Offer, upstream: Upstream, text: str) -> proposal.Proposal:
    template = insert.series_template(text, offer.parsed)
    series = release_series(offer.parsed)
    seen = proposal.UpstreamFacts(
        full=offer,
        cpu=upstream.cpu.get(offer.parsed, offer),
        build=_look(offer, upstream),
        before=_before(offer, upstream),
        tf_keras=series in upstream.tf_keras,
    )
    return proposal.propose(seen, template.shared, new_series=not template.own, today=date.today())


def _before(offer: offers.Offer, upstream: Upstream) -> Optional[wheel.Build]:
    """What the release before it needs, to find what changed; None if that is not known."""
    older = [v for v in upstream.full if v < offer.parsed and not v.is_prerelease]
    try:
        return _look(upstream.full[max(older)], upstream) if older else None
    except wheel.WheelUnreadableError:
        return None


def _look(offer: offers.Offer, upstream: Upstream) -> wheel.Build:
    return wheel.read_wheel(offer.wheel(offer.pythons[-1]), upstream.source)


def _release(text: str, version: str) -> Release:
    release = catalogue.find_release(catalogue.parse(text), version)
    assert release is not None
    return release


# --- Locks and tests -----------------------------------------------------------------


def _made_good(release: Release, *, prove: bool) -> bool:
    """Locks it on each device and tests it. Returns whether everything works."""
    try:
        for device in _devices(release):
            _print(f"{release.version}: locked in {locks.renew(plan.target(release, device))}")
        return not prove or _proved(release)
    except TfmatrixError as error:
        _print(f"{release.version}: {error}", err=True)
        return False


def _devices(release: Release) -> list[Device]:
    cuda = release.cuda is not None and release.cuda.unavailable is None
    return [Device.CPU, Device.CUDA] if cuda else [Device.CPU]


def _proved(release: Release) -> bool:
    """Tests it with a training and with the shipped reproduction, both through the usual `run`."""
    trained = _measured(release, [str(paths.proof()), "--timeout", "600"])
    passes = trained == [Verdict.PASS]
    _print(f"{release.version}: {'imports and trains' if passes else 'does not work'}")
    if not passes:
        return False
    shipped = _measured(release, ["--matrix", str(paths.data_folder().parent / "matrix.yaml")])
    told = ", ".join(f"{shipped.count(v)} {v}" for v in Verdict if v in shipped)
    _print(f"{release.version}: the reproduction of matrix.yaml: {told or 'nothing measured'}")
    return bool(shipped) and Verdict.ERROR not in shipped


def _measured(release: Release, what: Sequence[str]) -> list[Verdict]:
    """The outcomes on the CPU, from a separate process that reads the new catalogue."""
    folder = paths.results() / journal.new_id(datetime.now(timezone.utc))
    command = [sys.executable, "-m", "runner", "run", *what, "--tf", release.version]
    command += ["--device", "cpu", "--output", str(folder)]
    subprocess.run(command, check=False, stdout=subprocess.DEVNULL)
    if not (folder / "cells.jsonl").is_file():
        return []
    return [result.outcome.verdict for result in journal.read_run(folder).results]
