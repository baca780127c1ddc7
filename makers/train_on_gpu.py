"""Train one shipped model on one GPU within a time, go on in the next call, and leave weights and pictures.

    python -m makers.training_images --out DATA &
    python -m makers.train_on_gpu --model ldm --data DATA --state STATE --seconds 540

Images stay on the GPU as bytes; training begins with those that are there and takes in the others as they
appear. A stage ends with its steps or its seconds (``--stage-seconds autoencoder=230``; ``rest`` is what the
call leaves). ``--duty 0.3`` works three tenths of the time, for several models that share a GPU. The call
ends by itself; repeating it with another ``--seconds`` goes on. ``STATE/MODEL`` then holds ``weights`` (a
checkpoint once all stages have begun), ``MODEL.png`` with held-out images above and samples for the same
requests below, and ``MODEL.log``.
"""

import argparse
import json
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn
from torch.nn import functional

from makers.compiled_parts import keep_if_faster
from makers.training_images import CHUNK, CONDITIONS, chunk_file
from plausibrain.cohorts.errors import DataError
from plausibrain.generation.checkpoint import Checkpoint, read_checkpoint, write_checkpoint
from plausibrain.generation.networks.fused_norm import fuse_norms, order_channels_last
from plausibrain.generation.preprocessing import preset_grid
from plausibrain.generation.registry import find_model
from plausibrain.generation.scaler import ConditionScaler
from plausibrain.generation.training.data import ArrayExamples
from plausibrain.generation.training.devices import Devices
from plausibrain.generation.training.loop import LoopSettings, Watch, is_finished, train_stage
from plausibrain.generation.training.state import StageState, averaged_weights, fresh_state
from plausibrain.generation.training.task import Batch, Examples, Request

HELD_OUT_CHUNKS, FIRST_CHUNKS, SHOWN, MEASURED = 2, 12, 6, 32
#: Seconds from the start of a call that goes on to its first step: loading, encoding.
STARTING_S = 25.0
RIDGE = 30.0


class GrowingImages:
    """Images on the device, more as files appear; its length is that of all that will come.

    Parameters
    ----------
    folder : Path
    chunks : sequence of int
    conditions : Tensor, (n, number of conditions)
        Scaled, of all subjects.
    shape : tuple of int
    device : str
    duty : float
        Share of the time at work.
    """

    def __init__(
        self, folder: Path, chunks: Sequence[int], conditions: Tensor, shape: Sequence[int], device: str,
        duty: float = 1.0,
    ) -> None:  # fmt: skip
        self.folder, self.waiting, self.duty, self.left_at = folder, list(chunks), duty, 0.0
        self.n = CHUNK * len(self.waiting)
        self.images = torch.zeros((self.n, 1, *shape), dtype=torch.uint8, device=device)
        self.every, self.conditions = conditions, torch.zeros((self.n, conditions.shape[1]), device=device)
        self.there, self.looked = 0, 0.0

    def __len__(self) -> int:
        return self.n

    def take_in(self) -> int:
        """Load what has appeared; return how many images are there."""
        for chunk in list(self.waiting):
            path = chunk_file(self.folder, chunk)
            if path.exists():
                rows = slice(self.there, self.there + CHUNK)
                self.images[rows, 0] = torch.from_numpy(np.load(path)).to(self.images.device)
                self.conditions[rows] = self.every[chunk * CHUNK : (chunk + 1) * CHUNK].to(self.images.device)
                self.there += CHUNK
                self.waiting.remove(chunk)
        self.looked = time.monotonic()
        return self.there

    def batch(self, numbers: Sequence[int]) -> Batch:
        """Return some of the images that are there."""
        if self.waiting and time.monotonic() - self.looked > 10:
            self.take_in()
        if self.left_at and self.duty < 1:
            time.sleep((time.monotonic() - self.left_at) * (1 / self.duty - 1))
        places = torch.tensor([number % self.there for number in numbers], device=self.images.device)
        batch = Batch(self.images[places].float() / 255, self.conditions[places])
        self.left_at = time.monotonic()
        return batch

    def present(self) -> "GrowingImages":
        """Return a view that is as long as what is there, at full duty."""
        view = object.__new__(GrowingImages)
        view.__dict__.update(self.__dict__, n=self.there, duty=1.0, waiting=[])
        return view


class Repeated:
    """Examples on the device with a length that does not change from call to call.

    Parameters
    ----------
    examples : ArrayExamples
    n : int
    device : str
    duty : float
    """

    def __init__(self, examples: ArrayExamples, n: int, device: str, duty: float) -> None:
        self.inner = ArrayExamples(examples.images.to(device), examples.conditions.to(device))
        self.n, self.duty, self.left_at = n, duty, 0.0

    def __len__(self) -> int:
        return self.n

    def batch(self, numbers: Sequence[int]) -> Batch:
        """Return some examples."""
        if self.left_at and self.duty < 1:
            time.sleep((time.monotonic() - self.left_at) * (1 / self.duty - 1))
        batch = self.inner.batch([number % len(self.inner) for number in numbers])
        self.left_at = time.monotonic()
        return batch


class Run:
    """One model's training in this call.

    Parameters
    ----------
    given : Namespace
        Of the command line.
    """

    def __init__(self, arguments: argparse.Namespace) -> None:
        self.given, self.began = arguments, time.monotonic()
        self.end = self.began + arguments.seconds
        self.out: Path = arguments.state / arguments.model
        self.out.mkdir(parents=True, exist_ok=True)
        self.grid = preset_grid("2mm")
        subjects = self.table()
        self.scaler = ConditionScaler.fit(subjects, CONDITIONS)
        conditions = torch.from_numpy(self.scaler(subjects))
        chunks = range(len(subjects) // CHUNK)
        self.images = self.growing(chunks[HELD_OUT_CHUNKS:], conditions)
        self.held_out = self.growing(chunks[:HELD_OUT_CHUNKS], conditions)
        options = dict(text.split("=", 1) for text in arguments.option)
        for stage, seconds in (text.split("=") for text in arguments.stage_seconds):
            options[f"{stage}.seconds"] = str(self.rest(stage)) if seconds == "rest" else seconds
        recipe_of = find_model(arguments.model).recipe
        if recipe_of is None:
            raise DataError(f"model {arguments.model!r} cannot be trained here")
        self.recipe = recipe_of(
            Request(arguments.preset, self.grid.shape, len(CONDITIONS), arguments.seed, options=options)
        )
        self.devices = Devices(arguments.device)
        self.facts: dict[str, Any] = {}

    def rest(self, stage: str) -> float:
        """Return the seconds that a stage has had and what this call leaves it."""
        path = self.out / f"{stage}.pt"
        spent = torch.load(path, map_location="cpu", weights_only=True)["seconds"] if path.exists() else 0.0
        return round(spent + self.end - self.given.reserve - time.monotonic() - STARTING_S, 1)

    def growing(self, chunks: Sequence[int], conditions: Tensor) -> GrowingImages:
        """Return the images of some chunks."""
        arguments = self.given
        return GrowingImages(
            arguments.data, chunks, conditions, self.grid.shape, arguments.device, arguments.duty
        )

    def table(self) -> pd.DataFrame:
        """Return the table of subjects, as soon as it is there."""
        path = self.given.data / "subjects.tsv"
        while not path.exists() and time.monotonic() < self.end:
            time.sleep(0.5)
        return pd.read_csv(path, sep="\t")

    def log(self, line: str) -> None:
        """Write and print a line."""
        text = f"{time.monotonic() - self.began:6.0f} s {self.given.model} {line}"
        print(text, flush=True)
        with (self.out / f"{self.given.model}.log").open("a", encoding="utf-8") as stream:
            stream.write(text + "\n")

    def wait_for(self, share: float, until: float) -> None:
        """Wait for a share of the images, or a time."""
        n_images = max(FIRST_CHUNKS * CHUNK, share * self.images.n) if share else FIRST_CHUNKS * CHUNK
        n_images = min(n_images, self.images.n)
        while time.monotonic() < until:
            if self.held_out.take_in() == self.held_out.n and self.images.take_in() >= n_images:
                break
            time.sleep(1.0)
        self.log(f"{self.images.there} of {self.images.n} images are there")
        if not self.images.there or not self.held_out.there:
            raise SystemExit("no images have appeared")

    def run(self) -> None:
        """Train every stage as far as the time goes."""
        self.wait_for(0.0, self.end)
        networks: dict[str, nn.Module] = {}
        state = None
        for number, plan in enumerate(self.recipe.plans):
            if number:
                self.wait_for(0.999, min(self.end, time.monotonic() + self.given.patience))
            state = self.stage(number, networks)
            with averaged_weights(state):
                weights = {name: {k: v.clone() for k, v in state.task.networks[name].state_dict().items()}
                           for name in state.averages}  # fmt: skip
            for name, average in weights.items():
                state.task.networks[name].load_state_dict(average)
            for network in state.task.networks.values():
                network.eval().requires_grad_(requires_grad=False)
            networks |= dict(state.task.networks)
            self.facts[plan.name] = asdict(plan) | {"steps": state.step, "seconds": round(state.seconds, 1)}
            if not is_finished(state, plan):
                break
        self.write(networks)
        try:
            if state is not None:
                self.show(networks, state)
        except Exception as error:
            self.log(f"no pictures: {type(error).__name__}: {error}")

    def stage(self, number: int, networks: dict[str, nn.Module]) -> StageState:
        """Train a stage; return it, whole or not."""
        plan, device = self.recipe.plans[number], self.given.device
        task = self.recipe.task(plan.name, networks)
        for network in task.networks.values():
            network.to(device).train()
            self.arrange(network)
        with torch.no_grad(), self.autocast():
            examples: Examples = self.images
            codes = task.examples(self.images if number == 0 else self.images.present())
            held_out = task.examples(self.held_out if number == 0 else self.held_out.present())
        if number and isinstance(codes, ArrayExamples) and isinstance(held_out, ArrayExamples):
            examples = Repeated(codes, self.images.n, device, self.given.duty)
            held_out = Repeated(held_out, len(held_out), device, 1.0)
        elif number == 0:
            held_out = self.held_out.present()
        if self.given.init is not None and not (self.out / f"{plan.name}.pt").exists():
            self.begin_with(self.given.init, task)
        self.compile(task, number, examples)
        self.log(f"{plan.name} begins with {self.images.there} images, {plan.steps} steps, {plan.seconds} s")
        path = self.out / f"{plan.name}.pt"
        state = train_stage(
            fresh_state(task), plan, examples, held_out, path=path,
            settings=LoopSettings(self.given.seed, number, self.precision, 120.0), devices=self.devices,
            watch=Watch(on_row=self.tell, on_validation=self.tell, deadline=self.end - self.given.reserve),
        )  # fmt: skip
        self.log(f"{plan.name} is at step {state.step} after {state.seconds:.0f} s")
        return state

    def begin_with(self, folder: Path, task: Any) -> None:
        """Load the weights of a checkpoint into the networks of a task; optimisers stay fresh."""
        weights = read_checkpoint(folder, self.given.model).weights
        for name, network in task.networks.items():
            own = {k.removeprefix(f"{name}."): v for k, v in weights.items() if k.startswith(f"{name}.")}
            if own:
                network.load_state_dict(own)
                self.log(f"{name} begins with the weights of {folder}")

    def compile(self, task: Any, number: int, examples: Examples) -> None:
        """Compile a later stage where that is wanted and a side process has found that it pays."""
        plan, device = self.recipe.plans[number], self.given.device
        marker = self.out / f"{plan.name}.compiled"
        if self.given.variant != "auto" or not number or not marker.exists():
            return
        left = self.end - time.monotonic()
        if left < 120:
            return
        batch = examples.batch(list(range(plan.batch_size // plan.accumulate)))
        keep_if_faster(task, batch, plan.steps - 1, device, self.log)

    def rehearse(self) -> None:
        """Compile the second stage with random numbers, so that the training finds it compiled."""
        device = self.given.device
        first = self.recipe.task(self.recipe.plans[0].name, {})
        plan = self.recipe.plans[1]
        task: Any = self.recipe.task(plan.name, dict(first.networks))
        for network in task.networks.values():
            network.to(device).train()
        autoencoder: Any = first.networks["autoencoder"]
        channels, *sizes = autoencoder.latent_shape(self.grid.shape)
        n = plan.batch_size // plan.accumulate
        with torch.no_grad():
            batch = Batch(
                torch.rand(n, 2 * channels, *sizes, device=device),
                torch.rand(n, len(CONDITIONS), device=device),
            )
        if keep_if_faster(task, batch, plan.steps - 1, device, self.log):
            (self.out / f"{plan.name}.compiled").touch()

    @property
    def precision(self) -> str:
        """bf16 on a GPU."""
        return "bf16" if self.given.device == "cuda" else "fp32"

    def autocast(self) -> torch.autocast:
        """Return the arithmetic of the networks."""
        return torch.autocast(self.given.device, torch.bfloat16, enabled=self.precision == "bf16")

    def arrange(self, network: nn.Module) -> None:
        """Order memory and fuse normalisation as wanted."""
        if self.given.device != "cuda" or self.given.variant in ("plain", "auto"):
            return
        order_channels_last(network)
        if self.given.variant == "fused":
            fuse_norms(network)

    def tell(self, state: StageState, row: dict[str, float]) -> None:
        """Log a row of the curves."""
        losses = " ".join(f"{name} {value:.4g}" for name, value in row.items() if name != "step")
        self.log(f"step {state.step} ({state.seconds:.0f} s) {losses}")

    def write(self, networks: dict[str, nn.Module]) -> None:
        """Write the checkpoint, once every network that ships has begun."""
        if not all(name in networks for name in self.recipe.shipped):
            first = {name: net for name, net in networks.items() if name in self.recipe.shipped}
        else:
            first = {name: networks[name] for name in self.recipe.shipped}
        facts = {
            "cohort": "makers.training_images", "n_trained_on": self.images.there,
            "preset": self.given.preset, "seed": self.given.seed, "precision": self.precision,
            "torch": torch.__version__, "stages": self.facts,
        }  # fmt: skip
        if self.given.device == "cuda":
            facts["device"] = torch.cuda.get_device_name(0)
        checkpoint = Checkpoint(self.given.model, self.recipe.architecture, self.grid, self.scaler, facts)
        write_checkpoint(self.out / "weights", checkpoint, first)
        self.log(f"wrote {', '.join(first)}")

    def show(self, networks: dict[str, nn.Module], state: StageState) -> None:
        """Plot held-out images above and samples below, and read off how samples obey."""
        device = self.given.device
        batch = self.held_out.present().batch(list(range(min(MEASURED, self.held_out.there))))
        generator = torch.Generator(device).manual_seed(1)
        with torch.no_grad(), self.autocast():
            samples = self.samples(networks, batch.conditions, generator)
        rows = [batch.images[:SHOWN], samples[:SHOWN]]
        if "autoencoder" in networks and self.given.model == "ldm":
            with torch.no_grad(), self.autocast():
                autoencoder: Any = networks["autoencoder"]
                rows.insert(1, autoencoder.decode(autoencoder.encode(batch.images[:SHOWN])[0]).float())
        save_picture(rows, self.out / f"{self.given.model}.png")
        self.log("obedience " + json.dumps(self.obedience(batch, samples)))

    def samples(
        self, networks: dict[str, nn.Module], conditions: Tensor, generator: torch.Generator
    ) -> Tensor:
        """Return one image for every row of conditions."""
        from plausibrain.generation.brainsynth.masking import AbsorbingDiffusion
        from plausibrain.generation.brainsynth.sampling import draw_codes
        from plausibrain.generation.gans.recipe import draw
        from plausibrain.generation.ldm.build import build_schedule
        from plausibrain.generation.ldm.networks import predict
        from plausibrain.generation.ldm.schedule import timestep_pairs

        nets: dict[str, Any] = dict(networks)
        images = []
        for part in conditions.split(8):
            if self.given.model == "ldm":
                schedule = build_schedule(self.recipe.architecture)
                unet = nets["unet"]
                shape = (len(part), *nets["autoencoder"].latent_shape(self.grid.shape))
                latents = torch.randn(shape, generator=generator, device=generator.device)
                for at, before in timestep_pairs(schedule.ddim_timesteps(20)):
                    times = torch.full((len(part),), at, device=latents.device)
                    latents = schedule.ddim_step(
                        predict(unet, latents, times, part).float(), latents, at, before
                    )
                images.append(nets["autoencoder"].decode(nets["latents"].restore(latents)).float())
            elif self.given.model == "brainsynth":
                transformer = nets["transformer"]
                diffusion = AbsorbingDiffusion(int(self.recipe.architecture["n_times"]), transformer.mask)
                codes = draw_codes(
                    transformer, diffusion, part, [generator] * len(part), n_steps=min(24, diffusion.n_steps)
                )
                images.append(nets["autoencoder"].decode(codes, part).float())
            else:
                images.append(draw(nets["generator"], part, generator).float())
        return torch.cat(images)

    def obedience(self, batch: Batch, samples: Tensor) -> dict[str, list[float]]:
        """Return r and slope of conditions, read from images by ridge regression, on the requests."""
        images = self.images.present()
        features_list, conditions_list = [], []
        for start in range(0, len(images), 64):
            part = images.batch(list(range(start, min(start + 64, len(images)))))
            features_list.append(read_off(part.images))
            conditions_list.append(part.conditions)
        features, targets = torch.cat(features_list).double(), torch.cat(conditions_list).double()
        centre, level = features.mean(dim=0), targets.mean(dim=0)
        gram = (features - centre).T @ (features - centre)
        gram += RIDGE * torch.eye(len(gram), device=gram.device, dtype=gram.dtype)
        weights = torch.linalg.solve(gram, (features - centre).T @ (targets - level))
        results = {}
        requests = batch.conditions.double().cpu().numpy()
        for name, pictures in (("real", batch.images), ("made", samples)):
            readings = ((read_off(pictures).double() - centre) @ weights + level).cpu().numpy()
            for column, title in ((1, "age"), (2, "ventricle"), (3, "brain")):
                x, y = requests[:, column], readings[:, column]
                r, slope = float(np.corrcoef(x, y)[0, 1]), float(np.polyfit(x, y, 1)[0])
                results[f"{title} {name}"] = [round(r, 3), round(slope, 3)]
        return results


def read_off(images: Tensor) -> Tensor:
    """Return grey values and the share of fluid in blocks of eight voxels, (n, features)."""
    fluid = ((images > 0.03) & (images < 0.33)).float()
    return torch.cat([functional.avg_pool3d(maps, 8).flatten(1) for maps in (images, fluid)], dim=1)


def save_picture(rows: Sequence[Tensor], path: Path) -> None:
    """Write one row of images under another, each cut three ways."""
    from PIL import Image

    lines = []
    for images in rows:
        cuts = []
        for image in images[:, 0].clamp(0, 1).cpu().numpy():
            i, j, k = (size // 2 for size in image.shape)
            views = [image[:, :, k + 4].T[::-1], image[:, j, :].T[::-1], image[i + 6].T[::-1]]
            height = max(view.shape[0] for view in views)
            cuts.append(np.concatenate([np.pad(v, ((0, height - len(v)), (0, 0))) for v in views], axis=1))
        lines.append(np.concatenate(cuts, axis=1))
    Image.fromarray((255 * np.concatenate(lines, axis=0)).astype(np.uint8)).save(path)


def main() -> None:
    """Train."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--model", required=True, choices=("ldm", "brainsynth", "vae_gan", "lsgan"))
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--state", type=Path, required=True)
    parser.add_argument("--seconds", type=float, required=True, help="of this call")
    parser.add_argument("--reserve", type=float, default=35.0, help="seconds kept for writing and pictures")
    parser.add_argument("--patience", type=float, default=60.0, help="seconds to wait for the last images")
    parser.add_argument("--stage-seconds", nargs="*", default=[], metavar="STAGE=S")
    parser.add_argument("--option", nargs="*", default=[], metavar="STAGE.FIELD=VALUE")
    parser.add_argument("--duty", type=float, default=1.0)
    parser.add_argument("--preset", default="small")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--init", type=Path, help="checkpoint whose weights the training begins with")
    parser.add_argument("--variant", default="fused", choices=("plain", "channels_last", "fused", "auto"))
    parser.add_argument("--rehearse", action="store_true", help="compile the second stage and leave")
    arguments = parser.parse_args()
    torch.backends.cuda.matmul.allow_tf32 = True
    torch.backends.cudnn.allow_tf32 = True
    torch.backends.cudnn.benchmark = True
    run = Run(arguments)
    run.rehearse() if arguments.rehearse else run.run()


if __name__ == "__main__":
    main()
