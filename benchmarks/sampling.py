"""Seconds and memory per sample of the published architecture: our cohort command beside the bundle's procedure.

    python -m benchmarks.sampling --folder /somewhere/with/5/GB --steps 2 --images 2

The bundle's runner draws one image per process: it imports, builds and loads the networks, denoises, decodes the
whole image and saves it. Ours loads once, denoises, decodes in slabs and writes while the next image is
drawn. Both run here with the same random weights (time does not depend on them), noise, steps, precision and
number of threads, each in processes of its own, so that peak memory is that of one program. Times for the
bundle's 50 steps are extrapolated: load + 50 x step + decode + save. Without ``--untiled`` the procedure's decoder,
which needs 13 GB and more, is left out on both sides.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from plausibrain.cohorts.store import write_text_atomic
from plausibrain.cohorts.volumes import Volume, write_volume
from plausibrain.generation.bundle.fetch import published_config
from plausibrain.generation.bundle.layout import CONFIG, PORT
from plausibrain.generation.noise import generator_of, noise_like, seeded

PUBLISHED_STEPS = 50
LATENTS = (3, 20, 28, 20)
SEED = 5
ROW = {"sex": "M", "age": 60.0, "requested_ventricle_mm3": 30_000.0, "requested_brain_mm3": 1.4e6}
SCALED = [[1.0, 16 / 38, (30_000.0 - 6_995.68) / (171_375.0 - 6_995.68), (1.4e6 - 1_144_240) / 649_670]]
Times = dict[str, Any]


def make_bundle(folder: Path, *, tiny: bool) -> None:
    """Write a bundle with seeded random weights, unless one is there."""
    from monai.networks.nets import AutoencoderKL, DiffusionModelUNet

    config = published_config()
    if tiny:
        config["autoencoder_def"] |= {"channels": [4, 4, 4, 4], "norm_num_groups": 4, "num_res_blocks": 1}
        config["diffusion_def"] |= {"channels": [8, 8, 8], "norm_num_groups": 4, "num_res_blocks": 1}
        config["diffusion_def"] |= {"num_head_channels": [0, 8, 8]}
    write_text_atomic(folder / CONFIG, json.dumps(config, indent=1))
    kinds = (
        (AutoencoderKL, "autoencoder_def", PORT.autoencoder),
        (DiffusionModelUNet, "diffusion_def", PORT.unet),
    )
    for kind, section, name in kinds:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            with seeded(SEED):
                network = kind(**{k: v for k, v in config[section].items() if k != "_target_"})
                for parameter in network.parameters():  # some layers start at zero
                    if not parameter.any():
                        torch.nn.init.normal_(parameter, std=0.01)
            torch.save(network.state_dict(), path)


def timed(work: Callable[[], Any], device: str) -> tuple[float, Any]:
    """Return the seconds that a piece of work took, and its result."""
    began = time.perf_counter()
    result = work()
    if device.startswith("cuda"):
        torch.cuda.synchronize()
    return time.perf_counter() - began, result


def procedure(folder: Path, args: argparse.Namespace, out: Path) -> Times:
    """Draw one image with MONAI's own modules, as the bundle's sampler and saver do."""
    from monai.networks.nets import AutoencoderKL, DiffusionModelUNet
    from monai.networks.schedulers import DDIMScheduler

    config = json.loads((folder / CONFIG).read_text(encoding="utf-8"))

    def load() -> tuple[Any, Any]:
        made = []
        for kind, section, name in (
            (AutoencoderKL, "autoencoder_def", PORT.autoencoder),
            (DiffusionModelUNet, "diffusion_def", PORT.unet),
        ):
            network = kind(**{k: v for k, v in config[section].items() if k != "_target_"})
            network.load_state_dict(torch.load(folder / name, weights_only=True))
            made.append(network.to(args.device).eval())
        return made[0], made[1]

    load_s, (autoencoder, unet) = timed(load, args.device)
    scheduler = DDIMScheduler(**{k: v for k, v in config["scheduler"].items() if k != "_target_"})
    scheduler.set_timesteps(args.steps)
    scheduler.timesteps = torch.arange(0, 1000, 1000 // args.steps).flip(0)
    image = noise_like(LATENTS, [generator_of(SEED, 1)]).to(args.device)
    conditioning = torch.tensor(SCALED).unsqueeze(1).to(args.device)
    constant = conditioning.squeeze(1)[:, :, None, None, None].expand(-1, -1, *LATENTS[1:])

    def denoise() -> torch.Tensor:
        current = image
        for t in scheduler.timesteps:
            both = torch.cat((current, constant), dim=1)
            steps = torch.tensor([int(t)], device=args.device)
            current, _ = scheduler.step(unet(both, timesteps=steps, context=conditioning), int(t), current)
        return current

    with torch.no_grad(), torch.autocast(args.device.split(":")[0], torch.bfloat16, enabled=args.bf16):
        denoise_s, latents = timed(denoise, args.device)
        decode = autoencoder.decode_stage_2_outputs
        decode_s, data = timed(lambda: decode(latents), args.device) if args.untiled else (0.0, None)
    save_s = 0.0
    if data is not None:
        array = data[0, 0].float().cpu().numpy()
        save_s, _ = timed(
            lambda: write_volume(Volume(array, np.eye(4)), out / "procedure.nii.gz"), args.device
        )
        np.save(out / "procedure.npy", array)
    return {"load": load_s, "step": denoise_s / args.steps, "decode": decode_s, "save": save_s}


def ours(folder: Path, args: argparse.Namespace, out: Path) -> Times:
    """Draw the images with our model in one process; the same parts are timed one by one."""
    from plausibrain.generation.models.monai_bundle import monai_bundle

    precision = "bf16" if args.bf16 else "fp32"
    options: dict[str, Any] = {"batch_size": args.images, "compiled": args.compiled, "threads": args.threads}
    load_s, model = timed(
        lambda: monai_bundle(folder, steps=args.steps, precision=precision, device=args.device, **options),
        args.device,
    )
    rows = pd.DataFrame([ROW] * args.images)
    conditions = torch.from_numpy(model.scale(rows)).to(args.device)
    seeds = [SEED + number for number in range(args.images)]
    together = args.images if args.bf16 else 1
    if args.compiled:
        model.draw_latents(conditions[:together], seeds[:together])
    denoise_s, latents = timed(
        lambda: model.draw_latents(conditions[:together], seeds[:together]),
        args.device,
    )
    decode_s, data = timed(lambda: model.image(latents[:1]), args.device) if args.untiled else (0.0, None)
    if data is not None:
        write_volume(Volume(data, np.eye(4)), out / "ours.nii.gz")
        np.save(out / "ours.npy", data)
    # Writing overlaps with the next image's denoising, so it is not added.
    return {"load": load_s, "step": denoise_s / args.steps / together, "decode": decode_s, "save": 0.0}


def in_process(way: str, args: argparse.Namespace) -> Times:
    """Run one way in a process of its own; return its times, and the whole process's seconds and memory."""
    flags = ["--folder", str(args.folder), "--steps", str(args.steps), "--images", str(args.images)]
    flags += ["--device", args.device, "--threads", str(args.threads), "--worker", way]
    flags += [f"--{name}" for name in ("bf16", "untiled", "compiled", "tiny") if getattr(args, name)]
    began = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.sampling", *flags], capture_output=True, text=True, check=True
    )
    times: Times = json.loads(done.stdout.splitlines()[-1])
    times["start"] = time.perf_counter() - began - times["inside"]
    return times


def worker(args: argparse.Namespace) -> None:
    """Run one way in this process and print its times as JSON."""
    torch.set_num_threads(args.threads)
    began = time.perf_counter()
    times = (procedure if args.worker == "procedure" else ours)(args.folder, args, args.folder)
    times["inside"] = time.perf_counter() - began
    times["gpu_gb"] = torch.cuda.max_memory_allocated() / 1e9 if args.device.startswith("cuda") else 0.0
    times["peak_gb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(json.dumps(times))


def per_image(times: Times, n_images: int) -> float:
    """Return the seconds per image at the published number of steps."""
    once = (times["start"] + times["load"]) / n_images
    return float(once + PUBLISHED_STEPS * times["step"] + times["decode"] + times["save"])


def parse() -> argparse.Namespace:
    """Return the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.sampling", description=__doc__)
    parser.add_argument("--folder", type=Path, required=True, help="for the bundle (2.3 GB) and the images")
    parser.add_argument("--steps", type=int, default=2)
    parser.add_argument("--images", type=int, default=100, help="images over which loading is shared")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    for name, words in (
        ("bf16", "both in bf16 instead of fp32"),
        ("untiled", "decode too; the procedure needs 16 GB of free memory"),
        ("compiled", "compile our U-Net"),
        ("tiny", "a few channels, to try this script"),
    ):
        parser.add_argument(f"--{name}", action="store_true", help=words)
    parser.add_argument("--worker", choices=("procedure", "ours"), help=argparse.SUPPRESS)
    return parser.parse_args()


def main() -> None:
    """Print one line per way, and how they compare."""
    args = parse()
    if args.worker:
        worker(args)
        return
    make_bundle(args.folder, tiny=args.tiny)
    device = torch.cuda.get_device_name() if args.device.startswith("cuda") else f"{args.threads} CPU threads"
    print(
        f"{time.strftime('%Y-%m-%d')}, {device}, {'bf16' if args.bf16 else 'fp32'}, {args.steps} steps timed"
    )
    found = {}
    for way, n_images in (("procedure", 1), ("ours", args.images)):
        times = in_process(way, args)
        found[way] = per_image(times, n_images)
        parts = " ".join(f"{k} {times[k]:.2f}" for k in ("start", "load", "step", "decode", "save"))
        memory = f"peak {times['peak_gb']:.1f} GB, GPU {times['gpu_gb']:.1f} GB"
        print(f"{way:<10} {found[way]:9.1f} s per image at {PUBLISHED_STEPS} steps | {parts} s | {memory}")
    print(f"ratio {found['procedure'] / found['ours']:.2f}")
    if args.untiled:
        one, other = (np.load(args.folder / f"{way}.npy") for way in ("procedure", "ours"))
        error = float(np.mean((one - other) ** 2))
        print(
            f"PSNR of ours to the procedure's image: {10 * np.log10(np.ptp(one) ** 2 / max(error, 1e-30)):.1f} dB"
        )


if __name__ == "__main__":
    main()
