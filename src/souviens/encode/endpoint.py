"""Vectors from an OpenAI-compatible endpoint that the user names: POST {base}/v1/embeddings.

The texts leave this process, so a host that is not this machine is refused until the caller has asked the person. Redirects
are never followed: they would carry the texts somewhere nobody allowed.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import msgspec
import numpy as np

from souviens.encode.plain import Floats, unit
from souviens.errors import EncoderError, NotPermitted

if TYPE_CHECKING:
    import httpx

BATCH = 64
MAX_CHARACTERS = 8_000  # about 2,000 tokens, which the usual models take; the rest of a text is cut off
_SECONDS, _SECONDS_TO_CONNECT = 120, 5  # a local server may have to load its model first
_CHECK = "check the address, and that the server runs and offers this model"


@dataclass(frozen=True)  # not a Record: only a dataclass can keep the key out of its repr
class Endpoint:
    """Where to ask. url: the base, with or without /v1. allow_remote: the person agreed that texts leave this machine."""

    url: str
    model: str
    key: str | None = field(default=None, repr=False)
    allow_remote: bool = False


class _Row(msgspec.Struct):
    index: int
    embedding: list[float]


class _Answer(msgspec.Struct):
    data: list[_Row]


class EndpointEncoder:
    """An endpoint as an encoder. Raises EncoderError for an address that is not http(s), NotPermitted for one that is not this
    machine and that the person did not agree to."""

    def __init__(self, endpoint: Endpoint) -> None:
        address = urlsplit(endpoint.url)
        host = address.hostname
        if address.scheme not in ("http", "https") or not host:
            raise EncoderError(
                f"{endpoint.url}: not an address", "it must begin with http:// or https://", "e.g. http://localhost:11434"
            )
        self._here = _loopback(host)
        if not self._here and not endpoint.allow_remote:
            why = "every text to be encoded would be sent there"
            raise NotPermitted(f"{host}: not this machine", why, "agree to it with --remote, or name a local server")
        self.id = f"endpoint/{endpoint.model}@{host}"
        self._url = endpoint.url.rstrip("/").removesuffix("/v1") + "/v1/embeddings"
        self._model = endpoint.model
        self._headers = {"Authorization": f"Bearer {endpoint.key}"} if endpoint.key else {}
        self._dimensions: int | None = None

    @property
    def dimensions(self) -> int:
        """As the first answer has them: asks the endpoint for one vector if none has come yet. Raises EncoderError."""
        return self._dimensions or int(self.encode(["dimensions"]).shape[1])

    def encode(self, texts: Sequence[str]) -> Floats:
        """Unit vectors float32 (len(texts), dimensions). Raises EncoderError if the endpoint fails or answers something else."""
        if not texts:
            return np.empty((0, self.dimensions), dtype=np.float32)
        import httpx  # here, because it takes 0.1 s and a local encoder never needs it

        timeout = httpx.Timeout(_SECONDS, connect=_SECONDS_TO_CONNECT)
        try:
            # A proxy from the environment is right for a remote host and a leak for a local one.
            with httpx.Client(headers=self._headers, timeout=timeout, trust_env=not self._here) as client:
                rows = [row for start in range(0, len(texts), BATCH) for row in self._ask(client, texts[start : start + BATCH])]
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise EncoderError(f"{self._url}: no answer", str(error) or type(error).__name__, _CHECK) from None
        self._dimensions = self._dimensions or len(rows[0])
        if any(len(row) != self._dimensions for row in rows):
            raise self._error(f"vectors of other lengths than {self._dimensions}")
        with np.errstate(over="ignore"):  # too large a number becomes infinite, and is refused below
            vectors = np.array(rows, dtype=np.float32)
        if not np.isfinite(vectors).all() or not vectors.any(axis=1).all():
            raise self._error("vectors that are zero or not finite")
        return unit(vectors)

    def _ask(self, client: httpx.Client, texts: Sequence[str]) -> list[list[float]]:
        # Several servers refuse an empty input, and one refusal would lose the batch: a space has a vector everywhere. Lone
        # surrogates, as a shell may pass them, cannot be sent at all.
        inputs = [text[:MAX_CHARACTERS].encode("utf-8", "replace").decode() or " " for text in texts]
        response = client.post(self._url, json={"model": self._model, "input": inputs}, follow_redirects=False)
        if response.is_redirect:
            raise self._error("a redirect, which is not followed")
        if not response.is_success:
            raise self._error(f"HTTP {response.status_code}: {response.text[:200]}")
        try:
            answer = msgspec.json.decode(response.content, type=_Answer)
        except msgspec.DecodeError as error:
            raise self._error(f"not an embeddings answer: {error}") from None
        rows = sorted(answer.data, key=lambda row: row.index)
        if [row.index for row in rows] != list(range(len(texts))):
            raise self._error(f"{len(rows)} vectors for {len(texts)} texts")
        return [row.embedding for row in rows]

    def _error(self, seen: str) -> EncoderError:
        return EncoderError(f"{self._url}: cannot be used for {self._model}", f"it answered {seen}", _CHECK)


def _loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
