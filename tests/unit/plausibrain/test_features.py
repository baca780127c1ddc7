"""Features and pairs of a run: both cohorts alike or not at all, and the subjects trained on."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from plausibrain.cohorts.cohort import Cohort
from plausibrain.cohorts.errors import DataError
from plausibrain.cohorts.processes import kept_processes
from plausibrain.cohorts.volumes import write_label_map, write_volume
from plausibrain.config import ImageSettings, read_config
from plausibrain.evaluation import extraction
from plausibrain.features import extract_features
from plausibrain.flags import config_from_flags
from tests.unit.evaluation_extractors.phantoms import ball_brain, rigid

VOXEL_MM = 4.0


def images_of(folder: Path, n: int, seed: int) -> Cohort:
    """Write ball brains with label maps beside them."""
    folder.mkdir()
    paths = []
    for row in range(n):
        image, labels = ball_brain(seed=seed + row, turn=rigid(2.0 * row, (row, 0, 0)))
        paths.append(write_volume(image, folder / f"sub-{row}_T1w.nii.gz"))
        write_label_map(labels, folder / f"sub-{row}_dseg.nii.gz")
    ids = [f"{folder.name}{row}" for row in range(n)]
    subjects = pd.DataFrame({"participant_id": ids, "subject": ids, "age": 50.0, "sex": "F"})
    return Cohort(folder.name, subjects, images=tuple(paths), source=folder)


@pytest.fixture(scope="module")
def cohorts(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cohorts")
    return [images_of(folder / name, 3, seed) for name, seed in (("r", 10), ("g", 20), ("t", 30))]


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(extraction, "default_extractors", lambda: ["low_resolution"])


def test_all_three_get_features_of_one_name_and_two_get_pairs(cohorts, tmp_path):
    told = []
    found = extract_features(
        *cohorts[:2], tmp_path, training=cohorts[2],
        settings=ImageSettings(n_pairs=2, extractors={"random_network": {}}),
        voxel_mm=VOXEL_MM, progress=lambda what, done, of: told.append(what),
    )  # fmt: skip
    names = found.protocol["extractors"]
    assert [name.partition(":")[0] for name in names] == ["low_resolution", "random_network"]
    for cohort in (found.reference, found.generated, found.training):
        assert sorted(cohort.features) == names
        assert np.isfinite(cohort.features[names[0]]).all()
    assert len(found.reference.pairs) == 3
    # at 4 mm there is no room for the windows, and that is said
    assert found.generated.pairs["reason"].str.contains("sides of at least 64 voxels").all()
    assert found.training.pairs is None
    assert {"features, reference", "features, training", "similarity of pairs, generated"} <= set(told)
    assert found.protocol["voxel_mm"] == VOXEL_MM
    assert set(found.protocol["similarities"]) == {"ms_ssim", "four_component_gradient"}


def test_several_processes_give_the_same_and_results_lie_beside_the_segmentation(cohorts, tmp_path):
    folder = cohorts[0].images[0].parent
    rows = [
        f"{name}\t{image}\t{image.with_name(image.name.replace('T1w', 'dseg'))}"
        for name, image in zip(cohorts[0].subjects["participant_id"], cohorts[0].images, strict=True)
    ]
    (folder / "segmentation.tsv").write_text("\n".join(["participant_id\timage\tlabels", *rows]) + "\n")
    settings = ImageSettings(n_pairs=0)
    alone = extract_features(*cohorts[:2], tmp_path / "a", settings=settings, voxel_mm=VOXEL_MM)
    kept = {path: path.stat().st_mtime_ns for path in (folder / "extracted").rglob("*.npy")}
    assert len(kept) == 3
    with kept_processes(2):
        both = extract_features(
            *cohorts[:2], tmp_path / "b", settings=settings, voxel_mm=VOXEL_MM, n_processes=2
        )
    assert {path: path.stat().st_mtime_ns for path in (folder / "extracted").rglob("*.npy")} == kept
    assert len(list((tmp_path / "b" / "extracted").rglob("*.npy"))) == 3, "the generated cohort's, in the run"
    for one, other in ((alone.reference, both.reference), (alone.generated, both.generated)):
        for name, values in one.features.items():
            np.testing.assert_allclose(other.features[name], values, rtol=1e-5, atol=1e-6)
    (folder / "segmentation.tsv").unlink()


def test_without_labels_in_one_cohort_nothing_is_extracted(cohorts, tmp_path):
    alone = replace(cohorts[1], images=(None,) * 3)
    found = extract_features(cohorts[0], alone, tmp_path, voxel_mm=VOXEL_MM)
    assert not found.reference.features
    assert not found.protocol


def test_no_pairs_when_none_are_wanted_and_a_note_for_a_broken_image(cohorts, tmp_path):
    broken = tmp_path / "sub-0_T1w.nii.gz"
    broken.write_bytes(b"nothing")
    (tmp_path / "sub-0_dseg.nii.gz").write_bytes(
        cohorts[0].images[0].with_name("sub-0_dseg.nii.gz").read_bytes()
    )
    bad = replace(cohorts[0], images=(broken, *cohorts[0].images[1:]))
    found = extract_features(
        bad, cohorts[1], tmp_path / "run", settings=ImageSettings(n_pairs=0), voxel_mm=VOXEL_MM
    )
    assert found.reference.pairs is None
    (note,) = found.reference.notes
    assert note.value == "r0"
    assert note.message.startswith("no features: ")


def test_training_subjects_are_given_by_flag_or_by_file(tmp_path):
    file = tmp_path / "run.yaml"
    file.write_text("reference: a\ngenerated: b\ntraining: c\nout: o\nimages: {n_pairs: 5}\n")
    config = read_config(file)
    assert config.training.path == tmp_path / "c"
    assert config.images.n_pairs == 5
    sources = {"reference": {}, "generated": {}, "training": {"path": Path("d")}}
    assert config_from_flags(file, sources, {}, out=None, name=None, noise=None).training.path == Path("d")
    sources["training"] = {"path": None}
    assert (
        config_from_flags(file, sources, {}, out=None, name=None, noise=None).training.path == tmp_path / "c"
    )
    file.write_text("reference: a\ngenerated: b\nout: o\n")
    assert config_from_flags(file, sources, {}, out=None, name=None, noise=None).training is None
    file.write_text("reference: a\ngenerated: b\nout: o\nimages: {n_pears: 5}\n")
    with pytest.raises(DataError, match=r"images\.n_pears"):
        read_config(file)


def test_weights_of_an_extractor_lie_beside_the_file(tmp_path):
    file = tmp_path / "run.yaml"
    file.write_text(
        "reference: a\ngenerated: b\nout: o\nimages: {extractors: {medicalnet: {weights: resnet.pth}}}\n"
    )
    weights = read_config(file).images.extractors["medicalnet"]["weights"]
    assert weights == str(tmp_path / "resnet.pth")
