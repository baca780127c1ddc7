"""Which arithmetic a device is fast in."""

import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache, lru_cache

import torch
from threadpoolctl import ThreadpoolController

from plausibrain.cohorts.errors import DataError

__all__ = [
    "IMAGE_THREADS",
    "PRECISIONS",
    "allow_tf32",
    "arithmetic_of",
    "choose_device",
    "choose_precision",
    "exact_float32",
    "fast_autocast",
    "fixed_threads",
    "has_fast_bf16",
    "image_threads",
]

PRECISIONS = ("fp32", "bf16")
#: CPU threads of every image, whatever the machine has: sums in another order moved volumes by .07 % (median)
#: and up to 1.2 % between one thread and two. More processes, not more threads, use more cores; two threads
#: took 1.8 times the processor time of one on two cores, and 2.8 times where two processes shared them. A
#: single image has its parts side by side instead (`plausibrain.cohorts.image_parts`), each on one thread.
IMAGE_THREADS = 1


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


def choose_device(name: str) -> str:
    """Return the device that a network runs on: ``auto`` becomes the GPU where there is one, else the CPU.

    Parameters
    ----------
    name : str
        ``auto``, ``cpu``, ``cuda`` or ``cuda:1``.

    Raises
    ------
    DataError
        For another text, or a GPU that this machine, or this build of torch, does not have.
    """
    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    kind, colon, number = name.partition(":")
    if kind not in ("cpu", "cuda") or (colon and not (kind == "cuda" and number.isdecimal())):
        raise DataError(f"device {name!r}: expected auto, cpu, cuda or cuda:NUMBER")
    n_gpus = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if kind == "cuda" and int(number or 0) >= n_gpus:
        raise DataError(
            f"device {name!r}: torch finds {n_gpus or 'no'} GPU{'s' if n_gpus > 1 else ''} here; give cpu "
            "or auto, or see `plausibrain doctor`"
        )
    return name


def arithmetic_of(device: str) -> str:
    """Return what decides the last digits of a network's result beside weights and input.

    Examples
    --------
    >>> arithmetic_of("cpu") in ("cpu, bf16, 1 thread", "cpu, fp32, 1 thread")
    True
    """
    kind = torch.device(device).type
    precision = "bf16" if has_fast_bf16(device) else "fp32"
    return f"{kind}, {precision}, {IMAGE_THREADS} thread"


@contextmanager
def fixed_threads(n_threads: int) -> Iterator[None]:
    """Run a block with so many CPU threads of torch; afterwards there are as many as before.

    Some kernels (1 x 1 x 1 convolutions of oneDNN, group normalisation with channels last) add up in another
    order for another number of threads, so that bits only agree between workers when it is fixed.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(n_threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def image_threads() -> Iterator[None]:
    """Run a block with `IMAGE_THREADS` in every library, so that an image has the same numbers everywhere."""
    with _thread_pools(len(sys.modules)).limit(limits=IMAGE_THREADS), fixed_threads(IMAGE_THREADS):
        yield


@lru_cache(maxsize=1)
def _thread_pools(n_modules: int) -> ThreadpoolController:
    """Return the thread pools of all libraries, looked for again (3 ms) only when modules were imported."""
    return ThreadpoolController()


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


def choose_precision(name: str, device: str | torch.device) -> str:
    """Return ``fp32`` or ``bf16``; ``auto`` becomes what the device is fast in.

    Warns of bf16 where it is slow.

    Raises
    ------
    DataError
        When ``name`` is none of these.
    """
    if name == "auto":
        return "bf16" if has_fast_bf16(device) else "fp32"
    if name not in PRECISIONS:
        raise DataError(f"expected one of {', '.join(PRECISIONS)}, got {name!r}")
    if name == "bf16" and not has_fast_bf16(device):
        warnings.warn(
            f"{torch.device(device).type} has no bf16 arithmetic here: bf16 takes many times as long as fp32",
            stacklevel=2,
        )
    return name
