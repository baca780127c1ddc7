"""Every number that decides a verdict is in the protocol, so that changing it changes the fingerprint."""

from dataclasses import replace

import pytest

from plausibrain.analysis.analyse import protocol_of
from plausibrain.analysis.joint_design import build_frame
from plausibrain.analysis.registry import all_headlines
from plausibrain.analysis.sample import prepare_samples
from plausibrain.analysis.settings import Rules, Settings
from plausibrain.provenance import fingerprint
from tests.unit.analysis.factory import QUICK, normal_cohort

HEADLINES = all_headlines()
REFERENCE, GENERATED = normal_cohort(40, 1), normal_cohort(40, 2)
FRAME = build_frame(prepare_samples(REFERENCE, GENERATED, min_subjects=10), QUICK)
BEFORE = fingerprint(protocol_of(FRAME, REFERENCE, HEADLINES))
WITH_MARGIN = [plugin for plugin in HEADLINES if plugin.margin is not None]
NUMBERS = [name for name, field in Settings.model_fields.items() if field.annotation in (int, float)]


@pytest.mark.parametrize("changed", WITH_MARGIN, ids=lambda plugin: plugin.name)
def test_another_margin_is_another_protocol(changed):
    plugins = [replace(p, margin=lambda frame: (-0.123, 0.123)) if p is changed else p for p in HEADLINES]
    assert fingerprint(protocol_of(FRAME, REFERENCE, plugins)) != BEFORE


@pytest.mark.parametrize("name", NUMBERS)
def test_another_setting_is_another_protocol(name):
    settings = QUICK.model_copy(update={name: getattr(QUICK, name) * 2 + 1})
    assert fingerprint(protocol_of(replace(FRAME, settings=settings), REFERENCE, HEADLINES)) != BEFORE


@pytest.mark.parametrize("name", Rules.model_fields)
def test_another_rule_is_another_protocol(name):
    rules = QUICK.rules.model_copy(update={name: getattr(QUICK.rules, name) * 2 + 1})
    settings = QUICK.model_copy(update={"rules": rules})
    assert fingerprint(protocol_of(replace(FRAME, settings=settings), REFERENCE, HEADLINES)) != BEFORE


@pytest.mark.parametrize("plugin", WITH_MARGIN, ids=lambda plugin: plugin.name)
def test_margins_follow_the_settings(plugin):
    """No margin is a constant of its file: each moves when the settings of that kind move."""
    wide = Settings(
        margin=0.4, spread_margin=1.5, recovery_margin=1.8, share_margin=0.3, quality_margin=1.0,
        conditioning_margin=0.5, exclusion_margin=0.2, similarity_margin=0.1, copies_margin=4.0,
        missing_margin=0.9, identical_margin=0.1, utility_margin=0.3,
    )  # fmt: skip
    margin = plugin.margin
    assert margin(FRAME) != margin(replace(FRAME, settings=wide))
