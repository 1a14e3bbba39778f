"""Which engine is chosen, and what is said of it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any, Optional

import pytest

from runner.engines import choice
from runner.errors import EngineUnavailableError, PrepareError
from runner.model import Environment
from tests.engines.plain import PlainEngine, environment

ONE = environment("2.9.3")


class Engine(PlainEngine):
    """An engine that answers as it is told to, and notes what it was asked."""

    def __init__(
        self,
        name: str,
        *,
        unavailable: Optional[str] = None,
        obstacle: Optional[str] = None,
        mends: bool = False,
        fails: Optional[str] = None,
    ) -> None:
        super().__init__()
        self.name = name
        self._unavailable, self._obstacle = unavailable, obstacle
        self._mends, self._fails = mends, fails
        self.mended: list[str] = []

    def unavailable(self) -> Optional[str]:
        return self._unavailable

    def why_not_made(self, environments: Sequence[Environment]) -> Optional[str]:
        return self._obstacle if environments else None

    def repair(self, environments: Sequence[Environment], say: Callable[[str], None]) -> bool:
        self.mended += [each.id for each in environments]
        if self._fails:
            raise PrepareError(self._fails)
        return self._mends


class Wanted:
    """One environment; so many of ten cells are known to each engine."""

    def __init__(self, full: Collection[str] = (), **answered: int) -> None:
        """`full`: the engines whose disks have no room."""
        self.cells = 10
        self._full = full
        self._answered = answered

    def answered(self, engine: Any) -> int:
        return self._answered.get(engine.name, 0)

    def environments(self, engine: Any) -> Sequence[Environment]:
        return () if self.answered(engine) == self.cells else (ONE,)

    def why_no_room(self, engine: Any) -> Optional[str]:
        return "1 MB is free" if engine.name in self._full else None


def chosen(*engines: Engine, full: Collection[str] = (), **answered: int) -> tuple[str, str]:
    """The name of the engine that `auto` takes, and all that was said."""
    said: list[str] = []
    engine = choice.automatic(engines, Wanted(full, **answered), said.append)
    return engine.name, "\n".join(said)


def test_the_first_that_can_is_taken() -> None:
    assert chosen(Engine("docker"), Engine("local")) == ("docker", "engine: docker")


def test_where_no_daemon_answers_the_next_one_is_and_the_reason_is_said() -> None:
    name, said = chosen(Engine("docker", unavailable="no daemon"), Engine("local"))
    assert name == "local"
    assert said == "engine: local\n  (not docker: no daemon)"


def test_what_cannot_be_made_leaves_the_next_one_with_one_line() -> None:
    name, said = chosen(Engine("docker", obstacle="no registry"), Engine("local"))
    assert name == "local"
    assert said == "engine: local\n  (not docker: no registry)"


def test_a_disk_without_room_leaves_the_next_one_and_no_base_image_is_made() -> None:
    docker = Engine("docker", obstacle="no registry", mends=True)
    name, said = chosen(docker, Engine("local"), full=["docker"])
    assert (name, said) == ("local", "engine: local\n  (not docker: 1 MB is free)")
    assert docker.mended == []


def test_where_no_disk_has_room_the_first_is_taken_and_the_run_says_what_to_do() -> None:
    assert chosen(Engine("docker"), Engine("local"), full=["docker", "local"])[0] == "docker"
    only = chosen(Engine("docker", unavailable="no daemon"), Engine("local"), full=["local"])
    assert only == ("local", "engine: local\n  (not docker: no daemon)")


def test_what_is_missing_is_made_where_it_can_be() -> None:
    docker = Engine("docker", obstacle="no registry", mends=True)
    assert chosen(docker, Engine("local"))[0] == "docker"
    assert docker.mended == [ONE.id]


def test_where_making_it_fails_both_reasons_are_said() -> None:
    docker = Engine("docker", obstacle="no registry", fails="debootstrap failed")
    name, said = chosen(docker, Engine("local"))
    assert name == "local"
    assert "not docker: no registry; debootstrap failed" in said


def test_known_answers_need_nothing_to_be_made() -> None:
    docker = Engine("docker", obstacle="no registry")
    assert chosen(docker, Engine("local"), docker=10)[0] == "docker"


@pytest.mark.parametrize(
    ("docker", "local", "name"),
    [(0, 10, "local"), (0, 6, "local"), (0, 5, "docker"), (7, 6, "docker"), (6, 8, "local")],
)
def test_the_engine_that_has_the_answers_is_preferred(docker: int, local: int, name: str) -> None:
    found, said = chosen(Engine("docker"), Engine("local"), docker=docker, local=local)
    assert found == name
    if name == "local":
        assert f"({local} of 10 cells were measured with it)" in said


def test_answers_are_no_use_without_the_engine() -> None:
    engines = Engine("docker"), Engine("local", unavailable="not Linux")
    assert chosen(*engines, local=10)[0] == "docker"


def test_no_engine_is_one_error_with_all_reasons() -> None:
    engines = Engine("docker", unavailable="no daemon"), Engine("local", unavailable="not Linux")
    with pytest.raises(EngineUnavailableError, match="not docker: no daemon; not local: not Linux"):
        chosen(*engines)


@pytest.mark.parametrize(
    "engine", [Engine("docker", unavailable="no daemon"), Engine("docker", obstacle="no registry")]
)
def test_an_engine_asked_for_by_name_that_cannot_do_it_is_an_error(engine: Engine) -> None:
    with pytest.raises(EngineUnavailableError, match=r"no daemon|no registry") as raised:
        choice.by_name(engine, Wanted(), print)
    assert raised.value.exit_code == 3
    assert engine.mended == []
