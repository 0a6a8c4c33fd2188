"""souviens verify"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from souviens.doors.cli import words
from souviens.doors.cli.invocation import Invocation, command

if TYPE_CHECKING:
    from souviens.port.receipts import Verified


@command("verify")
def verb(invocation: Invocation) -> int:
    """Check every byte, hash and record.

    Each is worked out again from what reading returns: exports against their hashes, records against a new reading of the
    exports, the index against the records. Exit code 1 if anything is wrong.
    """
    from souviens.port.checking import verify
    from souviens.port.viewing import plain

    with invocation.open() as vault, invocation.progress() as progress:
        verified = verify(vault, progress=progress)
    invocation.answer(plain(verified), _lines(verified))
    return 0 if verified.ok else 1


def _lines(verified: Verified) -> Iterator[str]:
    counts = (verified.sources, verified.slices, verified.records, verified.blobs, verified.audit)
    nouns = ("source", "slice", "record", "attachment", "audit entry")
    yield f"Checked {', '.join(words.count(n, noun) for n, noun in zip(counts, nouns, strict=True))}."
    yield "All is as it was stored." if verified.ok else words.strong(f"{words.count(len(verified.problems), 'problem')}:")
    yield from (f"  {words.clean(problem)}" for problem in verified.problems)
    if not verified.ok:
        yield "next: souviens rebuild --records, then souviens verify; if it stays, add the export again"
