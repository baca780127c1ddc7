"""The wheel carries what the segmenter needs; nothing is fetched later."""

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from safetensors.torch import load

from plausibrain.evaluation.networks.half_resolution_unet import HalfResolutionUNet, features_of
from plausibrain.evaluation.segmentation import QC_GROUPS
from plausibrain.generation.checkpoint import DESCRIPTION, WEIGHTS
from plausibrain.generation.shipped import shipped_models

ROOT = Path(__file__).parents[2]
LIMIT_MB, CHECKPOINTS_LIMIT_MB = 40, 60
#: The command line, with fewer resamples in the demo.
QUICK_DEMO = """
from plausibrain import cli, demo
from plausibrain.analysis.settings import Settings
demo.Settings = lambda: Settings(n_resamples=100, n_splits=20, wasabi_repeats=10)
cli.main()
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """Build the wheel from what git tracks, in a folder of its own."""
    source, out = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False)
    if listed.returncode:
        pytest.skip("not a git checkout: nothing to build from")
    for name in listed.stdout.decode().split("\0")[:-1]:
        target = source / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / name).is_symlink():
            target.symlink_to((ROOT / name).readlink())
        elif (ROOT / name).is_file():
            target.write_bytes((ROOT / name).read_bytes())
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(out), str(source)]
    built = subprocess.run(command, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stdout[-2000:] + built.stderr[-2000:]
    return zipfile.ZipFile(next(out.glob("*.whl")))


@pytest.mark.slow
def test_weights_and_calibration_are_in_the_wheel(wheel: zipfile.ZipFile) -> None:
    content = wheel.read("plausibrain/evaluation/weights/synthseg_style_1mm.safetensors")
    weights = {name: value.float() for name, value in load(content).items()}
    HalfResolutionUNet(features_of(weights)).load_state_dict(weights)
    lines = json.loads(wheel.read("plausibrain/evaluation/weights/synthseg_style_1mm_qc.json"))["lines"]
    assert set(lines) == set(QC_GROUPS)
    lines = json.loads(wheel.read("plausibrain/evaluation/weights/synthseg_style_2mm_qc.json"))["lines"]
    assert set(lines) == set(QC_GROUPS)
    parcels = load(wheel.read("plausibrain/evaluation/weights/parcellation.safetensors"))
    assert {"atlas", "template", "head.weight"} <= set(parcels)
    assert size_of(wheel, "plausibrain/evaluation/weights/") < LIMIT_MB * 1e6


@pytest.mark.slow
def test_checkpoints_of_the_models_are_in_the_wheel(wheel: zipfile.ZipFile) -> None:
    files = set(wheel.namelist())
    for name in shipped_models():
        assert {
            f"plausibrain/generation/checkpoints/{name}/{file}" for file in (DESCRIPTION, WEIGHTS)
        } <= files
    assert 0 < size_of(wheel, "plausibrain/generation/checkpoints/") < CHECKPOINTS_LIMIT_MB * 1e6


def size_of(wheel: zipfile.ZipFile, folder: str) -> int:
    """Return the bytes of the files below a folder of the wheel."""
    return sum(info.file_size for info in wheel.infolist() if info.filename.startswith(folder))


def test_the_wheel_has_one_name_and_works_beside_folders_of_any_name(
    wheel: zipfile.ZipFile, tmp_path: Path
) -> None:
    names = {name.split("/")[0] for name in wheel.namelist()}
    assert {name for name in names if not name.endswith(".dist-info")} == {"plausibrain"}
    site, home = tmp_path / "site", tmp_path / "home"
    wheel.extractall(site)
    for name in ("analysis", "evaluation", "reports", "cohorts", "generation"):
        (home / name).mkdir(parents=True)
        (home / name / "__init__.py").write_text("raise RuntimeError('a folder of the user was imported')\n")
    environment = {**os.environ, "PYTHONPATH": str(site), "OMP_NUM_THREADS": "1"}
    code = "import plausibrain.api, plausibrain.evaluation; print(plausibrain.api.__file__)"
    shown = subprocess.run(
        [sys.executable, "-c", code], cwd=home, env=environment, capture_output=True, text=True, check=False
    )
    assert shown.returncode == 0, shown.stderr
    assert Path(shown.stdout.strip()).is_relative_to(site)
    demo = subprocess.run(
        [sys.executable, "-c", QUICK_DEMO, "demo", "--tables", "--n", "20", "--out", "demo", "--quiet"],
        cwd=home, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert demo.returncode == 0, demo.stderr
    assert (home / "demo" / "tables" / "sound" / "report.html").is_file()
