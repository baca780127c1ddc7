import numpy as np
import pandas as pd
import pytest

from plausibrain.cohorts.parcel_sums import parcel_sum_notes
from plausibrain.cohorts.structures import names
from plausibrain.cohorts.volume_tables import split_volume_table

SIDES = {"lh": "Left", "rh": "Right"}


def table(scaled_to: dict[str, str], n: int = 12) -> pd.DataFrame:
    """Return volumes of n subjects whose parcels of each hemisphere sum to one of its structures."""
    rng = np.random.default_rng(3)
    columns: dict[str, np.ndarray] = {}
    for prefix, side in SIDES.items():
        columns[f"{side}-Cerebral-White-Matter"] = rng.normal(220_000, 15_000, n)
        columns[f"{side}-Cerebral-Cortex"] = rng.normal(255_000, 15_000, n)
        parcels = [name for name in names("dk") if name.startswith(f"ctx-{prefix}-")]
        shares = rng.dirichlet(np.full(34, 5.0), n)
        shares *= columns[f"{side}-{scaled_to[prefix]}"][:, None]
        columns |= dict(zip(parcels, shares.T, strict=True))
    return pd.DataFrame(columns, index=np.arange(2, n + 2))


def test_parcels_that_divide_the_cortex_need_no_word() -> None:
    assert parcel_sum_notes(table({"lh": "Cerebral-Cortex", "rh": "Cerebral-Cortex"})) == []


@pytest.mark.parametrize(
    ("left", "right", "said"),
    [
        ("Cerebral-White-Matter", "Cerebral-White-Matter", "of the left and of the right hemisphere"),
        ("Cerebral-White-Matter", "Cerebral-Cortex", "of the left hemisphere"),
    ],
)
def test_parcels_that_divide_white_matter_are_named_with_the_remedy(left: str, right: str, said: str) -> None:
    (note,) = parcel_sum_notes(table({"lh": left, "rh": right}))
    assert note.kind == "warning"
    assert said in note.message
    assert "ca7ab2f" in note.message
    assert "multiply the parcels of each hemisphere by its cortex divided by its white matter" in note.message


def test_the_remedy_in_the_message_restores_the_cortex() -> None:
    wrong = table({"lh": "Cerebral-White-Matter", "rh": "Cerebral-White-Matter"})
    for prefix, side in SIDES.items():
        parcels = [name for name in names("dk") if name.startswith(f"ctx-{prefix}-")]
        ratio = wrong[f"{side}-Cerebral-Cortex"] / wrong[f"{side}-Cerebral-White-Matter"]
        wrong[parcels] = wrong[parcels].mul(ratio, axis=0)
    assert parcel_sum_notes(wrong) == []


def test_parcels_scaled_to_the_white_matter_of_both_sides_together_are_named_too() -> None:
    measured = table({"lh": "Cerebral-Cortex", "rh": "Cerebral-Cortex"})
    parcels = list(names("dk"))
    white = measured.filter(like="White-Matter").sum(axis=1)
    measured[parcels] = measured[parcels].mul(white / measured[parcels].sum(axis=1), axis=0)
    (note,) = parcel_sum_notes(measured)
    assert "of the left and of the right hemisphere" in note.message


def test_surfaces_that_sum_to_neither_are_not_accused() -> None:
    """FreeSurfer's parcels come from surfaces: their sum is near the cortex and varies about it."""
    measured = table({"lh": "Cerebral-Cortex", "rh": "Cerebral-Cortex"})
    rng = np.random.default_rng(5)
    for prefix, side in SIDES.items():
        measured[f"{side}-Cerebral-White-Matter"] = measured.filter(like=f"ctx-{prefix}-").sum(
            axis=1
        ) * rng.normal(1, 0.05, len(measured))
    assert parcel_sum_notes(measured) == []


def test_tables_without_all_parcels_or_with_missing_values_are_left_alone() -> None:
    wrong = table({"lh": "Cerebral-White-Matter", "rh": "Cerebral-White-Matter"})
    assert parcel_sum_notes(wrong.drop(columns=["ctx-lh-insula", "ctx-rh-insula"])) == []
    assert parcel_sum_notes(wrong * np.nan) == []


def test_reading_a_table_says_so() -> None:
    wrong = table({"lh": "Cerebral-White-Matter", "rh": "Cerebral-White-Matter"})
    notes = split_volume_table(wrong, source="old.csv").notes
    assert ["ca7ab2f" in note.message for note in notes] == [True]
