"""Sources a model names: `citations`, `content_references` and `search_result_groups` of a message's metadata."""

from __future__ import annotations

from souviens.formats.chatgpt.known import take
from souviens.records import Citation, Extra, Json

# list in the metadata -> names of its offsets, and where each entry keeps its sources.
_LISTS = {
    "citations": ("start_ix", "end_ix", "metadata"),
    "content_references": ("start_idx", "end_idx", "items"),
    "search_result_groups": ("start_idx", "end_idx", "entries"),
}


def citations(metadata: dict[str, Json]) -> list[Citation]:
    """Take every entry that carries an address or a title out of `metadata`; entries that carry none stay there.

    What a Citation has no field for goes to its `extra`, under the name of the list it stood in.
    """
    found: list[Citation] = []
    for name in _LISTS:
        entries = metadata.get(name)
        if not entries or not isinstance(entries, list):
            continue
        rest: list[Json] = []
        for entry in entries:
            cited = _cited(name, entry) if isinstance(entry, dict) else []
            found += cited
            if not cited:
                rest.append(entry)
        metadata[name] = rest
    return found


def _cited(name: str, entry: dict[str, Json]) -> list[Citation]:
    start_key, end_key, inner = _LISTS[name]
    entry = dict(entry)
    span = _offset(entry, start_key), _offset(entry, end_key)
    if _names_source(entry):
        return [_citation(entry, span, {name: entry})]
    within = entry.get(inner)
    if isinstance(within, dict) and _names_source(within):
        entry[inner] = within = dict(within)
        return [_citation(within, span, {name: entry})]
    if not isinstance(within, list):
        return []
    sources = [dict(source) for source in within if isinstance(source, dict) and _names_source(source)]
    if not sources:
        return []
    entry[inner] = [source for source in within if not isinstance(source, dict) or not _names_source(source)]
    cited = [_citation(source, span, {f"{name}.{inner}": source}) for source in sources]
    cited[0].extra[name] = entry
    return cited


def _names_source(fields: dict[str, Json]) -> bool:
    return any(isinstance(fields.get(key), str) and fields[key] for key in ("url", "title"))


def _citation(source: dict[str, Json], span: tuple[int | None, int | None], extra: Extra) -> Citation:
    """A citation of `source`, which keeps (inside `extra`) only what found no field."""
    uri, title = take(source, "url"), take(source, "title")
    text = take(source, "text") or take(source, "snippet")
    return Citation(uri, title, text, *span, extra)


def _offset(fields: dict[str, Json], key: str) -> int | None:
    value = fields.get(key)
    return fields.pop(key) if isinstance(value, int) and not isinstance(value, bool) else None
