"""souviens completion"""

from __future__ import annotations

import click

from souviens.doors.cli.invocation import Invocation, command

_USE = {
    "bash": 'add to ~/.bashrc:  eval "$(souviens completion bash)"',
    "zsh": 'add to ~/.zshrc:  eval "$(souviens completion zsh)"',
    "fish": "souviens completion fish > ~/.config/fish/completions/souviens.fish",
}


@command("completion")
@click.argument("shell", type=click.Choice(list(_USE)))
def verb(invocation: Invocation, shell: str) -> None:
    """Print the completion script for a shell."""
    from click.shell_completion import get_completion_class

    kind = get_completion_class(shell)
    assert kind is not None, "click knows these three"
    script = kind(click.get_current_context().find_root().command, {}, "souviens", "_SOUVIENS_COMPLETE").source()
    invocation.answer({"shell": shell, "script": script}, [script])
    invocation.tell(_USE[shell])
