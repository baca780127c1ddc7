"""How many images a verdict on an injected defect needs: simulated reports where no formula fits.

Both cohorts come from the population model, the generated one with the defect, and the whole scorecard judges
them at rising n. The shares of *fail* are smoothed by a logistic regression on the logarithm of n.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import statsmodels.api as sm
from scipy.special import logit

from plausibrain.analysis.settings import Settings
from plausibrain.audit import Trial, run_trial
from plausibrain.cohorts.errors import DataError
from plausibrain.generation.injection import defects

Progress = Callable[[str, int, int], None]
#: Subjects per cohort that are tried, in this order, until the power is clearly reached.
LADDER = (50, 100, 200, 400, 800)
CLEARLY = 0.12  # above the wanted power, where climbing stops
SETTINGS = Settings(n_resamples=300, n_splits=40)


def plan_defect(
    defect: str,
    severity: float,
    *,
    power: float,
    alpha: float = 0.05,
    trials: int = 40,
    ladder: Sequence[int] = LADDER,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Return how many subjects per cohort let the report see a defect with a wanted power.

    Parameters
    ----------
    defect : str
        Name of a defect of tables (`plausibrain metrics`).
    severity : float
        In the unit of the defect.
    power, alpha : float
    trials : int
        Simulated reports per number of subjects.
    ladder : sequence of int
    progress : callable, optional

    Returns
    -------
    dict
        `n_generated` (None where `ladder` does not reach the power), `powers` by n and a `sentence`.

    Raises
    ------
    DataError
        When no defect of tables has this name.
    """
    plugin = next((p for p in defects("table") if p.name == defect), None)
    if plugin is None:
        choices = ", ".join(p.name for p in defects("table"))
        raise DataError(f"no defect of tables is called {defect!r}; use one of {choices}")
    settings, tell = SETTINGS.model_copy(update={"alpha": alpha}), progress or (lambda what, n_done, of: None)
    powers: dict[int, float] = {}
    for step, n in enumerate(ladder):
        tell(f"{n} subjects per cohort", step, len(ladder))
        rows = [run_trial(Trial(defect, severity, replicate, n), settings) for replicate in range(trials)]
        powers[n] = float(np.mean([_is_detected(verdicts, plugin.detects) for verdicts in rows]))
        if powers[n] >= min(power + CLEARLY, 1.0):
            break
    n_needed = needed(powers, power, trials)
    what = f"{plugin.label} of {severity:g} ({plugin.unit})"
    shares = ", ".join(f"{100 * share:.0f} % at {n}" for n, share in powers.items())
    # Where the smallest number that is tried suffices, a smaller one might.
    bound = "at most" if n_needed == min(powers) and powers[min(powers)] >= power else "about"
    answer = f"{bound} {n_needed} subjects per cohort" if n_needed else f"more than {max(powers)} per cohort"
    sentence = (
        f"for {what} to be called 'fail' with {100 * power:.0f} % chance, a report needs {answer} "
        f"({trials} simulated reports each: {shares})"
    )
    return {"n_generated": n_needed, "n_reference": n_needed, "powers": powers, "sentence": sentence}


def _is_detected(rows: Sequence[dict[str, Any]], questions: Sequence[int]) -> bool:
    return any(
        row["question"] in questions and not row["headline"] and row["verdict"] == "fail" for row in rows
    )


def needed(powers: dict[int, float], power: float, trials: int) -> int | None:
    """Return the n at which a logistic curve through simulated powers reaches a power; None where none does.

    Examples
    --------
    >>> needed({50: 0.2, 100: 0.45, 200: 0.9}, 0.8, 40)
    168
    """
    n, share = np.array(list(powers)), np.array(list(powers.values()))
    if share.max() < power:
        return None
    if share[0] >= power or len(n) == 1:
        return int(n[np.argmax(share >= power)])
    counts = np.clip(share * trials, 0.5, trials - 0.5)  # no share of 0 or 1 bends the curve to infinity
    design = sm.add_constant(np.log(n))
    model = sm.GLM(np.column_stack([counts, trials - counts]), design, family=sm.families.Binomial()).fit()
    constant, slope = model.params
    return math.ceil(math.exp((logit(power) - constant) / slope))
