import pickle

import numpy as np
import pandas as pd
import pytest

from plausibrain.cohorts.cohort import Cohort
from plausibrain.cohorts.errors import DataError


def subjects(n: int = 3) -> pd.DataFrame:
    ids = [f"p{i}" for i in range(n)]
    return pd.DataFrame({"participant_id": ids, "subject": ids, "age": 60.0, "sex": "F"})


def measures() -> pd.DataFrame:
    return pd.DataFrame({"cjv": [0.3, np.nan, 0.5], "snr_gm": [9, 8, 7]}, index=[5, 6, 7])


def reasons() -> pd.DataFrame:
    return pd.DataFrame({"snr_gm": [None, "", ""], "cjv": ["", "no grey matter", ""]})


def test_an_image_cohort_has_no_measures_until_somebody_measures():
    cohort = Cohort("c", subjects())
    assert cohort.measures is None
    assert cohort.measure_reasons is None
    assert dict(cohort.features) == {}


def test_measures_and_reasons_are_aligned_and_in_one_order():
    cohort = Cohort("c", subjects(), measures=measures(), measure_reasons=reasons())
    assert cohort.measures["snr_gm"].dtype == np.float64
    assert isinstance(cohort.measures.index, pd.RangeIndex)
    assert cohort.measure_reasons.columns.tolist() == ["cjv", "snr_gm"]
    assert cohort.measure_reasons["snr_gm"].tolist() == ["", "", ""]
    assert cohort.measure_reasons["cjv"].tolist() == ["", "no grey matter", ""]


def test_measures_alone_get_empty_reasons():
    cohort = Cohort("c", subjects(), measures=measures())
    assert cohort.measure_reasons.shape == (3, 2)
    assert (cohort.measure_reasons == "").all(axis=None)


def test_selecting_rows_takes_measures_reasons_and_features_along():
    features = {"pca": np.arange(6, dtype=np.float32).reshape(3, 2), "net": np.arange(3)[:, None]}
    cohort = Cohort("c", subjects(), measures=measures(), measure_reasons=reasons(), features=features)
    chosen = cohort.select([2, 1])
    assert chosen.subjects["participant_id"].tolist() == ["p2", "p1"]
    np.testing.assert_array_equal(chosen.measures["cjv"], [0.5, np.nan])
    assert chosen.measure_reasons["cjv"].tolist() == ["", "no grey matter"]
    np.testing.assert_array_equal(chosen.features["pca"], [[4, 5], [2, 3]])
    assert chosen.features["pca"].dtype == np.float32
    assert chosen.features["net"].dtype == np.float64
    masked = cohort.select(np.array([True, False, True]))
    np.testing.assert_array_equal(masked.features["net"].ravel(), [0, 2])


def test_features_cannot_be_changed_by_accident_and_the_given_array_still_can():
    given = np.zeros((3, 2))
    cohort = Cohort("c", subjects(), features={"pca": given})
    with pytest.raises(ValueError, match="read-only"):
        cohort.features["pca"][0, 0] = 1.0
    given[0, 0] = 1.0  # the caller's own array keeps its flags


def test_a_cohort_can_be_sent_to_another_process():
    features = {"pca": np.arange(6.0).reshape(3, 2)}
    cohort = Cohort("c", subjects(), measures=measures(), features=features)
    sent = pickle.loads(pickle.dumps(cohort))  # noqa: S301
    np.testing.assert_array_equal(sent.features["pca"], features["pca"])
    pd.testing.assert_frame_equal(sent.measures, measures().reset_index(drop=True).astype(float))


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ({"measures": measures()[:2]}, "2 rows of measures for 3 subjects"),
        ({"measure_reasons": reasons()}, "reasons without measures"),
        ({"measures": measures(), "measure_reasons": reasons()[["cjv"]]}, "give one reason per measure"),
        ({"measures": measures(), "measure_reasons": reasons()[:2]}, r"reasons of shape \(2, 2\)"),
        ({"features": {"pca": np.zeros((2, 4))}}, r"features 'pca' have shape \(2, 4\) for 3 subjects"),
        ({"features": {"pca": np.zeros(3)}}, r"features 'pca' have shape \(3,\)"),
    ],
)
def test_parts_must_fit(parts, message):
    with pytest.raises(DataError, match=message):
        Cohort("c", subjects(), **parts)
