"""Which of BuildKit's records go with an image. A list stands for the daemon's cache."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import pytest
from attrs import define

from runner.engines.docker import build_cache, daemon


@define
class Cache:
    """The daemon's cache. It keeps what a build uses, and says nothing of that."""

    records: list[dict[str, Any]]
    used: Collection[str] = ()

    @property
    def api(self) -> Cache:
        return self

    def df(self) -> dict[str, Any]:
        return {"BuildCache": list(self.records)}

    def prune_builds(self, filters: dict[str, list[str]]) -> None:
        going = set(filters["id"]) - set(self.used)
        self.records = [record for record in self.records if record["ID"] not in going]


def records(drawn: str) -> list[dict[str, Any]]:
    """A line is `id parent description`; `*` behind the id says that an image shares the record."""
    found = []
    for line in drawn.strip().splitlines():
        name, parent, description = line.split(maxsplit=2)
        found.append(
            {
                "ID": name.rstrip("*"),
                "Parent": "" if parent == "-" else parent,
                "Shared": name.endswith("*"),
                "Description": description,
                "Type": "source.local" if description.startswith("local source") else "regular",
            }
        )
    return found


@pytest.fixture
def cache(monkeypatch: pytest.MonkeyPatch) -> Cache:
    made = Cache([])
    monkeypatch.setattr(daemon, "connect", lambda: made)
    return made


def kept(cache: Cache, drawn: str, going: str, held: str = "") -> str:
    """What the cache still has after `going` were pruned."""
    cache.records = records(drawn)
    build_cache.prune(lambda record: record["ID"] in going.split(), held.split())
    return " ".join(record["ID"] for record in cache.records)


def test_what_is_built_on_a_record_goes_before_it_unless_an_image_needs_it(cache: Cache) -> None:
    drawn = """
        base   -      from local
        uv     base   mount / from exec
        tf     uv     mount / from exec
        two*   tf     mount / from exec
        three  two    mount / from exec
    """
    everything = records(drawn)
    assert build_cache.commands([everything[2]], everything) == ["three", "tf"]
    assert build_cache.commands([everything[1]], everything) == ["three", "tf", "uv"]


def test_a_layer_goes_with_the_last_image_that_has_it_and_with_what_is_built_on_it(
    cache: Cache,
) -> None:
    drawn = """
        base*  -     from local
        one    base  from local
        two    one   from local
        tf     two   mount / from exec
        other  one   mount / from exec
    """
    held = "base one two"
    assert kept(cache, drawn, "", held) == "base one two tf other"
    assert kept(cache, drawn, "tf", held) == "base one other"
    assert kept(cache, drawn, "tf other", held) == "base"


def test_the_layers_below_our_commands_go_with_the_last_of_these(cache: Cache) -> None:
    drawn = """
        base*   -      from local
        stage   base   from local
        source  stage  mount / from exec /bin/sh -c pip wheel --wheel-dir /built
        bound   stage  from local
        their   -      from local
        build   their  mount / from exec /bin/sh -c make
    """
    assert kept(cache, drawn, "source") == "base their build"
    assert kept(cache, drawn, "build") == "base stage source bound their"


def test_records_of_layers_that_no_image_of_ours_had_stay(cache: Cache) -> None:
    drawn = """
        ours    -     from local
        theirs  -     from local
    """
    assert kept(cache, drawn, "", held="ours") == "theirs"


def test_a_record_on_several_others_goes_once() -> None:
    everything = records(
        """
        one    -    from local
        two    -    from local
        both   one  mount / from exec
    """
    )
    everything[2] |= {"Parents": ["one", "two"]}
    assert build_cache.commands(everything[:2], everything) == ["both"]


STAGE = """
    base*  -     from local
    text   -     local source for dockerfile
    uv     base  mount / from exec /bin/sh -c pip install --target /uv
    lock   uv    mount / from exec
    bound  base  from local
"""


def test_a_layer_that_a_command_may_have_made_stays_with_the_record_of_the_command(
    cache: Cache,
) -> None:
    """The daemon may hold both by one reference: either's end would be the end of the layer."""
    assert kept(cache, STAGE, "") == "base text uv lock bound"
    assert kept(cache, STAGE, "", held="bound") == "base text uv lock", "no image had uv's layer"
    assert kept(cache, STAGE, "lock") == "base text uv bound"
    assert kept(cache, STAGE, "uv") == "base text"


def test_what_a_build_uses_keeps_its_layer(cache: Cache) -> None:
    cache.used = {"uv"}
    assert kept(cache, STAGE, "uv") == "base text uv bound"


def test_an_image_takes_the_layers_that_it_alone_had_and_what_was_built_on_these(
    cache: Cache,
) -> None:
    """The stages of an image with source distributions, from the images that they were for a while;
    the Python's own stage, and TensorFlow's of another release, stay for the next build."""
    drawn = """
        base*     -         from local
        python    base      mount / from exec
        tf        python    mount / from exec
        other     python    mount / from exec
        packages  tf        mount / from exec
        one       base      from local
        two       one       from local
        three     two       from local
        built     three     mount / from exec /bin/sh -c pip wheel --wheel-dir /built
        bound     three     from local
        last      three     mount / from exec
        four      three     from local
    """
    held = "base python tf packages one two three last four"
    assert kept(cache, drawn, "tf", held) == "base python other one"
