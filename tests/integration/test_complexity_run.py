"""From label maps of a reference through `plausibrain run` to the section on cortical complexity."""

from dataclasses import replace
from pathlib import Path

import pytest
from scipy.stats import spearmanr

from plausibrain import pipeline
from plausibrain.cohorts.bids import image_path
from plausibrain.cohorts.cohort import Cohort, write_cohort
from plausibrain.cohorts.schemas import COMPLEXITY, GEOMETRY, RESULTS
from plausibrain.cohorts.structures import TIV, region_of
from plausibrain.cohorts.tables import read_table
from plausibrain.cohorts.typical_geometry import typical_geometry
from plausibrain.cohorts.volumes import write_label_map, write_volume
from plausibrain.config import ImageSettings, RunConfig, Source
from plausibrain.features import Features
from plausibrain.generation.demo_cohorts import table_cohort
from plausibrain.generation.injection import inject
from plausibrain.generation.parcels import with_simulated_parcels
from plausibrain.generation.simulator.subject import Grid, simulate_subject
from plausibrain.reports.complexity import complexity_section
from plausibrain.reports.extra_section import worst_verdict
from plausibrain.reports.run_folder import read_run

N, N_SCANNED, SEED = 60, 1, 11
DIFFERENCE = ["adjusted_d", "covariate", "difference", "all"]


def cohort(seed: int, name: str) -> Cohort:
    return with_simulated_parcels(table_cohort(N, seed=seed, name=name), seed=seed)


def half_of_the_parcels(whole: Cohort) -> Cohort:
    """Leave head size and every second region, so that a run takes seconds."""
    regions = sorted({region_of(c) for c in whole.volumes if c.startswith("ctx-")})[::2]
    names = [TIV, *(f"ctx-{side}-{region}" for side in ("lh", "rh") for region in regions)]
    return replace(whole, volumes=whole.volumes[names])


def without_features(reference: Cohort, generated: Cohort, out: Path, **_: object) -> Features:
    """Leave the cohorts as they are: features have tests of their own."""
    return Features(reference, generated)


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run whose reference has a label map with an undivided cortex; the generated cohort lost cortex."""
    folder = tmp_path_factory.mktemp("complexity")
    reference = cohort(SEED, "reference")
    write_cohort(half_of_the_parcels(reference), folder / "reference")
    for row, name in enumerate(reference.subjects["participant_id"][:N_SCANNED]):
        subject = simulate_subject(
            row,
            reference.volumes.loc[row],
            age=float(reference.subjects.loc[row, "age"]),
            seed=SEED,
            grid=Grid(2.0),
        )
        path = image_path(folder / "reference", name)
        path.parent.mkdir(parents=True)
        write_volume(subject.image, path)
        write_label_map(subject.labels, path.with_name(path.name.replace("_T1w", "_dseg")))
    loss = inject("complexity_dependent_loss", cohort(SEED + 1, "generated"), severity=0.2, seed=0)
    write_cohort(half_of_the_parcels(loss), folder / "generated")
    config = RunConfig(
        reference=Source(path=folder / "reference"), generated=Source(path=folder / "generated"),
        out=folder / "run", settings={"n_resamples": 100, "n_splits": 20, "wasabi_repeats": 10},
        images=ImageSettings(age_network="off"),
    )  # fmt: skip
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pipeline, "extract_features", without_features)
        patch.setattr(pipeline, "write_report", lambda out, **_: out)
        pipeline.run(config)
    return folder / "run"


@pytest.mark.parametrize(
    ("measure", "low", "high"), [("fractal_dimension", 1.5, 2.5), ("gyrification", 0.8, 6)]
)
def test_folding_is_measured_in_the_label_map(run_folder, measure, low, high):
    """The simulator's cortex is that of another head than the ten scans of `typical_geometry`.

    At 2 mm it appears smoother, but the same parcels must be the folded ones (0.79 and 0.83 when written).
    """
    geometry = read_table(run_folder / "tables" / "geometry.tsv", GEOMETRY).set_index("structure")
    assert set(geometry["source"]) == {"reference"}
    assert (len(geometry), set(geometry["n"])) == (68, {N_SCANNED})
    assert geometry[measure].dropna().between(low, high).all()
    typical = typical_geometry().set_index("structure")[measure]
    assert geometry[measure].corr(typical, method="spearman") > 0.6


def test_the_section_compares_errors_with_that_folding(run_folder):
    """Recomputed with scipy from the tables of the run."""
    results = read_table(run_folder / "tables" / "results.tsv", RESULTS)
    rows = (results[["quantity", "headsize", "cohort", "stratum"]] == DIFFERENCE).all(axis=1)
    errors = results[rows].set_index("structure")["estimate"].abs().filter(like="ctx-")
    geometry = read_table(run_folder / "tables" / "geometry.tsv", GEOMETRY).set_index("structure")
    table = read_table(run_folder / "tables" / "complexity.tsv", COMPLEXITY)
    row = table[(table["error"] == "adjusted_d") & (table["measure"] == "fractal_dimension")].iloc[0]
    expected = spearmanr(geometry["fractal_dimension"].reindex(errors.index), errors).statistic
    assert (row["n_parcels"], row["rho"]) == (len(errors), pytest.approx(expected, abs=1e-6))
    assert row["rho"] > 0.2, "cortex was lost where it is folded"
    assert set(table["verdict"]) <= {"pass", "fail", "inconclusive"}
    section = complexity_section(read_run(run_folder))
    assert section.verdict == worst_verdict(table["verdict"])
    assert f"Complexity was measured in {N_SCANNED} label maps of the reference" in section.methods
