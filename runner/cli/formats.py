"""`--format`, the option for the form of the answer. `--json` is an alias of `--format json`."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, Optional, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])


def formats(*names: str, default: Optional[str], help: str) -> Callable[[F], F]:
    """Adds the option `--format`, with the parameter `format_`; one of `names` is `json`.

    With `json`, standard output has one JSON document and nothing else.
    """

    def decorate(command: F) -> F:
        @click.option(
            "--format",
            "format_",
            type=click.Choice(names),
            default=default,
            show_default=default is not None,
            help=help,
        )
        @click.option("--json", "as_json", is_flag=True, hidden=True, help="--format json.")
        @functools.wraps(command)
        def understood(*, as_json: bool, format_: Optional[str], **others: Any) -> Any:
            return command(format_="json" if as_json else format_, **others)

        return understood  # type: ignore[return-value]

    return decorate


def print_json(document: object) -> None:
    """Print one document on standard output, indented for people."""
    from runner.report import text  # imported late: most commands print none

    click.echo(text.json_document(document))
