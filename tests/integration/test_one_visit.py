"""A run opens, hashes and decodes every image once, pairs and page included; label maps stay as asked."""

import hashlib
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from plausibrain import image_selection, pipeline
from plausibrain.cohorts import image_files
from plausibrain.cohorts.bids import image_path
from plausibrain.cohorts.schemas import PAIRS, SLICES
from plausibrain.cohorts.tables import read_table
from plausibrain.cohorts.volumes import LabelMap, Volume, write_label_map, write_volume
from plausibrain.config import ImageSettings, RunConfig, Source
from plausibrain.evaluation import extraction, open_image
from plausibrain.quality import N_SIZES
from plausibrain.slices import OUTLINES
from tests.unit.evaluation_segmenters.phantoms import make_image, make_labels

N, VOXEL_MM = 5, 2.5  # the coarsest voxels at which pairs can be compared
ROLES = ("reference", "generated")
SETTINGS = {"n_resamples": 100, "n_splits": 20, "wasabi_repeats": 10, "min_subjects": 4}


def write_heads(folder: Path, seed: int) -> Source:
    """Write heads of ellipsoids of different size, and their label maps in a folder beside them."""
    labels, rng = make_labels(VOXEL_MM), np.random.default_rng(seed)
    given = folder.parent / f"{folder.name}_labels"
    given.mkdir()
    ids = [f"sub-{seed}{k}" for k in range(N)]
    for k, name in enumerate(ids):
        affine = np.diag([*[rng.uniform(0.985, 1.015)] * 3, 1.0]) @ labels.affine
        path = image_path(folder, name)
        path.parent.mkdir(parents=True)
        image = make_image(VOXEL_MM, noise=2.0 + k, seed=100 * seed + k)
        write_volume(Volume(image.data, affine), path)
        write_label_map(LabelMap(labels.data, affine), given / f"{name}_dseg.nii.gz")
    subjects = pd.DataFrame(
        {"participant_id": ids, "age": rng.uniform(20, 80, N), "sex": ["F", "M", "F", "M", "F"]}
    )
    subjects.to_csv(folder / "participants.tsv", sep="\t", index=False)
    return Source(path=folder, segmenter="precomputed", segmenter_options={"labels": str(given)})


class Counts:
    """How often files were opened, hashed and decoded, by name, while `active`."""

    def __init__(self, patch: pytest.MonkeyPatch, paths: list[Path]) -> None:
        self.opened, self.hashed, self.decoded = Counter[str](), Counter[str](), Counter[str]()
        self.active = False
        self.contents = {path.read_bytes(): path.name for path in paths}
        load, sha256, file_digest = image_files._load, hashlib.sha256, hashlib.file_digest

        def loading(path: Path, *given: object) -> object:
            self.decoded[path.name] += 1
            return load(path, *given)

        def hashing(content: bytes) -> object:
            self.hashed[self.contents.get(content, "")] += 1
            return sha256(content)

        def digesting(stream: object, *given: object) -> object:
            self.hashed[Path(str(getattr(stream, "name", ""))).name] += 1
            return file_digest(stream, *given)

        patch.setattr(image_files, "_load", loading)
        patch.setattr(open_image, "hashlib", SimpleNamespace(sha256=hashing))
        patch.setattr(hashlib, "file_digest", digesting)
        sys.addaudithook(self._hook)  # sees every way to open a file; it stays until the process ends

    def _hook(self, event: str, given: tuple[object, ...]) -> None:
        if self.active and event == "open":
            self.opened[Path(str(given[0])).name] += 1

    def of(self, names: list[str]) -> dict[str, list[int]]:
        """Return how often each of the files was opened, hashed and decoded."""
        return {
            what: [getattr(self, what)[name] for name in names] for what in ("opened", "hashed", "decoded")
        }


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> RunConfig:
    folder = tmp_path_factory.mktemp("heads")
    reference, generated = (write_heads(folder / role, seed) for seed, role in enumerate(ROLES, 1))
    return RunConfig(
        reference=reference, generated=generated, out=folder / "run", settings=SETTINGS,
        images=ImageSettings(n_pairs=N),
    )  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def quick() -> Iterator[None]:
    """One extractor, few pictures so that some images are not shown, and no figures."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(extraction, "default_extractors", lambda: ["low_resolution"])
        for name in ("N_RANDOM", "N_WORST", "N_QUALITY"):
            patch.setattr(image_selection, name, 1)
        patch.setattr("plausibrain.reports.report.figures_of", lambda *_: [])
        patch.setattr("plausibrain.reports.report.write_figures", lambda *_, **__: [])
        yield


@pytest.fixture(scope="module")
def counts(config: RunConfig) -> Counts:
    """What the run did with files of images and of their label maps."""
    with pytest.MonkeyPatch.context() as patch:
        result = Counts(patch, sorted(config.out.parent.rglob("*_T1w.nii.gz")))
        result.active = True
        pipeline.run(config)
        result.active = False
    return result


def label_maps(out: Path) -> set[str]:
    return {path.name for path in out.rglob("*.nii.gz")}


def test_every_image_is_opened_hashed_and_decoded_once(config, counts):
    for role in ROLES:
        names = sorted(path.name for path in (config.out.parent / role).rglob("*_T1w.nii.gz"))
        assert len(names) == N
        # the headers of a few images give the working resolution before any is visited
        headers = [1] * N_SIZES + [0] * (N - N_SIZES)
        assert counts.of(names) == {
            "opened": [1 + header for header in headers], "hashed": [1] * N, "decoded": [1] * N,
        }  # fmt: skip
    written = sorted(label_maps(config.out))
    assert len(written) == 2 * N
    assert counts.of(written)["decoded"] == [0] * 2 * N, "labels that the visit wrote are not read back"
    pairs = read_table(config.out / "tables" / "pairs.tsv", PAIRS)
    assert pairs["ms_ssim"].notna().sum() == 2 * N, "all images were compared in pairs"
    shown = read_table(config.out / "tables" / "slices.tsv", SLICES)
    assert {"random", "worst", "typical"} <= set(shown["group"])
    assert set(shown["cohort"]) == set(ROLES)
    assert not (config.out / "scratch").exists(), "what the visits left goes when the report is written"


@pytest.mark.usefixtures("counts")
def test_label_maps_are_kept_as_told_and_the_page_is_complete(config):
    """In one folder: all, those that are shown, none; each is the same run."""
    results = {}
    for keep in ("all", "sample", "none"):
        if keep != "all":  # as the run was that is there already
            pipeline.run(config.model_copy(update={"keep_labels": keep}))
        results[keep] = (config.out / "tables" / "results.tsv").read_bytes()
        shown = read_table(config.out / "tables" / "slices.tsv", SLICES)
        files = {name for name in shown["file"] if (config.out / "slices" / name).is_file()}
        assert files == set(shown["file"])
        assert not shown["reason"].fillna("").str.strip().any()
        outlines = [
            name for name in files if (config.out / "slices" / name.replace(".png", OUTLINES)).is_file()
        ]
        html = (config.out / "report.html").read_text(encoding="utf-8")
        assert html.count("<img") == len(files) + len(outlines)
        assert len(label_maps(config.out)) == {
            "all": 2 * N, "sample": len(shown[["cohort", "participant_id"]].drop_duplicates()), "none": 0,
        }[keep]  # fmt: skip
        assert len(shown[["cohort", "participant_id"]].drop_duplicates()) < 2 * N, "some are not shown"
    assert results["all"] == results["sample"] == results["none"]
