"""What the architecture of a checkpoint or of a bundle may say: every field, its type and its limits.

A description is data of somebody else. A size in it decides how much memory a network takes and how long it
is built, so everything is checked before a network is made.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, StrictBool, ValidationError, model_validator

from plausibrain.cohorts.errors import DataError
from plausibrain.cohorts.text_files import shown

Count = Annotated[int, Field(strict=True, ge=1, le=4096)]
Few = Annotated[int, Field(strict=True, ge=1, le=64)]
Finite = Annotated[float, Field(strict=True, allow_inf_nan=False)]
Number = Annotated[float, Field(strict=True, gt=0, lt=1)]
Channels = Annotated[list[Count], Field(min_length=1, max_length=8)]
Flags = Annotated[list[StrictBool], Field(min_length=1, max_length=8)]
Blocks = Few | Annotated[list[Few], Field(min_length=1, max_length=8)]
HeadSize = Annotated[int, Field(strict=True, ge=0, le=4096)]
HeadSizes = HeadSize | Annotated[list[HeadSize], Field(min_length=1, max_length=8)]
Three, Four = Field(min_length=3, max_length=3), Field(min_length=4, max_length=4)
Cells = Annotated[list[Annotated[int, Field(strict=True, ge=1, le=512)]], Three]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class GridPart(_Part):
    """Grid of the images."""

    shape: Annotated[list[Annotated[int, Field(strict=True, ge=1, le=1024)]], Three]
    affine: Annotated[list[Annotated[list[Finite], Four]], Four]

    @model_validator(mode="after")
    def _axes_span_space(self) -> Self:
        if not abs(np.linalg.det(np.array(self.affine)[:3, :3])) > 0 or self.affine[3] != [0, 0, 0, 1]:
            raise ValueError("the affine is no matrix from voxels to the world")
        return self


class ConditionsPart(_Part):
    """Conditions of a model and their ranges."""

    columns: Annotated[list[str], Field(max_length=64)]
    low: Annotated[list[Finite], Field(max_length=64)]
    high: Annotated[list[Finite], Field(max_length=64)]


class CheckpointFile(_Part):
    """``model.json`` of a checkpoint."""

    format: int
    model: str
    architecture: dict[str, Any]
    grid: GridPart
    conditions: ConditionsPart
    facts: dict[str, Any]
    weights_sha256: str


class _Levels(_Part):
    """Networks of MONAI with resolution levels."""

    spatial_dims: Literal[3] = 3
    in_channels: Count = 1
    out_channels: Count = 1
    channels: Channels
    num_res_blocks: Blocks
    norm_num_groups: Count
    norm_eps: Number = 1e-6
    attention_levels: Flags

    @model_validator(mode="after")
    def _levels_agree(self) -> Self:
        n = len(self.channels)
        lists = (self.attention_levels, self.num_res_blocks)
        if any(isinstance(values, list) and len(values) != n for values in lists):
            raise ValueError(f"expected a value for each of {n} levels")
        if any(size % self.norm_num_groups for size in self.channels):
            raise ValueError(f"{self.channels} channels do not make {self.norm_num_groups} groups")
        return self


class AutoencoderPart(_Levels):
    """Arguments of MONAI's ``AutoencoderKL``."""

    latent_channels: Count
    with_encoder_nonlocal_attn: StrictBool = False
    with_decoder_nonlocal_attn: StrictBool = False


class UnetPart(_Levels):
    """Arguments of MONAI's ``DiffusionModelUNet``."""

    num_head_channels: HeadSizes
    cross_attention_dim: Count
    with_conditioning: StrictBool = True
    transformer_num_layers: Few = 1
    resblock_updown: StrictBool = True
    upcast_attention: StrictBool = True
    use_flash_attention: StrictBool = False

    @model_validator(mode="after")
    def _heads_share_the_channels(self) -> Self:
        n, widths = len(self.channels), self.num_head_channels
        heads = widths if isinstance(widths, list) else [widths] * n
        if len(heads) != n:
            raise ValueError(f"expected a value for each of {n} levels")
        for size, width, attends in zip(self.channels, heads, self.attention_levels, strict=True):
            if attends and (width == 0 or size % width):
                raise ValueError(f"{size} channels cannot be shared by heads of {width}")
        return self


class SchedulePart(_Part):
    """Arguments of `plausibrain.generation.ldm.schedule.Schedule`."""

    n_steps: Annotated[int, Field(strict=True, ge=2, le=10_000)]
    beta_start: Number
    beta_end: Number
    schedule: str
    prediction: str = "epsilon"
    zero_terminal: StrictBool = False
    spacing: str = "leading"


class DetailPart(_Part):
    """Arguments of `plausibrain.generation.ldm.detail.DetailLayers`."""

    width: Count
    channels: Few


class LatentDiffusionPart(_Part):
    """Architecture of our latent diffusion models; no ``detail``: the decoder's image is the image."""

    fold: Annotated[int, Field(strict=True, ge=1, le=8)]
    detail: DetailPart | None = None
    autoencoder: AutoencoderPart
    unet: UnetPart
    schedule: SchedulePart


class CodesPart(_Part):
    """Arguments of `plausibrain.generation.brainsynth.autoencoder.CodeAutoencoder`."""

    cells: Cells
    n_conditions: Few
    channels: Channels
    n_books: Few
    n_codes: Count
    code_width: Count
    edge: Annotated[int, Field(strict=True, ge=1, le=8)]
    groups: Count

    @model_validator(mode="after")
    def _groups_share_the_channels(self) -> Self:
        if any(size % self.groups for size in self.channels):
            raise ValueError(f"channels {self.channels} cannot be normalised in {self.groups} groups")
        return self


class TransformerPart(_Part):
    """Arguments of `plausibrain.generation.brainsynth.transformer.CodeTransformer`."""

    cells: Cells
    n_conditions: Few
    n_books: Few
    n_codes: Count
    width: Count
    depth: Few
    n_heads: Few
    patch: Annotated[int, Field(strict=True, ge=1, le=8)] = 1


class BrainSynthPart(_Part):
    """Architecture of BrainSynth."""

    autoencoder: CodesPart
    transformer: TransformerPart
    n_times: Annotated[int, Field(strict=True, ge=2, le=10_000)]

    @model_validator(mode="after")
    def _both_have_the_same_codes(self) -> Self:
        for name in ("cells", "n_conditions", "n_books", "n_codes"):
            if getattr(self.autoencoder, name) != getattr(self.transformer, name):
                raise ValueError(f"autoencoder and transformer differ in {name}")
        return self


class GeneratorPart(_Part):
    """Arguments of `plausibrain.generation.networks.volume_generator.VolumeGenerator`."""

    cells: Cells
    channels: Channels
    n_latent: Count
    n_conditions: Few
    width: Count = 64
    fold: Annotated[int, Field(strict=True, ge=1, le=8)] = 2


def check_part(kind: type[BaseModel], data: object, where: str) -> None:
    """Refuse data that are no description of this kind.

    Parameters
    ----------
    kind : type of BaseModel
    data : object
        As read from a file.
    where : str
        The file, or what it describes; the message starts with it.

    Raises
    ------
    DataError
        Names the field, what is expected and what came.
    """
    try:
        kind.model_validate(dict(data) if isinstance(data, Mapping) else data)
    except ValidationError as error:
        first: Any = error.errors(include_url=False)[0]
        field = ".".join(str(part) for part in first["loc"] if "[" not in str(part))
        place = f"{field}: " if field else ""
        problem = first["msg"].removeprefix("Value error, ").lower().partition(" or instance of ")[0]
        raise DataError(
            f"{where}: {place}{problem} (got {shown(first['input'])}); train, fetch or copy it again"
        ) from None
