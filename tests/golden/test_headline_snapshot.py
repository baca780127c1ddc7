"""Numbers that were right stay right: one analysis of simulated cohorts beside stored values.

The values come from commit fb224f5. Where a definition was wrong and changed, the number is listed in
`CHANGED` with the reason, and its new value has a test of its own.
"""

import json
from functools import cache
from pathlib import Path

import pytest

from tests.golden.headline_snapshot import headline_numbers, snapshot_analysis, table_numbers

STORED = json.loads((Path(__file__).parent / "headline_snapshot.json").read_text("utf-8"))
# Sums in single precision depend on the linear algebra library beyond the sixth digit.
SINGLE = {
    "covariation", "energy", "distinct", "near_duplicates", "image_distance", "classifier", "wasabi",
    "pair_similarity",
}  # fmt: skip
#: Headline -> why its stored number was wrong.
CHANGED: dict[str, str] = {
    "classifier": "its margin had one side: an area of .15 is as suspicious as .85",
    "covariation": "its noise term took volumes for normal",
    "quality_spread": "its interval had the skew of the estimate and the level of shrunk residuals",
    "spread_head": "it depended on the mix of sexes and ages",
    "spread_structures": "it depended on the mix of sexes and ages",
}
#: Prefix of a quantity of the table of results -> why its stored number was wrong.
CHANGED_QUANTITIES: dict[str, str] = {"|sd_ratio|": "as `spread_structures`"}


@cache
def found() -> dict[str, dict]:
    analysis = snapshot_analysis()
    return {
        "headlines": headline_numbers(analysis.scorecard),
        "results": table_numbers(analysis.tables["results"]),
    }


@pytest.mark.parametrize("name", sorted(set(STORED["headlines"]) - set(CHANGED)))
def test_headline_is_as_stored(name):
    tolerance = 1e-5 if name in SINGLE else 1e-9
    ours = found()["headlines"][name]
    for key, value in STORED["headlines"][name].items():
        assert ours[key] == (None if value is None else pytest.approx(value, rel=tolerance, abs=tolerance)), (
            key
        )


@pytest.mark.parametrize(
    "key", sorted(k for k in STORED["results"] if not any(q in k for q in CHANGED_QUANTITIES))
)
def test_results_are_as_stored(key):
    tolerance = 1e-5 if "|feature_distances|" in key or "|memorisation|" in key else 1e-9
    for column, value in STORED["results"][key].items():
        assert found()["results"][key][column] == pytest.approx(value, rel=tolerance, abs=tolerance), column
