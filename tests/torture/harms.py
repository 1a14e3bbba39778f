"""What hostile scripts do, and what each engine promises to make of it: one table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Optional

from attrs import field, frozen


@frozen(kw_only=True)
class Promise:
    """What an engine makes of a hostile script."""

    verdict: str
    said: str = ""
    """What the reason, the signature or the log must hold."""
    observed: Mapping[str, Any] = field(factory=dict)
    marks: tuple[str, ...] = ()
    """What it changes for later cells all the same: names of the good script's observations."""
    neighbour: str = "pass"
    """What may become of the cell that is measured beside it, of several words."""
    leaves: tuple[str, ...] = ()
    """Beginnings of what the host shows afterwards all the same."""


@frozen(kw_only=True)
class Harm:
    name: str
    args: tuple[str, ...]
    """The subject and its arguments."""
    docker: Optional[Promise] = None
    local: Optional[Promise] = None
    """None: the engine promises nothing, and the harm is not tried."""
    quick: bool = False
    """Whether it is of the part that runs with every other test."""

    def __str__(self) -> str:
        return self.name


def both(name: str, *args: str, quick: bool = False, **promise: Any) -> Harm:
    one = Promise(**promise)
    return Harm(name=name, args=args, docker=one, local=one, quick=quick)


CRASH = Promise(verdict="crash", said="killed by signal 9")
"""It dies with its parent; the agent cannot be harmed."""
KILLED = Promise(verdict="error", said="killed by SIG", neighbour="pass or error")
"""It can kill agents, its own and others. What becomes of the scripts is then not known."""
OUTLIVED = Promise(verdict="pass", said="outlived them")

HARMS = (
    # Bombs
    Harm(
        name="fork-bomb",
        args=("fork_bomb", "30"),
        docker=Promise(verdict="fail", said="killed for processes"),
        quick=True,
    ),
    Harm(
        name="small-fork-bomb",
        args=("fork_bomb", "11"),
        local=Promise(verdict="fail", said="killed for processes"),
        quick=True,
    ),
    both("memory-bomb", "eats_memory", verdict="oom", said="killed for memory", quick=True),
    both("memory-bomb-of-many", "eats_memory", "many", verdict="oom", said="killed for memory"),
    # Disks
    both("fills-home", "fills_disk", "~", "one", verdict="fail", said="OSError"),
    both("fills-home-with-many", "fills_disk", "~", "many", verdict="fail", quick=True),
    both("fills-cwd", "fills_disk", ".", "one", verdict="fail", said="OSError"),
    *(
        Harm(
            name=f"fills-{place.strip('/').replace('/', '-')}-{how}",
            args=("fills_disk", place, how),
            docker=Promise(verdict="fail", said="OSError"),
            # A file alone is bounded; how many there are of them is not.
            local=Promise(verdict="fail", said="OSError", leaves=(f"{place}/torture-",))
            if how == "one"
            else None,
        )
        for place in ("/tmp", "/dev/shm")
        for how in ("one", "many")
    ),
    both("leaves-files", "leaves_files", verdict="pass", said="left them", quick=True),
    # Output
    *(
        both(f"endless-{what}", "prints_endlessly", what, verdict="timeout", said="bytes left out")
        for what in ("lines", "line", "bytes", "errors")
    ),
    both("forges", "forges", verdict="fail", said="ValueError: ", quick=True),
    both(
        "exits-mid-write",
        "exits_mid_write",
        verdict="pass",
        observed={"whole": 1},
        quick=True,
    ),
    # Processes
    both("will-not-end", "will_not_end", verdict="timeout", said="still running after 4 s"),
    both("detaches", "detaches", verdict="pass", said="on their own", quick=True),
    *(
        Harm(
            name=f"{number}-to-{whom}",
            args=("kills", number, whom),
            docker=docker,
            local=local,
            quick=number == "SIGKILL",
        )
        for number, whom, docker, local in (
            ("SIGKILL", "parents", CRASH, KILLED),
            ("SIGKILL", "everyone", CRASH, KILLED),
            ("SIGTERM", "everyone", CRASH, KILLED),
            ("SIGSTOP", "parents", OUTLIVED, OUTLIVED),
            ("SIGSTOP", "everyone", OUTLIVED, OUTLIVED),
        )
    ),
    # What is not its own
    Harm(
        name="writes-to-scripts",
        args=("writes_to", "scripts"),  # those of its own copy, which the next cell does not get
        docker=Promise(verdict="pass", observed={"written": ["writes_to.py", "good.py"]}),
        local=Promise(verdict="pass", observed={"written": ["writes_to.py", "good.py"]}),
        quick=True,
    ),
    Harm(
        name="writes-to-tensorflow",
        args=("writes_to", "tensorflow"),
        docker=Promise(verdict="pass", observed={"written": []}),
        local=Promise(verdict="pass", observed={"written": ["__init__.py"]}, marks=("tensorflow",)),
        quick=True,
    ),
    Harm(
        name="writes-to-results",
        args=("writes_to", "{RUN}"),
        docker=Promise(verdict="pass", observed={"written": []}),
        quick=True,
    ),
    both(
        "reads-what-is-near",
        "reads_the_host",
        "near",
        verdict="pass",
        observed={"found": []},
        quick=True,
    ),
    Harm(
        name="reads-the-host",
        args=("reads_the_host", "far", "{CANARY}", "{RUN}", "/var/run/docker.sock"),
        docker=Promise(verdict="pass", observed={"found": []}),
        quick=True,
    ),
    Harm(
        name="opens-network",
        args=("opens_network",),
        docker=Promise(verdict="pass", observed={"opened": []}),
        quick=True,
    ),
    *(
        both(f"links-{place}", "leaves_links", "{CANARY}", place, verdict="pass", quick=True)
        for place in ("itself", "its-parent")
    ),
    Harm(
        name="leaves-things",
        args=("leaves_things",),
        docker=Promise(verdict="pass", said="done"),
        quick=True,
    ),
    Harm(
        name="changes-clock",
        args=("changes_clock",),
        docker=Promise(verdict="pass", observed={"changed": []}),
        quick=True,
    ),
    Harm(
        name="breaks-out",
        args=("breaks_out",),
        docker=Promise(verdict="pass", observed={"ways": []}),
        quick=True,
    ),
)
