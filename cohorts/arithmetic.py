"""Which arithmetic a device is fast in."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

import torch

from plausibrain.cohorts.errors import DataError

__all__ = ["PRECISIONS", "allow_tf32", "choose_precision", "exact_float32", "fast_autocast", "has_fast_bf16"]

PRECISIONS = ("fp32", "bf16")


@cache
def has_fast_bf16(device: str | torch.device) -> bool:
    """Return whether a device convolves in bf16 by instructions of its own.

    A CPU without AVX-512 (or, on ARM, without bf16 instructions) goes through a reference loop instead: one
    step of training took 3 s in fp32 and 5 minutes in bf16 (AVX2, torch 2.13).

    Parameters
    ----------
    device : str or torch.device
        Such as ``cpu`` or ``cuda:1``.
    """
    kind = torch.device(device).type
    if kind == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return kind == "cpu" and bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())


def fast_autocast(device: str | torch.device) -> torch.autocast:
    """Return the context in which networks run in bf16 where `has_fast_bf16`, else in float32."""
    return torch.autocast(torch.device(device).type, torch.bfloat16, enabled=has_fast_bf16(device))


def allow_tf32() -> None:
    """Let matrix products and convolutions of float32 on a GPU round their factors to TF32, for training.

    torch by default does so in convolutions and not in matrix products; here both are stated.
    """
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = True


@contextmanager
def exact_float32() -> Iterator[None]:
    """Run a block in which float32 means float32 on a GPU too; afterwards TF32 is as before."""
    products, convolutions = torch.backends.cuda.matmul, torch.backends.cudnn
    before = products.allow_tf32, convolutions.allow_tf32
    products.allow_tf32 = convolutions.allow_tf32 = False
    try:
        yield
    finally:
        products.allow_tf32, convolutions.allow_tf32 = before


def choose_precision(wanted: str, device: str | torch.device) -> str:
    """Return ``fp32`` or ``bf16``; ``auto`` becomes what the device is fast in.

    Warns of bf16 where it is slow.

    Raises
    ------
    DataError
        When ``wanted`` is none of these.
    """
    if wanted == "auto":
        return "bf16" if has_fast_bf16(device) else "fp32"
    if wanted not in PRECISIONS:
        raise DataError(f"expected one of {', '.join(PRECISIONS)}, got {wanted!r}")
    if wanted == "bf16" and not has_fast_bf16(device):
        warnings.warn(
            f"{torch.device(device).type} has no bf16 arithmetic here: bf16 takes many times as long as fp32",
            stacklevel=2,
        )
    return wanted
