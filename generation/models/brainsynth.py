"""BrainSynth after Peng2023: codes of images (VQ-VAE), and a discrete diffusion of the codes on metadata.

Known of the model, and kept: an image becomes a grid of codes of a learned codebook; residuals free of
metadata are isolated; a transformer with conditional masking is the denoiser of a discrete diffusion over the
codes; metadata such as age and sex condition it. The text is not public in full; ours are:

- product quantisation (several codes per cell), codebooks by moving averages with dead codes restarted, the
  losses and sizes of the autoencoder;
- the metadata-free residual: a linear effect of the conditions on the encoder's vectors, cell by cell,
  is subtracted before quantising and added again before decoding;
- the absorbing state (Austin2021) as the discrete diffusion, with linear masking and the mean
  cross-entropy over masked codes;
- metadata as tokens, masked together in a tenth of the examples, which allows guidance; 1 (none) by
  default, for guidance exaggerates effects.

What moves it: the grid of codes limits fine detail; codes that are unmasked in the same step are drawn
independently of each other, so that few steps cost coherence.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from plausibrain.generation.registry import model

if TYPE_CHECKING:
    from plausibrain.generation.model import Model
    from plausibrain.generation.training.task import Recipe, Request


def _recipe(request: "Request") -> "Recipe":
    from plausibrain.generation.brainsynth.training import BrainSynthRecipe

    return BrainSynthRecipe(request)


@model(label="BrainSynth", source=("Peng2023", "VandenOord2017", "Austin2021"), recipe=_recipe)
def brainsynth(
    checkpoint: Path,
    *,
    steps: int = 50,
    temperature: float = 1.0,
    guidance: float = 1.0,
    precision: str = "fp32",
    device: str = "cpu",
    batch_size: int = 8,
    threads: int = 1,
) -> "Model":
    """Return a BrainSynth that `plausibrain train --model brainsynth` has trained.

    Parameters
    ----------
    checkpoint : Path
        Folder of the checkpoint.
    steps : int
        In which all codes are unmasked.
    temperature : float
        Divides the scores of the codes; below 1 samples are more alike.
    guidance : float
        1 samples as trained; above 1 exaggerates what metadata do.
    precision : {"fp32", "bf16", "auto"}
        bf16 is faster where samples run together; only fp32 gives the same bits whatever the batch.
    device : str
    batch_size : int
        Samples that run together in bf16.
    threads : int
        CPU threads in fp32; all workers of a cohort need the same number for the same bits.

    Returns
    -------
    Model

    Raises
    ------
    DataError
        When the checkpoint is broken or of another model, or a setting is out of range.
    """
    from plausibrain.generation.brainsynth.sampling import Settings, from_checkpoint
    from plausibrain.generation.checkpoint import read_checkpoint

    settings = Settings(
        int(steps), float(temperature), float(guidance), precision, int(batch_size), device, int(threads)
    )
    return from_checkpoint(read_checkpoint(checkpoint, "brainsynth"), settings)
