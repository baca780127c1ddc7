"""Every network and training step on a GPU: right, fast, and in how much memory. Writes one page.

    python -m benchmarks.gpu --out DIR [--minutes 9]

Correct first: float32 on the GPU (TF32 off) against float32 on the CPU, ||gpu - cpu|| / ||cpu||, on random weights
and inputs; then bf16 against the same. Then one training step of every recipe and the sampling of the published
architecture: median milliseconds after warm-up, peak memory. Parts that no time is left for, or that fail, are
listed with the reason.
"""

import argparse
import copy
import os
import statistics
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from benchmarks.machine import machine_line
from makers.compiled_parts import compile_parts
from plausibrain.generation.brainsynth.presets import build_networks as build_codes
from plausibrain.generation.ldm.build import build_networks, build_schedule
from plausibrain.generation.ldm.networks import FoldedAutoencoder, build_unet, predict
from plausibrain.generation.ldm.presets import PRESETS as LDM_PRESETS
from plausibrain.generation.ldm.presets import architecture_of
from plausibrain.generation.networks.fused_norm import fuse_norms, order_channels_last
from plausibrain.generation.noise import generator_of, seeded
from plausibrain.generation.registry import find_model
from plausibrain.generation.training.data import ArrayExamples
from plausibrain.generation.training.devices import Devices
from plausibrain.generation.training.loop import LoopSettings, train_step
from plausibrain.generation.training.state import fresh_state, update_averages
from plausibrain.generation.training.task import Recipe, Request

SHAPES = {"small": (80, 96, 80), "published": (160, 224, 160), "tiny": (24, 24, 24)}
N_CONDITIONS = 4
WARM_UP, REPEATS = 3, 5
#: Training steps that are timed before the published sizes.
N_FIRST = 8
Row = tuple[str, ...]


class Clock:
    """How much of the time is left."""

    def __init__(self, minutes: float) -> None:
        self.end = time.monotonic() + 60 * minutes

    @property
    def left_s(self) -> float:
        """Seconds."""
        return self.end - time.monotonic()


def relative_error(found: Tensor, wanted: Tensor) -> float:
    """Return the norm of the difference over the norm of what is wanted."""
    found, wanted = found.detach().double().cpu(), wanted.detach().double().cpu()
    return float((found - wanted).norm() / wanted.norm())


def randomised(network: Any) -> Any:
    """Return the network with random numbers also where layers start at zero, so that nothing is hidden."""
    for parameter in network.parameters():
        if not parameter.any():
            nn.init.normal_(parameter, std=0.02)
    return network.eval()


def correctness(name: str, network: nn.Module, run: Callable[[Any, str], Tensor], device: str) -> Row:
    """Return a row: errors of a network on the device in float32 and bf16 against the CPU in float32."""
    with torch.no_grad():
        wanted = run(network, "cpu")
        on_device = copy.deepcopy(network).to(device)
        exact = relative_error(run(on_device, device), wanted)
        with torch.autocast(torch.device(device).type, torch.bfloat16):
            rough = run(on_device, device)
        finite = bool(torch.isfinite(rough).all())
        if torch.device(device).type == "cuda" and name == "ldm encoder":
            arrange(on_device, "fused")
            on_device.train()
            fused = f"{relative_error(run(on_device, device), wanted):.1e}"
        else:
            fused = "–"
    n = sum(parameter.numel() for parameter in network.parameters()) / 1e6
    return (
        name,
        f"{n:.1f}",
        f"{exact:.1e}",
        fused,
        f"{relative_error(rough, wanted):.1e}" if finite else "not finite",
    )


def recipe_of(model: str, request: Request) -> Recipe:
    """Return the recipe of a model that can be trained."""
    plugin = find_model(model)
    if plugin.recipe is None:
        raise SystemExit(f"{model}: a model without training")
    return plugin.recipe(request)


def checks(preset: str, device: str) -> dict[str, Callable[[], Row]]:
    """Return what checks each network of a preset."""
    shape = SHAPES[preset]
    images = torch.rand(1, 1, *shape, generator=generator_of(1))
    conditions = torch.rand(1, N_CONDITIONS, generator=generator_of(2))
    recipes = {
        name: recipe_of(name, Request(preset, shape, N_CONDITIONS))
        for name in ("ldm", "brainsynth", "vae_gan", "lsgan")
    }

    def ldm(part: str) -> Row:
        with seeded(3):
            networks = build_networks(recipes["ldm"].architecture)
        autoencoder, unet = (randomised(networks[key]) for key in ("autoencoder", "unet"))
        channels, *sizes = autoencoder.latent_shape(shape)
        latent = torch.randn(1, channels, *sizes, generator=generator_of(4))
        n_seen = recipes["ldm"].architecture["unet"]["in_channels"] - N_CONDITIONS
        seen = torch.randn(1, n_seen, *sizes, generator=generator_of(4))
        runs: dict[str, tuple[nn.Module, Callable[[Any, str], Tensor]]] = {
            "encoder": (autoencoder, lambda net, at: net.encode(images.to(at))[0]),
            "decoder": (autoencoder, lambda net, at: net.decode(latent.to(at))),
            "U-Net": (
                unet,
                lambda net, at: predict(net, seen.to(at), torch.tensor([500], device=at), conditions.to(at)),
            ),
        }
        return correctness(f"ldm {part}", *runs[part], device)

    def brainsynth(part: str) -> Row:
        with seeded(3):
            task = recipes["brainsynth"].task("autoencoder", {})
            networks = build_codes(recipes["brainsynth"].architecture)
        transformer = randomised(networks["transformer"])
        codes = torch.randint(
            transformer.n_codes + 1,
            (1, transformer.n_books, len(transformer.in_use)),
            generator=generator_of(5),
        )
        autoencoder = randomised(task.networks["autoencoder"])
        cells = autoencoder.codebook.size[0], *autoencoder.cells
        indices = torch.randint(transformer.n_codes, (1, *cells), generator=generator_of(6))
        runs: dict[str, tuple[nn.Module, Callable[[Any, str], Tensor]]] = {
            "encoder": (autoencoder, lambda net, at: net.encode(images.to(at), conditions.to(at)).vectors),
            "decoder": (autoencoder, lambda net, at: net.decode(indices.to(at), conditions.to(at))),
            "transformer": (transformer, lambda net, at: net(codes.to(at), conditions.to(at))),
        }
        return correctness(f"brainsynth {part}", *runs[part], device)

    def adversarial(model: str, part: str) -> Row:
        network = randomised(recipes[model].task("adversarial", {}).networks[part])
        latent = torch.randn(1, getattr(network, "n_latent", 1), generator=generator_of(7))
        runs: dict[str, Callable[[Any, str], Tensor]] = {
            "generator": lambda net, at: net(latent.to(at), conditions.to(at)),
            "encoder": lambda net, at: net(images.to(at), conditions.to(at))[0],
            "critic": lambda net, at: net(images.to(at), conditions.to(at)).scores,
        }
        return correctness(f"{model} {part}", network, runs[part], device)

    work: dict[str, Callable[[], Row]] = {}
    for part in ("encoder", "decoder", "U-Net"):
        work[f"ldm {part}"] = partial(ldm, part)
    for part in ("encoder", "decoder", "transformer"):
        work[f"brainsynth {part}"] = partial(brainsynth, part)
    for part in ("generator", "encoder", "critic"):
        work[f"vae_gan {part}"] = partial(adversarial, "vae_gan", part)
    for part in ("generator", "critic"):
        work[f"lsgan {part}"] = partial(adversarial, "lsgan", part)
    return work


def fake_examples(preset: str, n: int, device: str) -> ArrayExamples:
    """Return smooth random images and conditions on the device."""
    with seeded(8):
        coarse = torch.rand(n, 1, *(size // 8 for size in SHAPES[preset]), device=device)
    images = nn.functional.interpolate(coarse, size=SHAPES[preset], mode="trilinear").half()
    return ArrayExamples(images, torch.rand(n, N_CONDITIONS, generator=generator_of(9)).to(device))


def training_row(
    model: str, stage: str, preset: str, device: str, *, batch: int, variant: str = "fused"
) -> Row:
    """Return a row: milliseconds per step and example and peak memory of one recipe's training step."""
    options = {f"{stage}.batch_size": str(batch), f"{stage}.accumulate": "1"}
    recipe = recipe_of(model, Request(preset, SHAPES[preset], N_CONDITIONS, options=options))
    plan = next(plan for plan in recipe.plans if plan.name == stage)
    finished: dict[str, nn.Module] = {}
    if plan is not recipe.plans[0]:
        first = recipe.task(recipe.plans[0].name, {})
        finished = {k: net.to(device).eval() for k, net in first.networks.items()}
    task = recipe.task(stage, finished)
    for network in [*task.networks.values(), *finished.values()]:
        arrange(network.to(device).train(), variant)
    with torch.no_grad(), torch.autocast(torch.device(device).type, torch.bfloat16):
        examples = task.examples(fake_examples(preset, max(batch, 4), device))
    if variant == "compiled":
        compile_parts(task)
    state, settings, devices = fresh_state(task), LoopSettings(0, 0, "bf16"), Devices(device)
    state.step = plan.steps // 2  # the adversary takes part
    times = []
    if device == "cuda":
        torch.cuda.reset_peak_memory_stats()
    began = time.perf_counter()
    for number in range(WARM_UP + REPEATS):
        start = time.perf_counter()
        parts = train_step(state, plan, examples, settings, devices)
        update_averages(state, plan.averaging)
        losses = {name: float(value) for name, value in parts.items()}
        if number == 0:
            first_s = time.perf_counter() - began
        if number >= WARM_UP:
            times.append(1000 * (time.perf_counter() - start))
    strange = [name for name, value in losses.items() if value != value]
    if strange:
        raise ValueError(f"losses that are no numbers: {', '.join(strange)}")
    peak = torch.cuda.max_memory_allocated() / 2**30 if device == "cuda" else float("nan")
    ms = statistics.median(times)
    return (
        f"{model} {stage}, {preset}",
        variant,
        str(batch),
        f"{ms:.0f}",
        f"{ms / batch:.1f}",
        f"{peak:.1f}",
        f"{first_s:.0f}",
    )


def arrange(network: nn.Module, variant: str) -> None:
    """Order memory and fuse as a variant says: plain, channels_last, fused, compiled."""
    if variant in ("channels_last", "fused"):
        order_channels_last(network)
    if variant == "fused":
        fuse_norms(network)


def sampling_row(preset: str, device: str, *, batch: int) -> Row:
    """Return a row: seconds per image of 50 steps of DDIM in bf16, and of decoding one."""
    from plausibrain.generation.ldm.decoding import decoder_for

    architecture = architecture_of(LDM_PRESETS[preset], N_CONDITIONS, SHAPES[preset])
    autoencoder = FoldedAutoencoder(
        architecture["autoencoder"], architecture["fold"], architecture.get("detail")
    ).to(device).eval()  # fmt: skip
    unet = build_unet(architecture["unet"]).to(device).eval()
    arrange(unet, "fused")
    schedule = build_schedule(architecture)
    latents = torch.randn(batch, *autoencoder.latent_shape(SHAPES[preset]), device=device)
    conditions = torch.rand(batch, N_CONDITIONS, device=device)
    decode = decoder_for(autoencoder, SHAPES[preset])
    torch.cuda.reset_peak_memory_stats()
    with torch.inference_mode(), torch.autocast("cuda", torch.bfloat16):

        def step(at: int) -> Tensor:
            times = torch.full((batch,), at, device=device)
            return schedule.ddim_step(predict(unet, latents, times, conditions).float(), latents, at, at - 20)

        step(500)
        torch.cuda.synchronize()
        start = time.perf_counter()
        for at in range(500, 400, -20):
            step(at)
        torch.cuda.synchronize()
        per_image = (time.perf_counter() - start) / 5 * 50 / batch
        decode(latents[:1])
        torch.cuda.synchronize()
        start = time.perf_counter()
        decode(latents[:1])
        torch.cuda.synchronize()
        decoding = time.perf_counter() - start
    peak = torch.cuda.max_memory_allocated() / 2**30
    return (f"ldm, {preset}", str(batch), f"{per_image:.2f}", f"{decoding:.2f}", f"{peak:.1f}")


def table(head: Row, rows: list[Row]) -> str:
    """Return a Markdown table."""
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def attempt(
    work: Callable[[], Row], name: str, clock: Clock, failures: list[str], need_s: float
) -> list[Row]:
    """Return the row of a piece of work, or none with the reason noted."""
    if clock.left_s < need_s:
        failures.append(f"{name}: no time was left")
        return []
    began = time.monotonic()
    try:
        row = work()
    except Exception as error:  # one part that fails must not cost the others
        failures.append(
            f"{name}: {type(error).__name__}: {str(error).splitlines()[0][:300] if str(error) else ''}"
        )
        row = ()
    finally:
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
    print(f"[{time.monotonic() - began:.1f} s] {' | '.join(row) if row else failures[-1]}", flush=True)
    return [row] if row else []


def device_line(device: str) -> str:
    """Return machine, device and versions."""
    if torch.device(device).type != "cuda":
        return f"{machine_line()}, torch {torch.__version__}, no GPU"
    facts = torch.cuda.get_device_properties(0)
    return (
        f"{machine_line()}, torch {torch.__version__}, CUDA {torch.version.cuda}, "
        f"{facts.name}, {facts.total_memory / 2**30:.0f} GiB"
    )


def main() -> None:
    """Check, time, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=9.0)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--preset", default="small", choices=sorted(SHAPES))
    parser.add_argument("--quick", action="store_true", help="leave the published sizes out")
    given = parser.parse_args()
    torch.set_num_threads(max(1, (os.cpu_count() or 2) // 2))
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False
    clock, at = Clock(given.minutes), given.device
    failures: list[str] = []
    right: list[Row] = []
    for name, work in checks(given.preset, at).items():
        right += attempt(work, name, clock, failures, 5)
    steps: list[Row] = []
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = True
    torch.backends.cudnn.benchmark = True
    plans = [
        ("ldm", "diffusion", 16, "plain"), ("ldm", "autoencoder", 4, "plain"),
        ("ldm", "diffusion", 16, "channels_last"), ("ldm", "autoencoder", 4, "channels_last"),
        ("brainsynth", "autoencoder", 8, "plain"), ("brainsynth", "diffusion", 16, "plain"),
        ("vae_gan", "adversarial", 8, "plain"), ("lsgan", "adversarial", 8, "plain"),
        ("ldm", "diffusion", 16, "fused"), ("ldm", "autoencoder", 4, "fused"),
        ("ldm", "diffusion", 32, "plain"), ("ldm", "autoencoder", 8, "plain"),
        ("ldm", "diffusion", 16, "compiled"), ("ldm", "autoencoder", 4, "compiled"),
    ]  # fmt: skip

    def train_rows(chosen: list[tuple[str, str, int, str]]) -> None:
        for model, stage, batch, variant in chosen:
            need_s = 40 if variant == "compiled" else 8
            row = partial(training_row, model, stage, given.preset, at, batch=batch, variant=variant)
            steps.extend(attempt(row, f"{model} {stage} {batch} {variant}", clock, failures, need_s))

    train_rows(plans[:N_FIRST])
    sampled: list[Row] = []
    if at == "cuda" and not given.quick:
        row = partial(sampling_row, "published", at, batch=4)
        sampled += attempt(row, "sampling", clock, failures, 15)
        for stage in ("autoencoder", "diffusion"):
            row = partial(training_row, "ldm", stage, "published", at, batch=1, variant="plain")
            steps += attempt(row, f"published {stage}", clock, failures, 15)
    train_rows(plans[N_FIRST:])
    page = "\n\n".join(
        [
            "# On a GPU", f"Printed by `python -m benchmarks.gpu` ({device_line(at)}).",
            "Errors against float32 on the CPU; *fused* is float32 with channels last and fused normalisation.",
            table(("network", "million weights", "float32", "fused", "bf16"), right),
            "One training step in bf16, median of five; seconds of the first step include compilation.",
            table(("step", "variant", "batch", "ms", "ms per image", "peak GiB", "first s"), steps),
            table(("sampling, bf16", "batch", "s per image, 50 steps", "s decoding", "peak GiB"), sampled),
            *(["Not measured:", "\n".join(f"* {line}" for line in failures)] if failures else []),
        ]
    )  # fmt: skip
    given.out.mkdir(parents=True, exist_ok=True)
    (given.out / "gpu.md").write_text(page + "\n", encoding="utf-8")
    print(page)


if __name__ == "__main__":
    main()
