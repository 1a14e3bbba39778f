"""One Dockerfile → the builds that make its image. Pure.

Code of a source distribution never runs with a network. So a builder that cannot switch the network
off for one `RUN` builds that stage on its own.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from attrs import frozen

_WITHOUT = "RUN --network=none"
_STAGE = re.compile(rf"(?m)^FROM (\S+) AS (\S+)\n{_WITHOUT}(?:.*\n)*?(?=^FROM )")
_MOUNTED = re.compile(r"--mount=type=bind,from=([^,\s]+)")


@frozen(kw_only=True)
class BuildStep:
    """One build."""

    dockerfile: str
    tag: str
    network: str = "host"
    target: str = ""
    """The stage to build; "" is the last."""


def steps(dockerfile: str, tag: str, *, network_by_run: bool) -> list[BuildStep]:
    """The builds in their order. The last one makes `tag`, the others make images that it needs.

    `network_by_run`: whether the builder knows `RUN --network`.
    """
    made: dict[str, BuildStep] = {}
    while not network_by_run and (alone := _STAGE.search(dockerfile)):
        base, stage = alone.groups()
        body = alone[0].partition("\n")[2].replace(_WITHOUT, "RUN")
        needed = [base, *_MOUNTED.findall(body)]
        for name in needed:
            before = dockerfile[: alone.start()]
            made.setdefault(name, BuildStep(dockerfile=before, tag=f"{tag}-{name}", target=name))
        stages = "".join(f"FROM {tag}-{name} AS {name}\n" for name in needed)
        made[stage] = BuildStep(
            dockerfile=f"{stages}FROM {base}\n{body}", tag=f"{tag}-{stage}", network="none"
        )
        dockerfile = dockerfile.replace(alone[0], f"FROM {tag}-{stage} AS {stage}\n")
    return [*made.values(), BuildStep(dockerfile=dockerfile, tag=tag)]


def network_by_run(version: Mapping[str, Any]) -> bool:
    """Whether the daemon of that version knows `RUN --network`. Docker does from 23 on. Podman may,
    but does not tell the version of its Buildah, on which it depends."""
    major = str(version.get("Version", "")).partition(".")[0]
    return not is_podman(version) and major.isdigit() and int(major) >= 23


def is_podman(version: Mapping[str, Any]) -> bool:
    names = [str(part.get("Name")) for part in version.get("Components") or ()]
    return "Podman Engine" in names
