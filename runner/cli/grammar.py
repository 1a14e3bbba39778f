"""Which words of a command line are for tfmatrix, and which are for the script that it runs.

`tfmatrix run my.py --tf 2.9 -- --n 3`: whatever stands behind `--` is the script's. Without `--`,
the first option behind a script that the verb does not have begins the script's words:
`tfmatrix run my.py --n 3`. Where no script is named, a command stands behind `--`:
`tfmatrix run -- pytest tests/`.
"""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable, Mapping, Sequence

import click
from attrs import frozen

SEPARATOR = "--"


@frozen(kw_only=True)
class Division:
    """The words of a command line, divided."""

    own: tuple[str, ...]
    script: tuple[str, ...]
    separated: bool
    """Whether `--` divides them."""


class ScriptCommand(click.Command):
    """A verb that runs scripts, and hands on the words that are theirs as `--arg` does."""

    takes_command = True
    """Whether a command may stand behind `--` where no script is named."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        division = divide(args, _options(self, ctx))
        if not (division.separated or ctx.resilient_parsing):
            _check(division, _options(self, ctx), ctx)
        rest = super().parse_args(ctx, list(division.own))
        if self.takes_command and division.separated and _is_command(division.script, ctx):
            ctx.params["command"] = division.script
        else:
            ctx.params["args"] = (*(ctx.params.get("args") or ()), *division.script)
        return rest

    def collect_usage_pieces(self, ctx: click.Context) -> list[str]:
        words = "ARG...|COMMAND..." if self.takes_command else "ARG..."
        return [*super().collect_usage_pieces(ctx), f"[-- {words}]"]


class OneScriptCommand(ScriptCommand):
    """A verb that is about one script, and runs nothing else."""

    takes_command = False


def _is_command(words: Sequence[str], ctx: click.Context) -> bool:
    """Whether what stands behind `--` is what is to be run: nothing else is named."""
    sources = ("scripts", "script", "modules", "from_issue")
    named = any(ctx.params.get(source) for source in sources)
    return bool(words) and not _is_option(words[0]) and not named


def divide(words: Sequence[str], options: Mapping[str, bool]) -> Division:
    """`options`: the verb's own, and whether a value follows each."""
    named = value = False
    for at, word in enumerate(words):
        if word == SEPARATOR:
            return Division(own=tuple(words[:at]), script=tuple(words[at + 1 :]), separated=True)
        if value:
            value = False
        elif not _is_option(word):
            named = True
        elif _name(word) in options:
            value = options[_name(word)] and not _has_value(word)
        elif named:
            return Division(own=tuple(words[:at]), script=tuple(words[at:]), separated=False)
    return Division(own=tuple(words), script=(), separated=False)


def _options(command: click.Command, ctx: click.Context) -> dict[str, bool]:
    return {
        name: not (each.is_flag or each.count)
        for each in command.get_params(ctx)
        if isinstance(each, click.Option)
        for name in (*each.opts, *each.secondary_opts)
    }


def _is_option(word: str) -> bool:
    return word.startswith("-") and word != "-"


def _name(word: str) -> str:
    """`--tf=2.9` is `--tf`, `-rFILE` is `-r`."""
    return word.partition("=")[0] if word.startswith("--") else word[:2]


def _has_value(word: str) -> bool:
    return "=" in word if word.startswith("--") else len(word) > 2


def _check(division: Division, options: Collection[str], ctx: click.Context) -> None:
    """Raises where a word may be meant for either side: nothing is run on a guess."""
    if not division.script:
        return
    first = _name(division.script[0])
    close = alike(first, options)
    if close:
        raise click.UsageError(
            f"{ctx.command_path} has no option {first}; did you mean {' or '.join(close)}? "
            "Options of the script go after --",
            ctx,
        )
    both = [_name(word) for word in division.script if _is_option(word) and _name(word) in options]
    if both:
        raise click.UsageError(
            f"{both[0]} stands behind {first}, which is the script's: write {both[0]} before the "
            "script, or options of the script after --",
            ctx,
        )


def alike(option: str, known: Iterable[str]) -> list[str]:
    """What begins alike and reads alike: any two short words have letters in common."""
    close = difflib.get_close_matches(option, list(known), n=3, cutoff=0.75)
    return [one for one in close if one[:4] == option[:4]]
