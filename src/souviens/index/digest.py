"""An extract of a topic: the sentences nearest to its centre that differ from one another, each with the message it stands in."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from souviens.index.gist import sketch
from souviens.index.telling import folded, general, words_of
from souviens.records import Conversation, Message, Text

Vectors = NDArray[np.float64]
FEWEST, MOST = 3, 6  # sentences
CANDIDATES = 120  # sentences that are compared: those with the most telling words
SHORT, LONG = 25, 320  # characters of a sentence worth citing
READ = 2_000  # characters of a turn that are looked at
PERSON = 1.25  # a sentence of the person over one of the model
OWN = 0.6  # what nearness counts; the rest is being different from what is chosen already (maximal marginal relevance)
_END = re.compile(r"(?<=[.!?])\s+|(?<=[。！？।؟])\s*|\n+")
_MARKUP = re.compile(r"^[\s#>*\-•\d.)|]+|[*_`]{1,3}")
_CODE = re.compile(r"```.*?(```|$)", re.S)


class Sentence(NamedTuple):
    """text: as it stands in the message, without markup. us: when, None if unknown."""

    text: str
    conversation: str
    message: str
    role: str
    us: int | None


def sentences(conversation: Conversation) -> Iterable[Sentence]:
    """What could be cited of a conversation: whole sentences of what was seen, of persons and models."""
    for message in conversation.messages:
        if message.visibility == "visible" and message.role in ("user", "assistant"):
            for text in _sentences(message):
                yield Sentence(text, conversation.id, message.id, message.role, message.time.us)


def _sentences(message: Message) -> Iterable[str]:
    text = "\n".join(part.text for part in message.parts if isinstance(part, Text) and not part.language)[:READ]
    for piece in _END.split(_CODE.sub("\n", text)):
        sentence = " ".join(_MARKUP.sub("", piece).split())
        # A line that ends with a colon announces what is not in it.
        if _wide(sentence) >= SHORT and len(sentence) <= LONG and not sentence.endswith((":", "：")):
            yield sentence


def _wide(text: str) -> int:
    """Length in Latin letters: East Asian ones say more each."""
    return len(text) if text.isascii() else sum(2 if ord(c) > 0x2E7F else 1 for c in text)


def extract(
    found: Iterable[Sentence],
    weights: Mapping[str, float],
    encode: Callable[[Sequence[str]], Vectors] | None = None,
    most: int = MOST,
) -> list[Sentence]:
    """At most `most` sentences, in the order of time. weights: what each folded word tells of the topic (see `naming`).

    encode: texts to unit vectors; by words without it.
    """
    unique = {sentence.text.casefold(): sentence for sentence in found}
    scored = [(_told(s.text, weights) * (PERSON if s.role == "user" else 1.0), s) for s in unique.values()]
    scored.sort(key=lambda pair: -pair[0])
    candidates = [sentence for _, sentence in scored[:CANDIDATES]]
    if not candidates:
        return []
    vectors = encode([s.text for s in candidates]) if encode else np.stack([by_words(s.text) for s in candidates])
    told = np.array([score for score, _ in scored[:CANDIDATES]])
    near = _near(vectors, told) * np.array([PERSON if s.role == "user" else 1.0 for s in candidates])
    chosen: list[int] = []
    while len(chosen) < min(most, len(candidates)):
        beside = (vectors @ vectors[chosen].T).max(1) if chosen else np.zeros(len(candidates))
        worth = OWN * near - (1 - OWN) * beside
        worth[chosen] = -np.inf
        best = int(np.argmax(worth))
        if len(chosen) >= FEWEST and near[best] < near[chosen].max() / 2:
            break
        chosen.append(best)
    return sorted((candidates[n] for n in chosen), key=lambda s: (s.us is None, s.us or 0))


def _told(text: str, weights: Mapping[str, float]) -> float:
    """What the words of a sentence tell, for its length: a long one is not better for holding more of everything."""
    forms = {folded(word) for word in words_of(text)}
    return float(sum(weights.get(form, 0.0) for form in forms) / (4 + len(forms)))


def _near(vectors: Vectors, told: NDArray[np.float64]) -> NDArray[np.float64]:
    """Nearness to the centre of the sentences, which count as much as they tell; 0 to 1."""
    centre = (vectors * told[:, None]).sum(0)
    near: NDArray[np.float64] = vectors @ centre / max(float(np.linalg.norm(centre)), 1e-9)
    share = told / max(float(told.max()), 1e-9)
    return np.maximum(near, 0.0) * (0.5 + 0.5 * share)


def by_words(text: str) -> Vectors:
    """A sentence as a unit vector of its words."""
    forms = {folded(word) for word in words_of(text)}
    vector = sketch((form, 1) for form in forms if not general(form))
    return vector / max(float(np.linalg.norm(vector)), 1e-9)
