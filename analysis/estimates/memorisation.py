"""Question 9: copies and near-duplicates in every space, and copies by the published rule.

The column `structure` holds the extractor. `copies` and `copies_published` need training images;
`training_copied` is the share of training subjects whom at least one generated image copies.
"""

import numpy as np
import pandas as pd

from plausibrain.analysis.evaluate import Pairs
from plausibrain.analysis.feature_samples import extractor_names, present
from plausibrain.analysis.memorisation import (
    CHANCE,
    find_copies,
    held_out_rows,
    share_of_copies,
    share_of_near_duplicates,
)
from plausibrain.analysis.pair import ROLES, Pair
from plausibrain.analysis.quantities import ESTIMATES, Quantity
from plausibrain.analysis.results import COLUMNS, common_columns, estimate_rows


@ESTIMATES.register(
    label="Copies and near-duplicates",
    unit="share",
    source=("Dar2025",),
    quantities={
        "near_duplicates": Quantity("Generated images with a near-duplicate"),
        "copies": Quantity("Copies of training subjects"),
        "copies_published": Quantity("Copies of training subjects, published rule"),
        "training_copied": Quantity("Training subjects who were copied"),
    },
)
def memorisation(pairs: Pairs) -> pd.DataFrame:
    """Return shares of copies and near-duplicates for every extractor."""
    frame, rules = pairs.full.frame, pairs.full.frame.settings.rules
    rows: list[pd.DataFrame] = []
    for name in extractor_names(frame):
        n = min(int(present(pairs.full.side(role).arrays, name).sum()) for role in ROLES)
        if n >= rules.min_vectors:
            rows.append(_near_duplicates(pairs, name))
        has_training = frame.training is not None and name in frame.training.features
        if has_training and len(held_out_rows(frame)) >= rules.min_held_out:
            rows += _copies(pairs, name)
    return pd.concat(rows, ignore_index=True) if rows else pd.DataFrame(columns=COLUMNS)


def _near_duplicates(pairs: Pairs, name: str) -> pd.DataFrame:
    return estimate_rows(
        **common_columns(pairs.full, question=9, analysis="memorisation"),
        quantity="near_duplicates", structures=[name], estimate=share_of_near_duplicates(pairs.full, name),
        draws=share_of_near_duplicates(pairs.bootstrap, name)[:, None],
        null=share_of_near_duplicates(pairs.null, name)[:, None],
        matched=share_of_near_duplicates(pairs.matched, name)[:, None],
        unit="share", cohort="generated", no_effect=None, bounds=(0.0, 1.0),
    )  # fmt: skip


def _copies(pairs: Pairs, name: str) -> list[pd.DataFrame]:
    search = find_copies(pairs.full.frame, name)
    published_flags = np.nan_to_num(search.generated.similarity, nan=-np.inf) > search.published_limit
    n_training = len(pairs.full.frame.training or ())
    counts = f"{n_training} training and {len(search.held_out_rows)} held-out subjects"
    rows = []
    for quantity, flags in (("copies", search.flagged), ("copies_published", published_flags)):

        def share(pair: Pair, flags: np.ndarray = flags) -> np.ndarray:
            return share_of_copies(pair, flags)

        table = estimate_rows(
            **common_columns(pairs.full, question=9, analysis="memorisation"), quantity=quantity,
            structures=[name], estimate=share(pairs.full), draws=share(pairs.bootstrap)[:, None],
            unit="share", cohort="generated", no_effect=CHANCE, bounds=(0.0, 1.0),
        )  # fmt: skip
        rows.append(table.assign(reason=counts))
    training_share = len(set(search.generated.row[search.flagged])) / max(n_training, 1)
    alone = rows[0].assign(quantity="training_copied", estimate=training_share)
    blank = dict.fromkeys(["ci_low", "ci_high", "ci_level", "p", "q", "mde"], np.nan)
    return [*rows, alone.assign(**blank)]
