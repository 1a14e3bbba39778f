"""Divides the words of a command line between tfmatrix and the script that it runs.

`tfmatrix run my.py --tf 2.9 -- --n 3`: the words after `--` are for the script. Without `--`, the
first option after the script that tfmatrix does not have begins the script's words:
`tfmatrix run my.py --n 3`; a line tells them. If no script is named, the words after `--` are a
command: `tfmatrix run -- pytest tests/`.
"""

from __future__ import annotations

import difflib
import shlex
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Optional

import click
from attrs import frozen

from runner.cli import log

SEPARATOR = "--"
_OTHER_WORDS = {
    **dict.fromkeys(("--tensorflow", "--tensorflow-version", "--release", "--releases"), "--tf"),
    **dict.fromkeys(("--package", "--packages", "--install"), "--with"),
    **dict.fromkeys(("--python", "--python-version"), "--vary python=VERSION"),
    "--gpu": "--device",
}
"""What a newcomer may call an option. As the script's, it would be run on every release."""


@frozen(kw_only=True)
class Division:
    """The words for tfmatrix and the words for the script."""

    own: tuple[str, ...]
    script: tuple[str, ...]
    separated: bool
    """Whether a `--` divides them."""


class ScriptCommand(click.Command):
    """A command that runs scripts, and passes them their words like `--arg`."""

    takes_command = True
    """Whether the words after `--` are a command if no script is named."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        division = divide(args, _options(self, ctx))
        if not (division.separated or ctx.resilient_parsing):
            _check(division, _options(self, ctx), ctx)
        rest = super().parse_args(ctx, list(division.own))
        if self.takes_command and division.separated and _is_command(division.script, ctx):
            ctx.params["command"] = division.script
        else:
            ctx.params["args"] = (*(ctx.params.get("args") or ()), *division.script)
            if division.script and not (division.separated or ctx.params.get("quiet")):
                log.print_note(f"arguments of the script: {shlex.join(division.script)}")
        return rest

    def collect_usage_pieces(self, ctx: click.Context) -> list[str]:
        words = "ARG...|COMMAND..." if self.takes_command else "ARG..."
        return [*super().collect_usage_pieces(ctx), f"[-- {words}]"]


class OneScriptCommand(ScriptCommand):
    """A command for exactly one script."""

    takes_command = False


def _is_command(words: Sequence[str], ctx: click.Context) -> bool:
    """Whether the words after `--` are a command to run, because no script is named."""
    sources = ("scripts", "script", "modules", "from_issue")
    named = any(ctx.params.get(source) for source in sources)
    return bool(words) and not _is_option(words[0]) and not named


def divide(words: Sequence[str], options: Mapping[str, bool]) -> Division:
    """Divide the words. `options` are tfmatrix's own: option → whether a value follows it."""
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
    """The option in a word: `--tf` in `--tf=2.9`, `-r` in `-rFILE`."""
    return word.partition("=")[0] if word.startswith("--") else word[:2]


def _has_value(word: str) -> bool:
    return "=" in word if word.startswith("--") else len(word) > 2


def _check(division: Division, options: Collection[str], ctx: click.Context) -> None:
    """Raises `click.UsageError` if a word may be for either side: tfmatrix does not guess."""
    if not division.script:
        return
    first = _name(division.script[0])
    close = alike(first, options)
    if close:
        raise click.UsageError(
            f"{ctx.command_path} has no option {first}; did you mean {' or '.join(close)}? "
            "Write options of the script after --",
            ctx,
        )
    if first in _options_of_run(ctx):
        raise click.UsageError(
            f"{ctx.command_path} has no option {first}, which `tfmatrix run` has. "
            "Write options of the script after --",
            ctx,
        )
    both = [_name(word) for word in division.script if _is_option(word) and _name(word) in options]
    if both:
        raise click.UsageError(
            f"{both[0]} comes after {first}, which is an option of the script: write {both[0]} "
            "before the script, or options of the script after --",
            ctx,
        )


def options_of(ctx: Optional[click.Context]) -> Collection[str]:
    """The options of the command that `ctx` is about."""
    return () if ctx is None else _options(ctx.command, ctx)


def _options_of_run(ctx: click.Context) -> Collection[str]:
    """The options of `tfmatrix run`: other commands do not have all of them."""
    group = ctx.parent.command if ctx.parent is not None else None
    run = group.get_command(ctx, "run") if isinstance(group, click.Group) else None
    return () if run is None else _options(run, ctx)


def alike(option: str, known: Iterable[str]) -> list[str]:
    """The known options that are similar and begin alike: short words often share letters."""
    known = list(known)
    others = {other: ours for other, ours in _OTHER_WORDS.items() if ours.split()[0] in known}
    for other, ours in {**others, **dict(zip(known, known))}.items():
        if option == other or _swapped(option, other):
            return [ours]
    close = difflib.get_close_matches(option, known, n=3, cutoff=0.75)
    most = difflib.get_close_matches(option, close, n=3, cutoff=0.85)
    return [one for one in close if one[:4] == option[:4] or (one in most and one[2] == option[2])]


def _swapped(one: str, other: str) -> bool:
    """Whether two neighbouring letters are swapped: `--jbos` for `--jobs`."""
    apart = [at for at, (a, b) in enumerate(zip(one, other)) if a != b]
    return (
        len(one) == len(other)
        and len(apart) == 2
        and apart[1] == apart[0] + 1
        and one[apart[0]] == other[apart[1]]
        and one[apart[1]] == other[apart[0]]
    )
