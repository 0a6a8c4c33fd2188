"""The two instruments of `jsonspan`: a moving text window over a byte stream, and finding where a value ends without decoding it.

Neither ever looks at more than it needs twice: both are linear in the bytes, also on hostile input.
"""

from __future__ import annotations

import codecs
import re
import sys
from typing import BinaryIO

SPACE = " \t\n\r"
_SPACES = re.compile(r"[ \t\n\r]*")
_BETWEEN = re.compile(r"[ \t\n\r,]*")
_STRUCTURE = re.compile(r'"|[\[{]+|[\]}]+')
# A bare word (number, literal, garbage) ends before one of these; "}" is garbage in an array and a boundary in an object.
_BARE_END = {"]": re.compile(r'[ \t\n\r,\[\]{"]'), "}": re.compile(r'[ \t\n\r,\[\]{}"]')}
BARE_STOPS = frozenset(' \t\n\r,[]{"')
_CURLY, _SQUARE = b"{["


class Window:
    """A window of text that moves over a byte stream.

    Bytes are decoded with `surrogateescape`, so that encoding any piece again gives its exact bytes, valid or not. `text` from
    `pos` on is what has not been taken yet. `size`: bytes read at a time; the window doubles only for what does not fit.
    `most`: the stream counts as ended after that many bytes.
    """

    def __init__(self, stream: BinaryIO, size: int, most: int = sys.maxsize) -> None:
        self._stream, self.size, self._left = stream, size, most
        self._decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
        self.text, self.pos, self.ended = "", 0, False

    def grow(self) -> bool:
        """Drop what was taken and read on: as much as is held, at least one size. False at the end of the stream."""
        if self.ended:
            return False
        held = self.text[self.pos :]
        chunk = self._stream.read(min(max(self.size, len(held)), self._left))
        self._left -= len(chunk)
        self.ended = not chunk
        self.text, self.pos = held + self._decoder.decode(chunk, final=self.ended), 0
        return True

    def prepare(self) -> None:
        """Keep at least half a size ahead, so that an ordinary element never meets the edge."""
        if len(self.text) - self.pos < self.size // 2:
            self.grow()

    def peek(self) -> str:
        """The next character, "" at the end."""
        while self.pos >= len(self.text) and self.grow():
            pass
        return self.text[self.pos : self.pos + 1]

    def take(self, end: int) -> bytes:
        """The exact bytes from `pos` to `end`, which is the new `pos`."""
        piece = self.text[self.pos : end]
        self.pos = end
        return piece.encode("utf-8", "surrogateescape")

    def take_between(self, *, commas: bool) -> bytes:
        """White space (and commas) up to the next thing."""
        pattern = _BETWEEN if commas else _SPACES
        if (end := _end(pattern, self.text, self.pos)) < len(self.text):
            return self.take(end)
        taken = b""
        while self.peek():
            end = _end(pattern, self.text, self.pos)
            at_edge = end == len(self.text)
            taken += self.take(end)
            if not at_edge:
                break
        return taken


def _end(pattern: re.Pattern[str], text: str, pos: int) -> int:
    match = pattern.match(text, pos)
    return match.end() if match else pos


class ValueEnd:
    """Finds the end of one value by its first character: the closing bracket of the same kind, the closing quote, or the end
    of a bare word. May be given the text in pieces.

    Brackets are matched by kind, so that ``{"a": [1}`` ends at its brace and a stray ``]`` inside an object is passed over:
    a plain count loses the next elements to either.
    """

    def __init__(self, closer: str) -> None:
        """closer: the bracket that closes what the value stands in, "]" or "}"."""
        self._bare_end = _BARE_END[closer]
        self._started = self._bare = self._quoted = self._escaped = False
        self._open = bytearray()
        self._squares = 0

    def find(self, text: str, pos: int) -> int:
        """Index just past the value, or -1 if the text ends first: then go on with the text that follows."""
        if not self._started:
            self._started = True
            self._bare = text[pos] not in '"[{'
            pos += self._bare  # the first character belongs to the value, whatever it is
        if self._bare:
            stop = self._bare_end.search(text, pos)
            return stop.start() if stop else -1
        while True:
            if self._quoted:
                pos = self._past_quote(text, pos)
                if pos < 0 or not self._open:
                    return pos
            token = _STRUCTURE.search(text, pos)
            if token is None:
                return -1
            pos = token.end()
            found = token[0]
            if found == '"':
                self._quoted = True
            elif found[0] in "[{":
                self._open += found.encode()
                self._squares += found.count("[")
            elif (closed := self._close(found)) >= 0:
                return token.start() + closed

    def _past_quote(self, text: str, pos: int) -> int:
        """Index past the quote that ends the string we are in, or -1."""
        pos += self._escaped and pos < len(text)
        self._escaped = False
        while True:
            quote = text.find('"', pos)
            stop = len(text) if quote < 0 else quote
            run = 0
            if stop > pos and text[stop - 1] == "\\":
                run = (stop - pos) - len(text[pos:stop].rstrip("\\"))
            if quote < 0:
                self._escaped = run % 2 == 1
                return -1
            pos = quote + 1
            if run % 2 == 0:
                self._quoted = False
                return pos

    def _close(self, brackets: str) -> int:
        """How many of these closing brackets belong to the value, if they end it; else -1."""
        for index, bracket in enumerate(brackets):
            kind = _SQUARE if bracket == "]" else _CURLY
            # Counted, not searched for: a search would be quadratic in the depth.
            if (self._squares if kind == _SQUARE else len(self._open) - self._squares) == 0:
                continue
            while True:
                last = self._open.pop()
                self._squares -= last == _SQUARE
                if last == kind:
                    break
            if not self._open:
                return index + 1
        return -1
