"""Age and sex predicted from images by a network, as a part of a run: when, on which images, and where kept.

With a GPU a run trains it unasked, on a CPU on request, and in either case only with enough reference images.
"""

import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from plausibrain.cohorts.cohort import OK, Cohort
from plausibrain.cohorts.notes import Note
from plausibrain.cohorts.schemas import NETWORK_AGE, NETWORK_SEX
from plausibrain.cohorts.store import Store
from plausibrain.config import ImageSettings, RunConfig
from plausibrain.features import Features
from plausibrain.image_files import image_and_label_files

Progress = Callable[[str, int, int], None]
#: The extractor whose vectors are the images that the network sees.
INPUT = "brain_4mm"
N_FOLDS = 5


def with_network_input(config: RunConfig, reference: Cohort, device: str) -> RunConfig:
    """Return the configuration that also extracts what the network sees, where a network will be trained.

    Parameters
    ----------
    config : RunConfig
    reference : Cohort
    device : str
        As in `plausibrain.cohorts.arithmetic.choose_device`.
    """
    images, segmentation = config.images, config.out / "segmented" / "reference"
    if not is_wanted(images, reference, device, segmentation=segmentation) or INPUT in images.extractors:
        return config
    extractors = {**images.extractors, INPUT: {}}
    return config.model_copy(update={"images": images.model_copy(update={"extractors": extractors})})


def is_wanted(
    settings: ImageSettings, reference: Cohort, device: str, *, segmentation: Path | None = None
) -> bool:
    """Tell whether a run trains the network of age and sex.

    Parameters
    ----------
    settings : ImageSettings
    reference : Cohort
    device : str
    segmentation : Path, optional
        Folder into which the run segments the reference.
    """
    n_images = _n_images(reference, segmentation)
    if settings.age_network == "off" or n_images < settings.age_network_least:
        return False
    return settings.age_network == "on" or _has_gpu(device)


def _n_images(cohort: Cohort, segmentation: Path | None) -> int:
    """Count the images of a cohort, also where a folder that was segmented before only names them."""
    files = image_and_label_files(cohort, segmentation or cohort.source)
    images = cohort.images or () if files is None else files[0]
    return sum(path is not None for path in images)


def _has_gpu(device: str) -> bool:
    from plausibrain.cohorts.arithmetic import choose_device

    return choose_device(device) != "cpu"


def with_network_ages(
    features: Features,
    settings: ImageSettings,
    folder: Path,
    *,
    device: str = "auto",
    seed: int = 0,
    segmentation: Path | None = None,
    progress: Progress | None = None,
) -> Features:
    """Return the cohorts with the columns `network_age` and `network_sex_score`, where images are enough.

    The vectors that the network saw are taken out again: no distance is made of them.

    Parameters
    ----------
    features : Features
    settings : ImageSettings
    folder : Path
        Of the store.
    device : str
    seed : int
        Of folds and training.
    segmentation : Path, optional
        Folder into which the run segmented the reference.
    progress : callable, optional
    """
    name = next((n for n in features.reference.features if n.partition(":")[0] == INPUT), None)
    if name is None:
        return _with_reason(features, settings, _n_images(features.reference, segmentation))
    pair = features.reference, features.generated
    vectors = [cohort.features[name] for cohort in pair]
    rows = [_complete(cohort, matrix) for cohort, matrix in zip(pair, vectors, strict=True)]
    if len(rows[0]) >= settings.age_network_least and len(rows[1]):
        columns = _predicted(pair, vectors, rows, folder, device, seed, progress)
        pair = tuple(_with_columns(c, r, v) for c, r, v in zip(pair, rows, columns, strict=True))  # type: ignore[assignment]
    else:
        pair = _with_reason(features, settings, len(rows[0])).reference, pair[1]
    training = features.training and _without(features.training, name)
    protocol = features.protocol | {
        "extractors": [n for n in features.protocol.get("extractors", ()) if n != name]
    }
    return Features(_without(pair[0], name), _without(pair[1], name), training, protocol)


def _with_reason(features: Features, settings: ImageSettings, n_images: int) -> Features:
    """Note why the network that a configuration asks for was not trained: too few reference images."""
    least = settings.age_network_least
    if settings.age_network != "on" or n_images >= least:
        return features
    why = (
        f"network of age and sex not trained: {n_images} reference images with age and sex, at least {least} "
        "are needed"
    )
    note = Note("warning", "image", value=str(n_images), message=why)
    reference = replace(features.reference, notes=(*features.reference.notes, note))
    return replace(features, reference=reference)


def _complete(cohort: Cohort, vectors: np.ndarray) -> np.ndarray:
    """Return the rows with an image, an age and a sex."""
    subjects = cohort.subjects
    known = subjects["age"].notna() & subjects["sex"].isin(["F", "M"]) & subjects["status"].eq(OK)
    return np.flatnonzero(known.to_numpy() & np.isfinite(vectors).all(axis=1))


def _predicted(
    pair: tuple[Cohort, Cohort],
    vectors: list[np.ndarray],
    rows: list[np.ndarray],
    folder: Path,
    device: str,
    seed: int,
    progress: Progress | None,
) -> list[np.ndarray]:
    """Return predicted age and score of sex of the rows of both cohorts, (n, 2) each."""
    from plausibrain.cohorts.arithmetic import choose_device, image_threads
    from plausibrain.evaluation.age_network import VERSION, Subjects, TrainingPlan, cross_fitted
    from plausibrain.evaluation.extractors.brain_4mm import SHAPE

    subjects = [cohort.subjects.iloc[r] for cohort, r in zip(pair, rows, strict=True)]
    images = [v[r].reshape(-1, *SHAPE) for v, r in zip(vectors, rows, strict=True)]
    age, male = subjects[0]["age"].to_numpy(dtype=float), subjects[0]["sex"].eq("M").to_numpy(dtype=float)
    fold = _folds(subjects[0]["subject"].to_numpy(), seed)
    content = hashlib.sha256()
    for values in (*images, age, male, fold):
        content.update(np.ascontiguousarray(values).tobytes())
    store, key = Store(folder), Store.key("network of age and sex", content.hexdigest(), VERSION, seed)
    file = store.get(key, ".json")
    if file is None:
        with image_threads():
            predictions = cross_fitted(
                Subjects(images[0], age, male), fold, Subjects(images[1]), plan=TrainingPlan(seed=seed),
                device=choose_device(device), progress=progress,
            )  # fmt: skip
        text = json.dumps([np.column_stack([p.age, p.sex]).tolist() for p in predictions], allow_nan=False)
        file = store.put_text(key, ".json", text)
    return [np.array(part, dtype=float) for part in json.loads(file.read_text(encoding="utf-8"))]


def _folds(subject: np.ndarray, seed: int) -> np.ndarray:
    """Return a fold per row; all rows of a subject lie in one."""
    names, numbers = np.unique(subject.astype(str), return_inverse=True)
    folds: np.ndarray = np.random.default_rng(seed).permutation(len(names))[numbers] % N_FOLDS
    return folds


def _with_columns(cohort: Cohort, rows: np.ndarray, values: np.ndarray) -> Cohort:
    columns = np.full((len(cohort), 2), np.nan)
    columns[rows] = values
    subjects = cohort.subjects.assign(**{NETWORK_AGE: columns[:, 0], NETWORK_SEX: columns[:, 1]})
    return replace(cohort, subjects=subjects)


def _without(cohort: Cohort, name: str) -> Cohort:
    return replace(cohort, features={n: v for n, v in cohort.features.items() if n != name})
