"""From command-line flags to a configuration."""

import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from plausibrain.analysis.noise import NOISE, estimate_noise
from plausibrain.analysis.settings import Settings
from plausibrain.cohorts.cohort import read_cohort
from plausibrain.cohorts.errors import DataError
from plausibrain.cohorts.processes import processes_here
from plausibrain.cohorts.tables import read_table, write_table
from plausibrain.config import RunConfig, describe, read_config

#: Largest memory of a process that segments a head at 1 mm, with room to spare.
IMAGE_MEMORY_GB = 5.0
#: Field of a generator -> its flag.
GENERATOR_FLAGS = {
    "checkpoint": "--checkpoint", "conditions": "--conditions", "n": "--n-images",
    "options": "--generator-option",
}  # fmt: skip


def config_from_flags(
    config: Path | None,
    sources: Mapping[str, Mapping[str, Any]],
    settings: Mapping[str, Any],
    *,
    out: Path | None,
    name: str | None,
    noise: Path | None,
    generator: Mapping[str, Any] | None = None,
    cache: Path | None = None,
    storage: Mapping[str, Any] | None = None,
) -> RunConfig:
    """Return the configuration of `plausibrain run`; flags go before the file.

    Raises
    ------
    DataError
        When a cohort or the output folder is given in neither, or a value is wrong.
    """
    base = read_config(config).model_dump() if config else {}
    sampling = _set_values(generator or {})
    if sampling or base.get("generator"):
        seed = _set_values({"seed": settings.get("seed")})
        base["generator"] = (base.get("generator") or {}) | seed | sampling
        if "model" not in base["generator"]:
            flag = GENERATOR_FLAGS[next(iter(sampling))]
            raise DataError(f"{flag} goes with --generator MODEL, a model that samples the generated cohort")
    roles = ("reference",) if base.get("generator") else ("reference", "generated")
    for role, flags in sources.items():
        if role not in roles and not flags.get("path") and not base.get(role):
            continue
        base[role] = (base.get(role) or {}) | _set_values(flags)
        if "path" not in base[role]:
            raise DataError(
                f"no {role} cohort: give --{role} PATH{_or_model(role)}, or a YAML file with a field {role!r}"
            )
    base["settings"] = (base.get("settings") or {}) | _set_values(settings)
    if noise is not None:
        base["settings"]["noise"] = read_noise(noise)
    base |= _set_values({"out": out, "name": name, "cache": cache, **(storage or {})})
    if "out" not in base:
        raise DataError("no run folder: give --out FOLDER, or a YAML file with a field 'out'")
    try:
        return RunConfig.model_validate(base)
    except ValidationError as error:
        raise DataError(describe(error)) from error


def _or_model(role: str) -> str:
    return " or --generator MODEL" if role == "generated" else ""


def _set_values(flags: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in flags.items() if value is not None}


def name_value_pairs(pairs: Iterable[str]) -> dict[str, str]:
    """Return options given as `name=value`.

    Examples
    --------
    >>> name_value_pairs(["device=cuda"])
    {'device': 'cuda'}
    """
    values = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or not name:
            raise DataError(f"option {pair!r}: expected name=value")
        values[name] = value
    return values


def numbers_of(text: str, separator: str) -> tuple[float, ...]:
    """Return the numbers of a text such as ``0.94,0.94,1.36``.

    Raises
    ------
    DataError
        When a part is no finite number.
    """
    try:
        numbers = tuple(float(part) for part in text.split(separator))
    except ValueError:
        numbers = ()
    if not numbers or not all(math.isfinite(number) for number in numbers):
        raise DataError(f"{text!r}: expected numbers separated by {separator!r}")
    return numbers


def import_from_flags(
    preset: str | None, voxel: str | None, orientation: str | None, table: Path | None
) -> dict[str, Any] | None:
    """Return how the generated folder is to be imported; None where no preset is given.

    Raises
    ------
    DataError
        For a grid or a table without a preset.
    """
    options = _set_values({"voxel": voxel, "orientation": orientation, "table": table})
    if preset is None:
        if options:
            raise DataError(f"--{next(iter(options))} goes with --preset; or use `plausibrain import` first")
        return None
    if voxel is not None:
        options["voxel"] = numbers_of(voxel, ",")
    return {"preset": preset, **options}


def paths_of(text: str | None) -> tuple[str, ...] | None:
    """Return the paths of a flag: one, or several with commas between; a file whose name has commas is one.

    Examples
    --------
    >>> paths_of("aseg.tsv,lh.tsv")
    ('aseg.tsv', 'lh.tsv')
    """
    if text is None or Path(text).exists():
        return None if text is None else (text,)
    return tuple(part.strip() for part in text.split(",") if part.strip())


def ranges_of(pairs: Iterable[str]) -> dict[str, tuple[float, ...]]:
    """Return ranges given as ``name=low:high``."""
    return {name: numbers_of(text, ":") for name, text in name_value_pairs(pairs).items()}


def read_noise(path: Path) -> dict[str, float]:
    """Return noise per structure, in standard deviations between subjects, from a table of `write_noise`."""
    if not path.is_file():
        raise DataError(f"{path}: no such file; `plausibrain noise` writes a table of measurement noise")
    table = read_table(path, NOISE)
    pairs = zip(table["structure"].astype(str), table["noise_sd"].astype(float), strict=True)
    return {structure: value for structure, value in pairs if math.isfinite(value)}


def write_noise(first: Path, second: Path, out: Path, *, sex_coding: str | None = None) -> Path:
    """Estimate measurement noise from two visits and write it as a table."""
    visits = [read_cohort(path, sex_coding=sex_coding) for path in (first, second)]
    return write_table(estimate_noise(visits[0], visits[1], Settings()), out, NOISE)


def n_processes(n: int, device: str) -> int:
    """Return how many processes work on images: as many as given, or what the machine allows.

    One process on a GPU reads and writes while another one's network runs; more would only share it.
    """
    from plausibrain.cohorts.arithmetic import choose_device

    if n > 0:
        return n
    most = processes_here(memory_gb=IMAGE_MEMORY_GB)
    return min(2, most) if choose_device(device).startswith("cuda") else most


def uses_gpu(device: str) -> bool:
    """Tell whether a device is a GPU: one that is named, even if there is none here, or one that is here."""
    from plausibrain.cohorts.arithmetic import choose_device

    return device.startswith("cuda") or choose_device(device).startswith("cuda")


def numbers(text: str, flag: str) -> tuple[float, ...]:
    """Return the numbers of a flag such as ``10,40,80``; none of an empty one.

    Raises
    ------
    DataError
        When one is no finite number.
    """
    try:
        values = tuple(float(part) for part in text.split(",") if part.strip())
    except ValueError as error:
        raise DataError(f"{flag} {text}: expected numbers with commas between them") from error
    if not all(math.isfinite(value) for value in values):
        raise DataError(f"{flag} {text}: expected finite numbers")
    return values
