"""The program `souviens`: its verbs, of which only the one that is called is imported, and how it ends.

Data goes to stdout, everything else to stderr. With `--json` a success is exactly one document on stdout; an error is one
document on the last line of stderr, and stdout stays empty. Exit codes are those of `souviens.errors`; 3 for a partial
success, 130 for Ctrl-C.
"""

from __future__ import annotations

import contextlib
import errno
import importlib
import os
import sys
import traceback
from pathlib import Path

import click

from souviens.doors.cli.invocation import Family, Invocation, SeenEnough, shared_options
from souviens.errors import NotPermitted, SouviensError, UsageError

# Heading -> verb -> what it does: the first line of the verb's own help, which a test compares.
VERBS: dict[str, dict[str, str]] = {
    "Bring in": {
        "init": "Make a vault.",
        "formats": "List the formats that can be read, and how sure we are of each.",
        "guide": "Say how to get one's export from a provider, and how to bring ours in there.",
        "add": "Take in a provider's export: a zip, a folder or a file.",
        "import": "Merge a plain export of another vault into this one.",
        "list": "List conversations, memories, topics and sources.",
        "map": "Draw what the vault is about: areas, projects and topics.",
        "show": "Show one conversation, message, memory, topic or source.",
    },
    "Remember": {
        "recall": "Find what was said, with the reasons why it was found.",
        "context": "Put together a context for a model, within a budget of tokens.",
        "remember": "Keep a statement in your own words.",
        "review": "Confirm, correct or reject a memory; without an id, list the proposed ones.",
    },
    "Carry on": {
        "targets": "List what `move --to` can write, with what each can and cannot carry.",
        "move": "Write conversations and memories in another provider's form.",
        "export": "Write the whole vault as JSON lines, or a source as it came.",
        "mcp": "Serve this vault to a model's client over MCP, read-only, on stdio.",
    },
    "Keep whole": {
        "verify": "Check every byte, hash and record.",
        "rebuild": "Make the index again, or also the records.",
        "erase": "Erase for good: conversations, messages, memories, topics or sources.",
        "undo": "Take back the last thing done.",
    },
    "Set up": {
        "key": "Manage the ways to open the vault.",
        "encoder": "Install or choose what turns texts into vectors.",
        "where": "Print every path souviens uses.",
        "doctor": "Check this installation and this vault.",
        "completion": "Print the completion script for a shell.",
    },
}
_MODULES = {"import": "import_"}  # the one verb that is a Python keyword


class Cancelled(SouviensError):
    """Ctrl-C, or a question that was answered with no."""

    exit_code = 130


class Verbs(Family):
    """All verbs by name; a verb's module is imported when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [verb for section in VERBS.values() for verb in section]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self.list_commands(ctx):
            return None
        module = importlib.import_module(f"{__package__}.{_MODULES.get(cmd_name, cmd_name)}")
        command: click.Command = module.verb
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        for title, verbs in VERBS.items():
            with formatter.section(title):
                formatter.write_dl(list(verbs.items()), col_max=12)


def _version(ctx: click.Context, param: click.Parameter, wanted: bool) -> None:
    if wanted and not ctx.resilient_parsing:
        from importlib.metadata import version

        click.echo(f"souviens {version('souviens')}")
        ctx.exit()


_VERSION = click.Option(
    ["--version"], is_flag=True, is_eager=True, expose_value=False, callback=_version, help="Print the version."
)

root = Verbs(
    "souviens",
    params=[*shared_options(environment=True), _VERSION],
    help="Your whole history with AI models, in a vault that is yours.",
    epilog="Exit codes: 0 done, 1 error, 2 wrong use, 3 partly done, 4 not permitted, "
    "10 no vault, 11 vault in use, 12 wrong key, 130 cancelled.",
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    no_args_is_help=True,
)


def main() -> None:
    """The program `souviens`."""
    _prepare()
    sys.exit(run(sys.argv[1:]))


def _prepare() -> None:
    """Consoles that cannot show every character must not crash; numpy beside onnxruntime wants one thread (docs/decisions/0005)."""
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:  # the shell closed it: `souviens list >&-`
            stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]  # both are TextIOWrapper in a program
    for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "VECLIB_MAXIMUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(name, "1")


def _let_go_of_output() -> None:
    """What is still held for a closed pipe goes nowhere: at the program's end it would be an error once more."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def run(arguments: list[str]) -> int:
    """Run one command line. The exit code; what went wrong has been said."""
    invocation = Invocation(json="--json" in arguments)  # so that a wrong command line, too, is answered in JSON
    try:
        code = root.main(arguments, prog_name="souviens", standalone_mode=False, obj=invocation)
        return code if isinstance(code, int) else 0
    except SouviensError as error:
        return invocation.fail(error)
    except click.exceptions.NoArgsIsHelpError as error:
        if invocation.json:
            return invocation.fail(UsageError("no verb was given", next="souviens --help"))
        click.echo(error.format_message(), err=True)
        return UsageError.exit_code
    except click.UsageError as error:
        return invocation.fail(_usage(error))
    except (click.Abort, KeyboardInterrupt):
        return invocation.fail(Cancelled("cancelled", next="run it again: what was finished is kept"))
    except SeenEnough:
        _let_go_of_output()
        return 0
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            place = error.filename or "what was to be written"
            return invocation.fail(SouviensError(f"{place}: the disk is full", next="free some space and run the command again"))
        what = f"{error.filename or 'a file'}: {error.strerror or type(error).__name__}"
        kind = NotPermitted if isinstance(error, PermissionError) else SouviensError
        return invocation.fail(kind(what, next="check that the path is there, and yours to use"))
    except Exception as error:  # noqa: BLE001  # the last line before the person: a fault of ours must not end in a traceback
        return invocation.fail(_unexpected(error, invocation.verbose))


def _usage(error: click.UsageError) -> UsageError:
    """click's complaint in our form, on one line each."""
    path = error.ctx.command_path if error.ctx else "souviens"
    what, *rest = " ".join(error.format_message().split()).split(". ", 1)
    return UsageError(what.rstrip("."), " ".join(rest).rstrip("."), f"{path} --help")


def _unexpected(error: Exception, verbose: int) -> SouviensError:
    """A fault of ours. Its message may quote what somebody wrote, so it is shown only with -vv."""
    frame = traceback.extract_tb(error.__traceback__)[-1]
    if verbose:
        frames = [*traceback.format_tb(error.__traceback__), type(error).__name__]
        click.echo("".join(traceback.format_exception(error) if verbose > 1 else frames), err=True)
    place = f"{Path(frame.filename).name}:{frame.lineno}"
    return SouviensError(
        f"unexpected {type(error).__name__} at {place}",
        "a fault in souviens, not in what you asked",
        "run it again with -v and report the traceback",
    )
