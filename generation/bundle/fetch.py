"""Fetch the published bundle: two files of weights with their MD5, and a configuration of constants."""

import hashlib
import json
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO, Any

from plausibrain.cohorts.errors import DataError, ToolError
from plausibrain.cohorts.store import write_atomic, write_text_atomic
from plausibrain.generation.bundle.layout import CONFIG, NAME, PORT
from plausibrain.generation.ldm.networks import AUTOENCODER_DEFAULTS, UNET_DEFAULTS
from plausibrain.generation.ldm.presets import PUBLISHED, architecture_of

ADDRESS = "https://drive.usercontent.google.com/download?id={id}&export=download&confirm=t"
CHUNK = 1 << 20
TIMEOUT_S = 60.0
Opener = Callable[[str], IO[bytes]]
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class RemoteFile:
    """A file of the bundle as its authors list it: path in the folder, id at the host, MD5."""

    path: str
    id: str
    md5: str

    @property
    def address(self) -> str:
        """Where it is downloaded from."""
        return ADDRESS.format(id=self.id)


#: From ``large_files.yml`` of the MONAI-core port, version 1.0.3.
FILES = (
    RemoteFile(PORT.autoencoder, "1CZHwxHJWybOsDavipD0EorDPOo_mzNeX", "329e97b3085643ff235f11f049856242"),
    RemoteFile(PORT.unet, "1XO-ak93ZuOcGTCpgRtqgIeZq3dG5ExN6", "21c3047556fb671caf0556f1cce6ef22"),
)


def fetch_bundle(
    folder: Path,
    *,
    files: tuple[RemoteFile, ...] = FILES,
    open_url: Opener | None = None,
    progress: Progress | None = None,
) -> Path:
    """Download what is missing of the bundle and check it; files that are there and whole stay.

    Parameters
    ----------
    folder : Path
        Made when missing.
    files : tuple of RemoteFile
    open_url : callable, optional
        Opens an address as a stream of bytes; for tests.
    progress : callable, optional
        Called as ``progress(what, bytes, bytes of all)``; the last is 0 where the host does not say.

    Returns
    -------
    Path
        The folder, which `plausibrain.generation.models.monai_bundle` reads.

    Raises
    ------
    ToolError
        Without a connection; says what to place where.
    DataError
        When a file is not the published one.
    """
    opener = open_url or _open
    for remote in files:
        target = folder / remote.path
        if target.exists() and md5_of(target) == remote.md5:
            continue
        try:
            write_atomic(target, partial(_download, remote, opener=opener, progress=progress))
        except OSError as error:
            raise ToolError(_what_to_place(folder, files, error)) from error
    write_text_atomic(folder / CONFIG, json.dumps(published_config(), indent=1) + "\n")
    return folder


def published_config() -> dict[str, Any]:
    """Return the constants of the published configuration, in the layout of the port."""
    architecture = architecture_of(PUBLISHED, 4, (160, 224, 160))
    fold_names = {"spatial_dims", "in_channels", "out_channels"}
    autoencoder = {k: v for k, v in AUTOENCODER_DEFAULTS.items() if k not in fold_names}
    return {
        "autoencoder_def": {
            "_target_": f"{PORT.module}.nets.AutoencoderKL",
            "spatial_dims": 3,
            "in_channels": 1,
            "out_channels": 1,
            **autoencoder,
            **architecture["autoencoder"],
        },
        "diffusion_def": {
            "_target_": f"{PORT.module}.nets.DiffusionModelUNet",
            **UNET_DEFAULTS,
            **architecture["unet"],
        },
        "scheduler": {
            "_target_": f"{PORT.module}.schedulers.DDIMScheduler",
            "num_train_timesteps": PUBLISHED.schedule.n_steps,
            "beta_start": PUBLISHED.schedule.beta_start,
            "beta_end": PUBLISHED.schedule.beta_end,
            "schedule": "scaled_linear_beta",
            "clip_sample": False,
        },
    }


def md5_of(path: Path) -> str:
    """Return the MD5 of a file, which is what its authors published; it guards against damage, not malice."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def _download(remote: RemoteFile, path: Path, *, opener: Opener, progress: Progress | None) -> None:
    n_bytes = 0
    with opener(remote.address) as source, path.open("wb") as target:
        total = int(getattr(source, "length", None) or 0)
        while chunk := source.read(CHUNK):
            target.write(chunk)
            n_bytes += len(chunk)
            if progress is not None:
                progress(remote.path, n_bytes, total)
    digest = md5_of(path)
    if digest != remote.md5:
        raise DataError(
            f"{remote.address} gave {n_bytes:,} bytes with MD5 {digest}, the published {remote.path} has "
            f"{remote.md5}; the host may have sent a notice instead of the file: download it in a browser"
        )


def _open(address: str) -> IO[bytes]:
    request = urllib.request.Request(address, headers={"User-Agent": "plausibrain"})  # noqa: S310
    stream: IO[bytes] = urllib.request.urlopen(request, timeout=TIMEOUT_S)  # noqa: S310
    return stream


def _what_to_place(folder: Path, files: tuple[RemoteFile, ...], error: OSError) -> str:
    reason = error.reason if isinstance(error, urllib.error.URLError) else error
    places = "; ".join(f"{file.address} as {folder / file.path} (MD5 {file.md5})" for file in files)
    return (
        f"the bundle {NAME} could not be downloaded ({reason}); with a connection elsewhere, place {places}, "
        "and repeat the command"
    )
