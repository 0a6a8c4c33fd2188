"""The index follows truth: after every commit, and beside a big intake in a process of its own.

The index is derived: whatever goes wrong with it never undoes an intake. It catches up at the next chance.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable

from souviens import index
from souviens.encode import Encoder
from souviens.errors import OutOfSpace, SouviensError, VaultError
from souviens.index.follow import Follower
from souviens.index.port import Index, Synced
from souviens.index.port import lag as lag  # doors ask for it here
from souviens.records import Record
from souviens.vault import Vault

# Below this many bytes of source, starting a process costs more than it saves (measured: 0.3 s against 4 MB of words a second).
FOLLOW_FROM = 16 << 20


def open_index(vault: Vault) -> Index:
    """The vault's index, to be asked: made if there is none or none that can be read; not yet synced. Where a full disk keeps it
    from following truth, it answers from what it has; `lag` says so."""
    return index.open_index(vault.folder, vault.key, lenient=True)


def _open(vault: Vault) -> Index:
    """The same, to be brought up to truth or to fail."""
    return index.open_index(vault.folder, vault.key)


def drop(vault: Vault) -> None:
    """Give the index's space back to the disk. It is made again, without vectors, as soon as there is room for it."""
    index.discard(vault.folder)


def start_following(vault: Vault, stage: int, bytes: int) -> Follower | None:
    """A second process that indexes the stage while it is being written; None for a small one."""
    return Follower(vault.folder, vault.key, stage) if bytes >= FOLLOW_FROM else None


def stop_following(follower: Follower | None) -> None:
    if follower is not None:
        follower.stop()


def finish_following(vault: Vault, follower: Follower | None) -> Synced | None:
    """Bring the index up to truth. None if that did not work: recall then works from what is indexed, and `rebuild` mends it."""
    followed = follower.finish() if follower is not None else Synced()
    try:
        return followed.plus(catch_up(vault))
    except SouviensError:
        return None


def catch_up(vault: Vault) -> Synced:
    """Sync the index, then let truth drop the packs nobody needs any more."""
    with _open(vault) as derived:
        synced = derived.sync(vault.store)
        vault.store.sweep(derived.held())
    return synced


def give_up(vault: Vault, stage: int, error: BaseException) -> None:
    """Discard a stage because of an error. One that cannot be discarded now is swept by whoever writes next."""
    with contextlib.suppress(VaultError):
        vault.store.discard(stage)
        if isinstance(error, OutOfSpace):
            _give_back(vault)


def _give_back(vault: Vault) -> None:
    """Give a full disk the space back of what was let go of, as far as that can be done on one."""
    try:
        catch_up(vault)
    except OutOfSpace:
        # No room to take words out. The index goes on unseen with what it has, and is made again when there is room.
        vault.store.sweep(())
    with contextlib.suppress(VaultError):  # a file too large to be written anew keeps the space for what comes next
        vault.store.compact()
    vault.store.purge()
    with contextlib.suppress(VaultError), _open(vault) as derived:
        derived.sync(vault.store)
        derived.purge()


class Embedded(Record, frozen=True, omit_defaults=False):
    """How far the vectors have come. done, waiting: units; encoder: its id, None when there is none."""

    encoder: str | None
    done: int
    waiting: int


def embedded(vault: Vault, encoder: str) -> Embedded:
    """How far the vectors of an encoder, by its id, have come: nothing is encoded, but the index follows truth first."""
    with _open(vault) as derived:
        derived.sync(vault.store)
        pending = derived.pending(encoder)
    return Embedded(encoder, pending.done, pending.waiting)


def embed(
    vault: Vault, encoder: Encoder | None, seconds: float | None = None, progress: Callable[[str, int, int], None] | None = None
) -> Embedded:
    """Give vectors to what has none, the most recent first, for at most `seconds`. Resumable: it goes on where it stopped.

    Raises EncoderError if the encoder fails; what was embedded before stays.
    """
    if encoder is None:
        return Embedded(None, 0, 0)
    with _open(vault) as derived:
        derived.sync(vault.store)
        tell = None if progress is None else lambda done, total: progress("vectors", done, total)
        pending = derived.embed(vault.store, encoder, seconds, progress=tell)
    return Embedded(encoder.id, pending.done, pending.waiting)


def check(vault: Vault) -> list[str]:
    """What is wrong with the index, in sentences: empty if it holds exactly what is live in truth.

    It catches up first, as before any question: to lie behind is no damage. What an intake under way has staged is not looked at.
    """
    with _open(vault) as derived:
        try:
            try:
                derived.sync(vault.store)
            except OutOfSpace:
                # What it has is as it was; what is no longer live in it is seen by nobody, and goes when there is room.
                missing, _ = _difference(vault, derived)
                return [f"index: {missing} records are not indexed yet: the disk is full"] if missing else []
            missing, stray = _difference(vault, derived)
            # Of an intake that was killed there may be more than truth: `busy` sweeps it.
            if stray and not vault.store.busy():
                derived.sync(vault.store)
                missing, stray = _difference(vault, derived)
            elif stray:
                stray = 0
        except SouviensError as error:
            return [f"index: it cannot follow: {error.what}: {error.why}"]
    problems = []
    if missing:
        problems.append(f"index: {missing} records are not indexed yet: souviens rebuild")
    if stray:
        problems.append(f"index: {stray} records are no longer live: souviens rebuild")
    return problems


def _difference(vault: Vault, derived: Index) -> tuple[int, int]:
    """How many records are live and not in the index, and the other way round."""
    held, live = set(derived.held()), {seq for seq, _, _ in vault.store.live()}
    return len(live - held), len(held - live)
