"""Who may see what. Every read takes a Scope; the owner's sees all. (Grants for other clients come with the gateway.)"""

from __future__ import annotations

from souviens.records import Record

# A memory nobody has classified is treated as personal (2), not as public.
UNCLASSIFIED = 2


class Scope(Record, frozen=True):
    """What one asker may see. None means no restriction on that key; an empty tuple means nothing passes.

    kinds: "conversation", "memory", "topic". providers: "chatgpt", …. projects: Topic ids. sensitivity: the highest allowed.
    """

    kinds: tuple[str, ...] | None = None
    providers: tuple[str, ...] | None = None
    projects: tuple[str, ...] | None = None
    sensitivity: int = 4

    @property
    def sees_all(self) -> bool:
        return self == OWNER

    def allows(self, kind: str, provider: str, project: str | None, sensitivity: int | None) -> bool:
        """May a record with these keys be seen? Deny beats allow: every condition must hold."""
        return (
            (self.kinds is None or kind in self.kinds)
            and (self.providers is None or provider in self.providers)
            and (self.projects is None or project in self.projects)
            and (UNCLASSIFIED if sensitivity is None else sensitivity) <= self.sensitivity
        )


OWNER = Scope()
