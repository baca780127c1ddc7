"""What is installed, what is missing, and what to do about it."""

from shutil import which
from typing import Any

from plausibrain.provenance import hardware, versions


def examine() -> dict[str, Any]:
    """Return versions, hardware, the accelerator, and optional tools with the way to get them."""
    facts: dict[str, Any] = {**versions(), **hardware()}
    facts["accelerator"] = _accelerator()
    facts["mri_synthseg"] = which("mri_synthseg") or "not found; comes with FreeSurfer 7.3.2 or later"
    return facts


def _accelerator() -> str:
    import torch

    if torch.cuda.is_available():
        return f"{torch.cuda.get_device_name(0)}, CUDA {torch.version.cuda}"
    return "none; everything runs on the CPU"
