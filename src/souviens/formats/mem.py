"""Portable Memory bundles (`.mem`), formats 1.0 and 1.1, to be read: a folder, or a zip of one.

`manifest.json` says what there is, `items/<kind>.jsonl` holds a record a line, `audit/tombstones.jsonl` names what was deleted, and
`CHECKSUMS` the SHA-256 of each file. Facts and edges hold from `tValidFrom` to `tValidTo`. What a tombstone names, and what cannot
be without it, is not remembered, even if a stale row still ships it. Kinds of a vendor's own are kept as they are; references to
secrets are withheld. Source: the specification of MacPaw/portable-memory and its schemas.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Set
from decimal import Decimal

from msgspec.structs import replace

from souviens.canon import ABSENT, Instant, canonical, make_id, sha256
from souviens.delivery import Delivery, Entry, Peek
from souviens.errors import SourceError
from souviens.formats import Guide, Place
from souviens.formats._carving import cut_lines
from souviens.formats._dialogue import loaded
from souviens.formats._fields import Fields, Unknown
from souviens.formats._statements import NO_WORDS, Statement, stated, whole
from souviens.jsonspan import Glue, Slice, cut_elements, decode
from souviens.records import Document, Json, Memory, Problem, Reading, Topic, Treatment

NAME = "mem"
TITLE = "Portable Memory bundle (.mem)"
READER = 2
SUPPORT = "samples"
GUIDE = Guide(
    get=("in the program that keeps the memory: export as .mem, a folder or a zip of it",),
    notes=("Signatures are not checked: nobody gave a key to trust. CHECKSUMS are.",),
)
_SECRETS = "secretRef"
_TOMBSTONES = "audit/tombstones.jsonl"
_SENSITIVITY = {"high": 3, "critical": 4, "restricted": 4, "secret": 4}  # a provider's word may close, never open
# What a record cannot be without: field -> kind of what it names.
_NEEDS = {
    "fact": {"episodeID": "episode"},
    "edge": {"srcEntityID": "entity", "dstEntityID": "entity"},
    "chunk": {"resourceID": "resource"},
    "episodeLink": {"srcEpisodeID": "episode", "dstEpisodeID": "episode"},
    "factLink": {"srcFactID": "fact", "dstFactID": "fact"},
}
_KNOWN = frozenset({
    "id", "eventTime", "mentionTime", "sourceType", "sourceID", "actors", "summary", "sensitivity", "deletedAt", "metadata",
    "categories", "importance", "confidence", "lifecycleState", "extractionState", "lastAccessed", "accessCount", "pinned",
    "expirationDate", "vaultRefs", "speaker", "contextID", "episodeID", "subject", "predicate", "object", "supersededBy",
    "reconciledAt", "lastReinforcedAt", "prunedAt", "srcEntityID", "dstEntityID", "edgeType", "evidenceEpisodeIDs", "srcFactID",
    "dstFactID", "srcEpisodeID", "dstEpisodeID", "linkType", "weight", "charBudget", "version", "key", "value", "name",
    "triggerPattern", "steps", "successCount", "failureCount", "lastUsed", "enabled", "type", "aliases", "label", "parentID",
    "archived", "memberEntityIDs", "uri", "mimeType", "contentHash", "position", "contextPrefix", "claimClass", "assertedBy",
    "mergedFrom", "visibility",
})  # fmt: skip
_KNOWN_MANIFEST = frozenset({
    "format", "specURL", "generator", "conformanceLevel", "exportMode", "since", "coverage", "scopes", "schemaVersion",
    "embeddingModel", "embeddingDim", "embeddingsIncluded", "capabilities", "counts", "files", "bundleDigest",
})  # fmt: skip


# --- what it is -------------------------------------------------------------------------------------------------------


def identify(delivery: Delivery) -> str | None:
    """The bundle's format, as "1.1"."""
    for entry in delivery.entries:
        seen = delivery.peek(entry)
        if _is_manifest(seen):
            return ".".join(str(seen.first.get("format", "bundle")).split(".")[:2])
    return None


def _is_manifest(seen: Peek) -> bool:
    named = seen.look == "object" and seen.has("format", "generator", "counts", "files")
    files = seen.first.get("files")
    return named and isinstance(files, list) and all(isinstance(file, dict) and {"path", "sha256"} <= file.keys() for file in files)


def _folders(delivery: Delivery) -> dict[str, Entry]:
    """The folder of each bundle, with a "/" behind it unless it is the delivery itself, and its manifest."""
    found = [entry for entry in delivery.entries if _is_manifest(delivery.peek(entry))]
    return {entry.name[: entry.name.rfind("/") + 1]: entry for entry in found}


def plan(delivery: Delivery) -> dict[str, Treatment]:
    """The kinds of the specification are cut, and the manifest, whose reading tells of broken files. References to secrets are
    withheld. A vendor's own kinds, vectors, logs and tombstones are kept."""
    found: dict[str, Treatment] = {}
    for folder, manifest in _folders(delivery).items():
        found[manifest.name] = "cut"
        for entry in delivery.entries:
            kind = _kind(entry.name)
            if entry.name == f"{folder}items/{kind}.jsonl" and (kind in _KINDS or kind == _SECRETS):
                found[entry.name] = "cut" if kind in _KINDS else "withhold"
    return found


def _kind(name: str) -> str:
    return name.rpartition("/")[2].removesuffix(".jsonl")


def sidecars(delivery: Delivery) -> Json:
    """By folder: the ids that are gone, by kind, and what is wrong with files. Tombstones count without their manifest, which may
    have been erased. Of a source read back out of a vault no bytes are checked: what was withheld or erased is not in them."""
    stones = (entry for entry in delivery.entries if entry.name.endswith(_TOMBSTONES))
    aside: dict[str, Json] = {entry.name.removesuffix(_TOMBSTONES): {"gone": _gone(entry), "flaws": []} for entry in stones}
    for folder, manifest in _folders(delivery).items() if delivery.kind != "stored" else ():
        aside.setdefault(folder, {"gone": {}})["flaws"] = list(_flaws(delivery, folder, manifest))
    return aside


def cut(entry: Entry) -> Iterator[Glue | Slice]:
    if entry.name.endswith(".jsonl"):
        yield from cut_lines(entry, _kind(entry.name))
        return
    with entry.open() as stream:
        yield from cut_elements(stream, path=entry.name, kind="manifest")


# --- what the bundle says of itself -----------------------------------------------------------------------------------


def _gone(tombstones: Entry) -> dict[str, set[str]]:
    """What was deleted or redacted, and what went with it."""
    gone: dict[str, set[str]] = {}
    for row in _rows(tombstones):
        kind, id, derived = row.get("targetKind"), row.get("targetID"), row.get("derived")
        if isinstance(kind, str) and isinstance(id, str):
            gone.setdefault(kind, set()).add(id)
        for key, ids in derived.items() if isinstance(derived, dict) else ():
            if key.endswith("IDs") and isinstance(ids, list):
                gone.setdefault(key.removesuffix("IDs"), set()).update(id for id in ids if isinstance(id, str))
    return gone


def _rows(entry: Entry) -> Iterator[dict[str, Json]]:
    try:
        pieces = list(cut_lines(entry, "tombstone"))
    except SourceError:
        return
    yield from (piece.value for piece in pieces if isinstance(piece, Slice) and isinstance(piece.value, dict))


def _flaws(delivery: Delivery, folder: str, manifest: Entry) -> Iterator[list[str]]:
    """(path, what is wrong): every file is held against CHECKSUMS, and that against the manifest."""
    checksums = delivery.entry(f"{folder}CHECKSUMS")
    if checksums is None:
        yield [f"{folder}CHECKSUMS", "is not there: nothing shows that the bundle is whole"]
        return
    lines = [line.partition("  ") for line in _read(checksums).decode("utf-8", "replace").splitlines()]
    named = {path: digest for digest, _, path in lines if path}
    digests = {path: _digest(delivery.entry(folder + path)) for path in named}
    for path, digest in digests.items():
        if digest != named[path]:
            yield [
                folder + path,
                "its bytes are not those that CHECKSUMS names" if digest else "CHECKSUMS names it, and it is not there",
            ]
    for entry in delivery.entries:
        path = entry.name.removeprefix(folder)
        if entry.name.startswith(folder) and path.startswith(("items/", "audit/", "embeddings/")) and path not in named:
            yield [entry.name, "CHECKSUMS does not name it"]
    said = _manifest(manifest)
    if isinstance(said.get("bundleDigest"), str) and said["bundleDigest"] != _digest(checksums):
        yield [checksums.name, "its bytes are not those that the manifest names"]
    for file in said["files"] if isinstance(said.get("files"), list) else ():
        said_of = file.get("path") if isinstance(file, dict) else None
        if isinstance(said_of, str) and named.get(said_of) != file.get("sha256"):
            yield [folder + said_of, "CHECKSUMS and the manifest do not agree on it"]


def _manifest(entry: Entry) -> dict[str, Json]:
    try:
        value = decode(_read(entry).removeprefix(b"\xef\xbb\xbf"))[0]
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def _read(entry: Entry) -> bytes:
    try:
        with entry.open() as stream:
            return stream.read()
    except SourceError:
        return b""


def _digest(entry: Entry | None) -> str:
    """The SHA-256 of a file, "" if it cannot be read."""
    try:
        return _hashed(entry) if entry is not None else ""
    except SourceError:
        return ""


def _hashed(entry: Entry) -> str:
    digest = hashlib.sha256()
    with entry.open() as stream:
        while chunk := stream.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()


# --- reading ----------------------------------------------------------------------------------------------------------


def read(slice: Slice, sidecars: Json) -> Reading:
    """A row of a kind that the specification knows, unless it was deleted; or the manifest, with what is wrong with files."""
    slice = loaded(slice)
    folder = slice.path[: slice.path.rfind("/") + 1].removesuffix("items/")
    aside = sidecars.get(folder, {"gone": {}, "flaws": []})
    if slice.kind == "manifest":
        flaws = tuple(Problem("source", path, "", reason) for path, reason in aside["flaws"])
        reading = stated(slice, _bundle(slice))
        return replace(reading, problems=(*reading.problems, *flaws))
    if isinstance(slice.value, dict) and (reason := _deleted(slice.kind, slice.value, aside["gone"])):
        return Reading(problems=(Problem("memory", slice.path, slice.where, reason),))
    return stated(slice, _KINDS.get(slice.kind, _no_kind))


def locations(slice: Slice) -> dict[str, tuple[str | int, ...]]:
    return {}


def traces(slice: Slice, ids: Set[str]) -> list[Place]:
    return whole(read(slice, {}), ids)


def _deleted(kind: str, row: dict[str, Json], gone: dict[str, set[str]]) -> str:
    """Why a row is not remembered, "" if it is."""
    if row.get("deletedAt") is not None:
        return "marked as deleted where it comes from"
    own = next((row[key] for key in ("id", "key", "name") if isinstance(row.get(key), str)), None)
    if own in gone.get(kind, ()):
        return "deleted by a tombstone of the bundle"
    if any(
        row.get(field) in gone.get(needed, ()) for field, needed in _NEEDS.get(kind, {}).items() if isinstance(row.get(field), str)
    ):
        return "what it rests on was deleted by a tombstone of the bundle"
    episodes = row.get("evidenceEpisodeIDs")
    evidence = {episode for episode in episodes if isinstance(episode, str)} if isinstance(episodes, list) else set()
    if evidence and evidence <= gone.get("episode", set()):
        return "all it rests on was deleted by a tombstone of the bundle"
    return ""


def _no_kind(fields: Fields, unknown: Unknown) -> str:
    return "of a kind that the specification does not know"


def _bundle(slice: Slice) -> Statement:
    def bundle(fields: Fields, unknown: Unknown) -> Topic:
        created = fields.time("createdAt")
        name = fields.text("generator")
        extra = fields.rest(_KNOWN_MANIFEST, "manifest", unknown)
        return Topic(make_id("t", NAME, "bundle", sha256(slice.data)), "area", name, NAME, created=created, extra=extra)

    return bundle


# --- memories ---------------------------------------------------------------------------------------------------------


def _memory(
    kind: str,
    row: str,
    text: str,
    fields: Fields,
    unknown: Unknown,
    *,
    identity: str = "",
    created: Instant = ABSENT,
    valid_from: Instant | None = None,
    valid_to: Instant | None = None,
) -> Memory | str:
    """A memory of a row. row: its kind in the bundle. identity: beside the row's own id. Numbers stay in `extra` as written."""
    if not text:
        return NO_WORDS
    id, context, word = fields.identifier("id"), fields.left.get("contextID"), fields.left.get("sensitivity")
    return Memory(
        id=make_id("y", NAME, row, id or text, *([identity] if identity else [])),
        kind=kind,
        text=text,
        authority="imported",
        provider=NAME,
        provider_id=id,
        created=created,
        valid_from=valid_from,
        valid_to=valid_to,
        belief=_share(fields.left.get("confidence")),
        weight=_share(fields.left.get("importance")),
        sensitivity=_SENSITIVITY.get(word.lower()) if isinstance(word, str) else None,
        topic=make_id("t", NAME, "context", context) if isinstance(context, str) and context else None,
        extra=fields.rest(_KNOWN, row, unknown),
    )


def _share(number: Json) -> float | None:
    is_share = isinstance(number, (int, Decimal)) and not isinstance(number, bool) and 0 <= number <= 1
    return float(number) if is_share else None


def _words(fields: Fields, *keys: str) -> str:
    """The words of several fields, which stay where they are."""
    return " ".join(word for key in keys if isinstance(word := fields.left.get(key), str) and word)


def _episode(fields: Fields, unknown: Unknown) -> Memory | str:
    """The atomic memory. Created when it was stored; when it happened and when it was said stay beside that."""
    text = fields.text("details", "summary")
    kind = "event" if fields.left.get("sourceType") == "event" else "fact"
    return _memory(kind, "episode", text, fields, unknown, created=fields.time("ingestionTime"))


def _fact(fields: Fields, unknown: Unknown) -> Memory | str:
    text = fields.text("text") or _words(fields, "subject", "predicate", "object")
    created, start, end = fields.time("createdAt"), fields.bound("tValidFrom"), fields.bound("tValidTo")
    return _memory("fact", "fact", text, fields, unknown, created=created, valid_from=start, valid_to=end)


def _edge(fields: Fields, unknown: Unknown) -> Memory | str:
    text = _words(fields, "srcEntityID", "edgeType", "dstEntityID")
    created, start, end = fields.time("ingestionTime"), fields.bound("tValidFrom"), fields.bound("tValidTo")
    return _memory("relationship", "edge", text, fields, unknown, created=created, valid_from=start, valid_to=end)


def _episode_link(fields: Fields, unknown: Unknown) -> Memory | str:
    text = _words(fields, "srcEpisodeID", "linkType", "dstEpisodeID")
    return _memory("relationship", "episodeLink", text, fields, unknown, created=fields.time("createdAt"))


def _fact_link(fields: Fields, unknown: Unknown) -> Memory | str:
    text = _words(fields, "srcFactID", "linkType", "dstFactID")
    return _memory("relationship", "factLink", text, fields, unknown, created=fields.time("createdAt"))


def _core(fields: Fields, unknown: Unknown) -> Memory | str:
    """A profile block. Its id is what it is about ("human"), and its row has no time: another text stands beside it."""
    text = fields.text("content")
    return _memory("profile", "core", text, fields, unknown, identity=text)


def _preference(fields: Fields, unknown: Unknown) -> Memory | str:
    """A value that is no text reads as it was written."""
    said = [fields.left.get(key) for key in ("key", "value")]
    words = [word if isinstance(word, str) else canonical(word).decode() for word in said if word is not None]
    return _memory("preference", "preference", ": ".join(words), fields, unknown)


def _procedure(fields: Fields, unknown: Unknown) -> Memory | str:
    steps = fields.left.get("steps")
    lines = [_words(fields, "name"), *(steps if isinstance(steps, list) else ())]
    text = "\n".join(line for line in lines if isinstance(line, str) and line)
    return _memory("skill", "procedure", text, fields, unknown, created=fields.time("createdAt"))


# --- topics -----------------------------------------------------------------------------------------------------------


def _topic(row: str, kind: str, name: str, summary: str = "", created: str = "createdAt", updated: str = "updatedAt") -> Statement:
    """How a row of this kind becomes a topic: which of its fields is what."""

    def topic(fields: Fields, unknown: Unknown) -> Topic | str:
        title, id = fields.text(name), fields.identifier("id")
        parent = fields.left.get("parentID")
        if not (title or id):
            return "has neither a name nor an id"
        return Topic(
            id=make_id("t", NAME, row, id or title),
            kind=kind,
            name=title,
            provider=NAME,
            provider_id=id,
            parent=make_id("t", NAME, row, parent) if isinstance(parent, str) and parent else None,
            summary=fields.text(summary) if summary else "",
            created=fields.time(created),
            updated=fields.updated(updated),
            extra=fields.rest(_KNOWN, row, unknown),
        )

    return topic


def _chunk(fields: Fields, unknown: Unknown) -> Topic | str:
    """A piece of a resource: a document of its topic."""
    resource, id, text = fields.identifier("resourceID"), fields.identifier("id"), fields.text("text")
    if not text:
        return NO_WORDS
    position = fields.left.get("position")
    name = f"{position}" if isinstance(position, int) else id or ""
    piece = Document(name, text, id, extra=fields.rest(_KNOWN, "chunk", unknown))
    return Topic(make_id("t", NAME, "resource", resource or text), "topic", "", NAME, resource, documents=(piece,))


_KINDS: dict[str, Statement] = {
    "episode": _episode,
    "fact": _fact,
    "edge": _edge,
    "episodeLink": _episode_link,
    "factLink": _fact_link,
    "core": _core,
    "preference": _preference,
    "procedure": _procedure,
    "entity": _topic("entity", "topic", "canonicalName", "summary"),
    "community": _topic("community", "topic", "label", "summary"),
    "category": _topic("category", "topic", "name", "description"),
    "context": _topic("context", "area", "label"),
    "resource": _topic("resource", "topic", "title", "summary", "created", "modified"),
    "chunk": _chunk,
}
