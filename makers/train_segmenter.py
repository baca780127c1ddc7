"""Train the segmentation network.

``python -m makers.train_segmenter --labelmaps FOLDER --out FOLDER``

Repeating the command continues from the last checkpoint. Step k draws from (seed, k) alone, so a run that was
killed and continued sees the same images as one that was not.
"""

import argparse
import logging
import os
import queue
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.optim import AdamW

from makers.synthesis.anatomy import Codebook, codebook_on
from makers.synthesis.fields import Draws
from makers.synthesis.labelmaps import TrainingMap, read_training_maps
from makers.synthesis.losses import coarse_loss, segmentation_loss
from makers.synthesis.rendering import Example, Recipe, render_example
from plausibrain.cohorts.arithmetic import fast_autocast
from plausibrain.cohorts.store import write_atomic
from plausibrain.evaluation.channels import CHANNELS
from plausibrain.evaluation.networks.half_resolution_unet import HalfResolutionUNet, channels_last

_log = logging.getLogger("train_segmenter")

#: Block sizes in voxels and how often each is drawn. Large blocks teach what a whole brain looks like to the
#: norms.
BLOCKS: tuple[tuple[tuple[int, int, int], float], ...] = (
    ((96, 96, 96), 0.60),
    ((112, 128, 112), 0.30),
    ((144, 176, 144), 0.10),
)
#: On a GPU most blocks hold a whole head, as the images do that the network will see.
GPU_BLOCKS: tuple[tuple[tuple[int, int, int], float], ...] = (
    ((96, 96, 96), 0.10),
    ((112, 128, 112), 0.35),
    ((160, 192, 160), 0.55),
)
#: A block at least this wide is centred on the brain, give or take 5 mm.
_WHOLE_HEAD = 160
#: The same for the steps at 1 mm, which cost twice as much a voxel and teach edges.
FINE_BLOCKS: tuple[tuple[tuple[int, int, int], float], ...] = (
    ((96, 96, 96), 0.90),
    ((112, 128, 112), 0.10),
)

#: Weight of the loss at 2 mm beside that at 1 mm.
_COARSE_SHARE = 0.3
#: Weight of the Dice term in the last steps.
_SETTLING_WEIGHT = 0.1
#: Share of the time from which on it does.
_SETTLED_FROM = 0.7


@dataclass(frozen=True)
class Plan:
    """What decides the outcome of a training run.

    Attributes
    ----------
    labelmaps, out : Path
        Folder of label maps; folder of checkpoints.
    steps : int
        Total number of steps; the learning rate falls linearly over the last third.
    learning_rate : float
    n_held_out : int
        The last maps of the folder are rendered for validation only.
    coarse_steps : int
        The first steps learn at 2 mm only, at less than half the cost.
    settling_steps : int
        In the last steps the Dice term weighs a tenth. Dice is best for posteriors that are too generous
        where a boundary is uncertain (a voxel belongs in when its posterior exceeds half the Dice), so it
        makes small structures too large; the cross-entropy alone is best for true posteriors and volumes.
    averaging : float
        Decay per step of the running average of the weights, which is what is shipped.
    seconds : float, optional
        Total time of training. Given, the rate and the settling follow the time spent instead of the steps
        (the rate falls over the second half, the last 30 % settle), and ``steps`` does not count.
    sitting_seconds : float, optional
        This call saves and stops after so long; the next one continues.
    """

    labelmaps: Path
    out: Path
    steps: int = 6000
    coarse_steps: int = 4000
    settling_steps: int = 800
    seed: int = 0
    learning_rate: float = 1e-3
    n_held_out: int = 2
    averaging: float = 0.997
    device: str = "cpu"
    init: Path | None = None
    seconds: float | None = None
    sitting_seconds: float | None = None
    features: tuple[int, ...] = (24, 48, 96, 128)


@dataclass
class State:
    """A network in training."""

    network: HalfResolutionUNet
    average: HalfResolutionUNet
    optimizer: AdamW
    step: int = 0
    spent: float = 0.0
    dice: np.ndarray = field(default_factory=lambda: np.full(len(CHANNELS), np.nan))


def start(plan: Plan) -> State:
    """Return the state of the last checkpoint in ``plan.out``, or a fresh one (from ``plan.init``)."""
    torch.manual_seed(plan.seed)
    networks = [HalfResolutionUNet(plan.features) for _ in range(2)]
    for network in networks:
        if plan.init:
            network.load_state_dict({k: v.float() for k, v in load_file(plan.init).items()})
        channels_last(network, plan.device)
    networks[1].load_state_dict(networks[0].state_dict())
    optimizer = AdamW(networks[0].parameters(), lr=plan.learning_rate, weight_decay=1e-4)
    state = State(networks[0], networks[1], optimizer)
    checkpoint = plan.out / "checkpoint.pt"
    if checkpoint.exists():
        content = torch.load(checkpoint, map_location=plan.device, weights_only=True)
        state.network.load_state_dict(content["network"])
        state.average.load_state_dict(content["average"])
        state.optimizer.load_state_dict(content["optimizer"])
        state.step, state.spent = content["step"], content.get("spent", 0.0)
    return state


def save(state: State, out: Path) -> None:
    """Write the checkpoint and the averaged weights (fp16 safetensors), each whole or not at all."""
    content = {
        "network": state.network.state_dict(),
        "average": state.average.state_dict(),
        "optimizer": state.optimizer.state_dict(),
        "step": state.step,
        "spent": state.spent,
    }
    write_atomic(out / "checkpoint.pt", lambda path: torch.save(content, path))
    weights = {k: v.detach().half().cpu().contiguous() for k, v in state.average.state_dict().items()}
    metadata = {"step": str(state.step)}
    write_atomic(out / "weights.safetensors", lambda path: save_file(weights, path, metadata=metadata))


def progress(plan: Plan, step: int, spent: float) -> float:
    """Return the share of the training that is done, 0 to 1, by time where the plan is one of time."""
    share = step / plan.steps if plan.seconds is None else spent / plan.seconds
    return min(1.0, share)


def learning_rate(plan: Plan, step: int, spent: float = 0.0) -> float:
    """Return the rate: up over 100 steps, level, down to 2 % over the last third (by time: half, to 1 %)."""
    warm = min(1.0, (step + 1) / 100)
    falling, least = (1 / 3, 0.02) if plan.seconds is None else (0.5, 0.01)
    return plan.learning_rate * warm * max(least, min(1.0, (1 - progress(plan, step, spent)) / falling))


def settles(plan: Plan, step: int, spent: float = 0.0) -> bool:
    """Return whether the Dice term weighs a tenth now."""
    if plan.seconds is not None:
        return progress(plan, step, spent) >= _SETTLED_FROM
    return step >= plan.steps - plan.settling_steps


def draw(plan: Plan, step: int, codebook: Codebook, maps: list[TrainingMap], recipe: Recipe) -> Example:
    """Return the example of one step, a function of (seed, step)."""
    draws = Draws(plan.device, plan.seed * 10_000_019 + step)
    rng = np.random.default_rng([plan.seed, step])
    fine = step >= plan.coarse_steps
    blocks = (FINE_BLOCKS if fine else BLOCKS) if plan.seconds is None else GPU_BLOCKS
    shape = blocks[rng.choice(len(blocks), p=[share for _, share in blocks])][0]
    source = maps[rng.integers(len(maps))]
    centre = None
    if shape[0] >= _WHOLE_HEAD:
        centre = source.middle + torch.from_numpy(rng.normal(0, 5, 3).astype(np.float32))
    return render_example(source, codebook, shape, recipe, draws, centre=centre)


class Examples:
    """Examples from the present step on; on a GPU a thread renders ahead on a stream of its own."""

    def __init__(self, plan: Plan, first_step: int, render: Callable[[int], Example]) -> None:
        self._render, self._step = render, first_step
        self._ahead = torch.device(plan.device).type == "cuda"
        self._ready: queue.Queue[tuple[Example, torch.cuda.Event]] = queue.Queue(3)
        self._is_over = threading.Event()
        if self._ahead:
            threading.Thread(target=self._produce, daemon=True).start()

    def _produce(self) -> None:
        stream = torch.cuda.Stream()
        while not self._is_over.is_set():
            with torch.cuda.stream(stream):
                example = self._render(self._step)
                event = torch.cuda.Event()
                event.record(stream)
            self._step += 1
            while not self._is_over.is_set():
                try:
                    self._ready.put((example, event), timeout=1)
                    break
                except queue.Full:
                    continue

    def next(self) -> Example:
        """Return the example of the next step."""
        if not self._ahead:
            self._step += 1
            return self._render(self._step - 1)
        example, event = self._ready.get(timeout=120)
        event.wait()
        for values in (example.image, example.target, example.side):
            values.record_stream(torch.cuda.current_stream())
        return example

    def end(self) -> None:
        """Stop rendering ahead."""
        self._is_over.set()


def train_step(state: State, example: Example, plan: Plan) -> tuple[float, np.ndarray]:
    """Move the weights once; return the loss and the Dice of every structure.

    A gradient that is not finite moves nothing: bf16 convolutions of some CPU builds return one when the
    lowest level has 2 x 2 x 2 voxels, that is, for blocks below 48 voxels.
    """
    for group in state.optimizer.param_groups:
        group["lr"] = learning_rate(plan, state.step, state.spent)
    with fast_autocast(plan.device):
        loss, dice = _loss(
            state,
            example,
            fine=plan.seconds is not None or state.step >= plan.coarse_steps,
            dice_weight=_SETTLING_WEIGHT if settles(plan, state.step, state.spent) else 1.0,
        )
    state.optimizer.zero_grad()
    loss.backward()
    norm = torch.nn.utils.clip_grad_norm_(state.network.parameters(), 1.0)
    if torch.isfinite(norm):
        state.optimizer.step()
    state.step += 1
    decay = min(plan.averaging, (state.step + 1) / (state.step + 10))
    with torch.no_grad():
        pairs = zip(state.average.parameters(), state.network.parameters(), strict=True)
        for slow, fast in pairs:
            slow.lerp_(fast, 1 - decay)
    return float(loss.detach()), dice.cpu().numpy()


def _loss(state: State, example: Example, *, fine: bool, dice_weight: float) -> tuple[Tensor, Tensor]:
    """Return the loss at 2 mm, or that at 1 mm with a share of it: the network answers at both."""
    image, truth = example.image[None, None], (example.target, example.side)
    if not fine:
        return coarse_loss(state.network(image, fine=False), *truth, dice_weight=dice_weight)
    coarse, sharp = state.network.both(image)
    loss, dice = segmentation_loss(sharp, *truth, dice_weight=dice_weight)
    return loss + _COARSE_SHARE * coarse_loss(coarse, *truth, dice_weight=dice_weight)[0], dice


def train(plan: Plan) -> State:
    """Run or continue a training to its last step.

    Progress goes to the log every 20 steps: loss, running Dice, seconds per step, hours left.
    """
    codebook, maps = read_training_maps(plan.labelmaps)
    codebook = codebook_on(codebook, plan.device)
    maps = [replace(map_, codes=map_.codes.to(plan.device)) for map_ in maps[: len(maps) - plan.n_held_out]]
    state = start(plan)
    recipe = Recipe()
    _log.info("%d maps, from step %d of %d", len(maps), state.step, plan.steps)
    losses: list[float] = []
    began = last_report = time.perf_counter()
    before = state.spent
    examples = Examples(plan, state.step, lambda step: draw(plan, step, codebook, maps, recipe))
    while not _is_over(plan, state, time.perf_counter() - began):
        loss, dice = train_step(state, examples.next(), plan)
        state.spent = before + time.perf_counter() - began
        losses.append(loss)
        old = np.where(np.isnan(state.dice), dice, state.dice)
        state.dice = np.where(np.isnan(dice), old, 0.97 * old + 0.03 * dice)
        if state.step % 20 == 0:
            _report(state, plan, losses, (time.perf_counter() - last_report) / 20)
            losses, last_report = [], time.perf_counter()
        if state.step % 50 == 0:
            save(state, plan.out)
    examples.end()
    save(state, plan.out)
    return state


def _is_over(plan: Plan, state: State, sitting: float) -> bool:
    if plan.sitting_seconds is not None and sitting >= plan.sitting_seconds:
        return True
    return state.spent >= plan.seconds if plan.seconds is not None else state.step >= plan.steps


def _report(state: State, plan: Plan, losses: list[float], seconds: float) -> None:
    dice = " ".join(f"{id_[0]}:{d:.2f}" for id_, d in zip(CHANNELS[1:], state.dice[1:], strict=True))
    left = (plan.steps - state.step) * seconds / 3600
    left = left if plan.seconds is None else (plan.seconds - state.spent) / 3600
    mean = float(np.nanmean(state.dice[1:]))
    _log.info(
        "step %d/%d loss %.3f dice %.3f %.2f s/step %.1f h left | %s",
        *(state.step, plan.steps, float(np.mean(losses)), mean, seconds, left, dice),
    )


def parse_plan(arguments: list[str] | None = None) -> tuple[Plan, int]:
    """Return the plan of a command line and the number of CPU threads."""
    parser = argparse.ArgumentParser(prog="python -m makers.train_segmenter", description=__doc__)
    parser.add_argument("--labelmaps", type=Path, required=True, help="folder of seg_*.nii.gz (SynthSeg)")
    parser.add_argument("--out", type=Path, required=True, help="checkpoints and weights")
    parser.add_argument("--steps", type=int, default=Plan.steps)
    parser.add_argument("--coarse-steps", type=int, default=Plan.coarse_steps, help="of them at 2 mm")
    parser.add_argument("--settling-steps", type=int, default=Plan.settling_steps, help="Dice weighs less")
    parser.add_argument("--seed", type=int, default=Plan.seed)
    parser.add_argument("--learning-rate", type=float, default=Plan.learning_rate)
    parser.add_argument("--init", type=Path, help="weights to begin with instead of random ones")
    parser.add_argument("--seconds", type=float, help="total time, which then rules instead of the steps")
    parser.add_argument("--sitting-seconds", type=float, help="save and stop after so long; repeat to go on")
    parser.add_argument("--features", type=int, nargs=4, default=list(Plan.features))
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    args = vars(parser.parse_args(arguments))
    threads = args.pop("threads")
    args["features"] = tuple(args["features"])
    return Plan(**args), threads


def main(arguments: list[str] | None = None) -> None:
    """Train as the command line says."""
    plan, threads = parse_plan(arguments)
    torch.set_num_threads(threads)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    train(plan)


if __name__ == "__main__":
    main()
