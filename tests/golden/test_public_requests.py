"""The requests of a public latent diffusion model against what SynthSeg measured in its images.

Requests are ventricles (field 25004 of the UK Biobank) and brain volume normalised for head size (25009).
The expected numbers are means by level, computed with pandas from the raw table.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from plausibrain.analysis.conditions import local_slopes, weighted_slope
from plausibrain.analysis.design import describe_design
from plausibrain.analysis.evaluate import Pairs
from plausibrain.analysis.joint_design import build_frame
from plausibrain.analysis.sample import prepare_samples
from plausibrain.analysis.settings import Settings
from plausibrain.cohorts.cohort import Cohort, read_cohort
from plausibrain.cohorts.requested_volumes import BRAIN, BRAIN_NORMALISED, STANDARD_HEAD_MM3, VENTRICLE

SETTINGS = Settings(n_resamples=100, n_splits=20)
FLUID = ("ventricle", "csf", "intracranial")


def pairs_of(generated: Cohort, shared_data: Path) -> Pairs:
    reference = read_cohort(shared_data / "tables" / "ixi_synthseg.csv", sex_coding="1=M,0=F")
    return Pairs.of(build_frame(prepare_samples(reference, generated, min_subjects=10), SETTINGS))


@pytest.fixture(scope="module")
def latent_diffusion(shared_data: Path) -> Cohort:
    cohort = read_cohort(shared_data / "tables" / "brainldm_synthseg.csv")
    return replace(cohort, subjects=cohort.subjects.rename(columns={BRAIN: BRAIN_NORMALISED}))


@pytest.fixture(scope="module")
def pairs(latent_diffusion: Cohort, shared_data: Path) -> Pairs:
    return pairs_of(latent_diffusion, shared_data)


@pytest.fixture(scope="module")
def raw(shared_data: Path) -> pd.DataFrame:
    table = pd.read_csv(shared_data / "tables" / "brainldm_synthseg.csv")
    tissue = [c for c in table.columns[1:34] if not any(word in c for word in FLUID)]
    lateral = [c for c in table if "lateral ventricle" in c]
    return table.assign(
        tissue=table[tissue].sum(axis=1), ventricle=table[lateral].sum(axis=1),
        normalised=table[tissue].sum(axis=1) / table["total intracranial"] * STANDARD_HEAD_MM3,
    )  # fmt: skip


def test_local_slopes_of_ventricles_are_those_between_levels(pairs: Pairs, raw: pd.DataFrame) -> None:
    """The lowest request is beyond the range of the model, and its slope half that of the others."""
    swept = raw[(raw.age_z == 0) & (raw.brain_z == 0)]
    means = swept.groupby("requested_ventricle_mm3")["ventricle"].mean()
    expected = np.diff(means) / np.diff(means.index)
    ours = local_slopes(VENTRICLE, pairs.full)[0]
    # The images of the other sweeps, all at the middle request, move its mean by some tenths of a millilitre
    # of the 17.8 between levels.
    np.testing.assert_allclose(ours, expected, atol=0.04)
    np.testing.assert_allclose(ours, [0.36, 0.69, 0.70, 0.72], atol=0.04)  # an independent recomputation
    assert weighted_slope(VENTRICLE, pairs.full)[0] == pytest.approx(0.65, abs=0.05)


def test_brain_requests_are_measured_in_their_own_definition(pairs: Pairs, raw: pd.DataFrame) -> None:
    swept = raw[(raw.age_z == 0) & (raw.ventricle_z == 0)]
    x = swept["requested_brain_mm3"]
    slope, raw_slope = (np.polyfit(x, swept[name], 1)[0] for name in ("normalised", "tissue"))
    ours = weighted_slope(BRAIN_NORMALISED, pairs.full)[0]
    assert ours == pytest.approx(slope, abs=0.02)
    assert ours < 0.6 * raw_slope, "part of what follows the request is head size"
    level = raw["normalised"].median() / raw["requested_brain_mm3"].median()
    assert level == pytest.approx(1.0, abs=0.03), "the standard head is that of the requests"


def test_the_definition_decides_how_much_of_the_reference_lies_below_the_requests(
    pairs: Pairs, latent_diffusion: Cohort, shared_data: Path
) -> None:
    named = describe_design(pairs.full.frame).statements
    assert any(
        "normalised for head size" in line and "0 % of the reference lies below" in line for line in named
    )
    as_raw = replace(
        latent_diffusion, subjects=latent_diffusion.subjects.rename(columns={BRAIN_NORMALISED: BRAIN})
    )
    told = describe_design(pairs_of(as_raw, shared_data).full.frame).statements
    below = next(line for line in told if "raw volume of all tissue" in line)
    assert int(below.split("mL; ")[1].split("%")[0]) > 40
