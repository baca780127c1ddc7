"""The checkpoints in the package are whole, small, and draw heads without being told where they lie."""

import json

import numpy as np
import pandas as pd
import pytest

from plausibrain.generation.checkpoint import DESCRIPTION, WEIGHTS
from plausibrain.generation.preprocessing import PRESETS
from plausibrain.generation.registry import models
from plausibrain.generation.scaler import DEFAULT_CONDITIONS
from plausibrain.generation.shipped import shipped_checkpoint, shipped_models
from plausibrain.models import load_model

LIMIT_MB = 60
SUBJECTS = pd.DataFrame(
    {"sex": ["F", "M"], "age": [30.0, 75.0], "requested_ventricle_mm3": [1.2e4, 5e4],
     "requested_brain_mm3": [1.05e6, 1.15e6]}
)  # fmt: skip


def test_what_is_shipped_can_be_trained():
    trainable = {plugin.name for plugin in models() if plugin.recipe is not None}
    assert set(shipped_models()) <= trainable
    assert "ldm" in shipped_models()


def test_together_they_are_small():
    sizes = [(shipped_checkpoint(name) / WEIGHTS).stat().st_size for name in shipped_models()]
    assert sum(sizes) < LIMIT_MB * 1e6


@pytest.mark.parametrize("name", shipped_models())
def test_a_shipped_model_draws_heads_by_name_alone(name):
    model = load_model(name, None, {"steps": "4"})
    assert model.conditions == DEFAULT_CONDITIONS
    assert model.grid == PRESETS["2mm"].grid
    facts = json.loads((shipped_checkpoint(name) / DESCRIPTION).read_text())["facts"]
    assert facts["n_trained_on"] > 500
    young, old = model.sample(SUBJECTS, [1, 2])
    for image in (young, old):
        assert image.shape == model.grid.shape
        assert np.isfinite(image).all()
        # White matter is bright, air is dark; the middle third is head, a corner is not.
        middle = image[27:53, 32:64, 27:53]
        assert np.median(middle) > 0.4
        assert abs(float(image[:8, :8, :8].mean())) < 0.05
    assert np.abs(young - old).mean() > 0.005
