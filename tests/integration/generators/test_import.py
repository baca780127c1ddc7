"""The output of public generators, rebuilt as their code writes it, becomes a cohort in the right place."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
import torch

from plausibrain.cohorts.cohort import read_cohort
from plausibrain.cohorts.import_recipe import preset_names
from plausibrain.cohorts.volumes import read_volume, to_canonical
from tests.integration.conftest import Command
from tests.integration.generators.writers import WRITERS

SHAPE = (6, 8, 5)
MM = 2.0


def anatomy(number: int) -> np.ndarray:
    """An array whose value says where it is: R grows by 1, A by 10, S by 100."""
    i, j, k = np.indices(SHAPE)
    return (i + 10.0 * j + 100.0 * k + number).astype(np.float32)


GRID = ("--voxel", "2,2,2", "--orientation", "RAS")


@pytest.mark.parametrize("preset", WRITERS)
def test_a_preset_puts_the_anatomy_where_it_belongs(preset: str, tmp_path: Path, command: Command) -> None:
    write, needs_grid = WRITERS[preset]
    write(tmp_path / "made", anatomy, 3, MM)
    flags = GRID if needs_grid else ()
    outcome = command("import", tmp_path / "made", "--preset", preset, "--out", tmp_path / "cohort", *flags)
    assert outcome.code == 0, outcome.err
    assert "assumed: " in outcome.out
    cohort = read_cohort(tmp_path / "cohort")
    assert len(cohort) == 3
    assert any("assumed at import" in note.message for note in cohort.notes)
    first = to_canonical(read_volume(cohort.images[0]))
    size = 1.0 if preset == "monai_bundle_port" else MM  # the port states no grid and the bundle has 1 mm
    np.testing.assert_allclose(first.voxel_size_mm, size, rtol=1e-5)
    np.testing.assert_array_equal(first.data, anatomy(0))


def test_every_preset_has_a_generator_that_is_rebuilt() -> None:
    assert sorted(WRITERS) == preset_names()


def test_conditions_of_the_bundle_come_in_physical_units(tmp_path: Path, command: Command) -> None:
    WRITERS["monai_bundle"][0](tmp_path / "made", anatomy, 3, MM)
    command("import", tmp_path / "made", "--preset", "monai_bundle", "--out", tmp_path / "cohort")
    subjects = read_cohort(tmp_path / "cohort").subjects
    assert subjects["age"].tolist() == [44.0, 63.0, 82.0]
    assert subjects["sex"].tolist() == ["F", "M", "F"]
    assert subjects["requested_ventricle_mm3"].iloc[0] == pytest.approx((6995.68 + 171375) / 2)


def test_ages_that_do_not_exist_are_not_invented(tmp_path: Path, command: Command) -> None:
    WRITERS["wdm_3d"][0](tmp_path / "made", anatomy, 3, MM)
    command("import", tmp_path / "made", "--preset", "wdm_3d", "--out", tmp_path / "cohort", *GRID)
    subjects = read_cohort(tmp_path / "cohort").subjects
    assert subjects["age"].isna().all()
    assert subjects["sex"].isna().all()
    assert (subjects["status"] == "ok").all()


def test_arrays_and_a_json_list_of_conditions(tmp_path: Path, command: Command) -> None:
    made = tmp_path / "made"
    made.mkdir()
    for n in range(3):
        np.save(made / f"a{n}.npy", anatomy(n)[::-1, ::-1])
    listed = [{"image": f"a{n}.npy", "meta": {"prompt_age": 30 + n, "g": n % 2}} for n in range(3)]
    (tmp_path / "list.json").write_text(json.dumps(listed))
    flags = (
        "--table",
        tmp_path / "list.json",
        "--map",
        "age=prompt_age",
        "--map",
        "sex=g",
        "--sex-coding",
        "1=M,0=F",
    )
    refused = command("import", made, "--out", tmp_path / "cohort", *flags)
    assert refused.code == 2
    assert "--voxel" in refused.err
    grid = ("--voxel", "1,1,1", "--orientation", "LPS")
    outcome = command("import", made, "--out", tmp_path / "cohort", *flags, *grid)
    assert outcome.code == 0, outcome.err
    cohort = read_cohort(tmp_path / "cohort")
    assert cohort.subjects["age"].tolist() == [30, 31, 32]
    assert cohort.subjects["sex"].tolist() == ["F", "M", "F"]
    np.testing.assert_array_equal(to_canonical(read_volume(cohort.images[0])).data, anatomy(0))


@pytest.mark.parametrize("form", ["tensor", "mapping", "npz"])
def test_files_of_torch_and_numpy_hold_one_image(form: str, tmp_path: Path, command: Command) -> None:
    made = tmp_path / "made"
    made.mkdir()
    for n in range(2):
        image = torch.from_numpy(anatomy(n)[None, None].copy())
        if form == "npz":
            np.savez(made / f"a{n}.npz", image=image.numpy())
        else:
            torch.save(image if form == "tensor" else {"image": image, "step": 3}, made / f"a{n}.pt")
    outcome = command("import", made, "--out", tmp_path / "cohort", *GRID)
    assert outcome.code == 0, outcome.err
    cohort = read_cohort(tmp_path / "cohort")
    np.testing.assert_array_equal(read_volume(cohort.images[0]).data, anatomy(0))


class Harmful:
    """An object that would write a file when it is read back by an unrestricted reader."""

    def __reduce__(self) -> tuple[object, tuple[str, ...]]:
        return (os.mkdir, ("harmed",))


@pytest.mark.parametrize("ending", [".pt", ".npy"])
def test_no_code_of_a_file_runs(
    ending: str, tmp_path: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    made = tmp_path / "made"
    made.mkdir()
    if ending == ".pt":
        torch.save({"image": Harmful()}, made / "a.pt")
    else:
        np.save(made / "a.npy", np.array([Harmful()], dtype=object), allow_pickle=True)
    outcome = command("import", made, "--out", tmp_path / "cohort", *GRID)
    assert outcome.code == 2
    assert "is no readable image" in outcome.err
    assert not (tmp_path / "harmed").exists()


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (("--preset", "nobody"), "no preset"),
        (("--preset", "wdm_3d"), "--voxel"),
        (("--voxel", "a,b,c"), "numbers"),
        (("--voxel", "1,1"), "voxel"),
        (("--voxel", "1,1,nan"), "numbers"),
        (("--orientation", "RLA"), "one of R L"),
        (("--pattern", "x_{age}.nii.gz"), "no image fits"),
        (("--pattern", "sample_{age}_{what}.nii.gz"), "no condition"),
        (("--pattern", "sample_{age}_{age}.nii.gz"), "name of its own"),
        (("--scale", "age=1:2"), "scale"),
    ],
)
def test_what_is_wrong_or_not_stated_is_one_sentence(
    flags: tuple[str, ...], words: str, tmp_path: Path, command: Command
) -> None:
    WRITERS["wdm_3d"][0](tmp_path / "made", anatomy, 3, MM)
    outcome = command("import", tmp_path / "made", "--out", tmp_path / "cohort", *flags)
    assert outcome.code == 2
    assert words in outcome.err
    assert len(outcome.err.strip().splitlines()) == 1
