"""A stand-in speaks the command line of the official program; what is tested is our side of it."""

import sys
import time
from pathlib import Path

import pytest

from plausibrain.cohorts.errors import ToolError
from plausibrain.cohorts.structures import TIV
from plausibrain.cohorts.volumes import write_label_map, write_volume
from plausibrain.evaluation.segmenters.synthseg import synthseg
from tests.unit.evaluation_segmenters.phantoms import make_image, make_labels

STAND_IN = """#!{python}
import argparse, shutil, sys, time
parser = argparse.ArgumentParser()
for flag in ("i", "o", "vol", "qc", "threads"):
    parser.add_argument("--" + flag)
for flag in ("cpu", "parc", "robust"):
    parser.add_argument("--" + flag, action="store_true")
args = parser.parse_args()
lists = [open(path).read().split("\\n")[:-1] for path in (args.i, args.o, args.vol, args.qc)]
assert len({{len(lines) for lines in lists}}) == 1
print("SynthSeg prediction")
for image, out, volumes, scores in zip(*lists):
    image = image.rsplit("/", 1)[1]
    if "slow" in image:
        time.sleep(60)
    if "bad" in image:
        print("cannot read", image)
        continue
    shutil.copy("{labels}", out)
    names = "{names}".split(",")
    numbers = ["0.0"] * len(names) if "zero" in image else ["{value}"] + ["45000.0"] * (len(names) - 1)
    open(volumes, "w").write("subject," + ",".join(names) + "\\nx," + ",".join(numbers) + "\\n")
    groups = ("general white matter,general grey matter,general csf,cerebellum,brainstem,thalamus,"
              "putamen+pallidum,hippocampus+amygdala")
    open(scores, "w").write("subject," + groups + "\\nx," + ",".join(["0.8"] * 8) + "\\n")
"""
COLUMNS = (
    "total intracranial,left cerebral white matter,left cerebral cortex,left lateral ventricle,"
    "left inferior lateral ventricle,left cerebellum white matter,left cerebellum cortex,left thalamus,"
    "left caudate,"
    "left putamen,left pallidum,3rd ventricle,4th ventricle,brain-stem,left hippocampus,left amygdala,csf,"
    "left accumbens area,left ventral DC,right cerebral white matter,right cerebral cortex,"
    "right lateral ventricle,right inferior lateral ventricle,right cerebellum white matter,"
    "right cerebellum cortex,right thalamus,right caudate,right putamen,right pallidum,right hippocampus,"
    "right amygdala,right accumbens area,right ventral DC"
)


@pytest.fixture
def program(tmp_path: Path) -> str:
    labels = write_label_map(make_labels(1.0), tmp_path / "one_mm.nii.gz")
    script = tmp_path / "mri_synthseg"
    text = STAND_IN.format(python=sys.executable, labels=labels, names=COLUMNS, value=1500000.0)
    script.write_text(text)
    script.chmod(0o755)
    return str(script)


def write_images(folder: Path, *names: str) -> list[Path]:
    return [write_volume(make_image(3.0), folder / f"{name}_T1w.nii.gz") for name in names]


def test_labels_return_to_the_image_grid_with_volumes_and_scores(tmp_path: Path, program: str) -> None:
    paths = write_images(tmp_path, "sub-1", "sub-2")
    first, second = synthseg(paths, command=program)
    for result in (first, second):
        assert result.status == "ok", result.reasons
        assert result.labels is not None
        assert result.labels.shape == make_image(3.0).shape
        assert result.volumes[TIV] == 1500000.0
        assert len(result.volumes) == 33
        assert result.qc["brainstem"] == 0.8


def test_an_image_without_output_fails_and_the_others_do_not(tmp_path: Path, program: str) -> None:
    good, bad = synthseg(write_images(tmp_path, "sub-1", "bad"), command=program)
    assert good.status == "ok"
    assert bad.status == "failed"
    assert "cannot read" in bad.reasons[0]


def test_volumes_of_zero_without_an_error_are_a_failure(tmp_path: Path, program: str) -> None:
    _, result = synthseg(write_images(tmp_path, "sub-1", "zero"), command=program)
    assert result.status == "failed"
    assert "all volumes are zero" in result.reasons[0]


def test_a_program_that_hangs_is_stopped_and_what_it_finished_is_kept(tmp_path: Path, program: str) -> None:
    started = time.perf_counter()
    done, stopped = synthseg(write_images(tmp_path, "sub-1", "slow"), command=program, timeout_s=2.0)
    assert time.perf_counter() - started < 30
    assert done.status == "ok"
    assert "stopped after 4 s" in stopped.reasons[0]


def test_a_program_that_gives_nothing_is_a_tool_error(tmp_path: Path, program: str) -> None:
    with pytest.raises(ToolError, match=r"no usable output for 1 images; it said: (?s:.)*cannot read"):
        synthseg(write_images(tmp_path, "bad"), command=program)


def test_a_missing_program_names_what_to_install(tmp_path: Path) -> None:
    with pytest.raises(ToolError, match=r"install FreeSurfer 7\.3\.2"):
        synthseg([], command="no-such-program")
