"""Score trained models against held-out simulated subjects and print ``docs/models_scores.md``.

    python -m benchmarks.models CHECKPOINT [CHECKPOINT …] [--training COHORT] [--n 200] [--work runs/models]

CHECKPOINT is a folder that `plausibrain train` wrote, or MODEL=FOLDER for any other model. Two sets of subjects
are simulated whom no model has seen: the reference, and those whose conditions are asked for. The images of the
latter, judged as if a model had drawn them, are the row that a perfect model would have. Everything that is
made lies in the work folder and is used again, so a killed run goes on.
"""

import argparse
import inspect
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.models_page import Row, write_page
from benchmarks.models_picture import draw_examples
from plausibrain.analysis.settings import Settings
from plausibrain.cohorts.cohort import Cohort, read_cohort, write_cohort
from plausibrain.cohorts.errors import DataError
from plausibrain.cohorts.schemas import PARTICIPANTS
from plausibrain.cohorts.store import Store, hash_file, write_text_atomic
from plausibrain.cohorts.tables import write_table
from plausibrain.config import ImageSettings, RunConfig, Source
from plausibrain.flags import name_value_pairs
from plausibrain.generation.demo_cohorts import table_cohort
from plausibrain.generation.model import ImageGrid, Model
from plausibrain.generation.registry import find_model
from plausibrain.generation.sample_cohort import sample_cohort
from plausibrain.generation.simulator.cohort import simulate_cohort
from plausibrain.generation.simulator.subject import Grid
from plausibrain.imaging import segment
from plausibrain.model_grid import prepare
from plausibrain.models import load_model
from plausibrain.pipeline import run
from plausibrain.progress import progress_bar
from plausibrain.provenance import METRIC_VERSION
from plausibrain.reports.compare.compare import compare_runs

REFERENCE, ASKED, TRAINING = "reference", "held-out", "training"
ASKED_COLUMNS = (
    "participant_id", "subject", "age", "sex",
    "requested_age", "requested_sex", "requested_ventricle_mm3", "requested_brain_mm3",
)  # fmt: skip
STAMP, TIMES = "made_from.json", "sampling.json"


@dataclass(frozen=True)
class Plan:
    """What is measured, and how.

    Attributes
    ----------
    work : Path
    n : int
        Subjects in each of the two simulated sets.
    seed : int
        Of the reference; the subjects who are asked for have the next one.
    segmenter : str
    n_processes : int
    settings : Settings
    n_pairs : int
        Pairs of images compared in each cohort.
    judges_images : bool
        Whether runs look at the images too, or at volumes alone.
    """

    work: Path
    n: int
    seed: int
    segmenter: str
    n_processes: int
    settings: Settings
    n_pairs: int = 1000
    judges_images: bool = True

    def folder(self, kind: str, place: str) -> Path:
        """Return where one cohort's drawings, images, segmentation or run lie."""
        return self.work / kind / place

    def draw(self, place: str, grid: ImageGrid) -> Cohort:
        """Return one of the two sets of simulated subjects, as prepared for training."""
        seed = self.seed + (place == ASKED)
        voxel_mm = float(np.linalg.norm(grid.matrix[:3, 0]))
        with progress_bar(place) as progress:
            drawn = simulate_cohort(
                table_cohort(self.n, seed=seed, name=place), self.folder("drawn", place), seed=seed,
                grid=Grid(voxel_mm), skull_strip=True, n_processes=self.n_processes,
                on_subject=None if progress is None else lambda done, of: progress("drawing subjects", done, of),
            )  # fmt: skip
        return prepare(drawn, self.folder("images", place), grid)

    def sample(self, model: Model, conditions: Cohort, place: str) -> Cohort:
        """Return a model's images for the subjects who are asked for; note how long they took."""
        folder = self.folder("images", place)
        table = conditions.subjects[list(ASKED_COLUMNS)]
        write_table(table, self.work / "conditions.tsv", PARTICIPANTS)
        before, started = len(list(folder.glob("sub-*/anat/*_T1w.nii.gz"))), time.perf_counter()
        with progress_bar(place) as progress:
            tell = None if progress is None else lambda done, of: progress("drawing images", done, of)
            cohort = sample_cohort(model, table, folder, seed=self.seed, name=place, on_image=tell)
        if before < len(cohort):
            seconds = (time.perf_counter() - started) / (len(cohort) - before)
            write_text_atomic(folder / TIMES, json.dumps({"seconds_per_image": seconds}))
        return cohort

    def segment(self, cohort: Cohort, place: str) -> Path:
        """Return the folder of a segmented cohort."""
        out = self.folder("segmented", place)
        with progress_bar(place) as progress:
            segment(cohort, out, segmenter=self.segmenter, n_processes=self.n_processes, progress=progress)
        return out

    def judge(self, place: str, label: str, *, training: Path | None) -> Path:
        """Return the run folder of a cohort against the reference; made again only if something changed."""
        reference, generated = (self._measured(name) for name in (REFERENCE, place))
        out = self.folder("runs", place)
        measured = [folder for folder in (reference, generated, training) if folder is not None]
        tables = [sorted(folder.glob("derivatives/*/*.tsv")) for folder in measured]
        stamp = Store.key(
            [hash_file(path) for paths in tables for path in paths],
            self.settings.model_dump(mode="json"), self.n_pairs, METRIC_VERSION, label,
        )  # fmt: skip
        if (out / STAMP).is_file() and (out / STAMP).read_text(encoding="utf-8") == stamp:
            return out
        config = RunConfig(
            reference=Source(path=reference, name="held-out subjects"), generated=Source(path=generated, name=label),
            training=None if training is None else Source(path=training), out=out, name=label,
            settings=self.settings, images=ImageSettings(n_pairs=self.n_pairs),
        )  # fmt: skip
        with progress_bar(label) as progress:
            run(config, progress=progress)
        write_text_atomic(out / STAMP, stamp)
        return out

    def _measured(self, place: str) -> Path:
        """Return the folder of a segmented cohort; of its volumes alone where images are not judged."""
        folder = self.folder("segmented", place)
        if self.judges_images:
            return folder
        return write_cohort(read_cohort(folder, min_subjects=1), self.folder("volumes", place))


@dataclass(frozen=True)
class Contestant:
    """A model that takes part.

    Attributes
    ----------
    place : str
        Name of its folders: that of its checkpoint.
    label : str
    model : Model
    facts : mapping
        How it was trained, where the checkpoint says so.
    """

    place: str
    label: str
    model: Model
    facts: Mapping[str, Any]


def contestants(checkpoints: Sequence[str], options: Mapping[str, str]) -> list[Contestant]:
    """Return the models of ``FOLDER`` or ``MODEL=FOLDER``; each takes the options that it knows.

    Raises
    ------
    DataError
        When a folder is no checkpoint, two have one name, or the models draw on different grids.
    """
    found = []
    for text in checkpoints:
        name, _, folder = text.rpartition("=")
        path = Path(folder)
        facts: dict[str, Any] = {}
        if not name:
            from plausibrain.generation.checkpoint import read_checkpoint

            checkpoint = read_checkpoint(path)
            name, facts = checkpoint.model, dict(checkpoint.facts)
        plugin = find_model(name)
        known = inspect.signature(plugin.function).parameters
        model = load_model(name, path, {key: value for key, value in options.items() if key in known})
        found.append(Contestant(path.resolve().name, plugin.label, model, facts))
    _check(found)
    return found


def _check(found: Sequence[Contestant]) -> None:
    places = [one.place for one in found]
    clash = [place for place in places if places.count(place) > 1 or place in (REFERENCE, ASKED, TRAINING)]
    if clash:
        raise DataError(f"the folder name {clash[0]!r} is taken; rename the checkpoint's folder")
    for one in found:
        if one.model.grid != found[0].model.grid:
            raise DataError(
                f"{one.place} draws on another grid than {found[0].place}; images of different grids are not "
                "compared, score them apart"
            )


def score(
    checkpoints: Sequence[str], plan: Plan, *, training: Path | None, options: Mapping[str, str]
) -> list[Row]:
    """Draw, segment and judge every model and the held-out subjects; compare all runs.

    Returns
    -------
    list of Row
        The held-out subjects first.
    """
    models = contestants(checkpoints, options)
    grid = models[0].model.grid
    seen = _training(plan, training, grid)
    plan.segment(plan.draw(REFERENCE, grid), REFERENCE)
    asked = plan.draw(ASKED, grid)
    plan.segment(asked, ASKED)
    label = "Held-out subjects (a perfect model)"
    rows = [Row(label, plan.judge(ASKED, label, training=seen))]
    for one in models:
        plan.segment(plan.sample(one.model, asked, one.place), one.place)
        label = f"{one.label} ({one.place})"
        times = json.loads((plan.folder("images", one.place) / TIMES).read_text(encoding="utf-8"))
        facts = {**one.facts, **times, "checkpoint": one.model.checkpoint_hash}
        rows.append(Row(label, plan.judge(one.place, label, training=seen), facts))
    compare_runs([row.run for row in rows], plan.work / "comparison")
    return rows


def _training(plan: Plan, folder: Path | None, grid: ImageGrid) -> Path | None:
    """Return the segmented training subjects, whom question 9 looks for among the generated ones."""
    if folder is None:
        return None
    cohort = read_cohort(folder, name=TRAINING)
    seeds = set(cohort.subjects["seed"].dropna()) if "seed" in cohort.subjects else set()
    if seeds & {plan.seed, plan.seed + 1}:
        raise DataError(
            f"{folder} was simulated with seed {plan.seed} or {plan.seed + 1}, those of the held-out subjects; "
            "choose another --seed"
        )
    return plan.segment(prepare(cohort, plan.folder("images", TRAINING), grid), TRAINING)


def shared_arguments(description: str | None, *, out: str) -> argparse.ArgumentParser:
    """Return the flags of every page about models.

    Parameters
    ----------
    description : str, optional
        Of the command.
    out : str
        The page that it writes.
    """
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("checkpoints", nargs="+", metavar="[MODEL=]FOLDER")
    parser.add_argument("--n", type=int, default=200, help="images of each model")
    parser.add_argument("--seed", type=int, default=5000)
    parser.add_argument("--segmenter", default="synthseg_style_2mm")
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--option", action="append", default=[], help="of the models, as name=value")
    parser.add_argument("--work", type=Path, default=Path("runs/models"))
    parser.add_argument("--out", type=Path, default=Path(out))
    return parser


def arguments() -> argparse.Namespace:
    """Return the flags."""
    parser = shared_arguments(__doc__, out="docs/models_scores.md")
    parser.add_argument("--training", type=Path, help="the simulated cohort that the models were trained on")
    parser.add_argument("--resamples", type=int, default=Settings().n_resamples)
    parser.add_argument("--splits", type=int, default=Settings().n_splits)
    parser.add_argument("--pairs", type=int, default=1000)
    return parser.parse_args()


def main() -> None:
    """Score the models and write the page."""
    given = arguments()
    settings = Settings(
        n_resamples=given.resamples, n_splits=given.splits, min_subjects=min(Settings().min_subjects, given.n)
    )
    plan = Plan(given.work, given.n, given.seed, given.segmenter, given.processes, settings, given.pairs)
    rows = score(given.checkpoints, plan, training=given.training, options=name_value_pairs(given.option))
    said = {key: value for key, value in asdict(plan).items() if key in ("n", "seed", "segmenter", "n_pairs")}
    asked = read_cohort(plan.folder("images", ASKED))
    columns = {row.label.partition(" (")[0]: plan.folder("images", row.run.name) for row in rows}
    picture = draw_examples(columns, asked, given.out.parent / "models" / "samples.png")
    print(write_page(rows, plan.work / "comparison", given.out, said, picture=picture))


if __name__ == "__main__":
    main()
