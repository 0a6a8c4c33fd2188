"""souviens undo"""

from __future__ import annotations

from souviens.doors.cli.invocation import Invocation, command


@command("undo")
def verb(invocation: Invocation) -> None:
    """Take back the last thing done.

    An export taken in, a statement kept or a verdict given; not an erasure.
    """
    from souviens.port.erasing import undo
    from souviens.port.viewing import plain

    with invocation.open(writes=True) as vault:
        undone = undo(vault)
    invocation.answer(plain(undone), [f"Taken back: {undone.verb} of {undone.at} ({undone.what[:12]})."])
