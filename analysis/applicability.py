"""What two cohorts allow: the reason a headline does not apply, or nothing."""

from collections.abc import Callable

import numpy as np

from plausibrain.analysis.conditions import (
    measured_structures,
    own_variation,
    request_knots,
    requested_and_measured,
)
from plausibrain.analysis.feature_samples import FEATURE_SPACE, IMAGE_SPACE, chosen_extractor, present
from plausibrain.analysis.homologues import homologous
from plausibrain.analysis.identical_rows import none_identical
from plausibrain.analysis.joint_design import Frame
from plausibrain.analysis.memorisation import held_out_rows
from plausibrain.analysis.pair_similarity import similarity_names
from plausibrain.cohorts.requested_volumes import REQUESTED_VOLUMES


def missing_capability(name: str, frame: Frame) -> str:
    """Return why a capability is missing, in words for the report; empty when it is there."""
    return _CHECKS[name](frame)


def _head_size(frame: Frame) -> str:
    why = "head size (TIV) is missing in many rows of a table, or the same throughout the reference"
    return "" if frame.has_tiv else why


def _age(frame: Frame) -> str:
    for role in ("reference", "generated"):
        sample = getattr(frame, role).sample
        if not sample.has_age:
            return "one of the cohorts states no ages"
        if sample.age.std() < frame.settings.rules.min_age_spread_years:
            return (
                f"all subjects of the {role} cohort have nearly the same age ({sample.age.mean():.0f} years)"
            )
    if not len(frame.common_ages) or np.ptp(frame.common_ages) < frame.settings.rules.min_common_years:
        return "the two cohorts have hardly any ages in common"
    return ""


def _sex(frame: Frame) -> str:
    least = frame.settings.rules.min_each_sex
    for role in ("reference", "generated"):
        sample = getattr(frame, role).sample
        if not sample.has_sex:
            return "one of the cohorts states no sexes"
        male = sample.male
        men, women = int(male.sum()), int((1 - male).sum())
        if min(men, women) < least:
            return f"the {role} cohort has {men} men and {women} women; {least} of each are needed"
    return ""


def _brain_age(frame: Frame) -> str:
    n, least = len(frame.reference.clusters), frame.settings.rules.min_training
    if n < least:
        return f"a model of age takes at least {least} reference subjects, there are {n}"
    return _age(frame) or _several(frame)


def _usefulness(frame: Frame) -> str:
    rules = frame.settings.rules
    for role, least in (("reference", rules.min_useful_reference), ("generated", rules.min_useful_generated)):
        n = len(getattr(frame, role).clusters)
        if n < least:
            return f"usefulness takes at least {least} {role} subjects, there are {n}"
    return _brain_age(frame)


def _independent(frame: Frame) -> str:
    groups = frame.independent
    if groups is None:
        return "needs an independent cohort with a diagnosis (--independent)"
    least = frame.settings.rules.min_each_group
    counts = int(groups.patient.sum()), int((~groups.patient).sum())
    if min(counts) < least:
        return (
            f"the independent cohort has {counts[0]} patients and {counts[1]} controls with volumes, "
            f"ages and sexes; {least} of each are needed"
        )
    return _brain_age(frame)


def _predicted_sex(frame: Frame) -> str:
    n, least = len(frame.reference.clusters), frame.settings.rules.min_training
    if n < least:
        return f"a model of sex takes at least {least} reference subjects, there are {n}"
    return _sex(frame)


def _pairs(frame: Frame) -> str:
    return "" if homologous(frame.structures) else "no structure is measured on both sides of the brain"


def _several(frame: Frame) -> str:
    return "" if len(frame.structures) >= 3 else "fewer than three structures are measured"


def _image_quality(frame: Frame) -> str:
    return "" if frame.measures else "needs images of both cohorts"


def _features(kinds: tuple[str, ...]) -> Callable[[Frame], str]:
    def check(frame: Frame) -> str:
        name = chosen_extractor(frame, kinds)
        if not name:
            return "needs images of both cohorts"
        n = min(int(present(p, name).sum()) for p in (frame.reference, frame.generated))
        least = frame.settings.rules.min_vectors
        return "" if n >= least else f"{n} images with features; at least {least} are needed"

    return check


def _plausibility(frame: Frame) -> str:
    n_cohorts = frame.excluded.dropna(subset=["implausible"])["cohort"].nunique()
    return "" if n_cohorts == 2 else "needs images of both cohorts, segmented by plausibrain's own segmenter"


def _image_pairs(frame: Frame) -> str:
    return "" if "ms_ssim" in similarity_names(frame) else "needs pairs of images of both cohorts"


def _training(frame: Frame) -> str:
    name = chosen_extractor(frame, IMAGE_SPACE)
    if not name:
        return "needs images of both cohorts"
    if frame.training is None:
        return "needs the images that the model was trained on (--training)"
    if name not in frame.training.features:
        return f"the training images have no features {name}"
    n = len(held_out_rows(frame))
    least = frame.settings.rules.min_held_out
    few = f"{n} subjects of the reference were not trained on; at least {least} are needed"
    return "" if n >= least else few


def _requested(column: str, label: str) -> Callable[[Frame], str]:
    def check(frame: Frame) -> str:
        subjects = frame.generated.sample.subjects
        if column not in subjects or subjects[column].notna().sum() == 0:
            return f"the generated table has no requested {label} (column {column})"
        values = subjects[column].dropna().to_numpy(dtype=float)
        if np.ptp(values) == 0:
            return f"every image was requested with the same {label}"
        if not measured_structures(column, frame.structures):
            return f"no structure that makes up the {label} is measured in both cohorts"
        if REQUESTED_VOLUMES[column].normalised and not frame.has_tiv:
            return f"the {label} was requested, and head size (TIV) is not measured in both cohorts"
        if own_variation(column, frame) < frame.settings.rules.min_own_variation:
            return f"the requested {label} is fixed by age, sex and the other requests"
        return ""

    return check


def _several_requests(column: str) -> Callable[[Frame], str]:
    def check(frame: Frame) -> str:
        x, _, rows = requested_and_measured(column, frame.generated.sample)
        pieces = len(request_knots(x)) - 1
        n = len(np.unique(frame.generated.clusters.row_of[rows]))
        if pieces < 2:
            return f"{pieces + 1} different requests have no curve"
        least = frame.settings.rules.min_per_piece * pieces
        return "" if n >= least else f"{n} subjects were requested; a curve takes {least}"

    return check


_CHECKS: dict[str, Callable[[Frame], str]] = {
    "head size": _head_size,
    "identical rows": none_identical,
    "age": _age,
    "sex": _sex,
    "brain age": _brain_age,
    "predicted sex": _predicted_sex,
    "usefulness": _usefulness,
    "independent cohort": _independent,
    "left and right": _pairs,
    "several structures": _several,
    "image quality": _image_quality,
    "plausibility": _plausibility,
    "image features": _features(FEATURE_SPACE),
    "low-resolution images": _features(IMAGE_SPACE),
    "pairs of images": _image_pairs,
    "training images": _training,
} | {
    name: check
    for column, one in REQUESTED_VOLUMES.items()
    for name, check in (
        (f"requested {one.label}", _requested(column, one.label)),
        (f"several requested {one.label}s", _several_requests(column)),
    )
}
