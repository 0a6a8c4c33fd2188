"""Memories as text: what an assistant answers to "export my memories", and what Claude, Gemini and ChatGPT take in.

Read is such an answer, saved as a file: every entry a memory, as a claim of whoever gave it. Nothing vouches for it, neither for
its dates nor that it is all there is; what was said above and below the entries stays beside each of them. A date that is not
known is `[unknown]`, never made up; one that may be read in two ways stays as it was written. Written are three texts to paste;
the first two come back with the same words, days and kinds.

The forms, each as the import page asks another assistant for them (November 2026):
* Claude (support.claude.com, 12123587, and the prompt that its import shows): one code block, a header for each of Instructions,
  Identity, Career, Projects and Preferences, `[YYYY-MM-DD] - entry` or `[unknown] - entry` a line, oldest first, and after the
  block whether that is all. An older prompt asked for no headers.
* Gemini (the prompt that its import shows): under Demographics Information, Interests & Preferences, Relationships, Dated Events,
  Projects & Plans and Instructions, `* entry` and below it `    * Evidence: … Date: [YYYY-MM-DD].`; at the very end
  `Imported from: <name>`.
* ChatGPT (help.openai.com, 8096356) imports nothing: two boxes under Settings > Personalization, 1,500 characters each.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Set
from typing import NamedTuple

from souviens.canon import make_id, rfc3339, unknown, utc
from souviens.delivery import Delivery, Entry, Peek
from souviens.formats import Bytes, Chosen, Guide, Written
from souviens.formats._carving import whole_text
from souviens.formats._fields import NOT_UTF8
from souviens.formats._observations import is_note, kept_by
from souviens.formats._writing import Account, fenced, leaving
from souviens.jsonspan import Glue, Slice
from souviens.records import Extra, Json, Memory, Problem, Reading, Treatment

NAME = "memory_text"
TITLE = "Memories as text (Claude and Gemini memory import, ChatGPT custom instructions)"
READER = 2
SUPPORT = "samples"
PLAIN = frozenset({"memories"})
GUIDE = Guide(
    get=(
        "Claude: Settings > Capabilities > Memory > Start import shows a prompt; Gemini: Settings > Import memory shows its own",
        "ask your assistant with either prompt, and save its whole answer as a text file",
    ),
    bring=(
        "Claude: Settings > Capabilities > Memory > Start import, paste memories.txt, Add to memory",
        "Gemini: Settings > Import memory, paste gemini-memories.txt, Add memory",
        "ChatGPT: Settings > Personalization, paste each part of chatgpt-instructions.txt into its box",
    ),
    notes=("What an assistant answers is no dump: it may leave out, join and reword. An export of the data is better.",),
)
CARRIES = (
    "memories as dated sentences under the five headings of Claude's import, oldest first",
    "the same in the form of Gemini's import",
    "ChatGPT's two boxes, 1,500 characters each",
)
CANNOT = ("conversations", "attachments", "where a memory comes from (its evidence)", "memories a person rejected", "times of day")


# --- the forms ----------------------------------------------------------------------------------------------------------

# A heading, and the kinds under it; the first is that of an entry right below it, another has a heading of its own.
CLAUDE = {
    "Instructions": ("instruction",),
    "Identity": ("fact", "profile", "relationship", "event"),
    "Career": ("skill",),
    "Projects": ("project",),
    "Preferences": ("preference",),
}
GEMINI = {
    "Demographics Information": ("fact", "profile", "skill"),
    "Interests & Preferences": ("preference",),
    "Relationships": ("relationship",),
    "Dated Events, Projects & Plans": ("project", "event"),
    "Instructions": ("instruction",),
}
_BOXES = ("Custom instructions", "More about you")  # ChatGPT's: how it is to answer, and whom
_ASKED = ("instruction", "preference")  # what goes into the first
_KINDS = {heading.casefold(): kinds[0] for form in (GEMINI, CLAUDE) for heading, kinds in form.items()}

_UNKNOWN = r"(?:date )?unknown|undated|no date|n/a"
_DATE = rf"\[\s*(\d{{4}}(?:-\d\d){{0,2}}|{_UNKNOWN})\s*\]"
_ENTRY = re.compile(rf"\s*(?:[-*•]\s+)?{_DATE}\s*[-–—:]\s*(.*\S)\s*", re.IGNORECASE)
# Behind a date that is none of these, or behind a mark.
_LOOSE = re.compile(r"\s*(?:[-*•]\s+)?\[\s*([^\[\]]*[^\[\]\s])\s*\]\s*[-–—:]\s*(.*\S)\s*")
_BULLET = re.compile(r"[*•-]\s+(.*\S)\s*")
_EVIDENCE = re.compile(rf"\s+[*•-]\s+((?:Evidence: )?.*?)\s*(?:Date: {_DATE})?\.?\s*", re.IGNORECASE)
_HEADING = re.compile(
    r"\s*(?:(#{1,6})\s*)?(\*\*)?\s*(?:\d{1,2}[.)]\s*)?(\*\*)?\s*([^*\[\]#]*?[^*\[\]#:\s])\s*:?\s*(?:\*\*)?\s*:?\s*"
)
_FENCE = re.compile(r"\s*(?:`{3,}|~{3,})\w*\s*")
_WORD = re.compile(r"[a-z][a-z0-9 _-]*")  # a kind that can be a heading
_FROM = re.compile(r"(?:Imported from|My AI name is): (.*?\S)\.?\s*", re.IGNORECASE)


# --- what it is -------------------------------------------------------------------------------------------------------


def identify(delivery: Delivery) -> str | None:
    """ "dated": entries behind their days. "evidence": entries with the day below them."""
    shapes = set(_shapes(delivery).values())
    return next((shape for shape in ("dated", "evidence") if shape in shapes), None)


def _shapes(delivery: Delivery) -> dict[str, str]:
    """The files that are lists of memories, by name. In somebody's vault a note is a note, whatever it lists."""
    shapes = [(entry, _shape(delivery.peek(entry), alone=delivery.kind == "file")) for entry in delivery.entries]
    in_a_vault = any(shape and is_note(entry) for entry, shape in shapes) and kept_by(delivery) != ""
    return {entry.name: shape for entry, shape in shapes if shape and not (in_a_vault and is_note(entry))}


def _shape(seen: Peek, *, alone: bool) -> str:
    """Which list of memories a file is; "" for any other text, be it Markdown, a log or a list of changes with dates.

    A list is mostly entries, and has a heading of one of the prompts, a code block around it, or a date that is not known. A file
    that is given alone may be the inside of such a block, as it is copied: an entry a line, and nothing else.
    """
    # A text that begins with a bracket looks like an array, until one tries to read it.
    if seen.look not in ("text", "array", "lines", "unreadable") or b"\0" in seen.head:
        return ""
    found = Found(seen.head.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "ignore"))
    if not found.entries or len(found.beside) > 5 + len(found.entries):
        return ""
    if found.dated and (found.known or found.fenced or any(entry.undated for entry in found.entries) or (alone and found.bare)):
        return "dated"
    return "evidence" if found.known and any(entry.below for entry in found.entries) else ""


def plan(delivery: Delivery) -> dict[str, Treatment]:
    """Lists are cut. Beside a list, ChatGPT's boxes as our writer fills them only say it again."""
    found: dict[str, Treatment] = {}
    shapes = _shapes(delivery)
    for entry in delivery.entries:
        seen = delivery.peek(entry)
        if entry.name in shapes:
            found[entry.name] = "cut"
        elif seen.head.startswith(_BOXES[0].encode()) and b" of 1,500 characters)" in seen.head:
            found[entry.name] = "repeat"
    return found


def sidecars(delivery: Delivery) -> Json:
    return {}


def cut(entry: Entry) -> Iterator[Glue | Slice]:
    return whole_text(entry, "memories")


# --- taking a text apart ------------------------------------------------------------------------------------------------


class Line(NamedTuple):
    """An entry as it stands in a text. start, end: its bytes. below: its evidence stands below it. undated: it says so."""

    start: int
    end: int
    kind: str
    section: str
    date: str | None
    text: str
    evidence: str = ""
    below: bool = False

    @property
    def undated(self) -> bool:
        return self.date is not None and re.fullmatch(_UNKNOWN, self.date, re.IGNORECASE) is not None


class Found:
    """The entries of a text, and what stands beside them: what is said above and below, whose memories they are.

    text: with bytes that are not UTF-8 as surrogates, so that an entry that has some is refused and no other.
    """

    def __init__(self, text: str) -> None:
        self.entries: list[Line] = []
        self.beside: list[str] = []
        self.source = ""
        # Whether an entry behind its day was met, a heading of one of the prompts, a code block.
        self.dated = self.known = self.fenced = False
        self.bare = True  # whether every line is an entry behind a bracket
        self._inside = False  # of a code block
        self._listing = False  # whether bullets belong to the last entry, which ends with a colon
        self._kind, self._section = "fact", ""
        here = 0
        for line in text.split("\n"):
            length = len(line.encode("utf-8", "surrogateescape"))
            self._take(line, here, here + length)
            here += length + 1

    def _take(self, line: str, start: int, end: int) -> None:
        last = self.entries[-1] if self.entries else None
        self.bare &= line[:1] in ("[", "", "\r")
        if match := _ENTRY.fullmatch(line):
            self.dated = True
            self._add(start, end, match[1], match[2])
        elif last is not None and (match := _EVIDENCE.fullmatch(line)) and (match[2] or match[1].lower().startswith("evidence:")):
            self.entries[-1] = last._replace(end=end, date=match[2], evidence=match[1].strip(), below=True)
        elif _FENCE.fullmatch(line):
            self.fenced, self._inside, self._listing = True, not self._inside, False
        elif match := _FROM.fullmatch(line):
            self.source = match[1]
        elif (match := _LOOSE.fullmatch(line)) and (self._inside or re.search(r"\d", match[1])):
            self._add(start, end, match[1], match[2])
        elif self._lists() and (match := _BULLET.fullmatch(line)):
            self._add(start, end, None, match[1])
        elif not self._heads(line) and line.strip():
            if last is not None and (self._inside or line[:1].isspace()):  # the entry goes on
                self.entries[-1] = last._replace(end=end, text=f"{last.text}\n{line.strip()}")
            else:
                self.beside.append(line.strip())

    def _lists(self) -> bool:
        """Whether a bullet here is an entry that bears no day."""
        return not self._listing and (self._inside or (self.known and not self.fenced))

    def _add(self, start: int, end: int, date: str | None, text: str) -> None:
        self._listing = text.endswith(":")
        self.entries.append(Line(start, end, self._kind, self._section, date, text))

    def _heads(self, line: str) -> bool:
        """Whether a line is a heading: of one of the prompts however it is set, any other only if it is set as one."""
        match = _HEADING.fullmatch(line)
        if match is None:
            return False
        kind = _KINDS.get(match[4].casefold())
        if kind is None and not (match[1] or match[2] or match[3]):
            return False
        if kind is not None:
            self.known = True
        self._section, self._listing = match[4], False
        # Below a heading of a prompt our own writer sets one for each kind that the prompt has no heading for.
        own = match[4].casefold() if match[1] == "###" and self.known else ""
        self._kind = kind or (own if _WORD.fullmatch(own) else "fact")
        return True


# --- reading ----------------------------------------------------------------------------------------------------------


def value(slice: Slice) -> Json:
    """What a list says: its entries, whose they are, and what is said beside them."""
    found = _found(slice)
    told = [{"section": e.section, "date": e.date, "text": e.text, "evidence": e.evidence} for e in found.entries]
    return {"entries": told, "from": found.source, "beside": found.beside} if told else {}


def _found(slice: Slice) -> Found:
    return Found(slice.data.decode("utf-8", "surrogateescape"))


def read(slice: Slice, sidecars: Json) -> Reading:
    """Every entry as a memory; two that say the same are one, for they have one id. Their days stand beside it."""
    found, memories, problems = _found(slice), [], []
    for entry in found.entries:
        try:
            (entry.text + entry.evidence + entry.kind).encode()
        except UnicodeEncodeError:
            number = slice.data.count(b"\n", 0, entry.start) + 1
            problems.append(Problem("memory", slice.path, f":{number}", NOT_UTF8))
        else:
            memories.append(_memory(entry, found))
    return Reading(memories=tuple(memories), problems=tuple(problems))


def _memory(entry: Line, found: Found) -> Memory:
    beside = [_readable(line) for line in found.beside]
    extra: Extra = {"section": entry.section, "evidence": entry.evidence, "from": found.source, "beside": beside}
    extra["date"] = None if entry.undated else entry.date
    return Memory(
        id=_id(entry),
        kind=entry.kind,
        text=entry.text,
        authority="imported",
        provider=NAME,
        created=unknown("absent") if entry.date is None else rfc3339(entry.date),
        extra={key: _readable(said) if isinstance(said, str) else said for key, said in extra.items() if said},
    )


def _readable(text: str) -> str:
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _id(entry: Line) -> str:
    return make_id("y", NAME, entry.kind, entry.text)


def locations(slice: Slice) -> dict[str, Bytes]:
    return {}


def traces(slice: Slice, ids: Set[str]) -> list[Bytes]:
    """The lines of an entry, wherever it stands."""
    return [Bytes(entry.start, entry.end) for entry in _found(slice).entries if _id(entry) in ids]


# --- writing ------------------------------------------------------------------------------------------------------------

_BOX = 1_500  # characters, as ChatGPT counts them
_LONG = 300  # characters: a profile's paragraph beyond this is prose, and goes out sentence by sentence
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+|(?<=[。！？])\s*")


def write(chosen: Chosen) -> Written:
    """`memories.txt`, `gemini-memories.txt` and `chatgpt-instructions.txt`; none if there is no memory to give out."""
    account = Account(chosen)
    memories: list[Memory] = []
    said: set[tuple[str, ...]] = set()
    for memory in leaving(chosen, account):
        entries = (memory.kind, *_sentences(memory))
        if not memory.wording.strip():
            account.lose("memory", "it has no words")
        elif entries in said:
            account.lose("memory", "it says the same as another")
        else:
            said.add(entries)
            memories.append(memory)
    account.carry("memory", len(memories))
    split = sum(len(_sentences(memory)) - 1 for memory in memories)
    account.lose("memory_split", "a profile goes out paragraph by paragraph, each an entry of its own", split)
    timed = sum(memory.created.us is not None and memory.created.zone != "day" for memory in memories)
    account.lose("time_of_day", "a pasted line has a day only", timed)
    files: dict[str, bytes] = {}
    if memories:
        block = fenced(_sections(CLAUDE, memories, _dated))
        files["memories.txt"] = f"{block}\nThis is the complete set of the memories chosen.\n".encode()
        files["gemini-memories.txt"] = f"{_sections(GEMINI, memories, _evidenced)}\n\nImported from: {_source(memories)}\n".encode()
        files["chatgpt-instructions.txt"] = _boxes(memories, account).encode()
    return account.written(
        files,
        {
            "conversation": "no provider takes conversations as pasted text",
            "evidence": "a pasted line is the sentence and its date only",
            "topic": "no place for a project; its memories are under Projects",
        },
        "a pasted text holds memories only",
    )


def _sections(form: dict[str, tuple[str, ...]], memories: list[Memory], entry: Callable[[str, str], str]) -> str:
    """The entries under the headings of a form. A kind without a heading has one below that of facts: ours, for our reader."""
    homes = {kind: (heading, kind != kinds[0]) for heading, kinds in form.items() for kind in kinds}
    blocks: dict[tuple[str, str], list[Memory]] = {(heading, ""): [] for heading in form}
    for memory in memories:
        kind = memory.kind if _WORD.fullmatch(memory.kind) else "fact"
        heading, below = homes.get(kind, (homes["fact"][0], True))
        blocks.setdefault((heading, kind if below else ""), []).append(memory)
    lines: list[str] = []
    for heading in form:
        under = {kind: found for (above, kind), found in blocks.items() if above == heading and found}
        lines += [f"## {heading}"] if under else []
        for kind in sorted(under):
            lines += [f"### {kind.capitalize()}"] if kind else []
            lines += [entry(date, words) for date, words in _entries(under[kind])]
    return "\n".join(lines)


def _entries(memories: list[Memory]) -> Iterator[tuple[str, str]]:
    """(day, words), oldest first, as the prompts ask; those without a day last."""
    for memory in sorted(memories, key=lambda m: (m.created.us is None, (utc(m.created.us) or "")[:10])):
        for sentence in _sentences(memory):
            yield (utc(memory.created.us) or "unknown")[:10], sentence


def _dated(date: str, words: str) -> str:
    return f"[{date}] - {words}"


def _evidenced(date: str, words: str) -> str:
    return f"* {words}\n    * Date: [{date}]."


def _source(memories: list[Memory]) -> str:
    """Whose memories they are, in the one word that Gemini asks for."""
    providers = {memory.provider for memory in memories}
    name = providers.pop() if len(providers) == 1 else ""
    return {"": "souviens", "chatgpt": "ChatGPT"}.get(name, name.replace("_", " ").capitalize())


def _sentences(memory: Memory) -> list[str]:
    """One line for a statement; a profile is split into its paragraphs, and a long paragraph into its sentences, in order."""
    if memory.kind != "profile":
        return [_folded(memory.wording)]
    out: list[str] = []
    for paragraph in filter(None, map(_folded, memory.wording.splitlines())):
        out += filter(None, _SENTENCE_END.split(paragraph)) if len(paragraph) > _LONG else [paragraph]
    return out


def _folded(text: str) -> str:
    """In one line. A NUL would make the file no text."""
    return " ".join(text.replace("\0", "\ufffd").split())


def _boxes(memories: list[Memory], account: Account) -> str:
    """Whole memories only: one that does not fit is left out, and a later, shorter one may still go in."""
    boxes: list[str] = []
    for box in _BOXES:
        lines: list[str] = []
        used = 0
        for memory in (memory for memory in memories if (memory.kind in _ASKED) == (box == _BOXES[0])):
            line = _folded(memory.wording)
            if (length := used + _units(line) + bool(lines)) <= _BOX:
                used = length
                lines.append(line)
                account.carry("chatgpt_instruction")
            else:
                account.lose("chatgpt_instruction", f"does not fit into ChatGPT's box of {_BOX:,} characters")
        boxes.append("\n".join([box, f"({used:,} of {_BOX:,} characters)", "", *lines, ""]))
    return "\n".join(boxes)


def _units(text: str) -> int:
    """Length as a browser counts it, in UTF-16 units."""
    return len(text.encode("utf-16-le")) // 2
