"""One call of the program: where the vault is, what opens it, how to answer. Every verb gets one."""

from __future__ import annotations

import difflib
import json as json_text
import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TextIO, TypeAlias

import click

from souviens.errors import EncoderError, NotPermitted, SouviensError, UsageError, WrongKey

if TYPE_CHECKING:
    from souviens.encode import Encoder
    from souviens.vault import Vault
    from souviens.vault.keys import Credential, Header

Progress: TypeAlias = Callable[[str, int, int], None]
PATH = click.Path(path_type=Path, readable=False)  # what may not be read is said where it is read, in our words
FEW = 10  # verbs that an error may list
PARTIAL = 3  # the exit code of what was done in part
ENCODING_SECONDS = 5.0  # a small export is encoded at once; for a big one `souviens encoder run` takes its time
PASSPHRASE, NEW_PASSPHRASE, ENCODER_KEY = "SOUVIENS_PASSPHRASE", "SOUVIENS_NEW_PASSPHRASE", "SOUVIENS_ENCODER_KEY"
_NOT_ASCII = re.compile(r"[^\x00-\x7f]")


class SeenEnough(Exception):
    """Who reads the answer has closed it (`souviens list | head -1`): no error, and nothing is left to say."""


@dataclass
class Invocation:
    """vault, key_file: as given by option or environment. verbose: 1 shows tracebacks, 2 also their messages."""

    vault: Path | None = None
    key_file: Path | None = None
    recovery: bool = False
    json: bool = False
    quiet: bool = False
    verbose: int = 0
    no_color: bool = False

    # --- where --------------------------------------------------------------------------------------------------------

    @property
    def folder(self) -> Path:
        """The vault's folder, absolute."""
        from souviens.doors.cli.places import default_vault

        return (self.vault or default_vault()).expanduser().absolute()

    # --- the key ------------------------------------------------------------------------------------------------------

    def open(self, *, writes: bool = False, ask: bool = True) -> Vault:
        """The vault, unlocked; a context manager. writes: first finish an erasure that was cut short. ask: may prompt.

        Raises NoVault, WrongKey, Damaged, NewerFormat.
        """
        from souviens.vault import keys, unlock

        header = keys.read_header(self.folder)
        vault = unlock(self.folder, [] if header.cipher == "none" else self.credentials(header, ask=ask))
        if writes and vault.store.pending_journal():
            from souviens.port.erasing import finish_pending

            finish_pending(vault)
        return vault

    def credentials(self, header: Header, *, ask: bool = True) -> list[Credential]:
        """What to open a vault with: the recovery code if asked for, else SOUVIENS_PASSPHRASE, key file, keyring or prompt."""
        from souviens.vault import keys

        ways = {wrap.way for wrap in header.wraps}
        if self.recovery:
            return [keys.recovery(self.prompt("Recovery code"))]
        if text := os.environ.get(PASSPHRASE):
            return [keys.passphrase(text)]
        if self.key_file:
            return [keys.read_key_file(self.key_file.expanduser())]
        if "keyring" in ways and (found := keys.keyring_credential(header.id)):
            return [found]
        if ask and "passphrase" in ways:
            return [keys.passphrase(self.prompt("Passphrase"))]
        raise self._locked()

    def prompt(self, what: str, *, confirm: bool = False) -> str:
        """Ask for a secret on the terminal; for a new one (`confirm`) twice. Raises WrongKey if there is none to ask on."""
        if not (sys.stdin.isatty() and sys.stderr.isatty()):
            raise self._no_key() if confirm else self._locked()
        return str(click.prompt(what, hide_input=True, err=True, confirmation_prompt=confirm))

    def new_passphrase(self) -> str:
        """A passphrase to set: SOUVIENS_NEW_PASSPHRASE, or asked twice."""
        return os.environ.get(NEW_PASSPHRASE) or self.prompt("New passphrase", confirm=True)

    def _no_key(self) -> WrongKey:
        return WrongKey(
            "no passphrase was given to lock it with",
            "there is no terminal to ask on",
            f"set {PASSPHRASE} (to change one: {NEW_PASSPHRASE}), or give --key-file PATH",
        )

    def _locked(self) -> WrongKey:
        return WrongKey(
            "the vault is locked",
            "no passphrase or key file was given, and there is no terminal to ask on",
            f"set {PASSPHRASE}, or give --key-file PATH",
        )

    # --- the encoder --------------------------------------------------------------------------------------------------

    def encoder(self, *, soon: bool = False) -> Encoder | None:
        """The encoder in use, or None: then recall goes by words, and a broken one is reported on stderr.

        soon: it will be asked in any case, so its model is loaded while the vault is opened.
        """
        from souviens import encode
        from souviens.doors.cli.places import encoder_folder, read_settings

        try:
            chosen = read_settings().endpoint
            endpoint = encode.Endpoint(chosen.url, chosen.model, os.environ.get(ENCODER_KEY), chosen.remote) if chosen else None
            return encode.find(encoder_folder(), endpoint, soon=soon)
        except (EncoderError, NotPermitted) as error:
            self.tell(f"going by words alone: {error}")
            return None

    def encode(self, vault: Vault) -> int:
        """Vectors for what is new, as far as a few seconds reach; how many texts wait. Nothing without an encoder."""
        from souviens.port import indexing

        encoder = self.encoder()
        if encoder is None:
            return 0
        try:
            with self.progress() as progress:
                return indexing.embed(vault, encoder, seconds=ENCODING_SECONDS, progress=progress).waiting
        except SouviensError as error:  # what was stored is stored; what is missing can be made later
            self.tell(f"no vectors were made: {error}")
            return 0

    # --- answering ----------------------------------------------------------------------------------------------------

    def answer(self, document: object, lines: Iterable[str]) -> None:
        """The result, on stdout: the document with --json, else the lines (made only then)."""
        if self.json:
            self._write(document)
        else:
            for line in lines:
                self._print(line, sys.stdout)

    def _print(self, text: str, stream: TextIO) -> None:
        # The stream by name: left to itself, click takes an ASCII console for a mistake and sends it UTF-8.
        try:
            click.echo(text, file=stream, color=False if self.no_color else None)
        except BrokenPipeError:  # caught here, for click would end with 1
            raise SeenEnough from None

    def _write(self, document: object, *, err: bool = False) -> None:
        import msgspec

        data = msgspec.json.Encoder(decimal_format="number").encode(document)
        stream = sys.stderr if err else sys.stdout
        text = (msgspec.json.format(data, indent=2) if stream.isatty() else data).decode()
        if (stream.encoding or "").lower().replace("-", "") != "utf8":
            # A console that cannot show a character must still get valid JSON.
            text = _NOT_ASCII.sub(lambda match: json_text.dumps(match[0])[1:-1], text)
        self._print(text, stream)

    def tell(self, text: str) -> None:
        """A remark, on stderr; silent with -q."""
        if not self.quiet:
            self._print(text, sys.stderr)

    def fail(self, error: SouviensError) -> int:
        """Say what went wrong, why, and what to do next: at most three lines. The exit code."""
        if self.json:
            said = {"what": error.what, "why": error.why, "next": error.next, "exit": error.exit_code}
            self._write({"error": {k: " ".join(v.split()) if isinstance(v, str) else v for k, v in said.items()}}, err=True)
        else:
            lines = (("", error.what), ("why: ", error.why), ("next: ", error.next))
            for label, text in lines:
                if text:
                    self._print(f"{label or 'souviens: '}{' '.join(text.split())}", sys.stderr)
        return error.exit_code

    def confirm(self, question: str, otherwise: str) -> None:
        """Ask before what cannot be taken back. otherwise: what to say where there is no terminal to ask on (UsageError)."""
        if not (sys.stdin.isatty() and sys.stderr.isatty()):
            raise UsageError(otherwise, "there is no terminal to ask on", "repeat the command with --yes")
        click.confirm(question, abort=True, err=True)

    @contextmanager
    def progress(self) -> Iterator[Progress]:
        """A progress report on stderr: a bar on a terminal, a line every 10 s elsewhere, nothing with -q."""
        if self.quiet:
            yield lambda what, done, total: None
            return
        from souviens.doors.cli import progress

        with progress.bar(self.no_color) if sys.stderr.isatty() else progress.lines(self.tell) as report:
            yield report


# --- options of every verb --------------------------------------------------------------------------------------------


_KEY_FILE = "Open with this key file [SOUVIENS_KEY_FILE]. SOUVIENS_PASSPHRASE wins over it."


def _keep(ctx: click.Context, param: click.Parameter, value: object) -> None:
    if value and param.name:
        setattr(ctx.ensure_object(Invocation), param.name, value)


def shared_options(*, environment: bool = False) -> list[click.Parameter]:
    """--vault, --key-file and the rest, accepted before and after the verb; the environment is read once, before it."""

    def option(*names: str, variable: str = "", **rest: object) -> click.Option:
        envvar = variable if environment and variable else None
        return click.Option([*names], expose_value=False, callback=_keep, envvar=envvar, hidden=not environment, **rest)  # type: ignore[arg-type]

    return [
        option("--vault", variable="SOUVIENS_VAULT", type=PATH, metavar="DIR", help="The vault's folder [SOUVIENS_VAULT]."),
        option("--key-file", variable="SOUVIENS_KEY_FILE", type=PATH, metavar="PATH", help=_KEY_FILE),
        option("--recovery", is_flag=True, help="Ask for the recovery code."),
        option("--json", is_flag=True, help="Answer with one JSON document (docs/json.md)."),
        option("-q", "--quiet", is_flag=True, help="No progress and no remarks."),
        option("-v", "--verbose", count=True, help="Show tracebacks; -vv also their messages, which may quote your texts."),
        option("--no-color", variable="NO_COLOR", is_flag=True, type=str, flag_value="1", help="No colours [NO_COLOR]."),
    ]


class Verb(click.Command):
    """A verb: a command that also takes the shared options, unless it has one of that name itself."""

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        own = {name for param in self.params for name in param.opts}
        *params, help_option = super().get_params(ctx)
        return [*params, *(param for param in shared_options() if not own & set(param.opts)), help_option]

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        formatter.write_paragraph()
        formatter.write_text("Also: --vault DIR, --key-file PATH, --recovery, --json, -q, -v, --no-color (souviens --help)")


class Family(click.Group):
    """Verbs under one name; a typo is answered with the nearest of them."""

    def resolve_command(self, ctx: click.Context, args: list[str]) -> tuple[str | None, click.Command | None, list[str]]:
        name, known = args[0], self.list_commands(ctx)
        if name not in known and not name.startswith("-"):
            near = difflib.get_close_matches(name, known, 3, 0.5)
            # All of the program's own would fill the screen: its help has them in order.
            why = f"did you mean {' or '.join(near)}?" if near else f"there are: {', '.join(known)}" if len(known) < FEW else ""
            raise UsageError(f"no verb {name!r}", why, " ".join((ctx.command_path, *near[:1], "--help")))
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Verbs"):
            formatter.write_dl([(name, (self.commands[name].help or "").split("\n\n")[0]) for name in self.list_commands(ctx)])


def begun_formats(ctx: click.Context, param: click.Parameter, typed: str) -> list[str]:
    """For completion: the formats that can be read whose names begin as typed. They are imported only then."""
    from souviens import formats

    return [name for name in formats.readers() if name.startswith(typed)]


def begun_targets(ctx: click.Context, param: click.Parameter, typed: str) -> list[str]:
    """For completion: the forms that can be written whose names begin as typed."""
    from souviens import formats

    return [name for name in formats.writers() if name.startswith(typed)]


def command(name: str) -> Callable[[Callable[..., object]], Verb]:
    """Declare a verb. Its function gets the Invocation first."""

    def declare(function: Callable[..., object]) -> Verb:
        return click.command(name, cls=Verb)(click.make_pass_decorator(Invocation, ensure=True)(function))

    return declare
