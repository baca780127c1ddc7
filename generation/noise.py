"""Noise that belongs to a sample, not to its batch, and the batches in which samples may run together."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import torch
from torch import Tensor


def generator_of(*entropy: int, device: str | torch.device = "cpu") -> torch.Generator:
    """Return a generator seeded by whole numbers; different tuples give unrelated streams.

    Parameters
    ----------
    *entropy : int
        Not negative, for example (seed,) of a sample or (seed, stage, step, micro-batch) of a training.
    device : str or torch.device
        On the CPU the noise of a sample is the same for every device; move what was drawn. A training draws
        where it computes, because millions of numbers per step take longer on a CPU than the step on a GPU.
    """
    word = np.random.SeedSequence(list(entropy)).generate_state(1, np.uint64)[0]
    return torch.Generator(device).manual_seed(int(word) & (2**63 - 1))


def normal_like(like: Tensor, generator: torch.Generator) -> Tensor:
    """Return standard normal noise, float32, in the shape and on the device of a tensor."""
    return torch.randn(like.shape, generator=generator, device=generator.device).to(like.device)


def uniform(shape: Sequence[int], generator: torch.Generator, device: torch.device) -> Tensor:
    """Return numbers from 0 to 1, made where the generator is and moved to a device."""
    return torch.rand(tuple(shape), generator=generator, device=generator.device).to(device)


@contextmanager
def seeded(*entropy: int) -> Iterator[None]:
    """Run a block in which torch's global generators are seeded; afterwards they are as before.

    For what draws from them without asking: initial weights, dropout, modules of other libraries. Of several
    GPUs only the current one is touched, because reading the state of another starts a context there.
    """
    devices = [torch.cuda.current_device()] if torch.cuda.is_initialized() else []
    with torch.random.fork_rng(devices):
        torch.manual_seed(generator_of(*entropy).initial_seed())
        yield


def noise_like(shape: Sequence[int], generators: Sequence[torch.Generator]) -> Tensor:
    """Return standard normal noise, one generator per sample, float32, (n, *shape)."""
    return torch.stack([torch.randn(tuple(shape), generator=generator) for generator in generators])


def batches(n: int, size: int) -> Iterator[slice]:
    """Yield slices of at most `size` over n samples.

    Convolutions and matrix products sum in another order for another batch size, so that the last bits
    differ. Where bits must not depend on the batch (fp32), a model uses ``size=1`` for whatever goes through
    a network.
    """
    for start in range(0, n, size):
        yield slice(start, min(start + size, n))
