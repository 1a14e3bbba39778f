"""Adds a release to the catalogue's text, or marks one as yanked. Pure.

People edit that file, so its comments, order and line breaks stay.
"""

from __future__ import annotations

import json
from typing import Any

import yaml
from attrs import frozen
from packaging.version import Version

from runner.model import release_series
from runner.releases.upstream.proposal import Proposal


@frozen(kw_only=True)
class Template:
    """The series of a release, or the newest series before it."""

    series: str
    shared: dict[str, Any]
    own: bool
    """Whether it is the release's own series."""


def series_template(text: str, version: Version) -> Template:
    """The series whose fields `version` shares. The catalogue must be valid."""
    tree = yaml.safe_load(text)
    wanted = release_series(version)
    older = [series for series in tree if Version(series) <= Version(wanted)]
    nearest = max(older, key=Version, default=min(tree, key=Version))
    shared = {name: value for name, value in tree[nearest].items() if name != "releases"}
    return Template(series=nearest, shared=shared, own=nearest == wanted)


def with_release(text: str, proposal: Proposal) -> str:
    """`text` with the proposed release, at the place of its version."""
    node = yaml.compose(text, Loader=yaml.SafeLoader)
    series = _fields(node)
    if proposal.head:
        before = _last_below(series, Version(proposal.series))
        return (
            _after_block(text, series[before], proposal) if before else _first(text, node, proposal)
        )
    releases = _fields(series[proposal.series])["releases"]
    return _into(text, releases, proposal)


def with_yanked(text: str, version: str, reason: str) -> str:
    """`text` with the release marked as yanked."""
    node: Any = yaml.compose(text, Loader=yaml.SafeLoader)
    for _, series in node.value:
        releases = _fields(series)["releases"]
        for key, entry in releases.value:
            if Version(key.value) == Version(version):
                at = entry.end_mark.index - 1  # before the closing brace
                added = f", yanked: {json.dumps(reason, ensure_ascii=False)}"
                return text[:at] + added + text[at:]
    raise KeyError(version)


def _into(text: str, releases: Any, proposal: Proposal) -> str:
    """Puts it below the entry before it, which may have several lines; else above the first
    entry."""
    lines = text.splitlines(keepends=True)
    older = [v for k, v in releases.value if Version(k.value) < Version(proposal.version)]
    at = older[-1].end_mark.line + 1 if older else releases.value[0][0].start_mark.line
    return "".join([*lines[:at], proposal.entry, *lines[at:]])


def _after_block(text: str, series: Any, proposal: Proposal) -> str:
    releases = _fields(series)["releases"]
    lines = text.splitlines(keepends=True)
    at = releases.value[-1][1].end_mark.line + 1
    return "".join([*lines[:at], "\n", proposal.head, proposal.entry, *lines[at:]])


def _first(text: str, node: Any, proposal: Proposal) -> str:
    lines = text.splitlines(keepends=True)
    at = node.value[0][0].start_mark.line
    return "".join([*lines[:at], proposal.head, proposal.entry, "\n", *lines[at:]])


def _last_below(series: dict[str, Any], wanted: Version) -> str:
    return max((name for name in series if Version(name) < wanted), key=Version, default="")


def _fields(node: Any) -> dict[str, Any]:
    return {key.value: value for key, value in node.value}
