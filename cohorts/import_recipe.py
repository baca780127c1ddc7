"""What a user or a preset states about images that a generator wrote: names, grids, conditions."""

import re
from collections.abc import Mapping
from functools import cached_property
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from plausibrain.cohorts.errors import DataError
from plausibrain.cohorts.text_files import read_yaml, shown

#: Parts of a file name or columns of a table -> columns of `Cohort.subjects`.
COLUMNS = {
    "id": "participant_id",
    "age": "requested_age",
    "sex": "requested_sex",
    "ventricle": "requested_ventricle_mm3",
    "brain": "requested_brain_mm3",
    "brain_normalised": "requested_brain_normalised_mm3",
    "seed": "seed",
    "session": "session",
}
Millimetres = Annotated[float, Field(gt=0.1, lt=20)]


class Recipe(BaseModel):
    """How images are to be read.

    Attributes
    ----------
    describes : str
        The generator, for people.
    pattern : str or None
        File name with named parts in braces; with slashes it starts at the folder of the import.
    ignore : tuple of str
        Parts that stand for nothing.
    axes : tuple of int or None
        Order of the stored axes (without those of length one) that gives I, J, K.
    voxel : tuple of float or None
        Voxel size along I, J, K, mm; None takes the header.
    orientation : str or None
        Where I, J, K lead, such as ``LPS``; None takes the header.
    scale : mapping of str to (float, float)
        Conditions that run from 0 to 1, and what 0 and 1 stand for.
    sex_coding : str or None
        Meaning of coded sexes.
    needs : tuple of str
        What only the user can state.
    assumes : tuple of str
        What is taken for granted, in words; it is kept with the cohort and shown in the report.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    describes: str = "images of a generator"
    pattern: str | None = None
    ignore: tuple[str, ...] = ()
    axes: tuple[Literal[0, 1, 2], Literal[0, 1, 2], Literal[0, 1, 2]] | None = None
    voxel: tuple[Millimetres, Millimetres, Millimetres] | None = None
    orientation: str | None = Field(None, pattern="^[RLAPSI]{3}$")
    scale: dict[str, tuple[float, float]] = Field(default_factory=dict)
    sex_coding: str | None = None
    needs: tuple[Literal["voxel", "orientation"], ...] = ()
    assumes: tuple[str, ...] = ()

    @cached_property
    def expression(self) -> re.Pattern[str] | None:
        """The pattern as a regular expression; a part holds no slash."""
        return None if self.pattern is None else _expression(self.pattern)


def preset_names() -> list[str]:
    """Return the names of the presets that are shipped."""
    return sorted(
        Path(entry.name).stem
        for entry in files("plausibrain.cohorts.presets").iterdir()
        if entry.name.endswith(".yaml")
    )


def read_recipe(preset: str | None, options: Mapping[str, object]) -> Recipe:
    """Return a preset, changed by what the user states.

    Parameters
    ----------
    preset : str or None
        Name of a shipped preset, or a YAML file.
    options : mapping
        Fields of `Recipe`; None means not stated.

    Raises
    ------
    DataError
        For an unknown preset, a wrong value, or when something is missing that only the user can state.
    """
    content = _preset(preset) if preset else {}
    choices = {name: value for name, value in options.items() if value is not None}
    try:
        recipe = Recipe.model_validate({**content, **choices})
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        raise DataError(f"{place}: {first['msg'].lower()} (got {shown(first['input'])})") from None
    lacking = [name for name in recipe.needs if getattr(recipe, name) is None]
    if lacking:
        flags = " and ".join(f"--{name}" for name in lacking)
        raise DataError(f"files of {recipe.describes} do not state the grid: give {flags}")
    if recipe.axes is not None and sorted(recipe.axes) != [0, 1, 2]:
        raise DataError(f"axes {list(recipe.axes)}: name each of 0, 1 and 2 once")
    if recipe.orientation and len({"RLAPSI".index(letter) // 2 for letter in recipe.orientation}) != 3:
        raise DataError(f"orientation {recipe.orientation!r}: name one of R L, one of A P and one of S I")
    return recipe


def _preset(name: str) -> dict[str, object]:
    presets = preset_names()
    if name not in presets and not Path(name).is_file():
        raise DataError(f"no preset is called {shown(name)}; use one of {', '.join(presets)}, or a YAML file")
    path = Path(str(files("plausibrain.cohorts.presets") / f"{name}.yaml")) if name in presets else Path(name)
    content = read_yaml(path)
    if not isinstance(content, dict):
        raise DataError(f"{path}: expected fields such as pattern, voxel, assumes")
    return {str(key): value for key, value in content.items()}


def _expression(pattern: str) -> re.Pattern[str]:
    pieces = re.split(r"\{([^{}]*)\}", pattern)
    names = pieces[1::2]
    bad = [name for name in names if not name.isidentifier()]
    if bad or len(set(names)) < len(names):
        raise DataError(
            f"pattern {shown(pattern)}: each part in braces needs a name of its own, as in {{age}}"
        )
    texts = [re.escape(text) for text in pieces[::2]]
    parts = [f"(?P<{name}>[^/]+?)" for name in names] + [""]
    return re.compile("".join(text + part for text, part in zip(texts, parts, strict=True)))
