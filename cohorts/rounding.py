"""How many digits of a number are shown: as many as its uncertainty gives a meaning to."""

import math

MAX_DECIMALS = 4


def decimals_for(width: float, *, significant: int = 2) -> int:
    """Count the decimals that give a width (an interval, in the shown unit) this many significant digits.

    Examples
    --------
    >>> decimals_for(0.23), decimals_for(1.2), decimals_for(31.0)
    (2, 1, 0)
    """
    if not math.isfinite(width) or width <= 0:
        return 2
    # 0.0999 rounds to 0.10, so the magnitude is taken after rounding.
    magnitude = math.floor(math.log10(float(f"{width:.{significant - 1}e}")))
    return min(MAX_DECIMALS, max(0, significant - 1 - magnitude))


def rounded_up(number: float) -> int:
    """Round a number of subjects up to two significant digits: a forecast is no better than that.

    Examples
    --------
    >>> rounded_up(4272), rounded_up(94.2), rounded_up(100), rounded_up(7)
    (4300, 95, 100, 7)
    """
    step = 10 ** max(0, math.floor(math.log10(max(number, 1.0))) - 1)
    return math.ceil(number / step) * step
