"""Train a model on a cohort with one call: prepare images, run every stage, write the checkpoint."""

import json
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from plausibrain.cohorts.arithmetic import choose_precision
from plausibrain.cohorts.cohort import Cohort
from plausibrain.cohorts.errors import DataError
from plausibrain.cohorts.store import write_text_atomic
from plausibrain.generation.checkpoint import Checkpoint, read_checkpoint, write_checkpoint
from plausibrain.generation.model import ImageGrid
from plausibrain.generation.preprocessing import preset_grid
from plausibrain.generation.registry import find_model
from plausibrain.generation.scaler import DEFAULT_CONDITIONS, ConditionScaler
from plausibrain.generation.training.data import PreparedImages, prepare_cohort, split
from plausibrain.generation.training.devices import Devices
from plausibrain.generation.training.loop import LoopSettings, Watch, train_stage
from plausibrain.generation.training.pictures import write_pictures
from plausibrain.generation.training.state import Row, StageState, averaged_weights, fresh_state
from plausibrain.generation.training.task import Examples, Recipe, Request, StagePlan

Progress = Callable[[str, int, int], None]
STATES, PREPARED, LOG, FACTS, CURVES = "states", "prepared", "training.log", "training.json", "curves.json"
#: Seconds between two pages of a training that runs; the last one is always written.
PAGE_EVERY_S = 30.0
Refresh = Callable[[Path], object]
GRID_OF_PRESET = {"published": "1mm", "small": "2mm"}


@dataclass(frozen=True)
class TrainingPlan:
    """What a user asks for.

    Attributes
    ----------
    model : str
        Name of a trainable model.
    out : Path
        Folder of the checkpoint, with states, log and page.
    preset : str
    grid : str
        Name in `plausibrain.generation.preprocessing.PRESETS`; empty for that of the preset.
    conditions : tuple of str
        Columns of the table of subjects.
    steps : mapping of str to int
        Stage to steps, where the preset's are not wanted.
    options : mapping of str to str
        For the recipe.
    seed : int
    n_held_out : int
        Subjects kept for validation.
    precision : {"auto", "bf16", "fp32"}
        auto is bf16 on devices that are fast in it (`plausibrain.cohorts.arithmetic`), else fp32.
    device : str
    labels : Path, optional
        As in `prepare_cohort`.
    skull_strip : bool
    save_every_s : float
    init : Path, optional
        Checkpoint of the same model, preset, grid and conditions whose weights the training starts from.
    """

    model: str
    out: Path
    preset: str = "small"
    grid: str = ""
    conditions: tuple[str, ...] = DEFAULT_CONDITIONS
    steps: Mapping[str, int] = field(default_factory=dict)
    options: Mapping[str, str] = field(default_factory=dict)
    seed: int = 0
    n_held_out: int = 4
    precision: str = "auto"
    device: str = "auto"
    labels: Path | None = None
    skull_strip: bool = True
    save_every_s: float = 60.0
    init: Path | None = None


def train(
    cohort: Cohort, plan: TrainingPlan, *, progress: Progress | None = None, refresh: Refresh | None = None
) -> Checkpoint:
    """Train a model; the same call goes on where a killed one stopped.

    Parameters
    ----------
    cohort : Cohort
        With images, label maps and the columns `plan.conditions`.
    plan : TrainingPlan
    progress : callable, optional
        Called as ``progress(what, done, of)``.
    refresh : callable, optional
        Called with the folder when its curves have grown, to write a page of them.

    Returns
    -------
    Checkpoint
        As written to ``plan.out``.

    Raises
    ------
    DataError
        When the cohort, the plan or what lies in the folder cannot be used.
    """
    recipe_of = find_model(plan.model).recipe
    if recipe_of is None:
        raise DataError(f"model {plan.model!r} cannot be trained here; it only reads what others made")
    subjects, devices = cohort.included, Devices(plan.device)
    if plan.n_held_out >= len(subjects):
        raise DataError(
            f"{cohort.source}: {len(subjects)} subjects are too few with {plan.n_held_out} held out; add "
            "subjects, "
            "or hold out fewer with --held-out"
        )
    plan = replace(plan, precision=choose_precision(plan.precision, devices.device))
    grid = training_grid(plan)
    initial = None if plan.init is None else _initial(plan, plan.init, grid)
    scaler = initial.scaler if initial else ConditionScaler.fit(subjects.subjects, plan.conditions)
    recipe: Recipe = recipe_of(
        Request(
            plan.preset, grid.shape, len(scaler.columns), plan.seed, plan.steps, plan.options,
            cache=plan.out / PREPARED,
        )
    )  # fmt: skip
    _check_steps(plan, recipe)
    if initial and dict(initial.architecture) != json.loads(json.dumps(dict(recipe.architecture))):
        raise DataError(f"{plan.init} has another architecture than preset {plan.preset!r} of {plan.model}")
    files = prepare_cohort(
        subjects, grid, plan.out / PREPARED, labels=plan.labels, skull_strip=plan.skull_strip,
        progress=_telling(progress, "preparing images"),
    )  # fmt: skip
    images = PreparedImages(files, scaler(subjects.subjects))
    training = Training(plan, recipe, grid, scaler, images, devices, progress, initial, refresh)
    return training.run(facts_of(cohort, subjects, plan))


def _initial(plan: TrainingPlan, folder: Path, grid: ImageGrid) -> Checkpoint:
    """Read the checkpoint that a training starts from; `DataError` when it does not belong to the plan."""
    checkpoint = read_checkpoint(folder, plan.model)
    if checkpoint.grid.as_data() != grid.as_data():
        raise DataError(f"{folder} was trained on another grid; choose its grid with --grid")
    if checkpoint.scaler.columns != tuple(plan.conditions):
        raise DataError(
            f"{folder} has the conditions {', '.join(checkpoint.scaler.columns)}; ask for the same with "
            "--condition"
        )
    return checkpoint


def training_grid(plan: TrainingPlan) -> ImageGrid:
    """Return the grid of a plan; `DataError` if there is none of that name."""
    return preset_grid(plan.grid or GRID_OF_PRESET.get(plan.preset, "2mm"))


def facts_of(cohort: Cohort, subjects: Cohort, plan: TrainingPlan) -> dict[str, Any]:
    """Return what a checkpoint says about its training."""
    return {
        "cohort": cohort.name,
        "n_subjects": len(subjects),
        "preset": plan.preset,
        "seed": plan.seed,
        "precision": plan.precision,
        "torch": torch.__version__,
    }


class Training:
    """All stages of one training, with its page and log.

    Parameters
    ----------
    plan, recipe, grid, scaler, images, devices, progress
        As in `train`.
    initial : Checkpoint, optional
        Whose weights networks of the same name start with.
    refresh
        As in `train`.
    """

    def __init__(
        self,
        plan: TrainingPlan,
        recipe: Recipe,
        grid: ImageGrid,
        scaler: ConditionScaler,
        images: PreparedImages,
        devices: Devices,
        progress: Progress | None,
        initial: Checkpoint | None = None,
        refresh: Refresh | None = None,
    ) -> None:
        self.refresh, self.refreshed = refresh, -math.inf
        self.initial = initial
        self.plan, self.recipe, self.grid, self.scaler = plan, recipe, grid, scaler
        self.devices, self.progress = devices, progress
        train_numbers, held_out = split(len(images), plan.n_held_out, plan.seed)
        self.images, self.held_out = images.select(train_numbers), images.select(held_out)
        self.histories: dict[str, list[Row]] = {}
        self.pictures: dict[str, list[dict[str, str]]] = _pictures_before(plan.out / FACTS)

    def run(self, facts: Mapping[str, Any]) -> Checkpoint:
        """Run every stage and write the checkpoint."""
        networks: dict[str, nn.Module] = {}
        stages: dict[str, Any] = {}
        for number, stage in enumerate(self.recipe.plans):
            state = self._run_stage(number, stage, networks)
            networks |= _averaged_networks(state)
            stages[stage.name] = asdict(stage) | {"seconds": round(state.seconds, 1)}
        description = dict(facts) | {"n_trained_on": len(self.images), "stages": stages}
        if self.initial is not None:
            description["initial_checkpoint"] = self.initial.hash
        checkpoint = Checkpoint(
            self.recipe.model, self.recipe.architecture, self.grid, self.scaler, description
        )
        weights = {name: networks[name] for name in self.recipe.shipped}
        if self.devices.is_main:
            checkpoint = write_checkpoint(self.plan.out, checkpoint, weights)
        self.devices.wait()
        return checkpoint

    def _run_stage(self, number: int, stage: StagePlan, networks: Mapping[str, nn.Module]) -> StageState:
        task = self.recipe.task(stage.name, networks)
        for name, network in task.networks.items():
            weights = self.initial.weights_of(name) if self.initial else {}
            if weights:
                network.load_state_dict(weights)
            network.to(self.devices.device).train()
        with torch.no_grad():
            self._share_encoding(task)
            examples, held_out = task.examples(self.images), task.examples(self.held_out)
        self._log(f"{stage.name}: {len(examples)} examples, {stage.steps} steps")
        watch = Watch(on_row=self._tell(stage), on_validation=self._show(stage, held_out))
        state = train_stage(
            fresh_state(task), stage, examples, held_out,
            path=self.plan.out / STATES / f"{stage.name}.pt",
            settings=LoopSettings(self.plan.seed, number, self.plan.precision, self.plan.save_every_s),
            devices=self.devices, watch=watch,
        )  # fmt: skip
        self.histories[stage.name] = state.history
        if self.devices.is_main:
            self._write_curves(last=True)
        return state

    def _share_encoding(self, task: Any) -> None:
        """Let every process encode its part of the images where a task keeps what it encodes."""
        if self.devices.world > 1 and hasattr(task, "encode"):
            for images in (self.images, self.held_out):
                task.encode(images.select(range(self.devices.rank, len(images), self.devices.world)))
            self.devices.wait()

    def _tell(self, stage: StagePlan) -> Callable[[StageState, Row], None]:
        began: list[tuple[float, int]] = []

        def tell(state: StageState, row: Row) -> None:
            now = time.monotonic()
            began.append((now, state.step))
            first, from_step = began[0]
            pace = (now - first) / (state.step - from_step) if state.step > from_step else math.nan
            left = (stage.steps - state.step) * pace
            losses = " ".join(f"{name} {value:.4g}" for name, value in row.items() if name != "step")
            words = f"{stage.name}, {clock(left)} left: {losses}"
            self._log(f"{stage.name} step {state.step}/{stage.steps} {pace:.3f} s/step {losses}")
            if self.progress is not None and self.devices.is_main:
                self.progress(words, state.step, stage.steps)

        return tell

    def _show(self, stage: StagePlan, held_out: Examples) -> Callable[[StageState, Row], None]:
        numbers = list(range(min(2, len(held_out))))

        def show(state: StageState, row: Row) -> None:
            self.histories[stage.name] = state.history
            batch = held_out.batch(numbers).to(self.devices.device)
            with torch.autocast(
                self.devices.device.type, torch.bfloat16, enabled=self.plan.precision == "bf16"
            ):
                pictures = state.task.show(batch, torch.Generator().manual_seed(0))
            self.pictures[stage.name] = write_pictures(self.plan.out, stage.name, pictures)
            self._log(f"{stage.name} " + " ".join(f"{name} {value:.4g}" for name, value in row.items()))
            self._write_curves()

        return show

    def _write_curves(self, *, last: bool = False) -> None:
        """Write what a page of the training is made from, and have it made when it is time."""
        facts = {
            "Model": f"{self.recipe.model}, preset {self.plan.preset}",
            "Conditions": ", ".join(self.scaler.columns),
            "Images": f"{len(self.images)} to train on, {len(self.held_out)} held out",
            "Grid": " × ".join(map(str, self.grid.shape)),
        }
        content = {
            "model": self.recipe.model, "facts": facts,
            "stages": {stage.name: stage.steps for stage in self.recipe.plans}, "pictures": self.pictures,
        }  # fmt: skip
        rows = {stage: list(history) for stage, history in self.histories.items()}
        write_text_atomic(self.plan.out / FACTS, json.dumps(content, indent=1, ensure_ascii=False) + "\n")
        write_text_atomic(self.plan.out / CURVES, json.dumps(rows) + "\n")
        if self.refresh is not None and (last or time.monotonic() - self.refreshed > PAGE_EVERY_S):
            self.refresh(self.plan.out)
            self.refreshed = time.monotonic()

    def _log(self, line: str) -> None:
        if self.devices.is_main:
            path = self.plan.out / LOG
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("a", encoding="utf-8") as stream:
                stream.write(f"{time.strftime('%Y-%m-%d %H:%M:%S')} {line}\n")


def _pictures_before(path: Path) -> dict[str, list[dict[str, str]]]:
    """Return the pictures that a killed training left."""
    try:
        return dict(json.loads(path.read_text(encoding="utf-8"))["pictures"])
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def clock(seconds: float) -> str:
    """Return a duration as text: ``1h05m``, ``4m10s``, ``?`` while unknown."""
    if not math.isfinite(seconds):
        return "?"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}h{minutes:02d}m" if hours else f"{minutes}m{rest:02d}s"


def _averaged_networks(state: StageState) -> dict[str, nn.Module]:
    """Return all networks of a finished stage, for good with their averages, without gradients."""
    with averaged_weights(state):
        averages = {
            name: {k: v.clone() for k, v in state.task.networks[name].state_dict().items()}
            for name in state.averages
        }
    for name, average in averages.items():
        state.task.networks[name].load_state_dict(average)
    for network in state.task.networks.values():
        network.eval().requires_grad_(requires_grad=False)
    return dict(state.task.networks)


def _check_steps(plan: TrainingPlan, recipe: Recipe) -> None:
    unknown = sorted(set(plan.steps) - {stage.name for stage in recipe.plans})
    if unknown:
        names = ", ".join(stage.name for stage in recipe.plans)
        raise DataError(f"{plan.model} has no stage {unknown[0]!r}; its stages are {names}")


def _telling(progress: Progress | None, what: str) -> Callable[[int, int], None] | None:
    return None if progress is None else lambda n_done, of: progress(what, n_done, of)
