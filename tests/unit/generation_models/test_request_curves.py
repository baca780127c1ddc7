"""A network that answers too weakly is told more than what is asked."""

import json

import numpy as np
import pytest
import torch

from plausibrain.cohorts.errors import DataError
from plausibrain.generation.checkpoint import read_checkpoint, with_curves
from plausibrain.generation.ldm.fast import DirectConv3d
from plausibrain.generation.models.ldm import ldm
from plausibrain.generation.request_curves import fit_curve
from plausibrain.generation.scaler import ConditionScaler, RequestCurve

VENTRICLE = "requested_ventricle_mm3"


def answer(told):
    """What a network with a floor and a weak upper end gives, mm³."""
    return 6e3 + 0.6 * told - 0.1 * np.maximum(told - 5e4, 0)


def test_the_curve_undoes_a_known_answer():
    told = np.linspace(-5e3, 2e5, 400)
    curve = fit_curve(told, answer(told), 9)
    asked = np.linspace(4e3, 9e4, 50)
    assert np.abs(answer(curve(asked)) - asked).max() < 500


def test_noise_of_the_answer_averages_out():
    rng = np.random.default_rng(0)
    told = rng.uniform(0, 1.5e5, 120)
    curve = fit_curve(told, answer(told) + 3e3 * rng.standard_normal(120), 6)
    asked = np.linspace(1e4, 8e4, 50)
    got = answer(curve(asked))
    assert np.polyfit(asked, got, 1)[0] == pytest.approx(1, abs=0.06)
    assert np.abs(got - asked).max() < 3e3


def test_beyond_its_knots_a_curve_tells_the_last_one():
    curve = RequestCurve((10.0, 20.0, 30.0), (0.0, 10.0, 30.0))
    assert curve(np.array([5.0, 10.0, 15.0, 25.0, 40.0])).tolist() == [0.0, 0.0, 5.0, 20.0, 30.0]


def test_too_few_images_and_an_answer_that_does_not_rise_are_refused():
    told = np.linspace(0, 1, 29)
    with pytest.raises(DataError, match="29 images are too few for a curve of 6 knots"):
        fit_curve(told, told)
    with pytest.raises(DataError, match="does not rise"):
        fit_curve(told, -told, 3)


@pytest.mark.parametrize(
    ("asked", "told"), [((1, 2), (1, 2, 3)), ((1,), (1,)), ((2, 1), (1, 2)), ((1, 2), (1, 1))]
)
def test_a_broken_curve_is_refused(asked, told):
    with pytest.raises(DataError, match="request curve is broken"):
        RequestCurve(asked, told)


def test_the_scaler_tells_the_network_what_the_curve_says(subjects):
    plain = ConditionScaler.fit(subjects)
    curve = RequestCurve((1e4, 5e4), (0.0, 8e4))
    scaler = ConditionScaler(plain.columns, plain.low, plain.high, {VENTRICLE: curve})
    told = subjects.assign(**{VENTRICLE: curve(subjects[VENTRICLE].to_numpy())})
    assert np.array_equal(scaler(subjects), plain(told))
    assert ConditionScaler.of(json.loads(json.dumps(scaler.as_data()))) == scaler
    assert "curves" not in plain.as_data()


def test_a_curve_of_no_condition_is_refused(subjects):
    data = ConditionScaler.fit(subjects).as_data() | {"curves": {"tiv": {"asked": [0, 1], "told": [0, 1]}}}
    with pytest.raises(DataError, match="a curve for 'tiv', which is no condition"):
        ConditionScaler.of(data)


def test_a_checkpoint_with_curves_draws_what_the_plain_one_is_told(tiny_checkpoint, tmp_path, subjects):
    curve = RequestCurve((1e4, 5e4), (0.0, 8e4))
    written = with_curves(tiny_checkpoint, tmp_path / "curved", {VENTRICLE: curve})
    plain = read_checkpoint(tiny_checkpoint)
    assert written.hash != plain.hash
    assert all(torch.equal(value, plain.weights[name]) for name, value in written.weights.items())
    told = subjects.assign(**{VENTRICLE: curve(subjects[VENTRICLE].to_numpy())})
    asked_image = next(ldm(tmp_path / "curved", steps=2).sample(subjects, [1] * len(subjects)))
    assert np.array_equal(asked_image, next(ldm(tiny_checkpoint, steps=2).sample(told, [1] * len(subjects))))
    back = with_curves(tmp_path / "curved", tmp_path / "curved", {})
    assert back.hash == plain.hash


@pytest.mark.parametrize("options", [{}, {"padding": 1}, {"stride": 2, "padding": 1, "bias": False}])
def test_the_direct_convolution_is_the_convolution_up_to_rounding(options):
    torch.manual_seed(0)
    conv = torch.nn.Conv3d(8, 12, 3, **options)
    data = torch.randn(1, 8, 9, 10, 11)
    with torch.inference_mode():
        torch.testing.assert_close(DirectConv3d(conv)(data), conv(data), rtol=1e-5, atol=1e-5)
