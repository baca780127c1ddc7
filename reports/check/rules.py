"""The rules of a regression check: how much worse each headline may become.

A rule names headlines by pattern and allows a worsening, which is the largest of three amounts: ``absolute``
in the headline's own unit, ``relative`` as a share of the baseline's distance from the ideal, and ``margin``
as a share of the headline's own equivalence margin. The first rule that matches a headline applies to it.
"""

from collections.abc import Sequence
from fnmatch import fnmatchcase
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from plausibrain.cohorts.errors import DataError
from plausibrain.cohorts.text_files import read_yaml, shown
from plausibrain.reports.baseline_snapshot import Headline
from plausibrain.reports.compare.structures import PREFIX

VERDICTS = ("pass", "fail", "inconclusive", "not judged", "not measured")
Verdict = Literal["pass", "fail", "inconclusive", "not judged", "not measured"]


def _as_tuple(value: object) -> object:
    """Accept one word for a list of one, and undo YAML's reading of a bare yes or no as true or false."""
    values = list(value) if isinstance(value, list | tuple) else [value]
    words = {True: "pass", False: "fail"}
    return tuple(words[item] if isinstance(item, bool) else item for item in values)


Amount = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Patterns = Annotated[tuple[str, ...], BeforeValidator(_as_tuple), Field(min_length=1)]


class Rule(BaseModel):
    """How much worse the headlines of a pattern may become.

    Attributes
    ----------
    headlines : tuple of str
        Patterns of headline names (``*``, ``?``, ``[ab]``; case matters). Single structures are named
        ``structure:NAME`` and matched only by patterns that begin so.
    absolute, relative, margin : float
        Allowed worsening, as in the module's text; the largest of the three counts.
    required : bool
        True: a matched headline must have a number in the run, and the pattern must match something. False: a
        headline that the baseline has no number for either is left out, and one that neither report judges is
        shown without deciding. A number that the baseline has and the run lacks, or no longer judges, is
        missing in both cases.
    verdict_not : tuple of str
        Verdicts that fail the headline whatever the baseline was.
    watch : bool
        True: the rule can fail the check, but a number that is not sure does not hold it up.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    headlines: Patterns
    absolute: Amount = 0.0
    relative: Amount = 0.0
    margin: Amount = 0.0
    required: bool = True
    verdict_not: Annotated[tuple[Verdict, ...], BeforeValidator(_as_tuple)] = ()
    watch: bool = False

    @property
    def title(self) -> str:
        """The patterns as one text."""
        return ", ".join(self.headlines)

    def matches(self, name: str) -> bool:
        """Tell whether the rule speaks about a headline; about a structure only when a pattern says so."""
        patterns = [p for p in self.headlines if p.startswith(PREFIX) or not name.startswith(PREFIX)]
        return any(fnmatchcase(name, pattern) for pattern in patterns)

    def tolerance(self, baseline: Headline) -> float:
        """Return the allowed worsening against this baseline.

        In the headline's unit. Where its worsening is a logarithm (ratios) so are all three amounts: an
        ``absolute`` of 0.05 then allows a factor of 1.05.
        """
        of_margin = self.margin * baseline.margin
        return max(self.absolute, self.relative * baseline.away, of_margin if of_margin > 0 else 0.0)


class Rules(BaseModel):
    """A rules file.

    Attributes
    ----------
    rules : tuple of Rule
        In order; the first that matches a headline applies.
    alpha : float
        Chance of any false *fail* in the whole check, and of a false *pass* of each headline.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    rules: Annotated[tuple[Rule, ...], Field(min_length=1)]
    alpha: Annotated[float, Field(gt=0, lt=0.5)] = 0.05

    def assign(self, names: Sequence[str]) -> list[tuple[Rule, tuple[str, ...]]]:
        """Give each headline to the first rule that matches it.

        Parameters
        ----------
        names : sequence of str
            Headline names of both runs, each once.

        Returns
        -------
        list of (Rule, names)
            One entry per rule, in order; a rule without headlines has an empty tuple.

        Raises
        ------
        DataError
            A rule can never apply, because earlier ones take every headline that it matches.
        """
        left = list(names)
        table = []
        for number, rule in enumerate(self.rules, start=1):
            matches = tuple(name for name in left if rule.matches(name))
            if not matches and any(rule.matches(name) for name in names):
                raise DataError(
                    f"rule {number} ({rule.title}) never applies: earlier rules match all of its headlines; "
                    "put it before them, as the first rule that matches counts"
                )
            left = [name for name in left if name not in matches]
            table.append((rule, matches))
        return table


def read_rules(path: Path | None = None) -> Rules:
    """Read a rules file.

    Parameters
    ----------
    path : Path or None
        YAML file; None reads the rules that are shipped (``reports/check/rules_default.yaml``).

    Returns
    -------
    Rules
        The validated rules.

    Raises
    ------
    DataError
        The file is missing, no YAML, or holds a key or value that no rule has.
    """
    source = path or files("plausibrain.reports.check") / "rules_default.yaml"
    try:
        content = read_yaml(path) if path else yaml.safe_load(source.read_text(encoding="utf-8"))
        return Rules.model_validate(content)
    except FileNotFoundError:
        raise DataError(f"{source}: no such file; give a YAML file of rules") from None
    except OSError as error:
        raise DataError(f"{source}: the rules cannot be read ({error.strerror or error})") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise DataError(f"{source} is not readable YAML ({error})") from None
    except ValidationError as error:
        problems = "; ".join(_problem(dict(item)) for item in error.errors())
        raise DataError(f"{source}: {problems}. See docs/compare-and-check.md for the keys") from None


def _problem(item: dict[str, object]) -> str:
    place = item["loc"]
    where = ".".join(str(part) for part in place) if isinstance(place, tuple) else str(place)
    return f"{where or 'file'}: {item['msg']} (got {shown(item['input'])})"
