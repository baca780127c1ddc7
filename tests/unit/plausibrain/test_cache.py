"""Runs that share a cache measure a reference once: the second opens none of its images again."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from plausibrain.cohorts.cohort import Cohort
from plausibrain.cohorts.volumes import Volume, read_volume, write_label_map, write_volume
from plausibrain.config import ImageSettings, RunConfig, Source, read_config
from plausibrain.evaluation import extraction, open_image
from plausibrain.features import extract_features
from plausibrain.flags import config_from_flags
from plausibrain.imaging import measured
from plausibrain.quality import measure_quality
from tests.unit.evaluation_segmenters.phantoms import make_image, make_labels
from tests.unit.plausibrain.test_features import images_of

#: The largest voxels at which pairs can be compared (64 of them across).
VOXEL_MM = 2.5


@dataclass
class Opened:
    """Images that were opened to be segmented, measured or made into standard brains."""

    names: list[str] = field(default_factory=list)

    def watched(self, path: Path, content: bytes | None = None) -> Volume:
        self.names.append(str(path))
        return read_volume(path, content)

    def of(self, cohort: str) -> set[str]:
        """Names of one cohort's images, which are forgotten."""
        found = {name for name in self.names if f"/{cohort}/" in name}
        self.names = [name for name in self.names if name not in found]
        return found


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> Opened:
    seen = Opened()
    monkeypatch.setattr(open_image, "read_volume", seen.watched)
    monkeypatch.setattr(extraction, "default_extractors", lambda: ["low_resolution"])
    return seen


@pytest.fixture(scope="module")
def cohorts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Cohort]:
    folder = tmp_path_factory.mktemp("cohorts")
    return {name: images_of(folder / name, 3, seed) for name, seed in (("r", 10), ("a", 20), ("b", 30))}


def measure(reference: Cohort, generated: Cohort, out: Path, cache: Path | None) -> Cohort:
    """Measure as a run does; return the reference."""
    quality = measure_quality(reference, generated, out, cache=cache)
    found = extract_features(
        quality.reference, quality.generated, out, cache=cache, settings=ImageSettings(n_pairs=3),
        voxel_mm=VOXEL_MM,
    )  # fmt: skip
    return found.reference


def test_a_second_model_costs_nothing_of_the_reference(cohorts, tmp_path, opened):
    first = measure(cohorts["r"], cohorts["a"], tmp_path / "a", tmp_path / "cache")
    assert len(opened.of("r")) == len(opened.of("a")) == 3
    second = measure(cohorts["r"], cohorts["b"], tmp_path / "b", tmp_path / "cache")
    assert len(opened.of("b")) == 3
    assert opened.of("r") == set()
    assert first.pairs["reason"].eq("").all()  # so pairs were compared, and kept
    pd.testing.assert_frame_equal(second.pairs, first.pairs)
    pd.testing.assert_frame_equal(second.measures, first.measures)
    (name,) = first.features
    np.testing.assert_array_equal(second.features[name], first.features[name])
    assert not (tmp_path / "a").exists()
    assert not (tmp_path / "b").exists()


def test_without_a_cache_every_run_folder_stands_alone(cohorts, tmp_path, opened):
    for run in ("a", "b"):
        measure(cohorts["r"], cohorts[run], tmp_path / run, None)
        assert len(opened.of("r")) == 3
        assert {path.name for path in (tmp_path / run).iterdir()} == {"extracted", "measured"}


def test_an_image_that_changed_is_measured_again(cohorts, tmp_path, opened):
    reference = images_of(tmp_path / "changing", 3, 40)
    measure(reference, cohorts["a"], tmp_path / "a", tmp_path / "cache")
    opened.of("changing")
    image = read_volume(reference.images[1])
    write_volume(Volume(image.data * 1.01, image.affine), reference.images[1])
    measure(reference, cohorts["b"], tmp_path / "b", tmp_path / "cache")
    assert str(reference.images[1]) in opened.of("changing")
    again = measure(reference, cohorts["a"], tmp_path / "c", tmp_path / "cache")
    assert opened.of("changing") == set()
    assert again.pairs["reason"].eq("").all()


def test_a_reference_of_images_is_segmented_once(tmp_path, opened, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder, labels = tmp_path / "heads", tmp_path / "labels"
    folder.mkdir()
    labels.mkdir()
    paths = [write_volume(make_image(3.0, seed=k), folder / f"sub-{k}_T1w.nii.gz") for k in range(2)]
    for k in range(2):
        write_label_map(make_labels(3.0), labels / f"sub-{k}_dseg.nii.gz")
    ids = ["sub-0", "sub-1"]
    subjects = pd.DataFrame({"participant_id": ids, "subject": ids, "age": 50.0, "sex": "F"})
    cohort = Cohort("heads", subjects, images=tuple(paths), source=folder)
    found = []
    for run in ("a", "b"):
        found.append(
            measured(
                cohort, tmp_path / run, segmenter="precomputed", options={"labels": str(labels)},
                cache=Path("cache"),
            )
        )  # fmt: skip
        assert len(opened.of("heads")) == (2 if run == "a" else 0)
    pd.testing.assert_frame_equal(found[0].volumes, found[1].volumes)
    written = pd.read_csv(tmp_path / "b" / "segmentation.tsv", sep="\t")["labels"]
    assert all((tmp_path / "b" / path).is_file() for path in written)
    assert not (tmp_path / "b" / "store").exists()


def test_the_cache_is_given_by_flag_or_by_file(tmp_path):
    file = tmp_path / "run.yaml"
    file.write_text("reference: a\ngenerated: b\nout: o\ncache: shared\n")
    assert read_config(file).cache == tmp_path / "shared"
    sources = {"reference": {}, "generated": {}}
    given = config_from_flags(file, sources, {}, out=None, name=None, noise=None, cache=Path("other"))
    assert given.cache == Path("other")
    kept = config_from_flags(file, sources, {}, out=None, name=None, noise=None)
    assert kept.cache == tmp_path / "shared"
    a, b = Source(path=tmp_path / "a"), Source(path=tmp_path / "b")
    assert RunConfig(reference=a, generated=b, out=tmp_path).cache is None
