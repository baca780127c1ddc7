"""The template environment of every page: autoescape always on, undefined names are errors."""

from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined

from plausibrain.reports import formatting
from plausibrain.reports.strip import as_judged, at_equal_n, failing_structure, strip
from plausibrain.reports.structure_names import in_words, structure_label


def typographic(text: str) -> str:
    """Write a sentence with true minus signs, spaces that do not break, and structures in words."""
    return formatting.typographic(in_words(text))


@cache
def environment() -> Environment:
    """Jinja environment over ``reports/templates`` with the number filters of the reports.

    Returns
    -------
    Environment
        Autoescape is on for every template. Filters: ``number``, ``bound``, ``count``, ``p_value``,
        ``percent``, ``listing``, ``shown_unit``, ``typographic``, ``as_sentence``,
        ``first_sentence``, ``plain_answer``;
        functions: ``estimate``, ``interval``, ``strip``, ``at_equal_n``, ``as_judged``,
        ``failing_structure``, ``structure_label``.
    """
    built = Environment(
        loader=PackageLoader("plausibrain.reports", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    for function in (
        formatting.number,
        formatting.count,
        formatting.p_value,
        formatting.percent,
        formatting.listing,
        formatting.bound,
        typographic,
        formatting.as_sentence,
        formatting.first_sentence,
        formatting.plain_answer,
        formatting.shown_unit,
    ):
        built.filters[function.__name__] = function
    built.globals.update(
        estimate=formatting.estimate,
        interval=formatting.interval,
        is_missing=formatting.is_missing,
        MISSING=formatting.MISSING,
        strip=strip,
        at_equal_n=at_equal_n,
        as_judged=as_judged,
        failing_structure=failing_structure,
        structure_label=structure_label,
    )
    return built


def render(template: str, **context: object) -> str:
    """Text of a template filled with the context.

    Parameters
    ----------
    template : str
        File name under ``reports/templates``, for example ``"report.html"``.
    """
    return environment().get_template(template).render(**context)
