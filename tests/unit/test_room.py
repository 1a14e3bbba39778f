"""What fits on a disk, and a run that keeps to it, whatever the sizes and whatever the order."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Optional

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from runner.environments import sizes
from runner.environments.room import DiskPlan, DiskRoom, DiskSize, plan_disk
from runner.errors import TfmatrixError
from runner.machine import host
from runner.model import Device, Environment, Release, Target
from runner.pipeline import disk
from runner.releases import catalogue
from tests.engines.plain import PlainEngine, environment

names = st.lists(st.sampled_from("abcdefgh"), unique=True, max_size=8)
stays = st.dictionaries(st.sampled_from(["base", "cache", "wheels"]), st.integers(0, 20))
some_sizes = st.fixed_dictionaries(
    {name: st.builds(DiskSize, own=st.integers(0, 50), stays=stays) for name in "abcdefgh"}
)
some_present = st.sets(st.sampled_from("abcdefgh"))


def own(number: int, **behind: int) -> DiskSize:
    return DiskSize(own=number, stays=behind)


# --- Planning ----------------------------------------------------------------------------------


def test_what_several_share_counts_once() -> None:
    known = {"a": own(10, base=5), "b": own(20, base=5, cache=1), "c": own(30, base=5)}
    assert plan_disk("abc", known).need == 66
    assert plan_disk("abc", known, present={"a"}).need == 56


def test_more_than_there_is_room_for_comes_in_waves() -> None:
    known = {name: own(10, base=5) for name in "abcde"}
    plan = plan_disk("abcde", known, limit=28)
    assert (plan.budget, plan.waves) == (23, (("a", "b"), ("c", "d"), ("e",)))


def test_what_cannot_fit_alone_is_left_out_with_the_numbers() -> None:
    plan = plan_disk("ab", {"a": own(3 * 10**9, base=10**8), "b": own(10**9)}, limit=2 * 10**9)
    assert plan.admitted == ("b",)
    assert plan.left_out == {"a": "it takes about 3.1 GB on disk, and the limit is 2.0 GB"}


def test_what_stays_behind_is_not_given_back_by_dropping() -> None:
    known = {name: DiskSize(own=10, stays={f"packages of {name}": 100}) for name in "abc"}
    plan = plan_disk("abc", known, limit=250)
    assert plan.admitted == ("a", "b")
    assert "leaves 100 B behind" in plan.left_out["c"]


@given(names, some_sizes, some_present, st.integers(0, 200))
def test_every_environment_is_admitted_or_left_out_and_every_wave_fits(
    order: list[str], known: dict[str, DiskSize], present: set[str], limit: int
) -> None:
    plan = plan_disk(order, known, present, limit)
    assert sorted([*plan.admitted, *plan.left_out]) == sorted(order)
    assert [name for wave in plan.waves for name in wave] == list(plan.admitted)
    assert plan.budget is not None
    for wave in plan.waves:
        alone = len(wave) == 1 and wave[0] in present
        assert alone or sum(known[name].own for name in wave) <= plan.budget
    assert not set(plan.left_out) & present
    there = sum(known[name].own for name in order if name in present)
    assert (plan.need + there > limit) or not plan.left_out


@given(names, some_sizes, some_present)
def test_without_a_limit_nothing_is_left_out(
    order: list[str], known: dict[str, DiskSize], present: set[str]
) -> None:
    plan = plan_disk(order, known, present)
    assert list(plan.admitted) == order
    assert plan.budget is None


# --- Keeping to it -----------------------------------------------------------------------------


@given(names, some_sizes, some_present, st.integers(0, 200), st.data())
def test_no_order_of_events_takes_more_than_the_budget_or_stands_still(
    order: list[str],
    known: dict[str, DiskSize],
    present: set[str],
    limit: int,
    data: st.DataObject,
) -> None:
    """Environments enter and leave in any order; a model of the disk is kept beside."""
    plan = plan_disk(order, known, present, limit)
    room = DiskRoom(plan, known, present)
    assert plan.budget is not None
    there = {name for name in plan.admitted if name in present}
    at_first = sum(known[name].own for name in there)
    waiting, active = list(plan.admitted), set[str]()
    while waiting or active:
        name = data.draw(st.sampled_from([*waiting, *sorted(active)]))
        if name in active:
            active.discard(name)
            if data.draw(st.booleans(), "is kept"):
                room.release(name)
            else:
                room.forget(name)
                there.discard(name)
            continue
        gone = room.admit(name)
        assert gone is not None or active, "nobody will ever make room"
        if gone is None:
            continue
        waiting.remove(name)
        active.add(name)
        assert not active & set(gone), "what is in use was dropped"
        assert set(gone) <= there
        there = (there - set(gone)) | active
        used = sum(known[each].own for each in there)
        assert used == room.used_bytes
        assert used <= max(plan.budget, at_first)


def roomy(budget: Optional[int], **known: int) -> DiskRoom:
    plan = DiskPlan(admitted=tuple(known), left_out={}, need=0, budget=budget)
    return DiskRoom(plan, {name: own(size) for name, size in known.items()})


def test_the_least_recently_used_goes_first() -> None:
    room = roomy(30, a=10, b=10, c=10, d=10)
    for name in "abc":
        assert room.admit(name) == []
    for name in "bac":
        room.release(name)
    assert room.admit("d") == ["b"]


def test_what_is_in_use_is_waited_for() -> None:
    room = roomy(20, a=10, b=10, c=10)
    room.admit("a"), room.admit("b")
    assert room.admit("c") is None
    room.release("b")
    assert room.admit("c") == ["b"]


def test_a_size_that_turns_out_larger_counts_from_then_on() -> None:
    room = roomy(25, a=10, b=10)
    room.admit("a")
    room.set_size("a", 20)
    assert room.admit("b") is None
    room.release("a")
    assert room.admit("b") == ["a"]


def test_what_could_not_be_made_takes_no_room() -> None:
    room = roomy(10, a=10, b=10)
    room.admit("a")
    room.forget("a")
    assert room.admit("b") == []


# --- Sizes -------------------------------------------------------------------------------------

# Measured: megabytes of each image's own layers, and of each local environment with all it links.
DOCKER = {"1.12.3": 463, "2.0.4": 482, "2.4.4": 693, "2.9.3": 979, "2.12.1": 1249, "2.21.0": 1531}
LOCAL = {"1.12.3": 485, "2.0.4": 503, "2.4.4": 723, "2.9.3": 1014, "2.12.1": 1293, "2.21.0": 1579}


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TFMATRIX_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def on(release: Release, device: Device = Device.CPU) -> Environment:
    target = Target(release=release, device=device, python=release.pythons[0])
    return Environment(target=target, requirements="", key=f"{hash(release.version):064x}")


@pytest.mark.parametrize(("engine", "measured"), [("docker", DOCKER), ("local", LOCAL)])
def test_estimates_are_near_what_was_measured_and_on_the_safe_side(
    engine: str, measured: dict[str, int], cache: Path
) -> None:
    for release in catalogue.load_releases():
        if release.version in measured:
            size = sizes.size_of(engine, on(release))
            packages = sum(b for name, b in size.stays.items() if name.startswith("packages of"))
            ratio = (size.own + packages) / 1e6 / measured[release.version]
            assert 1.0 <= ratio < 1.15, release.version


def test_what_was_measured_once_is_known(cache: Path) -> None:
    env = on(catalogue.load_releases()[0])
    assert sizes.recorded_size("docker", env) is None
    sizes.record_size("docker", env, 123)
    assert sizes.size_of("docker", env).own == 123
    assert sizes.size_of("local", env).own != 123


def test_a_record_that_is_damaged_is_no_record(cache: Path) -> None:
    env = on(catalogue.load_releases()[0])
    sizes.record_size("docker", env, 123)
    for file in (cache / "sizes").iterdir():
        file.write_text("many\n")
    assert sizes.recorded_size("docker", env) is None


def test_a_cache_that_cannot_be_written_is_none(cache: Path) -> None:
    cache.write_text("a file where the folder should be")
    sizes.record_size("docker", on(catalogue.load_releases()[0]), 123)
    assert sizes.recorded_size("docker", on(catalogue.load_releases()[0])) is None


def test_an_unknown_release_counts_as_a_large_one(cache: Path) -> None:
    env = on(catalogue.load_releases()[-1])
    unknown = evolve(env.target.release, wheel_mb=None, released=date(2027, 1, 1))
    assert sizes.size_of("docker", on(unknown)).own > sizes.size_of("docker", env).own


# --- What is said before a run -----------------------------------------------------------------


def test_the_prospect_of_a_run(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = PlainEngine()  # says that each of its environments takes 100 bytes
    made, other = environment("2.1.0"), environment("2.2.0")
    engine.prepare(made, lambda _: None)
    sizes.record_size("plain", made, 50_000)
    sizes.record_size("plain", other, 1_000_000)
    monkeypatch.setattr(host, "free_bytes", lambda _: 400_000)
    with pytest.raises(TfmatrixError) as caught:  # not even alone
        disk.forecast(engine, [made, other])
    assert caught.value.message.startswith("400 KB are free in ")
    assert "2.2.0-py3.10-cpu cannot be made in that" in caught.value.message
    assert caught.value.remedy == (
        "make room: tfmatrix clean; or leave out what does not fit: --max-disk 430KB"
    )
    bounded = disk.forecast(engine, [made, other], 500_000)
    assert list(disk.forecast_lines(bounded))[1:] == [
        "--max-disk 500 KB is more than there is: 400 KB are free",
        "2.2.0-py3.10-cpu is left out: it takes about 1 MB on disk, and the limit is 500 KB",
    ]
    bound = disk.DiskLimit(bounded, engine.remove)
    assert bound.why_not(made) is None
    assert "the limit is 500 KB" in str(bound.why_not(other))


def test_what_does_not_fit_at_once_is_dropped_when_it_is_done(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """About 900 KB are needed and 700 are free: nothing has to be asked, and nothing overflows."""
    engine = PlainEngine()
    versions = [environment(version) for version in ("2.1.0", "2.2.0", "2.3.0")]
    for each in versions:
        sizes.record_size("plain", each, 300_000)
    monkeypatch.setattr(host, "free_bytes", lambda _: 700_000)
    forecast = disk.forecast(engine, versions)
    said = list(disk.forecast_lines(forecast))
    assert said[0].startswith("3 of 3 environments are to be made: about 900 KB on disk; 700 KB")
    assert "that will not fit, so environments whose cells are done are dropped" in said[1]
    assert "--max-disk SIZE" in said[1]
    assert said[2].startswith("up to 2 of 3 are there at a time")
    limit = disk.DiskLimit(forecast, engine.remove)
    first, second, third = versions
    assert limit.make_room(first)
    assert limit.make_room(second)
    assert not limit.make_room(third), "it waits until one of the others is done"
    limit.release(first)
    assert limit.make_room(third)
    assert engine.dropped == [first.id]


def test_where_all_fits_nothing_is_dropped(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = PlainEngine()
    sizes.record_size("plain", environment("2.1.0"), 300_000)
    monkeypatch.setattr(host, "free_bytes", lambda _: 700_000)
    forecast = disk.forecast(engine, [environment("2.1.0")])
    assert forecast.limit is None
    assert len(list(disk.forecast_lines(forecast))) == 1


def test_a_renewed_forecast_keeps_the_limit_and_sees_what_is_there_now(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = PlainEngine()
    first, second = environment("2.1.0"), environment("2.2.0")
    for each in (first, second):
        sizes.record_size("plain", each, 300_000)
    monkeypatch.setattr(host, "free_bytes", lambda _: 500_000)
    forecast = disk.forecast(engine, [first, second])
    engine.prepare(first, lambda _: None)
    monkeypatch.setattr(host, "free_bytes", lambda _: 200_000)
    renewed = forecast.renewed(engine)
    assert (renewed.limit, renewed.asked) == (forecast.limit, False)
    assert renewed.present == {first.key}
    limit = disk.DiskLimit(renewed, engine.remove)
    assert limit.make_room(second)
    assert engine.dropped == [first.id]


def test_a_bound_drops_what_has_to_go(cache: Path) -> None:
    engine = PlainEngine()
    first, second, third = (environment(version) for version in ("2.1.0", "2.2.0", "2.3.0"))
    for each in (first, second, third):
        sizes.record_size("plain", each, 100)
    engine.prepare(first, lambda _: None)
    bound = disk.DiskLimit(disk.forecast(engine, [first, second, third], 250), engine.remove)
    assert bound.make_room(second)
    assert bound.make_room(third)
    assert engine.dropped == [first.id]
    assert not bound.make_room(first)
    sizes.record_size("plain", second, 200)
    bound.record_size(second)
    bound.forget(third)
    assert not bound.make_room(first)
    bound.release(second)
    assert bound.make_room(first)
    assert engine.dropped == [first.id, second.id]


def test_without_a_limit_everything_may_enter_and_nothing_is_dropped(cache: Path) -> None:
    engine = PlainEngine()
    bound = disk.DiskLimit(None, engine.remove)
    for version in ("2.1.0", "2.2.0"):
        assert bound.why_not(environment(version)) is None
        assert bound.make_room(environment(version))
        bound.record_size(environment(version))
        bound.release(environment(version))
    assert engine.dropped == []


def test_nothing_is_said_where_nothing_is_to_be_made(cache: Path) -> None:
    engine = PlainEngine()
    engine.prepare(environment("2.1.0"), lambda _: None)
    assert list(disk.forecast_lines(disk.forecast(engine, [environment("2.1.0")]))) == []
