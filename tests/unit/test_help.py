"""The help of every verb: complete, with examples that the command line understands."""

from __future__ import annotations

import shlex

import click
import pytest

from runner import cli
from runner.cli import examples
from tests.unit.test_docs_commands import parse

COMMANDS = [(verb, command) for verb, each in examples.EXAMPLES.items() for command, _ in each]


def command(verb: str) -> click.Command:
    found = cli.tfmatrix.get_command(click.Context(cli.tfmatrix), verb)
    assert found is not None
    return found


def context(found: click.Command, verb: str) -> click.Context:
    parent = click.Context(cli.tfmatrix, **cli.tfmatrix.context_settings, max_content_width=100)
    return click.Context(found, parent, info_name=verb)


@pytest.mark.parametrize("verb", cli.VERBS)
def test_every_option_is_explained(verb: str) -> None:
    options = [each for each in command(verb).params if isinstance(each, click.Option)]
    assert [option.opts for option in options if not option.help] == []


@pytest.mark.parametrize("verb", cli.VERBS)
def test_every_verb_says_what_it_does_and_shows_how(verb: str) -> None:
    found = command(verb)
    assert found.help
    assert "Examples:" in (found.epilog or "")
    text = found.get_help(context(found, verb))
    for line, _ in examples.EXAMPLES[verb]:
        assert line in text
    assert max(map(len, text.splitlines())) <= 100


@pytest.mark.parametrize(("verb", "line"), COMMANDS, ids=[line for _, line in COMMANDS])
def test_the_examples_are_understood(verb: str, line: str) -> None:
    words = shlex.split(line.split(" > ")[0])
    words = words[words.index("tfmatrix") + 1 :]
    assert words[0] == verb
    parse(words)


def test_there_are_examples_of_no_other_verb() -> None:
    assert set(examples.EXAMPLES) <= set(cli.VERBS)
