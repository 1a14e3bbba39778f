"""The command line: one module for each command; only this package sees all the others."""

from __future__ import annotations

import importlib
import signal
import sys
from typing import Any, NoReturn, Optional, Union

import click
from click.shell_completion import CompletionItem

from runner import __version__
from runner.cli import examples
from runner.errors import TfmatrixError, nearest, refusal_of

VERBS = {
    "run": "Run the matrix: the repros of matrix.yaml, or the named scripts.",
    "watch": "Run scripts again at every save; TensorFlow stays imported.",
    "warm": "Keep TensorFlow imported for the next commands.",
    "init": "Write a matrix.yaml for a script.",
    "plan": "Print the cells without running any.",
    "render": "Write each environment's Dockerfile and locked requirements.",
    "build": "Prepare environments and run nothing.",
    "fetch": "Download the data that scripts ask Keras for; print its folder.",
    "bisect": "Find the first bad release of a script, with the fewest runs.",
    "exchange": "Load, on each release, what a script saved on each release.",
    "report": "Render a run again from its journal; run nothing.",
    "pin": "Find the releases that pass every required case: a requirement and its evidence.",
    "diff": "Show what changed between two runs.",
    "history": "Show which cells changed from run to run, and what else changed.",
    "merge": "Make one run from several shards.",
    "attach": "Post a run's report on an issue, or update it there.",
    "lock": "Resolve environments again, as of each release's date.",
    "releases": "Compare the catalogue with the package index; add missing releases.",
    "bases": "Make Python base images without a registry.",
    "doctor": "Check this machine: what works, what does not, and how to fix it.",
    "clean": "Remove what tfmatrix made, by age or size; nothing else.",
    "schema": "Print the JSON Schema of matrix.yaml, for editors.",
}

INTERRUPTED = 130


class Verbs(click.Group):
    """Loads a command's module only when it is used, so that tfmatrix starts in under 0.1 s."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> Optional[click.Command]:
        if cmd_name not in VERBS:
            return None
        from runner.cli import log

        module = importlib.import_module(f"runner.cli.{cmd_name}")
        command: click.Command = module.command
        command.epilog = command.epilog or examples.epilog(cmd_name)
        return log.with_log(command)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Completes from the list of commands: a key press must not wait for their modules."""
        verbs = [CompletionItem(verb, help=about) for verb, about in VERBS.items()]
        options = click.Command.shell_complete(self, ctx, incomplete)
        return [verb for verb in verbs if verb.value.startswith(incomplete)] + options

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Verbs"):
            formatter.write_dl(list(VERBS.items()))

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[Optional[str], Optional[click.Command], list[str]]:
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            is_script = args[0].endswith((".py", ".ipynb"))
            meant = f"run {args[0]}" if is_script else nearest(args[0], VERBS)
            hint = f" Did you mean {meant!r}?" if meant else ""
            raise click.UsageError(f"{error.message}{hint}", ctx) from None


@click.group(cls=Verbs, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="tfmatrix")
def tfmatrix() -> None:
    """In which TensorFlow releases does this happen?

    Runs a script on every release, each in its own environment, and shows the matrix.

    \b
    tfmatrix run                            everything in matrix.yaml
    tfmatrix run my.py --tf '>=2.4,<2.8'    your own script
    """


def main() -> NoReturn:
    """Run the command line and exit with its code."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _as_interrupt)
    try:
        sys.exit(execute())
    except KeyboardInterrupt:
        click.echo("interrupted", err=True)
        sys.exit(INTERRUPTED)


def execute(arguments: Optional[list[str]] = None) -> int:
    """Run one command, print its error if there is one, and return the exit code.

    Raises only KeyboardInterrupt.
    """
    try:
        from runner.cli import settings

        code: Any = tfmatrix.main(
            arguments,
            prog_name="tfmatrix",
            standalone_mode=False,
            default_map=settings.apply(VERBS),
        )
    except click.exceptions.Exit as stop:
        return stop.exit_code
    except click.Abort:
        raise KeyboardInterrupt from None
    except click.ClickException as error:
        if type(error).__name__ == "NoArgsIsHelpError":  # Click has it from 8.2 on
            click.echo(error.format_message())
        else:
            _tell(_line(error, arguments))
        return 2
    except TfmatrixError as error:
        _tell(str(error))
        return error.exit_code
    except BrokenPipeError:
        return 0
    except (OSError, MemoryError) as error:  # a full disk, a file without permission …
        _tell(_trouble(error))
        return TfmatrixError.exit_code
    except Exception as error:  # a bug of ours
        from runner.cli import bugs

        _tell(bugs.report(error))
        return TfmatrixError.exit_code
    return code if isinstance(code, int) else 0


def _tell(error: str) -> None:
    from runner.report import text

    click.echo(text.safe_message(f"tfmatrix: {error}"), err=True)


def _trouble(error: Union[OSError, MemoryError]) -> str:
    """What the system refused, at which file, and how to fix it."""
    from runner.engines import remedies

    if isinstance(error, MemoryError):
        return "out of memory"
    said = refusal_of(error)
    # Reading may have been refused, too: only its place says what to do about that.
    remedy = None if isinstance(error, PermissionError) else remedies.remedy(said)
    return str(TfmatrixError(said, remedy=remedy))


def _line(error: click.ClickException, arguments: Optional[list[str]]) -> str:
    """The error as one line that names the command with the help."""
    words = sys.argv[1:] if arguments is None else arguments
    verb = " ".join(["tfmatrix", *(word for word in words[:1] if word in VERBS)])
    if isinstance(error, click.NoSuchOption):
        return f"{verb} has no option {error.option_name}{_similar(error)} (see {verb} --help)"
    return f"{error.format_message().rstrip('.')} (see {verb} --help)"


def _similar(error: click.NoSuchOption) -> str:
    from runner.cli import grammar

    close = (
        grammar.alike(error.option_name, grammar.options_of(error.ctx))
        or [each for each in error.possibilities or () if each.startswith(error.option_name)][:1]
    )
    return f"; did you mean {' or '.join(close)}?" if close else ""


def _as_interrupt(*_: object) -> NoReturn:
    raise KeyboardInterrupt
