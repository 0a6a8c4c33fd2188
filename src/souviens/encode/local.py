"""The installed model on this machine: onnxruntime and int8 weights, or numpy and the original ones.

One text at a time on each thread, never padded into batches: the dynamic quantisation scales a layer's input by its extremes,
so in a batch a vector would depend on its neighbours. It costs nothing, since threads over texts are as fast as batches
(docs/decisions/0005).

A session of one thread has no pool that spins, so numpy beside it needs no limit on its own threads: a query with a search over
20,000 vectors takes 2.2 ms with numpy's default and 2.7 ms with one thread (with a spinning pool it was 4.4 and 1.8).
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import cached_property, partial
from pathlib import Path
from threading import Lock, Thread
from typing import TypeAlias

import numpy as np

from souviens.encode.manifest import INSTALL, Manifest
from souviens.encode.plain import Floats, forward, read_weights, unit
from souviens.encode.wordpiece import WordPiece
from souviens.errors import EncoderError

MODEL, WEIGHTS, VOCABULARY = "model.onnx", "model.safetensors", "vocab.txt"
EXACT_MODEL = "model.fp32.onnx"  # only between conversion and check
Forward: TypeAlias = Callable[[Sequence[int]], Floats]  # token ids (n,) -> vector (dimensions,), of any length


class LocalEncoder:
    """The encoder in `folder`. Loads its model at the first `encode`, or beside other work from `prepare` on.

    threads: texts encoded at once; None = as the system allows.
    `encode` raises EncoderError if a file is missing or altered, or if onnxruntime is no longer there.
    """

    def __init__(self, folder: Path, manifest: Manifest, *, threads: int | None = None) -> None:
        self.id, self.dimensions = manifest.id, manifest.dimensions
        self._folder, self._manifest = folder, manifest
        self._threads = threads or _processors()
        self._loading = Lock()

    def prepare(self) -> None:
        """Begin to load the model beside the caller's other work. What is wrong with it is said by `encode`."""
        Thread(target=self._try, name="encoder", daemon=True).start()

    def _try(self) -> None:
        with suppress(EncoderError):
            self._vector()

    def encode(self, texts: Sequence[str]) -> Floats:
        """Unit vectors float32 (len(texts), dimensions). The same text gives the same vector, alone or among others."""
        vector = self._vector()
        if len(texts) < 2 or self._threads == 1:
            rows = [vector(text) for text in texts]
        else:
            rows = list(self._pool.map(vector, texts))
        return unit(np.array(rows, dtype=np.float32).reshape(len(texts), self.dimensions))

    @cached_property
    def _pool(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(self._threads)

    def _vector(self) -> Callable[[str], Floats]:
        with self._loading:  # a cached property alone would load twice where two threads ask
            return self._loaded

    @cached_property
    def _loaded(self) -> Callable[[str], Floats]:
        for name, digest in self._manifest.files.items():
            self._check(self._folder / name, digest)
        tokens = WordPiece(read_vocabulary(self._folder / VOCABULARY))
        exact = WEIGHTS in self._manifest.files
        run = partial(forward, read_weights(self._folder / WEIGHTS)) if exact else onnx_forward(self._folder / MODEL)
        return lambda text: run(tokens.ids(text))

    def _check(self, path: Path, digest: str) -> None:
        """Hashing 23 MB takes 12 ms, and an altered model would go unnoticed otherwise: its vectors look like any others.

        In one piece, so that the interpreter is let go once: read in blocks, each waits 5 ms for a busy thread to give it back.
        """
        try:
            found = hashlib.sha256(path.read_bytes()).hexdigest()
        except OSError as error:
            raise EncoderError(f"{path}: cannot be read", error.strerror or str(error), INSTALL) from None
        if found != digest:
            raise EncoderError(f"{path}: not the file that was installed", f"SHA-256 {found[:12]}, expected {digest[:12]}", INSTALL)


def read_vocabulary(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").splitlines()


def onnx_forward(path: Path) -> Forward:
    """The graph in `path` (see `graph.build`) as a function. One thread inside: the threads run over texts."""
    try:
        import onnxruntime
    except ImportError as error:
        raise EncoderError(f"{path}: needs onnxruntime", str(error), f"pip install onnxruntime, or use numpy: {INSTALL}") from None
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])

    def run(ids: Sequence[int]) -> Floats:
        vector: Floats = session.run(["vector"], {"ids": np.array(ids, dtype=np.int64)})[0]
        return vector

    return run


def _processors() -> int:
    """Processors this process may use, of which more than eight are not worth their memory here."""
    affinity = getattr(os, "sched_getaffinity", None)  # absent on macOS and Windows
    return min(len(affinity(0)) if affinity else os.cpu_count() or 1, 8)
