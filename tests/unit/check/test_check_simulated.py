"""Error rates and power of the check, by simulation of subjects with injected truth."""

from collections import Counter
from statistics import NormalDist

import numpy as np
import pytest

from plausibrain.reports.check.outcomes import CheckResult, judge
from plausibrain.reports.check.rules import Rules, read_rules
from tests.unit.compare.factory import World

N_SIMULATED = 200
ALPHA = 0.05
# Three standard errors of a rate of 5 % in 200 simulations; the seeds are fixed, so the tests never flicker.
AT_MOST = ALPHA + 3 * np.sqrt(ALPHA * (1 - ALPHA) / N_SIMULATED)


def rules(**amounts: float) -> Rules:
    return Rules.model_validate({"rules": [{"headlines": "*", **amounts}]})


def check(seed: int, wanted: Rules, baseline: dict, run: dict, **world) -> CheckResult:
    subjects = World(seed=seed, **world)
    structures = any(rule.matches("structure:any") for rule in wanted.rules)
    new, old = (
        subjects.run(name, **made).snapshot(structures=structures)
        for name, made in (("new", run), ("old", baseline))
    )
    return judge(new, old, wanted)


def statuses(wanted: Rules, baseline: dict, run: dict, **world) -> Counter:
    return Counter(check(seed, wanted, baseline, run, **world).status for seed in range(N_SIMULATED))


@pytest.mark.parametrize(
    ("baseline", "run"),
    [
        pytest.param({"ids": "a"}, {"ids": "b"}, id="at-the-ideal"),
        pytest.param(
            {"ids": "a", "shift": 0.4, "scale": 0.8},
            {"ids": "b", "shift": 0.4, "scale": 0.8},
            id="off-the-ideal",
        ),
        pytest.param(
            {"shift": 0.4, "scale": 0.8, "own": 0.5}, {"shift": 0.4, "scale": 0.8, "own": 0.5}, id="paired"
        ),
    ],
)
def test_equal_runs_fail_in_at_most_5_percent_over_all_rules(baseline, run):
    """No worsening is allowed at all, so equal runs stand exactly on the limit: the hardest case."""
    everything = Rules.model_validate({"rules": [{"headlines": ["*", "structure:*"]}]})
    assert statuses(everything, baseline, run)["fail"] / N_SIMULATED <= AT_MOST


def test_equal_runs_practically_never_fail_with_the_shipped_rules():
    found = statuses(read_rules(), {"ids": "a", "shift": 0.1}, {"ids": "b", "shift": 0.1})
    assert found["fail"] / N_SIMULATED <= 0.01


def test_equal_paired_runs_of_many_subjects_pass_with_the_shipped_rules():
    found = Counter(
        check(seed, read_rules(), {"own": 0.3}, {"own": 0.3}, n_reference=600, n_generated=1200).status
        for seed in range(15)
    )
    assert found["pass"] >= 12  # 80 %, the power for which the advice on n is computed


def test_a_worsening_at_the_limit_passes_wrongly_in_at_most_5_percent():
    """The baseline is at the ideal, the run exactly as much worse as allowed."""
    wrong = 0
    for seed in range(N_SIMULATED):
        found = check(
            seed, rules(absolute=0.3), {"ids": "a"}, {"ids": "b", "shift": [0.3, 0, 0, 0]}, n_generated=300
        )
        wrong += next(row for row in found.rows if row.name == "size_0").outcome == "pass"
    assert wrong / N_SIMULATED <= AT_MOST


@pytest.mark.parametrize("worsening", [0.35, 0.55])
def test_a_worsening_beyond_tolerance_is_found_with_the_expected_power(worsening):
    """Power of a normal test at the level of the lower bound.

    Both runs share the reference, so only the generated subjects vary: 2 / n_generated, plus the small part
    that comes from standard deviations estimated once per run.
    """
    n, tolerance, n_headlines = 200, 0.1, 7
    se = np.sqrt(2 / n + worsening**2 / (8 * n))
    z = -NormalDist().inv_cdf(ALPHA / n_headlines)
    expected = 1 - NormalDist().cdf(z - (worsening - tolerance) / se)
    found = 0
    for seed in range(N_SIMULATED):
        result = check(
            seed,
            rules(absolute=tolerance),
            {"ids": "a", "shift": [0.4, 0, 0, 0]},
            {"ids": "b", "shift": [0.4 + worsening, 0, 0, 0]},
            n_reference=200,
            n_generated=n,
        )
        found += next(row for row in result.rows if row.name == "size_0").outcome == "fail"
    error = np.sqrt(expected * (1 - expected) / N_SIMULATED)
    assert found / N_SIMULATED == pytest.approx(expected, abs=3 * error + 0.03)


def test_paired_runs_decide_with_fewer_subjects():
    def reach(**same) -> float:
        result = check(1, rules(absolute=0.1), {"ids": "a", **same}, {"ids": same.get("ids", "b"), **same})
        row = next(row for row in result.rows if row.name == "size_0")
        return row.high - row.low

    assert reach(ids="a", own=0.3) < 0.5 * reach()


def test_a_shared_reference_narrows_and_another_one_does_not():
    def error(second: World) -> float:
        baseline = World(seed=1).run("old", ids="a").snapshot()
        result = judge(second.run("new", ids="b").snapshot(), baseline, rules(absolute=0.1))
        joint = next(row for row in result.rows if row.name == "size_0").joint
        return joint.se_difference

    shared, other = error(World(seed=1)), error(World(seed=1, reference_seed=2))
    assert shared == pytest.approx(np.sqrt(2 / 150), rel=0.15)
    assert other == pytest.approx(np.sqrt(4 / 150), rel=0.15)
