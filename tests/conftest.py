"""What every test may ask for: an installed encoder."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from filelock import FileLock
from hypothesis import settings
from platformdirs import user_cache_dir

from souviens.encode.install import install
from souviens.encode.manifest import read

# The same examples in every run, so that a change is judged by what it changes. SOUVIENS_TEST_RANDOM=1 looks for new ones.
# No deadline for one example: on a busy machine the first call, with its imports, may take long and say nothing.
settings.register_profile("same", derandomize=True, deadline=None)
settings.load_profile("default" if os.environ.get("SOUVIENS_TEST_RANDOM") else "same")


@pytest.fixture(scope="session")
def encoder_folder() -> Path:
    """A folder with the encoder installed: SOUVIENS_TEST_ENCODER, else a cache that the first run fills (84 MB to fetch)."""
    folder = Path(os.environ.get("SOUVIENS_TEST_ENCODER") or Path(user_cache_dir("souviens-tests")) / "encoder")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(folder.with_suffix(".lock")):  # tests run in several processes
        if read(folder) is None:
            install(folder)
    return folder
