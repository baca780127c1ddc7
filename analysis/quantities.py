"""What the quantities of ``results.tsv`` are called, and where the estimates behind them register."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from plausibrain.analysis.feature_registry import all_distances
from plausibrain.cohorts.registry import Plugin, Registry


@dataclass(frozen=True)
class Quantity:
    """What a reader calls a quantity.

    Parameters
    ----------
    label : str
        Name in tables and figures.
    methods : str
        What a methods section says where the quantity was estimated, with citations such as
        ``[@Hedges1981]``; empty where the label says all.
    """

    label: str
    methods: str = ""


@dataclass(frozen=True, kw_only=True)
class Estimate(Plugin):
    """A function of the pairs of a comparison that returns rows of ``results.tsv``.

    Parameters
    ----------
    label, unit, source
        As in `plausibrain.cohorts.registry.Plugin`.
    quantities : mapping of str to Quantity
        What stands in the column ``quantity`` of its rows. Names of other plug-ins (similarities, feature
        distances) are described by these.
    """

    quantities: Mapping[str, Quantity] = field(default_factory=dict)


ESTIMATES = Registry("estimates", Estimate)


def all_estimates() -> list[Estimate]:
    """Return every estimate, by name."""
    return list(ESTIMATES.discover("plausibrain.analysis.estimates"))


def all_quantities() -> dict[str, Quantity]:
    """Return the quantities of every estimate and every feature distance, by name."""
    quantities = {
        name: quantity for plugin in all_estimates() for name, quantity in plugin.quantities.items()
    }
    distances = {plugin.name: Quantity(plugin.label, plugin.methods) for plugin in all_distances()}
    return quantities | distances
