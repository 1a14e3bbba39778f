"""One look, before anything is made: can this daemon make these images, and what is missing?"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any, Optional

from attrs import frozen
from docker.errors import DockerException
from requests.exceptions import RequestException

from runner.engines import remedies
from runner.engines.docker import bases, daemon
from runner.environments import render
from runner.model import Environment

_REGISTRY = re.compile(
    rf"{remedies.PULL_LIMIT}|failed to (?:resolve source metadata|do request|authorize)"
    r"|pull access denied|error getting credentials",
    re.IGNORECASE,
)
_FROM = re.compile(r"(?m)^FROM (\S+)(?: AS (\S+))?$")


@frozen(kw_only=True)
class Obstacle:
    """Why images cannot be made now."""

    reason: str
    bases: tuple[str, ...] = ()
    """Pythons whose base images would remove the obstacle, if they were made on this machine."""


def find_obstacle(environments: Sequence[Environment]) -> Optional[Obstacle]:
    """Why `environments` cannot be made; None if nothing speaks against it.

    A registry is asked only for an image that this daemon does not have, and only once.
    """
    return obstacle_of_images(base_images(environments))


def obstacle_of_images(images: Iterable[str]) -> Optional[Obstacle]:
    """Why base images are not available; None if nothing speaks against it."""
    absent = [image for image in images if daemon.find_image(image) is None]
    if not absent:
        return None
    one = len(absent) == 1
    why_not = _why_not_pulled(absent[0], "it" if one else "them")
    if why_not is None:
        return None
    images_are = f"the image {absent[0]} is" if one else f"the images {', '.join(absent)} are"
    reason = f"{images_are} not here, and {why_not}"
    pythons = {render.default_base(python): python for python in render.pythons()}
    if not set(absent) <= set(pythons):
        return Obstacle(reason=reason)
    needed = tuple(pythons[image] for image in absent)
    unable = bases.why_not(needed)
    if unable is not None:
        they = "it" if one else "they"
        return Obstacle(reason=f"{reason}, nor can {they} be made here: {unable}")
    return Obstacle(reason=reason, bases=needed)


def base_images(environments: Iterable[Environment]) -> list[str]:
    """The images that `environments` are built on, each once."""
    found: dict[str, None] = {}
    for environment in environments:
        stages = set()
        for image, stage in _FROM.findall(environment.dockerfile):
            if image not in stages:
                found[image] = None
            stages.add(stage)
    return list(found)


def registry_trouble(said: str) -> bool:
    """Whether a build failed because a registry could not be reached, or refused."""
    return _REGISTRY.search(said) is not None


def _why_not_pulled(image: str, them: str) -> Optional[str]:
    """Why the daemon cannot pull `image`, with a word for all that are missing; None if the
    registry has it."""
    try:
        asked: Any = daemon.connect().api  # the stubs have no types for this call
        asked.inspect_distribution(image)
    except (DockerException, RequestException) as error:
        said = daemon.explain(error)
        if re.search(remedies.PULL_LIMIT, said, re.IGNORECASE):
            return f"the registry's limit on pulls is reached ({said})"
        return f"the daemon cannot pull {them} ({said})"
    return None
