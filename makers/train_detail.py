r"""Train the layers at full resolution behind the decoder of a shipped latent diffusion model, on a CPU.

    python -m makers.training_images --out DATA
    python -m makers.train_detail features --data DATA --checkpoint CHECKPOINT --out FEATURES &
    python -m makers.train_detail train --features FEATURES --images N --checkpoint CHECKPOINT --state STATE
    python -m makers.train_detail ship --checkpoint CHECKPOINT --state STATE --out NEW

Everything else in the checkpoint is frozen, so the decoder's last features of every training image are
computed once and cut into pieces; training begins with those that are there, of N. Each call of ``train``
goes on where the one before ended. ``ship`` writes the checkpoint with the averaged layers.
"""

import argparse
import dataclasses
import time
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim import AdamW

from makers.training_images import CHUNK
from plausibrain.cohorts.errors import DataError
from plausibrain.cohorts.store import write_atomic
from plausibrain.generation.checkpoint import Checkpoint, read_checkpoint, write_checkpoint
from plausibrain.generation.ldm.build import build_networks
from plausibrain.generation.ldm.detail import DetailLayers
from plausibrain.generation.ldm.folding import fold, unfold
from plausibrain.generation.ldm.losses import PatchAdversary, RandomFeatures, balance
from plausibrain.generation.ldm.networks import FoldedAutoencoder
from plausibrain.generation.ldm.presets import PRESETS, Preset
from plausibrain.generation.noise import generator_of, normal_like, seeded
from plausibrain.generation.training.devices import Devices
from plausibrain.generation.training.loop import LoopSettings, Watch, train_stage
from plausibrain.generation.training.state import StageState, fresh_state
from plausibrain.generation.training.task import Batch, Examples, Objective, StagePlan

HELD_OUT, STATE = 4, "detail.pt"
#: Edge of a piece, voxels of the features; and what of its image is left out at its faces, voxels.
PIECE, FACE = 28, 4
#: Share of the pieces around the middle of the brain, where structures differ little in contrast.
CENTRAL_SHARE = 0.5
CENTRAL = (0.3, 0.62)
PERCEPTUAL, ADVERSARIAL, ADVERSARY_FROM = 0.2, 1.0, 300
RATE, ADVERSARY_RATE = 4e-4, 5e-4
PLAN = StagePlan("detail", steps=16_000, batch_size=1, averaging=0.999, warm_up=100, fall=0.3)


def feature_file(folder: Path, number: int) -> Path:
    """Return the file of one image: its blocks, the decoder's blocks and features, float16."""
    return folder / f"features_{number:05d}.npy"


class StoredFeatures:
    """Features of those training images that are there; the length is that of all that will come.

    Parameters
    ----------
    folder : Path
    numbers : range
        Of the images.
    """

    def __init__(self, folder: Path, numbers: range) -> None:
        self.folder, self.numbers = folder, numbers
        self.there: list[Path] = []
        self.looked = -np.inf

    def __len__(self) -> int:
        return len(self.numbers)

    def batch(self, numbers: Sequence[int]) -> Batch:
        """Return some images with their features as channels, float16."""
        if len(self.there) < len(self) and time.monotonic() - self.looked > 20:
            paths = (feature_file(self.folder, number) for number in self.numbers)
            self.there = [path for path in paths if path.exists()]
            self.looked = time.monotonic()
        stacks = [np.load(self.there[number % len(self.there)], mmap_mode="r") for number in numbers]
        return Batch(torch.from_numpy(np.stack(stacks)), torch.zeros(len(stacks), 0))


class DetailTask:
    """L1, perceptual and patch-adversarial terms on pieces, as of the autoencoder.

    Parameters
    ----------
    detail : DetailLayers
    adversary : PatchAdversary
    """

    name = "detail"
    averaged = ("detail",)

    def __init__(self, detail: DetailLayers, adversary: PatchAdversary) -> None:
        self.detail, self.adversary = detail, adversary
        self.networks: Mapping[str, nn.Module] = {"detail": detail, "adversary": adversary}
        self.optimizers: Mapping[str, torch.optim.Optimizer] = {
            "detail": AdamW(detail.parameters(), lr=RATE, weight_decay=0.0),
            "adversary": AdamW(
                adversary.parameters(), lr=ADVERSARY_RATE, betas=(0.5, 0.99), weight_decay=0.0
            ),
        }
        self.perceptual = RandomFeatures()

    def examples(self, images: Examples) -> Examples:
        """Return the features."""
        return images

    def step(self, batch: Batch, generator: torch.Generator, step: int) -> Iterator[Objective]:
        """Yield the loss of the layers, then that of the adversary once it takes part."""
        piece = cut(batch.images, generator).float()
        images, targets = self.images(piece)
        # An odd shift now and then, so that no term prefers a place within the blocks.
        shift = [int(n) for n in torch.randint(2, (3,), generator=generator)]
        images, targets = (within(x, FACE, shift) for x in (images, targets))
        l1 = (images - targets).abs().mean()
        perceptual = self.perceptual(images, targets).float()
        rebuilt = l1 + PERCEPTUAL * perceptual
        parts: dict[str, Tensor | float] = {"l1": l1, "perceptual": perceptual}
        deception = (self.adversary(images).float() - 1).pow(2).mean()
        weight: Tensor | float = 0.0
        if step >= ADVERSARY_FROM:
            weight = ADVERSARIAL * balance(rebuilt, deception, self.detail.last.weight)
        yield Objective("detail", rebuilt + weight * deception, parts | {"deception": deception})
        real = (self.adversary(targets).float() - 1).pow(2).mean()
        generated = self.adversary(images.detach()).float().pow(2).mean()
        yield Objective("adversary", (real + generated) / 2)

    def images(self, stack: Tensor) -> tuple[Tensor, Tensor]:
        """Return the images that the layers make, and the true ones, of blocks and features as channels."""
        n_blocks = self.detail.edge**3
        truth, blocks, features = stack.split((n_blocks, n_blocks, stack.shape[1] - 2 * n_blocks), dim=1)
        return self.detail(features, blocks).float(), unfold(truth, self.detail.edge)

    def validate(self, batch: Batch, generator: torch.Generator) -> dict[str, float]:
        """Return the error in the brain before and after, dB, and how sharp both are, of the truth's."""
        images, targets = self.images(batch.images.float())
        n_blocks = self.detail.edge**3
        before = unfold(batch.images[:, n_blocks : 2 * n_blocks].float(), self.detail.edge)
        brain = targets > 0.02

        def psnr(x: Tensor) -> float:
            return float(-10 * torch.log10((x - targets)[brain].pow(2).mean()))

        edges = [edge_strength(x) for x in (targets, before, images)]
        return {
            "psnr_before_db": psnr(before), "psnr_db": psnr(images),
            "edges_before": edges[1] / edges[0], "edges": edges[2] / edges[0],
        }  # fmt: skip

    def show(self, batch: Batch, generator: torch.Generator) -> list[tuple[str, np.ndarray]]:
        """Return nothing."""
        return []


def cut(stack: Tensor, generator: torch.Generator) -> Tensor:
    """Return a piece of every stack, (B, C, PIECE, PIECE, PIECE), at a place of its own chance."""
    central = float(torch.rand(1, generator=generator)) < CENTRAL_SHARE
    slices = []
    for size in stack.shape[2:]:
        low, high = (0.0, 1.0) if not central else CENTRAL
        middle = size * (low + (high - low) * float(torch.rand(1, generator=generator)))
        piece = min(PIECE, size)
        start = int(min(max(0, round(middle - piece / 2)), size - piece))
        slices.append(slice(start, start + piece))
    return stack[(slice(None), slice(None), *slices)]


def within(images: Tensor, face: int, shift: Sequence[int]) -> Tensor:
    """Return images without `face` voxels at each side, and one more at the sides that `shift` names."""
    slices = [slice(face + n, size - face - 1 + n) for n, size in zip(shift, images.shape[2:], strict=True)]
    return images[(slice(None), slice(None), *slices)]


def edge_strength(images: Tensor) -> float:
    """Return the root mean square of differences between neighbours."""
    return float(sum(images.diff(dim=axis).pow(2).mean() for axis in (2, 3, 4))) ** 0.5


def shipped_autoencoder(folder: Path) -> FoldedAutoencoder:
    """Return the autoencoder of a checkpoint, frozen."""
    checkpoint = read_checkpoint(folder, "ldm")
    autoencoder = cast(FoldedAutoencoder, build_networks(checkpoint.architecture)["autoencoder"])
    own = {
        key.removeprefix("autoencoder."): value.float()
        for key, value in checkpoint.weights.items() if key.startswith("autoencoder.")
    }  # fmt: skip
    autoencoder.load_state_dict(own)
    return autoencoder.eval().requires_grad_(requires_grad=False)


@torch.inference_mode()
def write_features(data: Path, checkpoint: Path, out: Path, *, seed: int) -> None:
    """Write blocks and features of every training image that has none yet."""
    autoencoder = shipped_autoencoder(checkpoint)
    out.mkdir(parents=True, exist_ok=True)
    for chunk in sorted(data.glob("images_*.npy")):
        first = CHUNK * int(chunk.stem.split("_")[1])
        for number, image in enumerate(np.load(chunk, mmap_mode="r"), start=first):
            target = feature_file(out, number)
            if target.exists():
                continue
            images = torch.from_numpy(image.astype(np.float32) / 255)[None, None]
            generator = generator_of(seed, number)
            with torch.autocast("cpu", torch.bfloat16):
                mean, spread = autoencoder.encode(images)
                latents = mean + normal_like(mean, generator) * spread
                features, blocks = autoencoder.decode_features(latents.float())
            stack = torch.cat((fold(images, autoencoder.fold), blocks.float(), features.float()), dim=1)
            values = stack[0].half().numpy()
            write_atomic(target, partial(save, values=values))


def save(path: Path, *, values: np.ndarray) -> None:
    """Write an array under exactly this name."""
    with path.open("wb") as stream:
        np.save(stream, values)


def preset_of(checkpoint: Checkpoint) -> tuple[Preset, dict[str, int]]:
    """Return the preset that a checkpoint was trained with, and its layers at full resolution."""
    preset = PRESETS[checkpoint.facts["preset"]]
    if preset.detail is None:
        raise DataError(f"preset {checkpoint.facts['preset']!r} has no layers at full resolution")
    return preset, dict(preset.detail)


def fresh_task(folder: Path, *, seed: int) -> DetailTask:
    """Return the task with fresh layers, sized for a checkpoint."""
    autoencoder = shipped_autoencoder(folder)
    preset, sizes = preset_of(read_checkpoint(folder, "ldm"))
    with seeded(seed):
        detail = DetailLayers(autoencoder.network.decoder.channels[0], autoencoder.fold, **sizes)
        return DetailTask(detail, PatchAdversary(preset.adversary_channels))


def train(arguments: argparse.Namespace) -> None:
    """Train for some seconds."""
    arguments.state.mkdir(parents=True, exist_ok=True)
    task = fresh_task(arguments.checkpoint, seed=arguments.seed)
    if arguments.init is not None:
        content = torch.load(arguments.init / STATE, map_location="cpu", weights_only=True)
        task.detail.load_state_dict(content["averages"]["detail"])
    state = fresh_state(task)
    plan = dataclasses.replace(PLAN, steps=arguments.steps, seconds=arguments.total_seconds)

    def tell(state: StageState, row: dict[str, float]) -> None:
        numbers = " ".join(f"{name} {value:.4g}" for name, value in row.items() if name != "step")
        print(f"step {state.step} ({state.seconds:.0f} s) {numbers}", flush=True)

    train_stage(
        state, plan, StoredFeatures(arguments.features, range(HELD_OUT, arguments.images)),
        StoredFeatures(arguments.features, range(HELD_OUT)), path=arguments.state / STATE,
        settings=LoopSettings(arguments.seed, 2, "bf16"), devices=Devices("cpu"),
        watch=Watch(on_row=tell, on_validation=tell, deadline=time.monotonic() + arguments.seconds),
    )  # fmt: skip


def ship(checkpoint: Path, state: Path, out: Path) -> None:
    """Write a checkpoint with the averaged layers."""
    content = torch.load(state / STATE, map_location="cpu", weights_only=True)
    before = read_checkpoint(checkpoint, "ldm")
    architecture: dict[str, Any] = {**before.architecture, "detail": preset_of(before)[1]}
    networks = build_networks(architecture)
    weights = {key: value.float() for key, value in before.weights.items()}
    weights |= {f"autoencoder.detail.{key}": value for key, value in content["averages"]["detail"].items()}
    for name, network in networks.items():
        own = {k.removeprefix(f"{name}."): v for k, v in weights.items() if k.startswith(f"{name}.")}
        network.load_state_dict(own)
    plan = dataclasses.asdict(PLAN) | {
        "steps": content["step"], "seconds": round(content["seconds"], 1), "device": "CPU",
        "perceptual": PERCEPTUAL, "adversarial": ADVERSARIAL,
    }  # fmt: skip
    stages = {**before.facts["stages"], "detail": plan}
    facts = {**before.facts, "stages": stages}
    write_checkpoint(
        out, dataclasses.replace(before, architecture=architecture, facts=facts, weights={}), networks
    )


def main() -> None:
    """Compute features, train, or ship."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("job", choices=("features", "train", "ship"))
    parser.add_argument("--data", type=Path)
    parser.add_argument("--checkpoint", type=Path, required=True)
    parser.add_argument("--features", type=Path)
    parser.add_argument("--state", type=Path)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--seconds", type=float, default=3600.0, help="of this call")
    parser.add_argument("--init", type=Path, help="state whose averaged layers the training begins with")
    parser.add_argument("--total-seconds", type=float, default=0.0, help="of all calls; 0: as the steps take")
    parser.add_argument("--images", type=int, help="training images in all")
    parser.add_argument("--steps", type=int, default=PLAN.steps)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    if arguments.job == "features":
        write_features(arguments.data, arguments.checkpoint, arguments.out, seed=arguments.seed)
    elif arguments.job == "train":
        train(arguments)
    else:
        ship(arguments.checkpoint, arguments.state, arguments.out)


if __name__ == "__main__":
    main()
