"""What souviens does, on the two example exports, in a throw-away vault: `make demo`.

Every step is the real command, printed before it runs, so that each can be typed by hand.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
COMMAND = Path(sys.executable).with_name("souviens")


class Stage:
    """Runs commands against one vault and shows them. lines: at most so many of what a command prints."""

    def __init__(self, folder: Path, encoder: Path | None) -> None:
        self.folder = folder
        self.environment = {**os.environ, "SOUVIENS_VAULT": "vault", "SOUVIENS_KEY_FILE": "vault.key"}
        self.environment.pop("SOUVIENS_PASSPHRASE", None)
        if encoder is not None:
            self.environment["SOUVIENS_ENCODER"] = str(encoder.resolve())

    def say(self, text: str) -> None:
        print(f"\n\033[1m{text}\033[0m" if sys.stdout.isatty() else f"\n=== {text}", flush=True)

    def run(self, *arguments: str, lines: int = 24) -> str:
        print(f"$ souviens {shlex.join(arguments)}", flush=True)
        done = self._done(*arguments)
        shown = (done.stdout + done.stderr).splitlines()
        print("\n".join(shown[:lines] + ([f"… {len(shown) - lines} more lines"] if len(shown) > lines else [])), flush=True)
        if done.returncode not in (0, 3):
            sys.exit(f"the command ended with {done.returncode}")
        return done.stdout

    def ask(self, *arguments: str) -> object:
        """A command's answer as data, without showing it."""
        return json.loads(self._done(*arguments, "--json").stdout)

    def _done(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [COMMAND, *arguments]
        return subprocess.run(command, cwd=self.folder, env=self.environment, text=True, capture_output=True, check=False)


def show(stage: Stage) -> None:
    """The whole path, once."""
    stage.say("A vault, encrypted, opened by a key file")
    stage.run("init", "--key-file", "vault.key")
    stage.say("Two providers' exports in, each with a receipt")
    stage.run("add", "chatgpt-export", "claude-export", lines=40)
    stage.say("What is there, as a tree")
    stage.run("list", "--conversations", lines=32)
    stage.say("A question: what is found, when it was said, and why it is found")
    stage.run("recall", "why did I give up the gas kiln?", "-k", "3")
    stage.say("The same across languages and providers")
    stage.run("recall", "京都の陶芸美術館", "-k", "2")
    stage.say("A preference in one's own words, then a context for any model within 400 tokens")
    stage.run("remember", "Answer me in French when I write in French.", "--kind", "preference")
    stage.run("context", "which firing settings do I use now?", "--budget", "400", lines=40)
    stage.say("The original, as it came")
    sources = stage.ask("list", "--sources")
    assert isinstance(sources, dict)
    for source in sources["sources"]:
        stage.run("export", source["id"], "--original", "-o", f"original-{source['format']}")
    stage.say("On to Open WebUI, with what has no home there")
    stage.run("move", "--to", "openwebui", "-o", "for-open-webui", lines=48)
    stage.say("Every hash and every record derived again from what is stored")
    stage.run("verify")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--encoder", type=Path, help="an installed encoder; without it recall works by words alone")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="souviens-demo-") as scratch:
        folder = Path(scratch)
        for name in ("chatgpt", "claude"):
            (folder / f"{name}-export").symlink_to(HERE / name, target_is_directory=True)
        show(Stage(folder, arguments.encoder))
        print("\nThe demo's vault is gone again. Make your own: souviens init, then souviens add YOUR-EXPORT.zip")


if __name__ == "__main__":
    main()
