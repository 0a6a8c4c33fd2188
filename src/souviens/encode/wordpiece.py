"""Text to token ids: BERT's uncased WordPiece in plain Python.

Written here because the usual library drags in a hub client (35 MB, 16 packages). With the word cache it is also faster on
short texts. Compared with it on multilingual text; see docs/decisions/0005.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable, Sequence
from itertools import islice

MAX_TOKENS = 256
# No text needs more characters than this to fill MAX_TOKENS, short of a wall of white space or of undecipherable words:
# 64 characters a token. It keeps a message of a megabyte from being normalised for its first paragraph.
MAX_CHARACTERS = 16_384
_LONGEST_WORD = 100  # of the reference: a longer word is one unknown token
_CACHED_WORDS = 50_000
_IDEOGRAPHS = (
    (0x3400, 0x4DBF),
    (0x4E00, 0x9FFF),
    (0xF900, 0xFAFF),
    (0x20000, 0x2A6DF),
    (0x2A700, 0x2B73F),
    (0x2B740, 0x2B81F),
    (0x2B820, 0x2CEAF),
    (0x2F800, 0x2FA1F),
)


class WordPiece:
    """The tokenizer of one vocabulary. vocabulary: the lines of `vocab.txt`, in order."""

    def __init__(self, vocabulary: Sequence[str]) -> None:
        self._ids = {piece: number for number, piece in enumerate(vocabulary)}
        self._unknown, self._first, self._last = (self._ids[name] for name in ("[UNK]", "[CLS]", "[SEP]"))
        self._cache: dict[str, tuple[int, ...]] = {}

    def ids(self, text: str) -> list[int]:
        """Token ids of a text with [CLS] and [SEP] around them: 2 to MAX_TOKENS of them, the rest of the text is cut off."""
        pieces = (number for word in words(text) for number in self._pieces(word))
        return [self._first, *islice(pieces, MAX_TOKENS - 2), self._last]

    def _pieces(self, word: str) -> tuple[int, ...]:
        pieces = self._cache.get(word)
        if pieces is None:
            if len(self._cache) >= _CACHED_WORDS:
                self._cache.clear()
            pieces = self._cache[word] = tuple(self._split(word)) if len(word) <= _LONGEST_WORD else (self._unknown,)
        return pieces

    def _split(self, word: str) -> Iterable[int]:
        """Greedy longest match from the left; a word that cannot be covered is one unknown token."""
        found: list[int] = []
        start = 0
        while start < len(word):
            prefix = "##" if start else ""
            for end in range(len(word), start, -1):
                number = self._ids.get(prefix + word[start:end])
                if number is not None:
                    found.append(number)
                    start = end
                    break
            else:
                return (self._unknown,)
        return found


def words(text: str) -> list[str]:
    """Lower-case words without accents; every punctuation mark and every ideograph is a word of its own."""
    cleaned = text[:MAX_CHARACTERS].translate(_CLEAN)
    return unicodedata.normalize("NFD", cleaned).translate(_FOLD).split()


class _Table(dict[int, str]):
    """A `str.translate` table that works out each character once."""

    def __init__(self, rule: Callable[[str], str]) -> None:
        super().__init__()
        self._rule = rule

    def __missing__(self, code: int) -> str:
        self[code] = mapped = self._rule(chr(code))
        return mapped


def _clean(character: str) -> str:
    if character in "\t\n\r":
        return " "
    # Unassigned characters (Cn) stay, though the first BERT dropped them: what is unassigned depends on the Python version,
    # and so would the vectors.
    if character == "\ufffd" or unicodedata.category(character) in ("Cc", "Cf", "Cs", "Co"):
        return ""
    if character.isspace():
        return " "
    if any(first <= ord(character) <= last for first, last in _IDEOGRAPHS):
        return f" {character} "
    return character


def _fold(character: str) -> str:
    category = unicodedata.category(character)
    if category == "Mn":
        return ""
    # One by one: str.lower() on a whole word would turn a last Σ into ς, which the reference does not.
    if category.startswith("P") or character in "$+<=>^`|~":
        return f" {character} "
    return character.lower()


_CLEAN, _FOLD = _Table(_clean), _Table(_fold)
