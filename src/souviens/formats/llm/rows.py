"""Part of llm: the rows of a conversation, gathered from two models of the same data.

Until 0.31 a turn is a row of `responses`. Since 0.32 it is a row of `turns` between two `messages`, which are shared: each stands
below its parent and is known by a hash of all that was said up to it. Going on with an older conversation writes its history anew
as such messages; those are left out here, and what comes after them hangs on the responses that they repeat.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from souviens.formats._rows import Shelf, as_json, without
from souviens.jsonspan import decode
from souviens.records import Json
from souviens.rowstore import Row

# Columns that hold JSON, whatever the table: it stands in the slice as what it is.
_JSON = {
    "options_json",
    "response_json",
    "prompt_json",
    "token_details",
    "arguments",
    "input_schema",
    "provider_metadata",
    "payload",
}


def gather(shelf: Shelf) -> Iterator[Row]:
    """One object for each conversation, with "messages" and, where there are such, its rows "conversation" and "thread", the "tip",
    "turns" whose messages are gone, and what was "sent"."""
    reached: set[Json] = set()
    for id in _ids(shelf):
        yield _Gathering(shelf, reached).of(id)
    for response in shelf.seen("responses"):
        if not isinstance(response["conversation_id"], str):
            shelf.give("responses", response)
            yield _Gathering(shelf, reached).alone(response)
    for message in shelf.seen("messages"):
        if not isinstance(message["hash"], str) or message["hash"] not in reached:
            shelf.give("messages", message)
            yield _Gathering(shelf, reached).below(message)


def _ids(shelf: Shelf) -> list[str]:
    """The ids of all conversations and threads, whether a row of their own tells of them or only what belongs to them."""
    told: dict[str, None] = {}
    for table, column in (("conversations", "id"), ("responses", "conversation_id"), ("threads", "id"), ("turns", "thread_id")):
        told |= dict.fromkeys(row[column] for row in shelf.seen(table) if isinstance(row.get(column), str))
    return list(told)


@dataclass
class _Gathering:
    """One conversation. reached: hashes of the messages that any conversation has. spoken: role and words of each response's
    messages, with the id it gets. instead: hash of a message that repeats one of these -> its id."""

    shelf: Shelf
    reached: set[Json]
    messages: list[Row] = field(default_factory=list)
    sent: list[Row] = field(default_factory=list)
    spoken: list[tuple[str, str, str]] = field(default_factory=list)
    instead: dict[Json, str] = field(default_factory=dict)
    held: set[Json] = field(default_factory=set)

    def of(self, id: str) -> Row:
        """The conversation of this id."""
        for response in sorted(self.shelf.of("responses", "conversation_id", id), key=lambda row: str(row["id"])):
            if not self.shelf.of("turns", "id", response["id"]):
                self._respond(response)
        threads, turns = self.shelf.of("threads", "id", id), self.shelf.of("turns", "thread_id", id)
        for turn in sorted(turns, key=lambda row: str(row["id"])):
            self._follow(turn["tip_message_hash"] or turn["parent_message_hash"])
        for thread in threads:
            self._follow(thread["tip_message_hash"])
        document = self._document(conversation=self.shelf.of("conversations", "id", id), thread=threads)
        if not document.keys() & {"conversation", "thread"}:
            document["conversation"] = {"id": id}
        if threads and (tip := self.instead.get(_text(threads[0]["tip_message_hash"]))):
            document["tip"] = tip
        placed = {message.get("hash") for message in self.messages}
        if unplaced := [self._turn(turn) for turn in turns if _text(turn["tip_message_hash"]) not in placed]:
            document["turns"] = unplaced
        return document

    def alone(self, response: Row) -> Row:
        """A response that belongs to no conversation."""
        self._respond(response)
        return self._document(conversation=[{"id": response["id"]}])

    def below(self, message: Row) -> Row:
        """A message that belongs to no thread, with all that stand on it."""
        waiting = [_text(message["hash"])]
        while waiting:
            self._follow(waiting[-1])
            above = self.shelf.of("messages", "parent_hash", waiting.pop())
            waiting += [row["hash"] for row in above if isinstance(row["hash"], str) and row["hash"] not in self.held]
        if not self.messages:
            self.messages.append(self._message(message))
        return self._document(conversation=[{"id": self.messages[0].get("hash")}])

    def _document(self, **heads: list[Row]) -> Row:
        head = {name: without(rows[0]) for name, rows in heads.items() if rows}
        return {**head, "messages": self.messages, **({"sent": self.sent} if self.sent else {})}

    # --- responses ----------------------------------------------------------------------------------------------------

    def _respond(self, row: Row) -> None:
        """The up to four messages of a response: what the system said, what tools answered, what was asked, and the response."""
        id, shelf = row["id"], self.shelf
        common = without({"response": id, "datetime_utc": row.get("datetime_utc")})
        system = [*self._fragments("system_fragments", "response_id", id), *_said(row, "system")]
        results = [self._tool_result(result) for result in shelf.of("tool_results", "response_id", id)]
        asked = [*self._fragments("prompt_fragments", "response_id", id), *_said(row, "prompt")]
        files = self._attachments("prompt_attachments", "response_id", id)
        if system:
            self._add({**common, "role": "system", "parts": system})
        if results:
            self._add({**common, "role": "tool", "parts": results})
        if asked or files or not results:
            self._add({**common, "role": "user", "parts": asked, **({"attachments": files} if files else {})})
        own = _written(without(row, "id", "conversation_id", "system", "prompt", "prompt_json", "response", "schema_id"))
        parts = [{"type": "reasoning", "text": own.pop("reasoning")}] if own.get("reasoning") else []
        parts += _said(row, "response")
        calls = [
            {"type": "tool_call", **without(call, "id", "response_id", "tool_id")}
            for call in shelf.of("tool_calls", "response_id", id)
        ]
        own |= {"role": "assistant", "parts": [*parts, *map(_written, calls)]}
        self._add({**common, **own, **self._given("tool_responses", "response_id", row)})
        if row.get("prompt_json") is not None:
            self.sent.append({"response": id, "prompt_json": as_json(row["prompt_json"])})

    def _add(self, message: Row) -> None:
        role, id = message["role"], message.get("response")
        self.spoken.append((role, _words(message), str(id) if role == "assistant" else f"{id}/{role}"))
        self.messages.append(message)

    def _tool_result(self, row: Row) -> Row:
        result = _written({"type": "tool_result", **without(row, "id", "response_id", "tool_id", "instance_id")})
        instances = [_written(without(found, "id")) for found in self._rows("tool_instances", row.get("instance_id"))]
        files = self._attachments("tool_results_attachments", "tool_result_id", row.get("id"))
        return {**result, **({"instance": instances[0]} if instances else {}), **({"attachments": files} if files else {})}

    # --- threads ------------------------------------------------------------------------------------------------------

    def _follow(self, tip: Json) -> None:
        """The messages from the first to this one, in this order, but for those that are there already or repeat a response."""
        chain: list[Row] = []
        while isinstance(tip, str) and tip not in self.held and (found := self.shelf.of("messages", "hash", tip)):
            self.held.add(tip)
            chain.append(found[0])
            tip = found[0]["parent_hash"]
        self.reached.update(row["hash"] for row in chain)
        for row, message in reversed(self._dated([(row, self._message(row)) for row in chain])):
            parent = _text(row["parent_hash"])
            before = self.instead.get(parent)
            if parent and parent not in self.held:
                message["after"] = parent  # what it stands on is gone
            if (before or not parent) and (repeated := self._repeated(before, str(row["role"]), _words(message))):
                self.instead[row["hash"]] = repeated
                continue
            if before:
                message["after"] = before
            self.messages.append(message)

    def _repeated(self, before: str | None, role: str, words: str) -> str | None:
        """The id of a response's message that says the same, all those before having been repeated as well."""
        at = 1 + [key for *_, key in self.spoken].index(before) if before else 0
        while at < len(self.spoken) and self.spoken[at][:2] != (role, words) and self.spoken[at][0] == "system":
            at += 1
        return self.spoken[at][2] if at < len(self.spoken) and self.spoken[at][:2] == (role, words) else None

    def _dated(self, chain: list[tuple[Row, Row]]) -> list[tuple[Row, Row]]:
        """Messages from the last to the first, those that a turn was given or wrote on its way with that turn's time and model."""
        turn: Row = {}
        wrote = False
        for row, message in chain:
            if turns := message.get("turns"):
                turn, wrote = turns[0], True
            wrote = wrote and row["hash"] != turn.get("parent_message_hash")
            if not turns and "datetime_utc" in turn:
                message["datetime_utc"] = turn["datetime_utc"]
            if not turns and wrote and "model" in turn:
                message["model"] = turn["model"]
        return chain

    def _message(self, row: Row) -> Row:
        own = _written(without(row))
        parts = self.shelf.of("parts", "message_hash", row["hash"])
        own["parts"] = [self._part(part) for part in sorted(parts, key=lambda part: _rank(part["position"]))]
        if turns := self.shelf.of("turns", "tip_message_hash", row["hash"]):
            own["turns"] = [self._turn(turn) for turn in turns]
        return own

    def _part(self, row: Row) -> Row:
        """A part with what its payload only points to. What the payload says is not said twice."""
        payload = as_json(row.get("payload"))
        own = _written(without(row, "id", "message_hash", "position", *(["tool_name"] if isinstance(payload, bytes) else [])))
        fragments = self._fragments("part_fragments", "part_id", row["id"])
        files = self._attachments("part_attachments", "part_id", row["id"])
        if len(files) == 1 and isinstance(payload, bytes) and decode(payload)[0] == {"attachment": {"id": files[0].get("id")}}:
            del own["payload"]
        return {**own, **({"fragments": fragments} if fragments else {}), **({"attachments": files} if files else {})}

    def _turn(self, row: Row) -> Row:
        """A call of a model, and what it was given: tools, fragments by their numbers, which instances served its tools."""
        own = _written(without(row, "tip_message_hash", "schema_id"))
        own |= self._given("turn_tools", "turn_id", row)
        for table in ("turn_fragments", "tool_instantiations"):
            if found := self.shelf.of(table, "turn_id", row["id"]):
                own[table] = [self._with_instance(without(each, "turn_id")) for each in found]
        return own

    # --- what rows point to -------------------------------------------------------------------------------------------

    def _rows(self, table: str, id: Json) -> list[Row]:
        return [] if id is None else self.shelf.of(table, "id", id)

    def _with_instance(self, row: Row) -> Row:
        instances = [_written(without(found, "id")) for found in self._rows("tool_instances", row.get("instance_id"))]
        return {**without(row, "instance_id"), "instance": instances[0]} if instances else row

    def _given(self, table: str, column: str, row: Row) -> Row:
        """The schema and the tools that a model was given with a response or a turn."""
        schemas = self._rows("schemas", row.get("schema_id"))
        tools = [
            self._with_instance(_written({**without(tool, "id"), **without(link, column, "tool_id")}))
            for link in self.shelf.of(table, column, row["id"])
            for tool in self._rows("tools", link.get("tool_id"))
        ]
        schema = {"schema": {**without(schemas[0]), "content": as_json(schemas[0].get("content"))}} if schemas else {}
        return {**schema, **({"tools": tools} if tools else {})}

    def _fragments(self, table: str, column: str, id: Json) -> list[Row]:
        """The fragments that belong to something, in order, each with its names."""
        links = sorted(self.shelf.of(table, column, id), key=lambda link: _rank(link.get("order")))
        fragments = [fragment for link in links for fragment in self._rows("fragments", link.get("fragment_id"))]
        return [
            {"type": "fragment", **without(fragment), **({"aliases": names} if names else {})}
            for fragment in fragments
            for names in [[row.get("alias") for row in self.shelf.of("fragment_aliases", "fragment_id", fragment["id"])]]
        ]

    def _attachments(self, table: str, column: str, id: Json) -> list[Row]:
        links = sorted(self.shelf.of(table, column, id), key=lambda link: _rank(link.get("order")))
        return [without(row) for link in links for row in self._rows("attachments", link.get("attachment_id"))]


def _said(row: Row, column: str) -> list[Row]:
    """A column of words as a part, if it says anything."""
    value = row.get(column)
    return [] if value is None or value == "" else [{"type": "text", "text": value}]


def _text(value: Json) -> str:
    return value if isinstance(value, str) else ""


def _rank(value: Json) -> tuple[bool, int]:
    """A place in an order; what is no number comes last."""
    return (False, value) if isinstance(value, int) else (True, 0)


def _words(message: Row) -> str:
    """What a message says aloud, without its spaces: the two models join fragments to a prompt in ways of their own."""
    return "".join("".join(map(_spoken, message["parts"])).split())


def _spoken(part: Row) -> str:
    payload = decode(part["payload"])[0] if isinstance(part.get("payload"), bytes) else {}
    refs = payload.get("text_ref") if isinstance(payload, dict) else None
    if isinstance(refs, list):
        contents = {str(fragment.get("id")): fragment.get("content") for fragment in part.get("fragments", [])}
        return "".join(str(ref.get("literal") or contents.get(str(ref.get("fragment")))) for ref in refs if isinstance(ref, dict))
    if part.get("type") == "reasoning":
        return ""
    said = payload.get("output") if isinstance(payload, dict) else None
    return "".join(value for value in (part.get("text"), part.get("content"), part.get("output"), said) if isinstance(value, str))


def _written(row: Row) -> Row:
    return {column: as_json(value) if column in _JSON else value for column, value in row.items()}
