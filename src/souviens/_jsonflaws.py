"""What JSON may carry that text must not: lone surrogates, bytes that are not UTF-8, numbers that are none. Only looked for where
there is a sign of them, since nearly no element has any.
"""

from __future__ import annotations

import json
import re
from typing import NamedTuple

# Decodes a value only to know where it ends; numbers are not built.
step_over = json.JSONDecoder(parse_float=len, parse_int=len).raw_decode


class Found(NamedTuple):
    """JSON paths of what was found; see `jsonspan.Flaws`."""

    surrogates: list[tuple[str, str]]
    unreal: list[str]
    bad_utf8: list[str]


_ESCAPE_PATTERN = r"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(?P<lone>u[dD][89a-fA-F][0-9a-fA-F]{2})|.)"
_ESCAPE = re.compile(_ESCAPE_PATTERN, re.DOTALL)
_ESCAPE_BYTES = re.compile(_ESCAPE_PATTERN.encode(), re.DOTALL)
# A high half without its low one, or a low half without its high one. All begin with the same literal, for speed.
_HALF = re.compile(rb"\\u[dD](?:[89abAB]..(?!\\u[dD][c-fC-F])|(?<!\\u[dD][89abAB]..\\u[dD])[c-fC-F])", re.DOTALL)
_ANY_HALF = re.compile(rb"\\u[dD][89a-fA-F]")
_NOT_UTF8 = re.compile("[\udc80-\udcff]")
_TOKEN = re.compile(r'[ \t\n\r,:]*([\[\]{}"]|[^ \t\n\r,:\[\]{}"]+)')


def has_lone_surrogate(data: bytes) -> bool:
    # Measured, a KiB: `in` needs 0.01 us for one byte, 1.1 us for two and 0.8 us for three, the pattern 0.4 us.
    if b"\\" not in data or not _ANY_HALF.search(data):
        return False
    # Walking every escape costs much on a file full of emoji; it is needed only if a half stands alone or an escaped
    # backslash before one makes halves look paired.
    if not (_HALF.search(data) or b"\\\\ud" in data or b"\\\\uD" in data):
        return False
    return any(match["lone"] for match in _ESCAPE_BYTES.finditer(data))


def cleaned(text: str) -> str:
    """The text with U+FFFD for each lone surrogate and each byte that is not UTF-8.
    Character for character as long as it was, so that offsets in one are offsets in the other."""
    if "\\ud" in text or "\\uD" in text:
        text = _ESCAPE.sub(lambda match: r"\ufffd" if match["lone"] else match[0], text)
    return text if text.isascii() else _NOT_UTF8.sub("\ufffd", text)


def find_flaws(original: str, text: str, pos: int) -> Found:
    """Walk the tokens of a decodable value and note the JSON paths of what is wrong. `text` is `original`, cleaned."""
    found = Found([], [], [])
    # One frame per open container: [key or index of the current member, True while an object waits for its key].
    frames: list[list[str | int | bool]] = []
    while match := _TOKEN.match(text, pos):
        token, pos = match[1], match.end()
        if token in ("]", "}"):
            frames.pop()
            continue
        frame = frames[-1] if frames else None
        if frame is not None and isinstance(frame[0], int) and not isinstance(frame[0], bool):
            frame[0] += 1
        if token == '"':
            string, end = step_over(text, pos - 1)
            is_key = frame is not None and frame[1] is True
            if frame is not None and isinstance(frame[0], str):
                frame[1] = not is_key
                frame[0] = string if is_key else frame[0]
            _note_string(original[pos:end], frames, found)
            pos = end
            continue
        if frame is not None and isinstance(frame[0], str):
            frame[1] = True
        if token in ("[", "{"):
            frames.append([-1, False] if token == "[" else ["", True])
        elif token in ("NaN", "Infinity", "-Infinity"):
            found.unreal.append(_path(frames))
    return found


def _note_string(raw: str, frames: list[list[str | int | bool]], found: Found) -> None:
    found.surrogates.extend((_path(frames), match[0]) for match in _ESCAPE.finditer(raw) if match["lone"])
    if _NOT_UTF8.search(raw):
        found.bad_utf8.append(_path(frames))


def _path(frames: list[list[str | int | bool]]) -> str:
    return "".join(f"[{place}]" if isinstance(place, int) else f".{place}" for place, _ in frames).removeprefix(".")
