"""The levels of detail above a quotation: the topic it belongs to, in lines of its conversations along time, and its episode.

Every line is cut from one message and stands with its date, so that a level says nothing that was not said.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property

import numpy as np

from souviens.canon import utc
from souviens.grants import Scope
from souviens.index import digest, forest
from souviens.index.naming import Names
from souviens.index.port import Index
from souviens.index.telling import folded, words_of
from souviens.recall.asking import Recall
from souviens.recall.quoting import Quoted, day, line, source, who
from souviens.records import Conversation, Message, spoken
from souviens.vault.store import Store

TOLD = 20_000  # messages read now for what they are about, if that was left for later: a second at most
READ = 12  # conversations of a topic that are read for its lines: those the question found, the strongest first
BESIDE, OPENING = 4, 160  # turns of an episode that are told of, and characters of each


class Levels:
    """What stands above what was found. Only what the scope shows."""

    def __init__(self, found: Recall, store: Store, index: Index, scope: Scope) -> None:
        self.found, self.store, self.index = found, store, index
        index.tell(store, TOLD)
        self.layout = index.layout()
        visible = self.layout.allowed(None if scope.sees_all else scope.allows)
        shown = np.array([kind == "conversation" for kind in self.layout.kinds], np.bool_)
        self._shown = shown if visible is None else shown & visible
        self._read: dict[int, Conversation] = {}

    def topics(self, question: str, lines: int, but: set[str]) -> Iterator[Quoted]:
        """The topics of what was found that join several conversations, the strongest first, in at most so many lines each.

        but: messages not to cite again.
        """
        for root, rows in self._threads():
            members = [row for row in np.flatnonzero(self.layout.threads == root).tolist() if self._shown[row]]
            if len(members) < 2 or lines < 2:
                continue
            sentences = [sentence for row in rows[:READ] for sentence in digest.sentences(self._conversation(row))]
            weights = self._names.weights(members)
            most = max(weights.values(), default=1.0)
            weights |= {folded(word): most for word in words_of(question)}
            cited = digest.extract((s for s in sentences if s.message not in but), weights, most=lines)
            if len(cited) < 2:
                continue
            first, last = (day(utc(us)) for us in self.layout.reach_of(members) or (None, None))
            about = source("topic", self._names.name(members), f"{len(members)} conversations until {last}")
            told = [f"{day(utc(s.us))} · {source(self._title(s.conversation), who(s.role))}: {line(s.text)}" for s in cited]
            id = forest.topic_id(self.layout.ids[root])
            messages = tuple(s.message for s in cited)
            yield Quoted(id, "topic", None, None, about, first, "\n".join(told), True, "topic", messages)

    def episode(self, quoted: Quoted, but: set[str]) -> Quoted | None:
        """The turns beside a quoted one in its episode; None if there is none. but: messages not to cite again."""
        row = self.layout.row("conversation", quoted.conversation or "")
        if row is None or quoted.message is None:
            return None
        conversation = self._conversation(row)
        at = next((n for n, message in enumerate(conversation.messages, 1) if message.id == quoted.message), None)
        if at is None:
            return None
        numbers = self.layout.episodes[self.layout.offsets[row] :][: len(conversation.messages) + 1]
        inside = np.flatnonzero(numbers == numbers[at])
        beside = sorted((n for n in inside.tolist() if n and n != at), key=lambda n: (abs(n - at), n))
        kept = [n for n in beside if _said(conversation.messages[n - 1]) and conversation.messages[n - 1].id not in but]
        told = [conversation.messages[n - 1] for n in sorted(kept[:BESIDE])]
        if not told:
            return None
        lines = (f"{day(utc(m.time.us))} · {source(m.author or who(m.role))}: {_opening(m)}" for m in told)
        place = quoted.source.rpartition(" · ")[0]
        cites = tuple(message.id for message in told)
        return Quoted(
            told[0].id,
            "episode",
            conversation.id,
            told[0].id,
            source(*place.split(" · "), "beside it"),
            quoted.time,
            "\n".join(lines),
            True,
            "episode",
            cites,
        )

    def _threads(self) -> list[tuple[int, list[int]]]:
        """(root, rows that were found, the strongest first) of each topic, by the sum of what was found in it."""
        strength: dict[int, float] = {}
        rows: dict[int, dict[int, None]] = {}
        for item in self.found.items:
            row = self.layout.row("conversation", item.conversation or "")
            if row is not None:
                root = int(self.layout.threads[row])
                strength[root] = strength.get(root, 0.0) + item.score
                rows.setdefault(root, {})[row] = None
        return [(root, list(rows[root])) for root in sorted(strength, key=lambda root: (-strength[root], root))]

    @cached_property
    def _names(self) -> Names:
        """Against the background of all conversations that may be seen, as in the map."""
        rows = np.flatnonzero(self._shown).tolist()
        told = self.index.telling(int(self.layout.seqs[row]) for row in rows)
        return Names({row: told.get(int(self.layout.seqs[row]), []) for row in rows})

    def _conversation(self, row: int) -> Conversation:
        if row not in self._read:
            record = self.store.pack(int(self.layout.seqs[row]))
            assert isinstance(record, Conversation)
            self._read[row] = record
        return self._read[row]

    def _title(self, conversation: str) -> str:
        row = self.layout.row("conversation", conversation)
        return self._conversation(row).head.title if row is not None else ""


def _opening(message: Message) -> str:
    """The beginning of what was said, on one line."""
    text = line(spoken(message))
    return text if len(text) <= OPENING else text[:OPENING].rstrip() + " …"


def _said(message: Message) -> bool:
    return message.visibility == "visible" and bool(spoken(message).strip())
