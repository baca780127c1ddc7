"""One stage of a training: networks, optimisers and losses; the loop does the rest.

A stage yields objectives and never calls ``backward``: the loop takes the gradient of each objective with
respect to the parameters of its optimiser alone, so that adversarial losses cannot leak into the other
network, and owns precision, accumulation over micro-batches and devices, clipping, averaging and checkpoints.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class Batch:
    """Some training examples.

    Attributes
    ----------
    images : Tensor, (B, C, I, J, K)
        float32; scans in 0 to 1, or whatever an earlier stage made of them (latents, codes).
    conditions : Tensor, (B, number of conditions)
        Scaled, float32.
    """

    images: Tensor
    conditions: Tensor

    def to(self, device: torch.device | str) -> "Batch":
        """Return the batch on a device."""
        return Batch(self.images.to(device), self.conditions.to(device))


class Examples(Protocol):
    """Training examples by number, read when they are needed."""

    def __len__(self) -> int: ...

    def batch(self, numbers: Sequence[int]) -> Batch:
        """Return some examples, on the CPU."""
        ...


@dataclass(frozen=True)
class Objective:
    """What one optimiser minimises in this step.

    Attributes
    ----------
    optimizer : str
        Key of `Task.optimizers`.
    loss : Tensor
        Scalar; a mean over the batch.
    parts : mapping of str to float or Tensor
        Terms for the curves, detached or not.
    keep_graph : bool
        Whether a later objective of the same micro-batch shares this one's graph.
    """

    optimizer: str
    loss: Tensor
    parts: Mapping[str, Tensor | float] = field(default_factory=dict)
    keep_graph: bool = False


class Task(Protocol):
    """One stage of training.

    Attributes
    ----------
    name : str
        For example ``"autoencoder"``.
    networks : mapping of str to Module
        Everything with a state that belongs to the checkpoint of this stage, buffers included.
    optimizers : mapping of str to Optimizer
        Over disjoint sets of parameters of `networks`. The loop scales their learning rates over the steps.
    averaged : tuple of str
        Networks of which the loop keeps an exponential moving average; validation and all later stages use
        the average. Buffers of an averaged network are copied as they are.
    """

    @property
    def name(self) -> str: ...  # noqa: D102

    @property
    def networks(self) -> Mapping[str, nn.Module]: ...  # noqa: D102

    @property
    def optimizers(self) -> Mapping[str, torch.optim.Optimizer]: ...  # noqa: D102

    @property
    def averaged(self) -> tuple[str, ...]: ...  # noqa: D102

    def examples(self, images: Examples) -> Examples:
        """Return what this stage learns from: `images` themselves, or what an earlier stage makes of them.

        Called once when the stage starts or resumes, without gradients; may be slow (encoding all images).
        """
        ...

    def step(self, batch: Batch, generator: torch.Generator, step: int) -> Iterator[Objective]:
        """Yield the objectives of one micro-batch, in order.

        The loop runs what follows a ``yield`` after it has taken the gradient of the objective, and moves
        all weights once the last objective of the last micro-batch is done. All randomness comes from
        `generator` (on the CPU; move what was drawn). `step` counts from 0, for schedules of losses.
        """
        ...

    def validate(self, batch: Batch, generator: torch.Generator) -> dict[str, float]:
        """Return numbers for the curves on held-out examples; networks hold the averaged weights."""
        ...

    def show(self, batch: Batch, generator: torch.Generator) -> list[tuple[str, np.ndarray]]:
        """Return a few volumes (I, J, K) with captions for the page; networks hold the averaged weights."""
        ...


@dataclass(frozen=True)
class StagePlan:
    """How long and how one stage is trained.

    Attributes
    ----------
    name : str
        Of the stage.
    steps : int
        Moves of the weights.
    batch_size : int
        Examples per step, over all devices and micro-batches.
    accumulate : int
        Micro-batches per step, over all devices; divides `batch_size`.
    averaging : float
        Decay per step of the moving average.
    warm_up : int
        Steps over which the learning rate rises.
    fall : float
        Share of the steps, at the end, over which the learning rate falls linearly to 2 %.
    clip : float
        Largest norm of the gradient of one optimiser.
    seconds : float
        Time after which the stage ends though steps are left; 0 for no limit. How many steps fit depends on
        the machine, so the same weights come out only where it is 0.
    """

    name: str
    steps: int
    batch_size: int = 1
    accumulate: int = 1
    averaging: float = 0.999
    warm_up: int = 50
    fall: float = 0.5
    clip: float = 1.0
    seconds: float = 0.0


class Recipe(Protocol):
    """A model that can be trained: its stages in order, and what the checkpoint says about it.

    Attributes
    ----------
    model : str
        Name of the plug-in.
    plans : tuple of StagePlan
        In order; one command runs them all.
    architecture : mapping
        For `plausibrain.generation.checkpoint.Checkpoint.architecture`.
    shipped : tuple of str
        Networks whose (averaged) weights go into the checkpoint.
    """

    @property
    def model(self) -> str: ...  # noqa: D102

    @property
    def plans(self) -> tuple[StagePlan, ...]: ...  # noqa: D102

    @property
    def architecture(self) -> Mapping[str, Any]: ...  # noqa: D102

    @property
    def shipped(self) -> tuple[str, ...]: ...  # noqa: D102

    def task(self, stage: str, networks_before: Mapping[str, nn.Module]) -> Task:
        """Return the task of a stage, with fresh weights from the recipe's seed.

        Parameters
        ----------
        stage : str
            Name of a plan.
        networks_before : mapping of str to Module
            Networks of all earlier stages with averaged weights, in evaluation mode, on the device.
        """
        ...


@dataclass(frozen=True)
class Request:
    """What a recipe is made from: the user's choices and the data's facts.

    Attributes
    ----------
    preset : str
        ``"small"`` (2 mm, one CPU core), ``"published"`` (1 mm, as in the paper), or one of the model's own.
    shape : tuple of int
        Voxels of the training images.
    n_conditions : int
    seed : int
        Of the initial weights.
    steps : mapping of str to int
        Stage name to number of steps, where the user wants other numbers than the preset's.
    options : mapping of str to str
        Further options as given on the command line, for the model to interpret.
    cache : Path, optional
        Folder of a `plausibrain.cohorts.store.Store` for what a stage derives from the images, such as
        latents.
    """

    preset: str
    shape: tuple[int, int, int]
    n_conditions: int
    seed: int = 0
    steps: Mapping[str, int] = field(default_factory=dict)
    options: Mapping[str, str] = field(default_factory=dict)
    cache: Path | None = None
