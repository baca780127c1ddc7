"""What one run is told: two cohorts, settings, a folder. The same from flags and from a YAML file."""

from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator
from pydantic_core import ErrorDetails

from plausibrain.analysis.settings import Settings
from plausibrain.cohorts.cohort import Cohort, read_cohort
from plausibrain.cohorts.errors import DataError
from plausibrain.cohorts.import_images import import_images, plan_import
from plausibrain.cohorts.import_recipe import Recipe, read_recipe
from plausibrain.cohorts.notes import Note
from plausibrain.cohorts.text_files import read_yaml, shown


class ImportAs(BaseModel):
    """How a folder that a generator wrote is to be read, as `plausibrain import` does.

    Attributes
    ----------
    preset : str or None
        A shipped preset, or a YAML file of `plausibrain.cohorts.import_recipe.Recipe`.
    pattern, ignore, voxel, orientation, scale
        As in a recipe; they go before the preset.
    table : Path or None
        Conditions, one row per image.
    columns : mapping of str to str
        What the columns of the table are.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    preset: str | None = None
    pattern: str | None = None
    ignore: tuple[str, ...] | None = None
    voxel: tuple[float, ...] | None = None
    orientation: str | None = None
    scale: dict[str, tuple[float, float]] | None = None
    table: Path | None = None
    columns: dict[str, str] = Field(default_factory=dict)

    def recipe(self, sex_coding: str | None) -> Recipe:
        """Return the preset with what is stated beside it."""
        options = self.model_dump(include={"pattern", "ignore", "voxel", "orientation", "scale"})
        return read_recipe(self.preset, {**options, "sex_coding": sex_coding})


class Source(BaseModel):
    """Where a cohort comes from and how ambiguous columns are to be read.

    Attributes
    ----------
    path : Path
        BIDS folder, folder of images with a table, or a table.
    name : str or None
        What pages call it; None takes the file or folder name.
    participants, qc : Path or None
        Tables that lie elsewhere, joined by id.
    volumes : tuple of Path or None
        Tables of volumes that lie elsewhere, joined by id: one, or several of the same images.
    images : str or None
        Pattern of the image files below the folder, or BIDS entities such as `acq=mprage`.
    sex_coding : str or None
        Meaning of coded sexes, for example `1=M,0=F`.
    age_unit : str or None
        `years` or `months`.
    volume_unit : str or None
        `mm3` or `mL`.
    repeats : str or None
        What to do with repeated ids: `first`.
    segmenter : str or None
        Program that measured the volumes, when the table does not show it; for images, the segmenter.
    segmenter_options : mapping
        Options of that segmenter, for example `{parcels: 0}`; both cohorts of a run need the same.
    encoding : str or None
        Text encoding of the tables, when it is not UTF-8.
    import_as : ImportAs or None
        For a folder as a generator wrote it: it is imported into the run folder first.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    path: Path
    name: str | None = None
    participants: Path | None = None
    volumes: tuple[Path, ...] | None = None
    qc: Path | None = None
    images: str | None = None
    sex_coding: str | None = None
    age_unit: str | None = None
    volume_unit: str | None = None
    repeats: str | None = None
    segmenter: str | None = None
    segmenter_options: dict[str, bool | int | float | str] = Field(default_factory=dict)
    encoding: str | None = None
    import_as: ImportAs | None = None

    @field_validator("volumes", mode="before")
    @classmethod
    def _one_or_several(cls, value: object) -> object:
        return (value,) if isinstance(value, str | Path) else value

    def read(self, role: str) -> Cohort:
        """Read the cohort; an error that an option settles says how to give that option.

        Parameters
        ----------
        role : str
            `reference` or `generated`.
        """
        if self.import_as is not None:
            return self._plan(self.import_as)
        try:
            return read_cohort(**self.model_dump(exclude={"segmenter_options", "import_as"}))
        except DataError as error:
            how = _how_to_give(str(error), role)
            raise DataError(f"{str(error).rstrip('.') if how else error}{how}") from error

    def _plan(self, options: ImportAs) -> Cohort:
        """Return the cohort that an import would make, with the images as they are."""
        plan = plan_import(
            self.path, options.recipe(self.sex_coding), table=options.table, columns=options.columns
        )
        name = self.name or self.path.resolve().name
        notes = tuple(
            Note("warning", "", None, "", f"assumed at import: {remark}") for remark in plan.remarks
        )
        return Cohort(name, plan.subjects, images=plan.images, source=self.path, notes=notes)

    def imported(self, folder: Path) -> "Source":
        """Return the source of the cohort that a folder of a generator becomes; others as they are."""
        if self.import_as is None:
            return self
        options = self.import_as
        import_images(
            self.path, folder, options.recipe(self.sex_coding), table=options.table, columns=options.columns
        )
        name = self.name or self.path.resolve().name
        return self.model_copy(update={"path": folder, "name": name, "import_as": None, "sex_coding": None})


class Generator(BaseModel):
    """A model that samples the generated cohort as a part of the run.

    Attributes
    ----------
    model : str
        Name, as `plausibrain metrics` lists it.
    checkpoint : Path or None
        Folder of a trained model or a bundle; None takes the checkpoint that comes with the package.
    conditions : Path or None
        Table of whom to draw; None asks for the subjects of the reference.
    n : int or None
        Images, where no table is given; None samples as many as the reference has.
    seed : int
    options : mapping of str to str
        Of the model.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    model: str
    checkpoint: Path | None = None
    conditions: Path | None = None
    n: int | None = Field(None, ge=1)
    seed: int = Field(0, ge=0, lt=2**53)
    options: dict[str, str] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _one_number_of_images(self) -> "Generator":
        if self.conditions is not None and self.n is not None:
            raise ValueError(
                f"give either a table of conditions ({self.conditions}), with one image per row, or a number "
                f"of images ({self.n})"
            )
        return self


class ImageSettings(BaseModel):
    """What is done with images beyond segmenting and measuring them.

    Attributes
    ----------
    extractors : mapping of str to mapping
        Extractors beside the default ones, with their options: `{"medicalnet": {"weights":
        "resnet_50.pth"}}`.
    n_pairs : int
        Pairs of images to compare in each cohort; 0 compares none.
    n_geometry : int
        Reference subjects in whose label maps the folding of the cortex is measured, where parcels are; 0
        takes the typical folding of the package.
    age_network : {"auto", "on", "off"}
        Whether a network of age and sex is trained on the images of the reference; ``auto`` with a GPU.
    age_network_least : int
        Fewest reference images for it.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    extractors: dict[str, dict[str, str | int | float]] = Field(default_factory=dict)
    n_pairs: int = Field(1000, ge=0, le=10_000_000)
    n_geometry: int = Field(5, ge=0, le=100_000)
    age_network: Literal["auto", "on", "off"] = "auto"
    age_network_least: int = Field(200, ge=40, le=100_000)


class RunConfig(BaseModel):
    """Everything that `plausibrain run` needs.

    Attributes
    ----------
    reference : Source
    generated : Source or None
        Either this or `generator`.
    generator : Generator or None
    training : Source or None
        Subjects that the generator was trained on, for question 9.
    independent : Source or None
        Patients and controls (column ``diagnosis``), for accelerated ageing in question 10.
    out : Path
        Run folder.
    name : str or None
        Title of the report; None takes the name of the generated cohort.
    settings : Settings
    images : ImageSettings
    cache : Path or None
        Folder that several runs share: what was computed of an image there is not computed again. None keeps
        results in the run folder.
    tables : {"tsv", "parquet"}
        Form of the tables of the run; Parquet is a tenth as large and as slow where cohorts are large.
    keep_labels : {"none", "sample", "all"}
        Which label maps stay in the run folder when the report is written; `sample` are those of the images
        that the report shows. A run that is repeated without them segments anew.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    reference: Source
    generated: Source | None = None
    generator: Generator | None = None
    training: Source | None = None
    independent: Source | None = None
    out: Path
    name: str | None = None
    settings: Settings = Field(default_factory=Settings)
    images: ImageSettings = Field(default_factory=ImageSettings)
    cache: Path | None = None
    tables: Literal["tsv", "parquet"] = "tsv"
    keep_labels: Literal["none", "sample", "all"] = "all"

    @model_validator(mode="after")
    def _one_generated_cohort(self) -> "RunConfig":
        if (self.generated is None) == (self.generator is None):
            raise ValueError("give either a generated cohort or a generator that samples one")
        return self

    @model_validator(mode="after")
    def _enough_images(self) -> "RunConfig":
        n_images = self.generator.n if self.generator is not None else None
        if n_images is not None and n_images < self.settings.min_subjects:
            raise ValueError(
                f"{n_images} generated images are too few; at least {self.settings.min_subjects} are needed"
            )
        return self


PER_COHORT_FLAGS = ("sex_coding", "age_unit", "images", "volumes")
SHARED_FLAGS = ("segmenter", "repeats")
YAML_ONLY = ("volume_unit", "encoding", "participants", "qc")


def _how_to_give(message: str, role: str) -> str:
    """Name flag and YAML field of the option that an error asks for."""
    for option in (*PER_COHORT_FLAGS, *SHARED_FLAGS, *YAML_ONLY):
        if f"{option}=" in message:
            flag = option.replace("_", "-")
            place = {
                option in PER_COHORT_FLAGS: f"--{role}-{flag} or ",
                option in SHARED_FLAGS: f"--{flag} or ",
            }
            return f". Give it as {place.get(True, '')}{option} under {role} in a YAML file"
    return ""


def read_config(path: Path) -> RunConfig:
    """Read a run configuration from YAML; paths in it are relative to the file.

    Parameters
    ----------
    path : Path

    Raises
    ------
    DataError
        When the file is missing, is not YAML, or a field is unknown or has a wrong value (each is named).
    """
    content = _parse(path)
    for part in ("reference", "generated", "training", "independent"):
        if isinstance(content.get(part), str):
            content[part] = {"path": content[part]}
        _resolve(content.get(part), ("path", "participants", "volumes", "qc"), path.parent)
        if isinstance(content.get(part), dict):
            _resolve(content[part].get("import_as"), ("table",), path.parent)
    if isinstance(content.get("generator"), str):
        content["generator"] = {"model": content["generator"]}
    _resolve(content.get("generator"), ("checkpoint", "conditions"), path.parent)
    images = content.get("images")
    extractors = images.get("extractors") if isinstance(images, dict) else None
    for options in extractors.values() if isinstance(extractors, dict) else ():
        _resolve(options, ("weights",), path.parent)
    _resolve(content, ("out", "cache"), path.parent)
    try:
        return RunConfig.model_validate(content)
    except ValidationError as error:
        raise DataError(f"{path}: {describe(error)}") from error


def _parse(path: Path) -> dict[str, Any]:
    try:
        content = read_yaml(path)
    except FileNotFoundError:
        raise DataError(
            f"{path}: cannot be read (No such file or directory); give the path of a YAML file"
        ) from None
    if not isinstance(content, dict):
        raise DataError(f"{path}: expected fields such as reference, generated, out; see docs/tables.md")
    return content


def _resolve(content: Any, fields: tuple[str, ...], folder: Path) -> None:
    if isinstance(content, dict):
        for name in fields:
            value = content.get(name)
            if isinstance(value, str):
                content[name] = str(folder / Path(value).expanduser())
            elif isinstance(value, list):
                content[name] = [str(folder / Path(str(part)).expanduser()) for part in value]


def describe(error: ValidationError) -> str:
    """Return what is wrong with every field, in one line each."""
    return "; ".join(_described(e) for e in error.errors(include_url=False))


def _described(error: ErrorDetails) -> str:
    place = ".".join(str(part) for part in error["loc"])
    if error["type"] == "value_error" and isinstance(error["input"], dict):  # fields that exclude each other
        return str(error["ctx"]["error"])
    return f"{place or 'settings'}: {error['msg'].lower()} (got {shown(error['input'])})"
