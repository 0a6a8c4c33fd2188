"""The pages of the bundle that are no conversations: the index, a project, the memories."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from urllib.parse import quote

import msgspec

from souviens.canon import ABSENT, Instant, utc
from souviens.formats._naming import day
from souviens.formats._writing import Account
from souviens.formats.markdown.pages import escaped, line_of, mark, open_fence, title_of
from souviens.records import Conversation, Evidence, Json, Memory, Topic


def href(path: str) -> str:
    return quote(path)


def chunks(text: str, room: int) -> Iterator[str]:
    """A text in pieces of at most so many bytes, between lines where there are some; joined they are the text."""
    while len(text.encode()) > room:
        piece = text.encode()[:room].decode(errors="ignore")
        piece = piece[: piece.rfind("\n") + 1] or piece
        yield piece
        text = text[len(piece) :]
    yield text


def closed(told: dict[str, Json], text: str) -> tuple[dict[str, Json], str]:
    """A text with the code block that it leaves open closed, and a mark that says so."""
    fence = open_fence(text)
    return (told | {"open": True}, f"{text}\n{fence}") if fence else (told, text)


def marked(told: dict[str, Json], words: str) -> str:
    """Words below the mark that says what they are."""
    return f"{mark({name: value for name, value in told.items() if value is not None})}\n\n{escaped(words)}"


# --- index --------------------------------------------------------------------------------------------------------------


def index(rows: list[tuple[Conversation, str]], topics: dict[str, Topic], folders: dict[str, str], memories: bool) -> Iterator[str]:
    """What there is, a table of so many rows a block that a file holds several."""
    head = ["| date | title | provider | project | messages |", "|---|---|---|---|---|"]
    lines = []
    for conversation, path in rows:
        told = conversation.head
        project = topics.get(told.project or "")
        cells = (
            day(told.created),
            f"[{_cell(told.title[:_TITLE]) or 'Untitled'}]({href(path)})",
            _cell(conversation.provider),
            _cell(project.name[:_TITLE]) if project else "",
            str(len(conversation.messages)),
        )
        lines.append(f"| {' | '.join(cells)} |")
    yield "# Conversations"
    for first in range(0, max(1, len(lines)), _ROWS):
        yield "\n".join((*head, *lines[first : first + _ROWS]))
    if topics:
        yield "# Projects"
        links = [
            f"- [{_cell(topic.name[:_TITLE]) or 'Unnamed project'}]({href(folders[topic.id])}/project.md)"
            for topic in topics.values()
        ]
        for first in range(0, len(links), _ROWS):
            yield "\n".join(links[first : first + _ROWS])
    if memories:
        yield "[Memories](memories.md)"


_ROWS, _TITLE = 200, 500  # rows of a table, characters of a title in it


def _cell(text: str) -> str:
    return re.sub(r"([\\|\[\]])", r"\\\1", line_of(text))


# --- projects -----------------------------------------------------------------------------------------------------------


def project(topic: Topic, account: Account, room: int) -> tuple[dict[str, Json], list[str]]:
    """The front matter of a project, and its blocks. What is longer than a file may be goes on as a document."""
    account.carry("topic")
    account.carry("document", len(topic.documents))
    account.carry("instructions", int(bool(topic.instructions)))
    account.carry("summary", int(bool(topic.summary)))
    front = {
        "bundle": "project",
        "id": topic.id,
        "kind": topic.kind,
        "provider": topic.provider,
        "provider_id": topic.provider_id,
        "name": topic.name,
        "parent": topic.parent,
    }
    texts: list[tuple[dict[str, Json], str]] = [
        ({"type": kind}, text) for kind, text in (("summary", topic.summary), ("instructions", topic.instructions)) if text
    ]
    texts += [(_document(document.name, document.provider_id), document.text) for document in topic.documents]
    blocks = [f'<a id="{topic.id}"></a>\n\n# {line_of(topic.name) or "Unnamed project"}']
    for told, text in texts:
        first, *rest = chunks(text, room)
        account.lose("document_split", "longer than a file may be: it goes on in documents of its own", len(rest))
        blocks.append(_titled(told, first))
        name = told.get("name") or told["type"]
        blocks += [_titled(_document(f"{name} ({number})", None), words) for number, words in enumerate(rest, 2)]
    return {name: value for name, value in front.items() if value is not None}, blocks


def _document(name: str, provider_id: str | None) -> dict[str, Json]:
    return {"type": "document", "name": name, "provider_id": provider_id}


def _titled(told: dict[str, Json], text: str) -> str:
    told, words = closed(told, text)
    return marked(told, f"{title_of(told)}\n\n{words}")


# --- memories -----------------------------------------------------------------------------------------------------------


def memories(leaving: Iterable[Memory], places: dict[str, str], account: Account, room: int) -> Iterator[str]:
    """A block a memory, below the kind it is of. places: id of a conversation or message -> where it stands."""
    told = [memory for memory in leaving if _says(memory, account)]
    if told:
        yield "# Memories"
    for kind in dict.fromkeys(memory.kind for memory in told):
        heading = f"## {line_of(kind).capitalize() or 'Of no kind'}"
        yield f"{mark({'aside': True, 'shown': heading})}\n\n{heading}"
        for memory in (memory for memory in told if memory.kind == kind):
            account.carry("memory")
            pieces = list(chunks(memory.wording, room))
            account.lose("memory_split", "longer than a file may be: it goes on as a memory of its own", len(pieces) - 1)
            for number, text in enumerate(pieces, 1):
                yield _memory(memory, text, number, places, account)


def _says(memory: Memory, account: Account) -> bool:
    if memory.wording.strip():
        return True
    account.lose("memory", "it has no words")
    account.lose("evidence", "its memory has no words", len(memory.evidence))
    return False


def _memory(memory: Memory, text: str, number: int, places: dict[str, str], account: Account) -> str:
    id = memory.id + (f"-{number}" if number > 1 else "")
    date = utc(memory.created.us) or "time unknown"
    title = f"### {date} · {memory.status} · {memory.authority.replace('_', ' ')}"
    times = {name: _whole(getattr(memory, name)) for name in ("created", "updated", "valid_from", "valid_to")}
    told = {"kind": memory.kind, **times, "topic": memory.topic}
    evidence = [found for found in memory.evidence if found.conversation] if number == 1 else []
    if number == 1:
        account.carry("evidence", len(evidence))
        lost = len(memory.evidence) - len(evidence)
        account.lose("evidence", "it names no conversation, only a place in this vault", lost)
    said, words = closed({"type": "text"}, text)
    lines = [f'<a id="{id}"></a>', "", title, mark({name: value for name, value in told.items() if value is not None}), ""]
    block = "\n".join((*lines, escaped(words) if len(said) == 1 and text.strip() else marked(said, words)))
    if not evidence:
        return block
    rests = marked({"type": "evidence", "evidence": list(map(_named, evidence))}, "\n".join(_evidence(evidence, places)))
    return f"{block}\n\n{rests}"


def _whole(instant: Instant | None) -> dict[str, Json] | None:
    """A time with what its source said of it; None where nothing was said."""
    return None if instant is None or instant == ABSENT else dict(msgspec.to_builtins(instant))


def _named(found: Evidence) -> dict[str, Json]:
    return {name: value for name, value in msgspec.structs.asdict(found).items() if value is not None and name != "origin"}


def _evidence(evidence: Iterable[Evidence], places: dict[str, str]) -> Iterator[str]:
    for found in evidence:
        named = found.message or found.conversation or ""
        span = f", characters {found.start}–{found.end}" if found.start is not None else ""
        if named in places:
            yield f"- Evidence: [{named}]({places[named]}){span}"
        else:
            yield f"- Evidence: {line_of(named)}{span}, not among these files"
