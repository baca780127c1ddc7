"""A training is a function of its seed: killed and repeated, in micro-batches or not, it ends the same."""

import json
import shutil

import pytest
import torch

from plausibrain.cohorts.errors import DataError
from plausibrain.generation.checkpoint import read_checkpoint
from plausibrain.generation.ldm.folding import fold, unfold
from plausibrain.generation.ldm.training import LatentDiffusionRecipe
from plausibrain.generation.training import train
from plausibrain.generation.training.data import ArrayExamples, label_files, split
from plausibrain.generation.training.devices import Devices
from plausibrain.generation.training.loop import (
    LoopSettings,
    Watch,
    example_numbers,
    rate,
    train_stage,
    train_step,
)
from plausibrain.generation.training.state import fresh_state, load_state, save_state
from plausibrain.generation.training.task import Objective, Request, StagePlan
from plausibrain.reports.training import write_training_page


def same_weights(one, other) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def test_one_command_trains_both_stages_and_describes_them(tiny_trained):
    folder, checkpoint = tiny_trained
    assert checkpoint.model == "ldm"
    assert checkpoint.scaler.columns == ("sex", "age", "requested_ventricle_mm3", "requested_brain_mm3")
    assert checkpoint.facts["n_trained_on"] == 4
    assert set(checkpoint.facts["stages"]) == {"autoencoder", "diffusion"}
    page = write_training_page(folder).read_text()
    assert page.count('class="panel"') >= 6  # l1, kl, perceptual, total, held-out numbers, diffusion
    assert page.count("data:image/png") >= 3
    assert "Trained: autoencoder, 4 steps and diffusion, 4 steps" in page
    log = (folder / "training.log").read_text()
    assert "autoencoder step 4/4" in log
    assert "diffusion step 4/4" in log
    assert [row["step"] for row in json.loads((folder / "curves.json").read_text())["diffusion"]]


@pytest.mark.parametrize("killed_after", [1, 3])
def test_a_killed_training_ends_with_the_same_bits(
    killed_after, tiny_trained, tiny_training, tmp_path, monkeypatch
):
    _, whole = tiny_trained

    class KilledError(Exception):
        pass

    def killing(state, plan, *args, watch, **kwargs):
        train_stage(state, plan, *args, watch=Watch(stop_after=killed_after), **kwargs)
        raise KilledError

    monkeypatch.setattr(train, "train_stage", killing)
    with pytest.raises(KilledError):
        tiny_training(tmp_path / "killed", save_every_s=0.0)
    monkeypatch.setattr(train, "train_stage", train_stage)
    resumed = tiny_training(tmp_path / "killed")
    assert same_weights(whole.weights, resumed.weights)
    assert whole.hash == resumed.hash


def test_repeating_a_finished_training_changes_nothing(tiny_trained, tiny_training, tmp_path):
    folder, first = tiny_trained
    shutil.copytree(folder, tmp_path / "copy")
    assert same_weights(first.weights, tiny_training(tmp_path / "copy").weights)


def test_another_seed_gives_other_weights(tiny_trained, tiny_training, tmp_path):
    _, one = tiny_trained
    assert not same_weights(one.weights, tiny_training(tmp_path, seed=1).weights)


def test_a_folder_of_another_training_is_refused(tiny_training, tmp_path):
    tiny_training(tmp_path, precision="bf16")
    with pytest.raises(DataError, match=r"other settings \(precision: 'bf16' there, 'fp32' here"):
        tiny_training(tmp_path, precision="fp32")


def test_a_training_can_be_lengthened_and_not_shortened(tiny_training, tmp_path):
    short = tiny_training(tmp_path, steps={"diffusion": 2})
    longer = tiny_training(tmp_path, steps={"diffusion": 4})
    assert longer.facts["stages"]["diffusion"]["steps"] == 4
    assert not same_weights(short.weights, longer.weights)
    with pytest.raises(DataError, match="steps: 4 there, 3 here"):
        tiny_training(tmp_path, steps={"diffusion": 3})


def test_a_truncated_state_is_refused(tiny_trained, tiny_training, tmp_path):
    copy = shutil.copytree(tiny_trained[0], tmp_path / "copy")
    path = copy / "states" / "autoencoder.pt"
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(DataError, match="no whole training state"):
        tiny_training(copy)


def test_an_unknown_stage_or_model_is_refused(tiny_training, tmp_path):
    with pytest.raises(DataError, match="no stage 'decoder'; its stages are autoencoder, diffusion"):
        tiny_training(tmp_path, steps={"decoder": 3})
    with pytest.raises(DataError, match="cannot be trained here"):
        tiny_training(tmp_path, model="monai_bundle")


class Line:
    """Two optimisers on one product: each may only see its own gradient."""

    name, averaged = "line", ("first",)

    def __init__(self):
        self.first, self.second = torch.nn.Linear(1, 1, bias=False), torch.nn.Linear(1, 1, bias=False)
        torch.nn.init.ones_(self.first.weight)
        torch.nn.init.ones_(self.second.weight)
        self.networks = {"first": self.first, "second": self.second}
        self.optimizers = {name: torch.optim.SGD(n.parameters(), lr=0.5) for name, n in self.networks.items()}

    def examples(self, images):
        return images

    def step(self, batch, generator, step):
        noise = torch.randn(len(batch.images), 1, generator=generator)
        self.seen = noise
        made = self.second(self.first(batch.images))
        yield Objective("first", made.mean(), {"noise": noise.mean()})
        yield Objective("second", (self.second(self.first(batch.images).detach()) * 2).mean())

    def validate(self, batch, generator):
        return {"made": float(self.second(self.first(batch.images)).mean())}

    def show(self, batch, generator):
        return []


def numbers(n):
    return ArrayExamples(torch.arange(1.0, n + 1)[:, None], torch.zeros(n, 1))


def one_step(accumulate):
    task = Line()
    plan = StagePlan("line", steps=1, batch_size=4, accumulate=accumulate, warm_up=1, fall=0.0, clip=1e9)
    parts = train_step(fresh_state(task), plan, numbers(4), LoopSettings(0, 0, "fp32"), Devices("cpu"))
    return task, parts


def test_each_optimiser_moves_by_the_gradient_of_its_own_objective():
    task, parts = one_step(1)
    # The mean input is 2.5: d(mean made)/d first = second * 2.5, d(2 mean made)/d second = 2 * first * 2.5.
    assert task.first.weight.item() == pytest.approx(1 - 0.5 * 2.5)
    assert task.second.weight.item() == pytest.approx(1 - 0.5 * 5.0)
    assert parts["first"] == pytest.approx(2.5)


def test_micro_batches_add_up_to_the_batch():
    whole, split_up = one_step(1)[0], one_step(4)[0]
    assert split_up.first.weight.item() == pytest.approx(whole.first.weight.item())
    assert split_up.second.weight.item() == pytest.approx(whole.second.weight.item())
    assert len(split_up.seen) == 1


def test_a_gradient_that_is_not_finite_moves_nothing():
    task = Line()
    examples = ArrayExamples(torch.full((4, 1), float("inf")), torch.zeros(4, 1))
    plan = StagePlan("line", steps=1, batch_size=4)
    train_step(fresh_state(task), plan, examples, LoopSettings(0, 0, "fp32"), Devices("cpu"))
    assert task.first.weight.item() == 1.0


def test_the_average_follows_and_is_what_validation_sees(tmp_path):
    task = Line()
    state, plan = fresh_state(task), StagePlan("line", steps=3, batch_size=2, averaging=0.5, warm_up=1)
    seen = []
    watch = Watch(on_validation=lambda state, row: seen.append(task.first.weight.item()))
    train_stage(
        state, plan, numbers(4), numbers(1),
        path=tmp_path / "state.pt", settings=LoopSettings(0, 0, "fp32"), devices=Devices("cpu"), watch=watch,
    )  # fmt: skip
    assert seen[-1] == state.averages["first"]["weight"].item()
    assert seen[-1] != task.first.weight.item()


def test_a_state_survives_the_disk(tmp_path):
    task = Line()
    state = fresh_state(task)
    train_step(state, StagePlan("line", steps=1), numbers(4), LoopSettings(0, 0, "fp32"), Devices("cpu"))
    state.step = 1
    save_state(state, tmp_path / "s.pt", {"seed": 0})
    fresh = fresh_state(Line())
    load_state(fresh, tmp_path / "s.pt", {"seed": 0})
    assert fresh.step == 1
    assert torch.equal(fresh.task.networks["first"].weight, task.first.weight)


def test_every_example_is_seen_once_per_pass():
    drawn = [example_numbers(5, 2, step, LoopSettings(0, 0)) for step in range(5)]
    flat = [number for numbers in drawn for number in numbers]
    assert sorted(flat[:5]) == sorted(flat[5:]) == list(range(5))
    assert flat[:5] != flat[5:]


def test_batches_that_cannot_be_shared_are_refused():
    plan = StagePlan("line", steps=1, batch_size=4, accumulate=3)
    with pytest.raises(DataError, match="cannot be shared by 3 micro-batches"):
        train_step(fresh_state(Line()), plan, numbers(4), LoopSettings(0, 0), Devices("cpu"))


def test_the_rate_rises_stays_and_falls():
    plan = StagePlan("x", steps=100, warm_up=10, fall=0.5)
    assert rate(plan, 0) == pytest.approx(0.1)
    assert rate(plan, 40) == 1.0
    assert rate(plan, 75) == pytest.approx(0.5)
    assert rate(plan, 100) == pytest.approx(0.02)


def test_a_launch_that_started_one_process_says_so(monkeypatch):
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    monkeypatch.setenv("ACCELERATE_MIXED_PRECISION", "no")
    with pytest.warns(UserWarning, match="torchrun"):
        assert Devices("cpu").world == 1


def test_several_processes_without_accelerate_are_refused(monkeypatch):
    from plausibrain.cohorts.errors import ToolError
    from plausibrain.generation.training import devices

    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setattr(devices, "find_spec", lambda name: None)
    with pytest.raises(ToolError, match="need accelerate"):
        Devices("cpu")


def test_images_that_do_not_fit_the_stride_are_refused():
    recipe = LatentDiffusionRecipe(Request("tiny", (6, 8, 8), 4))
    with pytest.raises(DataError, match="stride 4; choose another grid"):
        recipe.task("autoencoder", {})


def test_folding_loses_nothing():
    image = torch.randn(2, 1, 4, 6, 8)
    assert fold(image, 2).shape == (2, 8, 2, 3, 4)
    assert torch.equal(unfold(fold(image, 2), 2), image)


def test_the_held_out_are_not_trained_on():
    training, held_out = split(10, 3, seed=0)
    assert len(held_out) == 3
    assert not set(training) & set(held_out)
    with pytest.raises(DataError, match="at least 2 images"):
        split(1, 1, seed=0)


def test_missing_label_maps_are_named(tmp_path, subjects):
    from plausibrain.cohorts.cohort import Cohort

    images = tuple(tmp_path / f"{name}_T1w.nii.gz" for name in subjects["participant_id"])
    with pytest.raises(DataError, match=r"sub-00_dseg\.nii\.gz: no such label map \(5 of 5 missing\)"):
        label_files(Cohort("c", subjects, images=images), None)


def test_the_checkpoint_reads_back(tiny_training, tmp_path):
    written = tiny_training(tmp_path)
    assert read_checkpoint(tmp_path, "ldm").hash == written.hash


def test_options_change_a_stage_and_unknown_ones_are_refused():
    options = {"diffusion.batch_size": "6", "autoencoder.rate": "0.5", "diffusion.averaging": "0.25"}
    recipe = LatentDiffusionRecipe(Request("tiny", (24, 24, 24), 4, steps={"diffusion": 9}, options=options))
    autoencoder, diffusion = recipe.plans
    assert (diffusion.batch_size, diffusion.averaging, diffusion.steps) == (6, 0.25, 9)
    assert (autoencoder.batch_size, autoencoder.steps) == (2, 4)
    task = recipe.task("autoencoder", {})
    assert task.optimizers["autoencoder"].param_groups[0]["lr"] == 0.5
    with pytest.raises(DataError, match=r"no option 'depth' here; there are autoencoder\.batch_size"):
        LatentDiffusionRecipe(Request("tiny", (24, 24, 24), 4, options={"depth": "3"}))
    with pytest.raises(DataError, match="expected a number"):
        LatentDiffusionRecipe(Request("tiny", (24, 24, 24), 4, options={"diffusion.rate": "fast"}))


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"preset": "large"}, "large"),
        ({"steps": {"third": 2}}, "no stage 'third'"),
        ({"n_held_out": 5}, "5 subjects are too few with 5 held out"),
    ],
)
def test_what_a_plan_lacks_is_told_before_images_are_prepared(
    changes, match, tiny_training, tmp_path, monkeypatch
):
    def prepared(*_args: object, **_options: object) -> None:
        raise AssertionError("images were prepared")

    monkeypatch.setattr(train, "prepare_cohort", prepared)
    with pytest.raises(DataError, match=match):
        tiny_training(tmp_path, **changes)
