"""Agents that outlive a command: the real agent and keeper, with an empty package in TensorFlow's
place. `test_parity.py` looks at the real one."""

from __future__ import annotations

import os
import stat
import threading
import time
import venv
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Optional

import psutil
import pytest

from runner import paths
from runner.cells.snapshot import take_snapshot
from runner.engines.local.engine import LocalEngine
from runner.machine import processes
from runner.model import Case, Cell, Environment, Execution, Limits, Repro
from runner.pipeline.local_site import LocalSite
from runner.pipeline.tasks import Measure
from runner.pipeline.warm import address, keeping
from runner.pipeline.warm.imports import Import
from runner.pipeline.warm.keeping import Wanted
from runner.pipeline.warm.lender import WarmLender
from tests.engines import plain

TENSORFLOW = "import os, random\nPROCESS = os.getpid()\n"
WHO = "import tensorflow\nprint('::observe imported_by=%d' % tensorflow.PROCESS)\n"
ALONE = Import()
KEEPER = "runner.pipeline.warm.keeper"
PATIENCE = 60.0
"""Far more seconds than anything here takes, even on a busy machine."""


def until(happened: Callable[[], Any]) -> None:
    end = time.monotonic() + PATIENCE
    while not happened():
        assert time.monotonic() < end
        time.sleep(0.02)


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Environment]:
    """An environment of the local engine, in a cache of its own."""
    monkeypatch.setenv("TFMATRIX_CACHE", str(tmp_path / "cache"))
    made = plain.environment("2.9.3")
    folder = LocalEngine()._folder(made)
    venv.create(folder, symlinks=True)
    (packages,) = (folder / "lib").glob("python*/site-packages")
    (packages / "tensorflow").mkdir()
    (packages / "tensorflow" / "__init__.py").write_text(TENSORFLOW, "utf-8")
    (folder / "tfmatrix.json").write_text("{}", "utf-8")
    try:
        yield made
    finally:
        keeping.stop()


def keep(
    made: Environment,
    how: Import = ALONE,
    *,
    memory_mb: Optional[float] = 4096.0,
    idle: float = 600.0,
) -> str:
    """Keep one agent warm. Returns why that was not possible."""
    keeping.ensure_keeper(memory_mb, idle)
    (kept,) = keeping.keep(LocalEngine(), [Wanted(environment=made, how=how)])
    return kept.why_not


class Command:
    """What a command does that runs a script in one environment."""

    def __init__(self, made: Environment, folder: Path) -> None:
        self.made, self.folder = made, folder
        self.lender = WarmLender(LocalEngine())
        self.site = LocalSite(LocalEngine(), lambda _: None, lender=self.lender)

    def run(self, text: str = WHO, name: str = "my.py", **options: Any) -> Execution:
        mode, prologue = options.pop("mode", "fork"), options.pop("prologue", "")
        repeat = options.pop("repeat", 1)
        (self.folder / name).write_text(text, "utf-8")
        repro = Repro(name="my", script=self.folder / name, **options)
        target = self.made.target
        task = Measure(
            environment=self.made,
            cell=Cell(repro=repro, case=Case(name="default"), target=target),
            snapshot=take_snapshot(repro, paths.snapshots()),
            mode=mode,
            prologue=prologue,
            repeat=repeat,
        )
        return self.site.measure(task)

    @property
    def was_lent_one(self) -> bool:
        return bool(self.lender.lent)


@pytest.fixture
def begin(made: Environment, tmp_path: Path) -> Iterator[Callable[[], Command]]:
    """A function that begins a command; all end with the test."""
    scripts, begun = tmp_path / "scripts", []
    scripts.mkdir()

    def begin() -> Command:
        begun.append(Command(made, scripts))
        return begun[-1]

    yield begin
    for command in begun:
        command.site.close()


Begin = Callable[[], Command]


def answer(begin: Begin, text: str = WHO, **options: Any) -> tuple[Execution, bool]:
    """What a whole command measures, and whether it was lent an agent."""
    command = begin()
    execution = command.run(text, **options)
    command.site.close()
    return execution, command.was_lent_one


def agents() -> list[int]:
    """The pids of the agents that the keeper has."""
    found = []
    for process in psutil.process_iter():
        try:
            words, up = process.cmdline(), process.parent()
            if (
                words[-1:] == [str(paths.agent())]
                and up
                and "warm.keeper" in " ".join(up.cmdline())
            ):
                place = up.environ().get("TFMATRIX_CACHE")
                found += [process.pid] if place == str(paths.cache()) else []
        except psutil.Error:
            continue
    return found


# --- Lent from one command to the next --------------------------------------------------------


def test_one_import_answers_command_after_command(made: Environment, begin: Begin) -> None:
    assert keep(made) == ""
    seen = [answer(begin, name=name) for name in ("one.py", "one.py", "two.py")]
    assert [lent for _, lent in seen] == [True] * 3
    assert [facts.mode for facts, _ in seen] == ["fork"] * 3, seen
    assert len({facts.observations["imported_by"] for facts, _ in seen}) == 1


def test_an_edited_script_is_run_as_it_is_now(made: Environment, begin: Begin) -> None:
    assert keep(made) == ""
    texts = ["import tensorflow\nprint(1)", "import tensorflow\nraise ValueError('no more')"]
    first, second = (answer(begin, text)[0] for text in texts)
    assert first.output == "1\n"
    assert "ValueError: no more" in second.errors


def test_a_lent_agent_says_what_a_fresh_process_says(made: Environment, begin: Begin) -> None:
    assert keep(made) == ""
    text = "import tensorflow, os, sys\nprint(sys.argv, os.getcwd(), __file__)\nraise SystemExit(7)"
    lent, was_lent = answer(begin, text)
    fresh, _ = answer(begin, text, mode="fresh")
    assert was_lent
    assert (lent.output, lent.exit_code) == (fresh.output, 7)
    assert str(paths.cache()) not in lent.output


def test_limits_go_with_each_cell(made: Environment, begin: Begin) -> None:
    assert keep(made) == ""
    text = "import tensorflow, time\ntime.sleep(60)"
    facts, was_lent = answer(begin, text, limits=Limits(timeout=1.0))
    assert was_lent
    assert facts.killed_for == "timeout"
    assert answer(begin)[1], "it is still there"


def test_an_agent_is_lent_to_one_command_at_a_time(made: Environment, begin: Begin) -> None:
    assert keep(made) == ""
    first, second = begin(), begin()
    seen = [command.run().observations["imported_by"] for command in (first, second)]
    assert (first.was_lent_one, second.was_lent_one) == (True, False)
    assert seen[0] != seen[1]


def test_without_a_keeper_nothing_is_lent(made: Environment, begin: Begin) -> None:
    facts, was_lent = answer(begin)
    assert (facts.exit_code, was_lent) == (0, False)


# --- What starts anew ---------------------------------------------------------------------------


def test_an_environment_made_anew_starts_anew(made: Environment, begin: Begin) -> None:
    assert keep(made) == ""
    marker = LocalEngine()._folder(made) / "tfmatrix.json"
    marker.rename(marker.with_name("old"))
    marker.write_text("{}", "utf-8")
    facts, was_lent = answer(begin)
    assert (facts.exit_code, was_lent) == (0, False)
    assert keep(made) == ""
    assert answer(begin)[1]


@pytest.mark.parametrize("what", ["agent_digest", "standing_digest", "package_digest"])
def test_another_agent_or_tool_or_limit_of_the_shell_starts_anew(
    what: str, made: Environment, begin: Begin, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert keep(made) == ""
    places = {
        "agent_digest": ("runner.paths.agent_digest", "another"),
        "standing_digest": ("runner.machine.standing.standing_digest", "another"),
        "package_digest": ("runner.machine.derived_cache.package_digest", b"another"),
    }
    place, value = places[what]
    monkeypatch.setattr(place, lambda *_: value)
    facts, was_lent = answer(begin)
    assert (facts.exit_code, was_lent) == (0, False)


def test_other_variables_start_anew(made: Environment, begin: Begin) -> None:
    assert keep(made, Import(env={"MINE": "1"})) == ""
    assert not answer(begin)[1]
    assert not answer(begin, env={"MINE": "2"})[1]
    assert answer(begin, env={"MINE": "1"})[1]


def test_an_import_with_a_prologue_is_for_its_script(made: Environment, begin: Begin) -> None:
    first = "import os\nos.environ['MINE'] = '1'\nimport tensorflow"
    assert keep(made, Import(prologue=first, script="my.py")) == ""
    texts = [f"{first}\nprint({number}, tensorflow.PROCESS)" for number in range(2)]
    seen = [answer(begin, text, prologue=first) for text in texts]
    assert [was_lent for _, was_lent in seen] == [True, True]
    numbers = [facts.output.split() for facts, _ in seen]
    assert [each[0] for each in numbers] == ["0", "1"]
    assert numbers[0][1] == numbers[1][1]
    assert not answer(begin, texts[0], prologue=first, name="other.py")[1]
    other = first.replace("'1'", "'2'")
    assert not answer(begin, other, prologue=other)[1]
    assert not answer(begin)[1], "a script that only imports TensorFlow"


def test_a_module_that_the_import_would_have_taken_starts_anew(
    made: Environment, begin: Begin
) -> None:
    assert keep(made) == ""
    beside = begin().folder / "random.py"
    beside.write_text("", "utf-8")
    assert not answer(begin)[1]
    beside.rename(beside.with_name("helper.py"))
    assert answer(begin)[1]


def test_a_module_that_the_import_missed_starts_anew(made: Environment, begin: Begin) -> None:
    assert keep(made) == ""
    (begin().folder / "portpicker.py").write_text("", "utf-8")
    assert not answer(begin)[1]


def test_data_and_fresh_processes_start_anew(
    made: Environment, begin: Begin, tmp_path: Path
) -> None:
    assert keep(made) == ""
    (tmp_path / "data").mkdir()
    assert not answer(begin, data=tmp_path / "data")[1]
    assert not answer(begin, mode="fresh")[1]
    assert not answer(begin, repeat=2)[1]


# --- Killed -------------------------------------------------------------------------------------


@pytest.mark.parametrize("which", ["agent", "import"])
def test_a_killed_one_is_no_error(which: str, made: Environment, begin: Begin) -> None:
    assert keep(made) == ""
    (pid,) = agents()
    killed = psutil.Process(pid)
    if which == "import":
        (killed,) = killed.children()
    killed.kill()
    until(lambda: not killed.is_running() or killed.status() == psutil.STATUS_ZOMBIE)
    facts, was_lent = answer(begin)
    assert (facts.exit_code, facts.mode, facts.trouble) == (0, "fork", None)
    assert was_lent == (which == "import")


def test_a_killed_keeper_is_no_error(made: Environment, begin: Begin) -> None:
    assert keep(made) == ""
    (pid,) = agents()
    keeper = psutil.Process(pid).parent()
    assert keeper is not None
    keeper.kill()
    until(lambda: not psutil.pid_exists(pid))
    facts, was_lent = answer(begin)
    assert (facts.exit_code, was_lent) == (0, False)
    assert keeping.keeper_state() is None
    assert keep(made) == ""
    assert answer(begin)[1]


def test_a_cell_that_ends_its_agent_ends_no_other(made: Environment, begin: Begin) -> None:
    assert keep(made) == ""
    (pid,) = agents()
    kills = f"import tensorflow, os, time\nos.kill({pid}, 9)\ntime.sleep(60)"
    facts, was_lent = answer(begin, kills)
    assert was_lent
    assert "the agent was killed by SIGKILL" in facts.note
    assert "No such process" in facts.errors, "the second look has an agent of its own"
    assert answer(begin)[0].exit_code == 0


def test_a_command_that_stops_ends_its_cell(made: Environment, begin: Begin) -> None:
    assert keep(made) == ""
    command = begin()
    mark = command.folder / "pid"
    text = f"import tensorflow, os, time\nopen({str(mark)!r}, 'w').write(str(os.getpid()) + '.')\n"
    thread = threading.Thread(target=_run_quietly, args=(command, text + "time.sleep(600)"))
    thread.start()
    until(lambda: mark.exists() and mark.read_text().endswith("."))
    command.site.stop()
    thread.join(PATIENCE)
    assert not thread.is_alive()
    until(lambda: not psutil.pid_exists(int(mark.read_text()[:-1])))
    until(lambda: agents() == [])


def _run_quietly(command: Command, text: str) -> None:
    with suppress(processes.Stopped):
        command.run(text)


# --- Limits, and the end ------------------------------------------------------------------------


def test_there_are_no_more_than_fit_into_memory(made: Environment) -> None:
    why_not = keep(made, memory_mb=64.0)
    assert "there is no room: 0 of 64 MiB are taken" in why_not
    assert agents() == []


def test_another_limit_ends_what_was_kept_under_the_old_one(made: Environment) -> None:
    assert keep(made, memory_mb=4096.0) == ""
    before = agents()
    assert keep(made, memory_mb=None) == ""
    assert agents() == before
    assert keep(made, memory_mb=2048.0) == ""
    assert agents() != before
    state = keeping.keeper_state()
    assert state is not None
    assert state.memory_mb == 2048.0


def kept() -> Sequence[Mapping[str, Any]]:
    """What the keeper says that it keeps."""
    state = keeping.keeper_state()
    return state.agents if state else ()


def test_an_unused_agent_ends_by_itself(made: Environment) -> None:
    assert keep(made, idle=0.5) == ""
    until(lambda: agents() == [])
    until(lambda: not kept())


def test_stop_ends_all(made: Environment, begin: Begin) -> None:
    assert keep(made) == ""
    assert keeping.stop() == (1, 0)
    assert agents() == []
    assert keeping.keeper_state() is None
    assert keeping.stop() is None
    assert not answer(begin)[1]


def test_stop_lets_a_running_command_end(made: Environment, begin: Begin) -> None:
    assert keep(made) == ""
    command = begin()
    first = command.run()
    assert keeping.stop() == (0, 1)
    again = command.run()
    assert again.observations == first.observations
    command.site.close()
    until(lambda: agents() == [])


def test_an_environment_that_cannot_be_imported_is_told(made: Environment) -> None:
    (package,) = LocalEngine()._folder(made).glob("lib/python*/site-packages/tensorflow")
    (package / "__init__.py").write_text("raise ImportError('broken')", "utf-8")
    why_not = keep(made)
    assert "no agent of 2.9.3-py3.10-cpu stays warm" in why_not
    assert "broken" in why_not
    assert agents() == []


# --- Who reaches it -----------------------------------------------------------------------------


def test_only_the_same_user_reaches_it(made: Environment, monkeypatch: pytest.MonkeyPatch) -> None:
    assert keep(made) == ""
    place = Path(address.file().read_text("utf-8"))
    assert stat.S_IMODE(place.parent.stat().st_mode) == 0o700
    assert place.parent.stat().st_uid == os.getuid()
    with monkeypatch.context() as another:
        another.setattr(os, "getuid", lambda: 4321)
        assert address.connect() is None, "a keeper of another user is not spoken to"


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become another user")
def test_another_user_is_not_answered(made: Environment) -> None:
    assert keep(made) == ""
    place = address.file().read_text("utf-8")
    assert _asked_as(4321, place) == 2, "the folder cannot be entered"
    Path(place).parent.chmod(0o755)
    Path(place).chmod(0o777)
    assert _asked_as(4321, place) == 3, "the keeper hangs up"
    Path(place).parent.chmod(0o700)
    assert _asked_as(0, place) == 4


def _asked_as(user: int, place: str) -> int:
    """What happens to a question of this user: 2 no connection, 3 no answer, 4 an answer."""
    import socket

    child = os.fork()
    if child == 0:
        code = 2
        try:
            os.setuid(user)
            end = socket.socket(socket.AF_UNIX)
            end.settimeout(PATIENCE)
            end.connect(place)
            code = 3
            end.sendall(b'{"ask": "list"}\n')
            code = 4 if end.recv(1) else 3
        except OSError:
            pass
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)
    return os.WEXITSTATUS(status)
