"""Age and sex predicted from images by a network that is trained on the reference alone, in folds.

Every fold of the reference is predicted by the network that has not seen it, every generated image by the
mean of all networks: none of them has seen its subject. Nothing is shipped; each run trains its own.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.optim.swa_utils import update_bn

from plausibrain.evaluation.networks.age_sex_network import CHANNELS, AgeSexNetwork, balanced

Progress = Callable[[str, int, int], None]
#: Raise when training or network change, so that stored predictions are made anew.
VERSION = 2
#: Images are moved by up to this many voxels along each axis, and mirrored, while the network is trained.
SHIFT = 1


@dataclass(frozen=True)
class TrainingPlan:
    """How a network is trained.

    Attributes
    ----------
    epochs, batch : int
    learning_rate : float
        The highest of one cycle.
    channels : tuple of int
    seed : int
    """

    epochs: int = 40
    batch: int = 16
    learning_rate: float = 2e-3
    channels: tuple[int, ...] = CHANNELS
    seed: int = 0


@dataclass(frozen=True)
class Subjects:
    """Images with ages and sexes.

    Attributes
    ----------
    images : ndarray, (n, I, J, K)
        Grey values, 0 to 1.
    age : ndarray, (n,)
        Years.
    male : ndarray, (n,)
        1 for men.
    """

    images: np.ndarray
    age: np.ndarray = field(default_factory=lambda: np.empty(0))
    male: np.ndarray = field(default_factory=lambda: np.empty(0))


@dataclass(frozen=True)
class Prediction:
    """Predicted ages, years, and scores of sex, positive for men, (n,) each."""

    age: np.ndarray
    sex: np.ndarray


def cross_fitted(
    reference: Subjects,
    fold: np.ndarray,
    generated: Subjects,
    *,
    plan: TrainingPlan | None = None,
    device: str = "cpu",
    progress: Progress | None = None,
) -> tuple[Prediction, Prediction]:
    """Return predictions of the reference, held out, and of the generated images, mean over folds.

    Parameters
    ----------
    reference : Subjects
    fold : ndarray of int, (n,)
        All images of a subject lie in one fold.
    generated : Subjects
        Its ages and sexes are not looked at.
    plan : TrainingPlan, optional
    device : str
    progress : callable, optional
    """
    plan = plan or TrainingPlan()
    n, folds = len(fold), np.unique(fold)
    held_out = np.full((n, 2), np.nan)
    others = np.zeros((len(generated.images), 2))
    for number, k in enumerate(folds):
        if progress is not None:
            progress("network of age and sex", number, len(folds))
        train = np.flatnonzero(fold != k)
        network, centre, scale = trained(reference, train, plan, device=device)
        for target, images in ((held_out, reference.images[fold == k]), (others, generated.images)):
            values = predicted(network, images, plan.batch, device) * (scale, 1.0) + (centre, 0.0)
            if target is held_out:
                held_out[fold == k] = values
            else:
                others += values / len(folds)
    return Prediction(*held_out.T), Prediction(*others.T)


def trained(
    subjects: Subjects, rows: np.ndarray, plan: TrainingPlan, *, device: str = "cpu"
) -> tuple[AgeSexNetwork, float, float]:
    """Train a network on some rows; return it with mean and standard deviation of their ages, years."""
    rng = np.random.default_rng(plan.seed)
    torch.manual_seed(plan.seed)
    network = AgeSexNetwork(plan.channels).to(device).train()
    age, male = subjects.age[rows], subjects.male[rows]
    centre, scale = float(age.mean()), float(age.std()) or 1.0
    targets = torch.from_numpy(np.column_stack([(age - centre) / scale, male])).float()
    weights = balanced(targets[:, 1])
    steps = plan.epochs * max(len(rows) // plan.batch, 1)
    optimizer = torch.optim.AdamW(network.parameters(), lr=plan.learning_rate, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, plan.learning_rate, total_steps=steps)
    order = np.concatenate([rng.permutation(len(rows)) for _ in range(plan.epochs)])
    size = min(plan.batch, len(rows))
    for step in range(steps):
        at = np.take(order, range(step * size, (step + 1) * size), mode="wrap")
        images = torch.from_numpy(augmented(subjects.images[rows[at]], rng)).float()
        step_of(network, optimizer, images.to(device), targets[at].to(device), weights[at].to(device))
        schedule.step()
    # Running means of batch norm lag behind weights that moved fast, by decades of predicted age where images
    # are few; in use it takes the means of the training images themselves.
    images_of = (subjects.images[rows[i : i + size]] for i in range(0, len(rows), size))
    batches = (torch.from_numpy(images).float()[:, None] for images in images_of)
    update_bn(batches, network, device=torch.device(device))
    return network.eval(), centre, scale


def step_of(
    network: nn.Module, optimizer: torch.optim.Optimizer, images: Tensor, targets: Tensor, weights: Tensor
) -> Tensor:
    """Take one step; return the loss: error of age, and cross-entropy of sex with both sexes alike."""
    result = network(images[:, None])
    loss = functional.smooth_l1_loss(result[:, 0], targets[:, 0])
    loss = loss + functional.binary_cross_entropy_with_logits(result[:, 1], targets[:, 1], weight=weights)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.detach()


def augmented(images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return images each moved a little, and mirrored half of the time."""
    copies = np.empty_like(images)
    for i, image in enumerate(images):
        shift = rng.integers(-SHIFT, SHIFT + 1, size=3)
        copies[i] = np.roll(image[::-1] if rng.random() < 0.5 else image, shift, axis=(0, 1, 2))
    return copies


@torch.no_grad()
def predicted(network: nn.Module, images: np.ndarray, batch: int, device: str) -> np.ndarray:
    """Return what a network says of images, (n, 2): age in standard deviations, and the score of sex."""
    parts = [
        network(torch.from_numpy(images[i : i + batch]).float()[:, None].to(device)).double().cpu().numpy()
        for i in range(0, len(images), batch)
    ]
    return np.concatenate(parts) if parts else np.empty((0, 2))
