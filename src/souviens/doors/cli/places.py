"""Where things lie on this machine, and the few settings that outlive a command."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec
import platformdirs

from souviens.errors import SouviensError
from souviens.records import Record


class ChosenEndpoint(Record, frozen=True):
    """An embeddings endpoint the person named. remote: they agreed that texts leave this machine."""

    url: str
    model: str
    remote: bool = False


class Settings(Record, frozen=True):
    """settings.json."""

    endpoint: ChosenEndpoint | None = None


def default_vault() -> Path:
    return Path(platformdirs.user_data_dir("souviens", appauthor=False)) / "vault"


def encoder_folder() -> Path:
    """SOUVIENS_ENCODER, or the user's data folder."""
    if chosen := os.environ.get("SOUVIENS_ENCODER"):
        return Path(chosen)
    # Data, not cache: a cleaned cache would make recall worse without a word, on a machine that may have no network.
    return Path(platformdirs.user_data_dir("souviens", appauthor=False)) / "encoder"


def settings_file() -> Path:
    return Path(platformdirs.user_config_dir("souviens", appauthor=False)) / "settings.json"


def read_settings() -> Settings:
    """The settings; the defaults if there are none. Raises SouviensError for a file that cannot be understood."""
    path = settings_file()
    try:
        return msgspec.json.decode(path.read_bytes(), type=Settings)
    except FileNotFoundError:
        return Settings()
    except msgspec.DecodeError as error:
        raise SouviensError(f"{path}: cannot be read", str(error), "correct or delete it; then: souviens encoder status") from None


def write_settings(settings: Settings) -> None:
    path = settings_file()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(msgspec.json.format(msgspec.json.encode(settings), indent=2) + b"\n")
