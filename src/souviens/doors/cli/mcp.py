"""souviens mcp"""

from __future__ import annotations

from souviens.doors.cli.invocation import Invocation, command


@command("mcp")
def verb(invocation: Invocation) -> None:
    """Serve this vault to a model's client over MCP, read-only, on stdio.

    The client's settings name this command, and what opens the vault: --key-file, SOUVIENS_PASSPHRASE or the OS keyring. It
    never asks. What a client reads may leave this machine with the model it talks to.
    """
    from souviens.doors.mcp import serve

    with invocation.open(ask=False) as vault:
        serve(vault, invocation.encoder())
