"""The output of public generators, rebuilt as their code writes it, becomes a cohort in the right place."""

import json
from collections.abc import Callable
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from plausibrain.cohorts.cohort import read_cohort
from plausibrain.cohorts.volumes import read_volume, to_canonical
from tests.integration.conftest import Command

SHAPE = (6, 8, 5)


def anatomy(number: int) -> np.ndarray:
    """An array whose value says where it is: R grows by 1, A by 10, S by 100."""
    i, j, k = np.indices(SHAPE)
    return (i + 10.0 * j + 100.0 * k + number).astype(np.float32)


def nifti(data: np.ndarray, path: Path, affine: np.ndarray | None = None) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    nib.save(nib.Nifti1Image(data, np.eye(4) if affine is None else affine), path)


def monai_bundle(folder: Path) -> None:
    for n, (sex, age) in enumerate(((0.0, 0.0), (1.0, 0.5), (1.0, 1.0))):
        name = f"sample_10150{n}_01022023_{int(sex)}_{age}_0.5_0.5.nii.gz"
        nifti(anatomy(n)[::-1].astype(np.uint16), folder / name, np.diag([-1.0, 1, 1, 1]))


def monai_port(folder: Path) -> None:
    for n in range(3):
        data = anatomy(n)[::-1]  # LAS
        nifti(np.moveaxis(data, 0, -1)[:, :, None, :], folder / f"image_{n}.nii.gz")


def nv_generate(folder: Path) -> None:
    for n in range(3):
        name = f"unet_3d_seed{n}_size6x8x5_spacing0.94x0.94x1.36_20250101_rank0_modality9.nii.gz"
        nifti(anatomy(n).astype(np.int16), folder / name, np.diag([0.94, 0.94, 1.36, 1]))


def brlp(folder: Path) -> None:
    for n in range(3):
        nifti(
            anatomy(n)[::-1],
            folder / f"OAS{n}" / f"followup_age_{65 + n}.nii.gz",
            np.diag([-1.5, 1.5, 1.5, 1]),
        )


def wdm(folder: Path) -> None:
    for n in range(3):
        nifti(anatomy(n), folder / f"sample_{n}_0.nii.gz")


def ha_gan(folder: Path) -> None:
    for n in range(3):
        nifti(anatomy(n).transpose(2, 1, 0), folder / f"x_{n}.nii.gz")


def style_gan(folder: Path) -> None:
    for n in range(3):
        nifti(anatomy(n).astype(np.uint16), folder / f"seed{n:04d}.nii.gz")


GRID = ("--voxel", "2,2,2", "--orientation", "RAS")
CASES: dict[str, tuple[Callable[[Path], None], tuple[str, ...], tuple[float, float, float]]] = {
    "monai_bundle": (monai_bundle, (), (1, 1, 1)),
    "monai_bundle_port": (monai_port, (), (1, 1, 1)),
    "nv_generate": (nv_generate, (), (0.94, 0.94, 1.36)),
    "brlp": (brlp, (), (1.5, 1.5, 1.5)),
    "wdm_3d": (wdm, GRID, (2, 2, 2)),
    "ha_gan": (ha_gan, GRID, (2, 2, 2)),
    "style_gan_3d": (style_gan, GRID, (2, 2, 2)),
}


@pytest.mark.parametrize("preset", CASES)
def test_a_preset_puts_the_anatomy_where_it_belongs(preset: str, tmp_path: Path, command: Command) -> None:
    write, flags, sizes = CASES[preset]
    write(tmp_path / "made")
    outcome = command("import", tmp_path / "made", "--preset", preset, "--out", tmp_path / "cohort", *flags)
    assert outcome.code == 0, outcome.err
    assert "assumed: " in outcome.out
    cohort = read_cohort(tmp_path / "cohort")
    assert len(cohort) == 3
    assert any("assumed at import" in note.message for note in cohort.notes)
    first = to_canonical(read_volume(cohort.images[0]))
    np.testing.assert_allclose(first.voxel_size_mm, sizes, rtol=1e-5)
    np.testing.assert_array_equal(first.data, anatomy(0))


def test_conditions_of_the_bundle_come_in_physical_units(tmp_path: Path, command: Command) -> None:
    monai_bundle(tmp_path / "made")
    command("import", tmp_path / "made", "--preset", "monai_bundle", "--out", tmp_path / "cohort")
    subjects = read_cohort(tmp_path / "cohort").subjects
    assert subjects["age"].tolist() == [44.0, 63.0, 82.0]
    assert subjects["sex"].tolist() == ["F", "M", "M"]
    assert subjects["requested_ventricle_mm3"].iloc[0] == pytest.approx((6995.68 + 171375) / 2)


def test_ages_that_do_not_exist_are_not_invented(tmp_path: Path, command: Command) -> None:
    wdm(tmp_path / "made")
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
    wdm(tmp_path / "made")
    outcome = command("import", tmp_path / "made", "--out", tmp_path / "cohort", *flags)
    assert outcome.code == 2
    assert words in outcome.err
    assert len(outcome.err.strip().splitlines()) == 1
