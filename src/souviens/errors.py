"""What can go wrong, whose fault it is, and what to do next.

    SouviensError                       exit
    ├── UsageError                       2    the question itself is wrong
    ├── SourceError                      1    what was given cannot be taken in
    │   ├── NotRecognised                1    no reader knows this shape
    │   └── Ambiguous                    1    two readers claim it
    ├── VaultError                       1    the vault itself
    │   ├── NoVault                     10    there is none here
    │   ├── VaultInUse                  11    someone else is writing
    │   ├── WrongKey                    12    the passphrase or key does not open it
    │   ├── NotFound                     1    no such id
    │   ├── Damaged                      1    bytes are not what was stored
    │   ├── OutOfSpace                   1    the disk is full
    │   └── NewerFormat                  1    written by a newer souviens
    ├── NotPermitted                     4    the Scope, the owner or this machine does not allow it
    └── EncoderError                     1    the encoder is absent or wrong; words still work

Every error says *what*, *why* and the *next* command. In a batch, problems are data (`records.Problem`), not exceptions.
"""

from __future__ import annotations


class SouviensError(Exception):
    """Base of everything souviens raises on purpose.

    what: one clause that names the file or id. why: the reason seen. next: the command or act that helps.
    """

    exit_code = 1

    def __init__(self, what: str, why: str = "", next: str = "") -> None:
        super().__init__(what)
        self.what, self.why, self.next = what, why, next

    def __str__(self) -> str:
        return "\n".join(line for line in (self.what, self.why and f"why: {self.why}", self.next and f"next: {self.next}") if line)


class UsageError(SouviensError):
    exit_code = 2


class SourceError(SouviensError):
    """A source could not be taken in at all."""


class NotRecognised(SourceError):
    """No reader knows this shape; `why` says what was seen."""


class Ambiguous(SourceError):
    """More than one reader claims this source."""


class VaultError(SouviensError):
    """The vault could not do what was asked."""


class NoVault(VaultError):
    exit_code = 10


class VaultInUse(VaultError):
    exit_code = 11


class WrongKey(VaultError):
    exit_code = 12


class NotFound(VaultError):
    """No such id in this vault, or not visible to this Scope: the two are told apart to nobody."""


class Damaged(VaultError):
    """Stored bytes do not match their hash or cannot be decoded."""


class OutOfSpace(VaultError):
    """The disk is full; nothing was half-written."""


class NewerFormat(VaultError):
    """The vault was written by a newer souviens."""


class NotPermitted(SouviensError):
    """A Scope does not show it, the owner has not agreed to it, or the machine does not let this user."""

    exit_code = 4


class EncoderError(SouviensError):
    """The encoder is not installed, damaged or unreachable. Recall goes on with words alone."""
