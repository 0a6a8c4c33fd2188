"""souviens add"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from souviens.doors.cli import words
from souviens.doors.cli.invocation import PARTIAL, PATH, Invocation, command
from souviens.errors import SouviensError

if TYPE_CHECKING:
    from souviens.port.receipts import SourceReceipt

SHOWN_PROBLEMS = 10


@command("add")
@click.argument("paths", metavar="EXPORT...", nargs=-1, required=True, type=PATH)
@click.option("--with-accounts", is_flag=True, help="Keep account and login data, which is left out by default.")
@click.option("--bring-back", is_flag=True, help="Also take in what was erased before.")
@click.option("--no-encode", is_flag=True, help="Make no vectors now; do it later with: souviens encoder run")
def verb(invocation: Invocation, paths: tuple[Path, ...], with_accounts: bool, bring_back: bool, no_encode: bool) -> int:
    """Take in a provider's export: a zip, a folder or a file.

    Give it as it came. What is here already is recognised, so adding a newer export brings in what is new.
    """
    from souviens.port.intake import take_in
    from souviens.port.viewing import plain

    receipts: list[SourceReceipt] = []
    failed: list[tuple[Path, SouviensError]] = []
    with invocation.open(writes=True) as vault:
        with invocation.progress() as progress:
            for path in paths:
                try:
                    receipt = take_in(vault, path, with_accounts=with_accounts, bring_back=bring_back, progress=progress)
                    receipts.append(receipt)
                except SouviensError as error:
                    failed.append((path, error))
        if not receipts:
            for _, fault in failed[:-1]:
                invocation.tell(f"souviens: {fault}")
            raise failed[-1][1]
        waiting = 0 if no_encode else invocation.encode(vault)
    document = {
        "sources": plain(receipts),
        "failed": [{"path": str(path), "what": e.what, "why": e.why, "next": e.next} for path, e in failed],
    }
    invocation.answer(document, (line for receipt in receipts for line in receipt_lines(receipt)))
    for _, fault in failed:
        invocation.tell(f"souviens: {fault}")
    if waiting:
        invocation.tell(f"{words.count(waiting, 'text')} can be found by words, and not yet by meaning. next: souviens encoder run")
    return PARTIAL if failed or any(receipt.refused for receipt in receipts) else 0


def receipt_lines(receipt: SourceReceipt) -> Iterator[str]:
    """A receipt for a person."""
    yield words.strong(words.clean(receipt.path)) + f"  ({receipt.format}, {receipt.shape}; {words.size(receipt.bytes)})"
    if receipt.known:
        yield "  This very export was taken in before: nothing was done."
    rows: list[tuple[str, ...]] = [("", "read", "new", "changed", "unchanged", "refused")]
    for kind in ("conversations", "messages", "branch_points", "attachments", "memories", "topics"):
        read = getattr(receipt.read, kind)
        if not read:
            continue
        singular = {"memories": "memory"}.get(kind, kind[:-1])
        refused = sum(problem.kind == singular for problem in receipt.refused)
        told = (read, *(getattr(part, kind) for part in (receipt.new, receipt.changed, receipt.unchanged)), refused)
        rows.append((kind.replace("_", " "), *(f"{n:,}" for n in told)))
    yield from words.table(rows, indent=2, right=(1, 2, 3, 4, 5))
    if receipt.attachments.found or receipt.attachments.missing:
        yield f"  Attachments with their bytes: {receipt.attachments.found:,}; not in the export: {receipt.attachments.missing:,}."
    yield from _listed("Refused", [words.place(p.path, p.where, p.reason) for p in receipt.refused])
    yield from _listed("Left out on purpose", [words.place(w.path, w.where, w.reason) for w in receipt.withheld])
    yield from _listed("Fields not known yet, kept", [f"{path} ({n:,})" for path, n in receipt.unknown_fields.items()])
    if receipt.cut_texts:
        yield f"  {words.count(receipt.cut_texts, 'long text')} can be found by the beginning alone; all of it is kept."
    if not receipt.indexed:
        yield "  The index did not follow. next: souviens rebuild"
    yield f"  {receipt.seconds:.1f} s; source {receipt.id[:12]}"


def _listed(title: str, items: list[str]) -> Iterator[str]:
    if not items:
        return
    yield f"  {title}: {len(items):,}"
    yield from (f"    {words.shortened(item, 120)}" for item in items[:SHOWN_PROBLEMS])
    if len(items) > SHOWN_PROBLEMS:
        yield f"    ... and {len(items) - SHOWN_PROBLEMS:,} more: souviens show SOURCE"
