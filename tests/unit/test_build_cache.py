"""Which of BuildKit's records go with an image."""

from __future__ import annotations

from typing import Any

from runner.engines.docker import build_cache


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
            }
        )
    return found


def pruned(going: str, drawn: str, layers: str = "") -> list[str]:
    everything = records(drawn)
    named = [record for record in everything if record["ID"] in going.split()]
    return build_cache.pruned(named, everything, layers.split())


def test_what_is_built_on_a_record_goes_before_it_unless_an_image_needs_it() -> None:
    drawn = """
        base   -      from local
        uv     base   mount / from exec
        tf     uv     mount / from exec
        two*   tf     mount / from exec
        three  two    mount / from exec
    """
    assert pruned("tf", drawn) == ["three", "tf"]
    assert pruned("uv", drawn) == ["three", "tf", "uv"]


def test_a_layer_goes_with_the_last_image_that_has_it_and_with_what_is_built_on_it() -> None:
    drawn = """
        base*  -     from local
        one    base  from local
        two    one   from local
        tf     two   mount / from exec
        other  one   mount / from exec
    """
    assert pruned("", drawn, layers="base one two") == []
    assert pruned("tf", drawn, layers="base one two") == ["tf", "two"]
    assert pruned("tf other", drawn, layers="base one two") == ["tf", "other", "two", "one"]


def test_the_layers_below_our_commands_go_with_the_last_of_these() -> None:
    drawn = """
        base*   -      from local
        stage   base   from local
        source  stage  mount / from exec /bin/sh -c pip wheel --wheel-dir /built
        bound   stage  from local
        their   -      from local
        build   their  mount / from exec /bin/sh -c make
    """
    assert pruned("source", drawn) == ["source", "bound", "stage"]
    assert pruned("build", drawn) == ["build", "bound"]


def test_records_of_layers_that_no_image_of_ours_had_stay() -> None:
    drawn = """
        ours    -     from local
        theirs  -     from local
    """
    assert pruned("", drawn, layers="ours") == ["ours"]


def test_a_record_on_several_others_goes_once() -> None:
    everything = records(
        """
        one    -    from local
        two    -    from local
        both   one  mount / from exec
    """
    )
    everything[2] |= {"Parents": ["one", "two"]}
    assert build_cache.pruned(everything[:2], everything) == ["both", "one", "two"]
