"""pingouin as this package uses it: imported when a number is wanted, unrounded, warnings kept inside.

pingouin is GPL-3.0 (NOTICE); nothing of it is copied here, and nothing is imported where it is not called.
"""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def unrounded_pingouin() -> Iterator[Any]:
    """Yield the module; inside, its tables keep every digit, and newer pandas' advice to it is not shown.

    Examples
    --------
    >>> with unrounded_pingouin() as pg:
    ...     round(float(pg.compute_effsize([1.0, 2.0, 3.0], [2.0, 3.0, 4.0], eftype="cohen")), 3)
    -1.0
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import pingouin

        before = dict(pingouin.options)
        pingouin.options.update({name: None for name in before if name.startswith("round")})
        try:
            yield pingouin
        finally:
            pingouin.options.update(before)
