"""What a run will cost before it starts: images to sample and measure, processor time, disk space.

Rates are those of the package's own pages: an image of 2 mm takes 3.46 s of one core to segment, 0.14 s to
measure and 0.73 s to extract features from (``docs/benchmarks.md``, the demo); a sample of the latent
diffusion takes 15 s (``docs/models.md``). Networks and measures work voxel by voxel, so an image of 1 mm
takes eight times as long. On a GPU the processor keeps what is not done by networks, 35 % of a segmentation
(``python -m benchmarks.network_share``). A pass of the network takes at most as long as a step of its
training, 40 ms (``docs/segmenter.md``), and a sample of the latent diffusion at most as long as one of the
published size, 1.15 s (``docs/gpu.md``). Machines differ by a factor of two either way: a forecast is an
order of magnitude.
"""

from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from plausibrain.analysis.sample import require_volumes
from plausibrain.cohorts.cohort import Cohort
from plausibrain.cohorts.volumes import read_volume
from plausibrain.config import Generator, RunConfig, Source
from plausibrain.progress import clock

COARSE_MM3 = 8.0
COARSE_SEGMENTER = "_2mm"
#: Seconds of one core for an image of 2 mm, and how much larger a head of 1 mm is.
SEGMENT_SECONDS, MEASURE_SECONDS, FINE_FACTOR = 3.46, 0.14 + 0.73, 8.0
SAMPLE_SECONDS = 15.0
#: On a data-centre GPU, and the part of a segmentation that networks take on a CPU.
GPU_SEGMENT_SECONDS, GPU_SAMPLE_SECONDS, NETWORK_SHARE = 0.04, 1.15, 0.65
#: Label maps, measures and features, and a sampled image, of 2 mm and compressed.
MEASURED_BYTES, SAMPLED_BYTES = 0.25e6, 1.0e6
#: What a visit leaves until the report is written (``docs/architecture.md``).
SCRATCH_BYTES = 0.65e6
#: Analysis and report with 2,000 resamples, and the run folder, by itself.
ANALYSIS_SECONDS, REPORT_BYTES = 45.0, 8e6


@dataclass(frozen=True)
class Step:
    """One step of a run: how many images, seconds of one core, bytes on disk, seconds of a GPU."""

    name: str
    images: int
    core_seconds: float
    bytes: float
    gpu_seconds: float = 0.0


@dataclass(frozen=True)
class Forecast:
    """The steps of a run, and what they come to."""

    steps: tuple[Step, ...]
    n_processes: int
    gpu: bool = False

    @property
    def seconds(self) -> float:
        """Time on the clock: images are shared among processes, the analysis and the GPU are not."""
        parts = (s.core_seconds / (self.n_processes if s.images else 1) + s.gpu_seconds for s in self.steps)
        return float(sum(parts))

    @property
    def bytes(self) -> float:
        """Disk space of everything that is written."""
        return float(sum(step.bytes for step in self.steps))

    @property
    def text(self) -> str:
        """The forecast in lines."""
        head = f" {'GPU':>9}" if self.gpu else ""
        lines = [f"{'step':<30} {'images':>8} {'one core':>14} {'disk':>9}{head}"]
        for s in self.steps:
            gpu = f" {clock(s.gpu_seconds) if s.gpu_seconds else '':>9}" if self.gpu else ""
            numbers = f"{s.images or '':>8} {clock(s.core_seconds):>14} {_size(s.bytes):>9}{gpu}"
            lines.append(f"{s.name:<30} {numbers}".rstrip())
        where = "and one GPU" if self.gpu else "on CPU"
        processes = f"{self.n_processes} process{'es' if self.n_processes > 1 else ''}"
        return "\n".join(
            [*lines, "", f"About {clock(self.seconds)} with {processes} {where}, {_size(self.bytes)} of "
             "disk. Rates are of the order of magnitude. Nothing was written."]
        )  # fmt: skip

    def as_dict(self) -> dict[str, Any]:
        """Return the forecast for JSON."""
        steps = [asdict(step) for step in self.steps]
        return {
            "steps": steps, "n_processes": self.n_processes, "gpu": self.gpu, "seconds": self.seconds,
            "bytes": self.bytes,
        }  # fmt: skip


def forecast(config: RunConfig, *, n_processes: int, gpu: bool = False) -> Forecast:
    """Read the cohorts of a run, which also checks them, and say what the run will cost.

    Parameters
    ----------
    config : RunConfig
    n_processes : int
        Processes that work on images.
    gpu : bool
        Whether networks run on a GPU.

    Raises
    ------
    DataError
        When a cohort cannot be read.
    """
    return Forecast(tuple(map(_on_gpu, _steps(config)) if gpu else _steps(config)), n_processes, gpu)


def _on_gpu(step: Step) -> Step:
    """Move what networks do from the processor to a GPU."""
    if step.name.startswith("sample"):
        return replace(step, core_seconds=0.0, gpu_seconds=step.images * GPU_SAMPLE_SECONDS)
    if step.name.startswith("segment"):
        seconds = GPU_SEGMENT_SECONDS * step.core_seconds / SEGMENT_SECONDS
        return replace(step, core_seconds=step.core_seconds * (1 - NETWORK_SHARE), gpu_seconds=seconds)
    return step


def _steps(config: RunConfig) -> Iterator[Step]:
    reference = config.reference.read("reference")
    roles = [("reference", config.reference, reference)]
    if config.generated is not None:
        roles.append(("generated", config.generated, config.generated.read("generated")))
    for role in ("training", "independent"):
        source = getattr(config, role)
        if source is not None:
            roles.append((role, source, source.read(role)))
    if config.generator is not None:
        n = _n_sampled(config.generator, len(reference))
        yield Step(f"sample with {config.generator.model}", n, n * SAMPLE_SECONDS, n * SAMPLED_BYTES)
        yield from _measuring("generated", config.reference, n, 1.0)
    for role, source, cohort in roles:
        _check_measurable(role, source, cohort)
    for role, source, cohort in roles:
        if cohort.images is not None:
            todo = len(cohort.included) if cohort.volumes is None else 0
            yield from _measuring(role, source, todo, _fineness(cohort), measured=len(cohort.included))
    share = config.settings.n_resamples / 2000
    yield Step("analyse and report", 0, ANALYSIS_SECONDS * max(share, 0.25), REPORT_BYTES)


def _check_measurable(role: str, source: Source, cohort: Cohort) -> None:
    """Raise `DataError` when a cohort has neither volumes nor images, or the chosen segmenter cannot run."""
    from plausibrain.evaluation.segment_files import check_segmenter
    from plausibrain.imaging import DEFAULT_SEGMENTER

    if cohort.volumes is None and cohort.images is None:
        require_volumes(role, cohort)
    if cohort.volumes is None:
        check_segmenter(source.segmenter or DEFAULT_SEGMENTER, source.segmenter_options)


def _n_sampled(generator: Generator, n_reference: int) -> int:
    """Return how many images a model will sample; model, checkpoint and table of conditions are read."""
    from plausibrain.generator_run import requested_table
    from plausibrain.models import load_model

    model = load_model(generator.model, generator.checkpoint, generator.options, device="cpu")
    table = requested_table(model, generator)
    return len(table) if table is not None else generator.n or n_reference


def _measuring(
    role: str, source: Source, to_segment: int, fineness: float, *, measured: int | None = None
) -> Iterator[Step]:
    from plausibrain.evaluation.scratch import MOST_IMAGES

    coarse = (source.segmenter or "").endswith(COARSE_SEGMENTER) or fineness <= 1
    per_image = SEGMENT_SECONDS * (1.0 if coarse else FINE_FACTOR)
    if to_segment:
        seconds = to_segment * per_image
        yield Step(f"segment {role}", to_segment, seconds, to_segment * MEASURED_BYTES * fineness)
    n = to_segment if measured is None else measured
    space = n * MEASURED_BYTES / 2 + (n * SCRATCH_BYTES * fineness if n <= MOST_IMAGES else 0)
    yield Step(f"measure {role}", n, n * MEASURE_SECONDS * fineness, space)


def _fineness(cohort: Cohort) -> float:
    """Return how many times as many voxels as at 2 mm an image has, from the first one there is."""
    first: Path | None = next((image for image in cohort.included.images or () if image is not None), None)
    return 1.0 if first is None else max(1.0, COARSE_MM3 / read_volume(first).voxel_volume_mm3)


def _size(count: float) -> str:
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.0f} MB"
