"""Rules files: what is allowed, in which order, and what is refused."""

import math
import re
from pathlib import Path

import pytest
import yaml

from plausibrain.cohorts.errors import DataError
from plausibrain.reports.baseline_snapshot import Headline
from plausibrain.reports.check.rules import Rule, Rules, read_rules

RATIO = {"ideal": 1.0, "estimate": 0.9, "logarithmic": True}


def headline(**more: object) -> Headline:
    return Headline.model_validate({"name": "h", "ideal": 0.0, "estimate": -0.5, **more})


def write(path, text: str):
    path.write_text(text, encoding="utf-8")
    return path


def test_the_shipped_rules_cover_every_headline():
    shipped = read_rules()
    assert shipped.alpha == 0.05
    table = shipped.assign(["a", "structure:b"])
    assert [names for _, names in table] == [("structure:b",), ("a",)]


def test_single_structures_are_only_matched_by_name():
    assert not Rule(headlines="*").matches("structure:Left-Hippocampus")
    assert Rule(headlines=["size_*", "structure:Left-*"]).matches("structure:Left-Hippocampus")
    assert not Rule(headlines="structure:*").matches("size_head")


def test_a_margin_without_width_gives_no_position_in_it():
    flat = headline(margin_low=0.0, margin_high=0.0)
    assert math.isnan(flat.in_margins(-0.5))
    assert headline(margin_low=-0.2, margin_high=0.4).in_margins(-0.5) == pytest.approx(-2.5)


def test_the_largest_amount_counts():
    base = headline(margin_low=-0.2, margin_high=0.2)
    assert Rule(headlines="*", absolute=0.3, relative=0.1, margin=0.5).tolerance(base) == 0.3
    assert Rule(headlines="*", absolute=0.01, relative=0.5, margin=0.5).tolerance(base) == 0.25
    assert Rule(headlines="*", absolute=0.01, relative=0.01, margin=0.5).tolerance(base) == 0.1


def test_a_headline_without_margin_or_distance_is_allowed_nothing():
    assert Rule(headlines="*", relative=0.1, margin=0.5).tolerance(headline(estimate=0.0)) == 0.0


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({"margin_low": -0.2, "margin_high": 0.2}, 0.2),
        ({"ideal": 1.0, "estimate": 0.9, "margin_low": 0.8, "margin_high": 1.3}, 0.2),
        ({"better": "lower", "margin_high": 0.05}, 0.05),
        ({"better": "higher", "ideal": 1.0, "estimate": 0.9, "margin_low": 0.9}, 0.1),
        ({**RATIO, "margin_low": 0.8, "margin_high": 1.25}, math.log(1.25)),
        ({"against_null": True, "estimate": 0.11, "judged": -0.01, "margin_high": 0.32}, 0.2),
        ({}, math.nan),
    ],
)  # fmt: skip
def test_margins_are_distances_from_what_is_wanted(more, expected):
    assert headline(**more).margin == pytest.approx(expected, nan_ok=True)


def test_relative_amounts_are_of_the_distance_from_what_is_wanted():
    rule = Rule(headlines="*", relative=0.1)
    assert rule.tolerance(headline(estimate=0.7, ideal=1.0, better="higher")) == pytest.approx(0.03)
    assert rule.tolerance(headline(against_null=True, estimate=9.8, judged=0.4)) == pytest.approx(0.04)


def test_the_first_rule_that_matches_applies(tmp_path):
    path = write(tmp_path / "r.yaml", "rules: [{headlines: [size_*, dose], absolute: 1}, {headlines: '*'}]")
    table = read_rules(path).assign(["size_a", "spread", "dose"])
    assert [names for _, names in table] == [("size_a", "dose"), ("spread",)]


def test_patterns_respect_case():
    assert not Rule(headlines="Size*").matches("size_head")


def test_a_rule_behind_one_that_takes_everything_is_an_error():
    rules = Rules.model_validate({"rules": [{"headlines": "*"}, {"headlines": "size_*"}]})
    with pytest.raises(DataError, match=r"rule 2 \(size_\*\) never applies"):
        rules.assign(["size_a"])


@pytest.mark.parametrize(
    ("text", "expected"),
    [("fail", ("fail",)), ("[no, inconclusive]", ("fail", "inconclusive")), ("pass", ("pass",))],
)
def test_bare_yes_and_no_are_words_here(tmp_path, text, expected):
    """YAML 1.1 reads them as true and false."""
    path = write(tmp_path / "r.yaml", f"rules:\n  - headlines: '*'\n    verdict_not: {text}\n")
    assert read_rules(path).rules[0].verdict_not == expected


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("rules: []", "at least 1 item"),
        ("", "valid dictionary"),
        ("rules: [{headlines: '*', tolerence: 1}]", r"rules\.0\.tolerence: Extra inputs"),
        ("rules: [{headlines: '*', absolute: -1}]", "greater than or equal to 0"),
        ("rules: [{headlines: '*', relative: .nan}]", "finite"),
        ("rules: [{headlines: '*', absolute: much}]", r"absolute: .*'much'"),
        ("rules: [{absolute: 1}]", r"rules\.0\.headlines: Field required"),
        ("rules: [{headlines: '*', verdict_not: bad}]", "verdict_not"),
        ("alpha: 2\nrules: [{headlines: '*'}]", "alpha"),
        ("rules: [", "not readable YAML"),
        ("!!python/object/apply:os.system ['true']", "not readable YAML"),
    ],
)
def test_a_wrong_rules_file_is_an_error_that_names_the_place(tmp_path, text, match):
    with pytest.raises(DataError, match=match):
        read_rules(write(tmp_path / "rules.yaml", text))


def test_a_missing_rules_file_is_an_error(tmp_path):
    with pytest.raises(DataError, match="no such file; give a YAML file of rules"):
        read_rules(tmp_path / "none.yaml")


def test_a_rules_file_that_is_no_text_is_an_error(tmp_path):
    (tmp_path / "r.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DataError, match="not UTF-8"):
        read_rules(tmp_path / "r.yaml")


def documented_rules() -> list[str]:
    guide = (Path(__file__).parents[3] / "docs" / "compare-and-check.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```yaml\n(.*?)```", guide, flags=re.DOTALL)
    return [block for block in blocks if "rules:" in block]


def test_the_guide_shows_the_rules_that_are_shipped():
    shown, _ = (Rules.model_validate(yaml.safe_load(block)) for block in documented_rules())
    assert shown == read_rules()


def test_the_example_of_the_guide_is_valid_and_applies_completely():
    _, example = (Rules.model_validate(yaml.safe_load(block)) for block in documented_rules())
    table = example.assign(["ageing", "sex_raw", "size_head", "energy"])
    assert [names for _, names in table] == [("ageing", "sex_raw"), ("size_head",), ("energy",)]
    assert example.rules[0].verdict_not == ("fail",)
