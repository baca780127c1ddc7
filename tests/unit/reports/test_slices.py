"""Pictures on the page: named, explained, inlined up to a budget, and absent without complaint."""

import base64
import json
import os
import shutil
import subprocess
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from plausibrain.reports import slices
from plausibrain.reports.report import page
from plausibrain.reports.run_folder import Run
from plausibrain.reports.slices import slices_of, volumes_of
from tests.unit.reports.factory import packed_volume
from tests.unit.reports.page_parser import Page


def test_a_generated_image_stands_above_its_real_neighbour(run: Run) -> None:
    (group,) = slices_of(run, 0)
    assert group.title == "Random selection"
    assert [[s.cohort for s in pair] for pair in group.pairs] == [["generated", "reference"]] * 2
    content = group.pairs[0][0].source.removeprefix("data:image/png;base64,")
    assert base64.b64decode(content) == b"\x89PNG made up"


def test_the_caption_says_who_it_is_and_what_stands_out(run: Run) -> None:
    ((generated, real),) = slices_of(run, 7)[0].pairs
    subject = run.table("slices").iloc[4]
    assert generated.caption.startswith(
        f"Generated {subject.participant_id}, {subject.age:.0f} years, {subject.sex}. "
    )
    assert generated.caption.endswith("The fwhm_mean +4.2 SD")
    assert real.caption.endswith("the file is broken")
    assert real.source == ""
    assert "three planes" in generated.alt


def test_the_page_shows_them_where_they_belong(html: str) -> None:
    parsed = Page.of(html)
    assert len(parsed.all("img")) == 8  # three pairs, one of which lacks a picture, and three that are alike
    assert "images" in parsed.values("id")
    assert html.index("Random selection") < html.index("Images that stand out most")


def test_pairs_beyond_the_budget_are_left_out_whole(run: Run, monkeypatch) -> None:
    monkeypatch.setattr(slices, "BUDGET_BYTES", 30)  # a pair takes 24
    (group,) = slices_of(run, 0)
    assert len(group.pairs) == 1
    assert slices_of(run, 7) == []
    assert slices_of(run, 9) == []


def test_a_run_without_pictures_has_no_place_for_them(run: Run) -> None:
    bare = Run(run.path, run.record, run.scorecard, {"slices": run.table("slices").head(0)})
    assert [slices_of(bare, question) for question in range(11)] == [[]] * 11


def test_a_copy_stands_beside_the_training_image_and_a_held_out_subject(run: Run) -> None:
    (group,) = slices_of(run, 9)
    assert group.alike
    assert [[s.cohort for s in shown] for shown in group.pairs] == [["generated", "training", "reference"]]
    captions = [s.caption for s in group.pairs[0]]
    assert captions == [
        "Generated sub-generated, 51 years, F",
        "Training sub-training, 51 years, F. Nearest training image, correlation 0.83: copy "
        "(copies from 0.61)",
        "Real sub-reference, 51 years, F. Nearest held-out subject, correlation 0.44",
    ]
    assert not slices_of(run, 0)[0].alike
    assert "aligned as for the comparison" in group.note
    assert "same sex and nearest age" in slices_of(run, 0)[0].note


def test_near_duplicates_are_told_by_their_distance(run: Run) -> None:
    table = run.table("slices")
    alike = table[table.group == "copies"].head(2).assign(group="near_duplicates", cohort="generated")
    alike.loc[alike.index[1], ["likeness", "limit", "verdict"]] = [2.5, 3.25, "near-duplicate"]
    (group,) = slices_of(Run(run.path, run.record, run.scorecard, {"slices": alike}), 9)
    assert group.title == "Most like each other"
    assert group.pairs[0][1].caption.endswith(
        "Distance 2.50: near-duplicate (near-duplicates lie below 3.25)"
    )


def test_volumes_are_named_and_kept_within_their_budget(run: Run, monkeypatch) -> None:
    volumes = volumes_of(run)
    subject, real = run.table("slices").iloc[4], run.table("slices").iloc[5]
    assert volumes[0].name == (
        f"Images that stand out most: Generated {subject.participant_id}, {subject.age:.0f} years, "
        f"{subject.sex}"
    )
    assert volumes[1].name.startswith(
        f"Images that stand out most: beside it: Real {real.participant_id}, {real.age:.0f} years"
    )
    packed = (run.path / "slices" / subject.volume).read_bytes()
    assert base64.b64decode(volumes[0].packed) == packed
    monkeypatch.setattr(slices, "VOLUME_BUDGET_BYTES", len(packed))
    assert [v.beside for v in volumes] == [1, None], "the reference is linked with the generated image"
    assert [(v.packed, v.beside) for v in volumes_of(run)] == [(volumes[0].packed, None)]


def test_the_viewer_is_silent_without_its_script_and_absent_without_volumes(run: Run, html: str) -> None:
    parsed = Page.of(html)
    (body,) = [e for e in parsed.all("div") if e.attributes.get("class") == "viewer-body"]
    assert "hidden" in body.attributes
    assert len(parsed.all("canvas")) == 6, "three planes of the image, three of the one beside it"
    sliders = [e for e in parsed.all("input") if e.attributes.get("type") == "range"]
    assert {e.attributes["data-plane"] for e in sliders} == {"above", "front", "right"}
    assert len([value for value in parsed.values("data-volume") if value]) == 2
    assert "The viewer needs JavaScript" in html
    tables = {"slices": run.table("slices").assign(volume=""), "results": run.table("results").head(0)}
    bare = page(Run(run.path, run.record, run.scorecard, {**run._tables, **tables}))
    assert "DecompressionStream" not in bare
    assert not Page.of(bare).all("canvas")


VIEWER = """
const fs = require("fs");
const pen = () => new Proxy({}, { get: () => () => {}, set: () => true });
const made = (extra) => Object.assign({
  addEventListener(type, handler) { this[type] = handler; }, setAttribute() {}, setPointerCapture() {},
  getBoundingClientRect: () => ({ left: 10, top: 20, width: 50, height: 60 }), getContext: pen,
}, extra);
const drawn = [], part = {}, names = ["above", "front", "right"];
global.ImageData = class {
  constructor(width, height) {
    this.data = new Uint8ClampedArray(4 * width * height);
    drawn.push([width, height, this.data]);
  }
};
for (const name of names) {
  part["canvas[data-plane=" + name + "]"] = made({});
  part["input[data-plane=" + name + "]"] = made({ nextElementSibling: {} });
}
part[".viewer-note"] = made({});
part[".viewer-body"] = made({ hidden: true });
const other = process.argv[5] || "";
const option = { dataset: { volume: process.argv[3] } };
if (other) {
  option.dataset.beside = "1";
  for (const name of names) part["canvas[data-beside=" + name + "]"] = made({});
  part[".viewer-beside"] = made({ hidden: true, querySelector: () => part.named });
  part.named = made({});
}
const partner = { dataset: { volume: other }, textContent: "beside it" };
part.select = made({ selectedOptions: [option], options: [option, partner] });
global.document = {
  getElementById: () => ({ querySelector: (wanted) => part[wanted] }),
  createElement: () => made({}),
};
eval(fs.readFileSync(process.argv[2], "utf8"));
setTimeout(() => {
  for (const [which, type, event] of JSON.parse(process.argv[4])) {
    if (event.value !== undefined) part[which].value = event.value;
    part[which][type](event);
  }
  report();
}, 400);
const report = () => console.log(JSON.stringify({
  hidden: part[".viewer-body"].hidden,
  note: part[".viewer-note"].hidden || part[".viewer-note"].textContent,
  says: names.map((name) => part["input[data-plane=" + name + "]"].nextElementSibling.textContent),
  drawn: drawn.map(([wide, high, data]) => [wide, high, Array.from(data).filter((_, k) => k % 4 === 0)]),
}));
"""


@pytest.mark.skipif(shutil.which("node") is None, reason="node runs the script of the page")
def test_the_script_unpacks_the_volume_and_cuts_the_right_planes(tmp_path: Path) -> None:
    """Numpy cuts the same planes, upright; the left of the first two is the left of the subject."""
    shape = (5, 6, 4)
    content = packed_volume(seed=3, shape=shape)
    volume = np.random.default_rng(3).integers(0, 256, shape[::-1], dtype=np.uint8).transpose(2, 1, 0)
    found = in_node(tmp_path, base64.b64encode(content).decode())
    assert found["hidden"] is False
    assert found["note"] is True
    middle = [2, 3, 2]  # 2.5 and 1.5 round up
    wanted = [volume[:, :, middle[2]], volume[:, middle[1]], volume[middle[0]]]
    for (width, height, grey), plane in zip(found["drawn"], wanted, strict=True):
        assert (width, height) == plane.shape
        np.testing.assert_array_equal(np.reshape(grey, (height, width)), plane.T[::-1])
    assert found["says"] == ["1 mm above", "1 mm before", "middle"]


@pytest.mark.skipif(shutil.which("node") is None, reason="node runs the script of the page")
def test_the_script_says_when_a_volume_is_broken(tmp_path: Path) -> None:
    found = in_node(tmp_path, base64.b64encode(b"no zlib stream").decode())
    assert found["hidden"] is True
    assert "cannot be read" in found["note"]


@pytest.mark.skipif(shutil.which("node") is None, reason="node runs the script of the page")
def test_planes_follow_sliders_and_pointer_together(tmp_path: Path) -> None:
    shape = (5, 6, 4)
    volume = np.random.default_rng(3).integers(0, 256, shape[::-1], dtype=np.uint8).transpose(2, 1, 0)
    packed = base64.b64encode(packed_volume(seed=3, shape=shape)).decode()
    slid = ["input[data-plane=above]", "input", {"value": "0"}]
    # The box of a canvas is 50 x 60 pixels at (10, 20): 10 a voxel. This is voxel 1 to the right, 4 up of 6.
    pointed = ["canvas[data-plane=above]", "pointerdown", {"clientX": 25, "clientY": 35, "pointerId": 1}]
    beyond = ["canvas[data-plane=right]", "pointermove", {"clientX": 900, "clientY": -900, "buttons": 1}]
    idle = ["canvas[data-plane=right]", "pointermove", {"clientX": 10, "clientY": 20, "buttons": 0}]
    for events, place in (
        ([slid], (2, 3, 0)), ([slid, pointed], (1, 4, 0)), ([pointed, beyond, idle], (1, 5, 3)),
    ):  # fmt: skip
        drawn = in_node(tmp_path, packed, events)["drawn"][-3:]
        wanted = [volume[:, :, place[2]], volume[:, place[1]], volume[place[0]]]
        for (width, height, grey), plane in zip(drawn, wanted, strict=True):
            np.testing.assert_array_equal(np.reshape(grey, (height, width)), plane.T[::-1])


@pytest.mark.skipif(shutil.which("node") is None, reason="node runs the script of the page")
def test_the_image_beside_it_follows_the_same_position(tmp_path: Path) -> None:
    shape = (5, 6, 4)
    first, second = (packed_volume(seed=seed, shape=shape) for seed in (3, 4))
    volume = np.random.default_rng(4).integers(0, 256, shape[::-1], dtype=np.uint8).transpose(2, 1, 0)
    slid = ["input[data-plane=above]", "input", {"value": "1"}]
    packed = (base64.b64encode(content).decode() for content in (first, second))
    drawn = in_node(tmp_path, next(packed), [slid], beside=next(packed))["drawn"]
    assert len(drawn) == 12, "three planes of two volumes, before and after the slider moved"
    place = (2, 3, 1)
    wanted = [volume[:, :, place[2]], volume[:, place[1]], volume[place[0]]]
    for (width, height, grey), plane in zip(drawn[-5::2], wanted, strict=True):
        np.testing.assert_array_equal(np.reshape(grey, (height, width)), plane.T[::-1])


def in_node(folder: Path, packed: str, events: Sequence[Any] = (), *, beside: str = "") -> dict[str, Any]:
    """Run the script of the viewer over a made-up document, send events, return what it drew and said."""
    harness = folder / "harness.cjs"
    harness.write_text(VIEWER, encoding="utf-8")
    script = files("plausibrain.reports") / "templates" / "viewer.js"
    done = subprocess.run(
        ["node", str(harness), str(script), packed, json.dumps(events), beside],
        capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize(
    "name",
    ["../../secret.txt", "/etc/hostname", "/dev/zero", "..", "a/../../secret.txt", "link.png", "pipe", "x\0"],
)
@pytest.mark.parametrize("column", ["file", "volume"])
def test_a_page_embeds_nothing_from_outside_the_folder_of_pictures(
    run: Run, name: str, column: str, tmp_path: Path
) -> None:
    shutil.copytree(run.path, tmp_path / "run")
    run = Run(tmp_path / "run", run.record, run.scorecard)
    folder = run.path / slices.FOLDER
    (run.path.parent / "secret.txt").write_text("secret")
    (folder / "link.png").symlink_to(run.path.parent / "secret.txt")
    os.mkfifo(folder / "pipe")
    run._tables["slices"] = run.table("slices").assign(**{column: name})
    found = (
        volumes_of(run) if column == "volume" else [s for g in slices_of(run, 0) for p in g.pairs for s in p]
    )
    assert all(not (one.source if column == "file" else one.packed) for one in found)


def test_outlines_are_offered_where_the_run_has_them(run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "slices"
    shutil.copytree(run.path / "slices", folder)
    first = run.table("slices").iloc[0]
    (folder / f"{Path(first.file).stem}-outlines.png").write_bytes(b"\x89PNG outlines")
    (group,) = slices_of(Run(tmp_path, run.record, run.scorecard, {"slices": run.table("slices")}), 0)
    assert group.outlined
    shown = group.pairs[0][0].outlines.removeprefix("data:image/png;base64,")
    assert base64.b64decode(shown) == b"\x89PNG outlines"
    assert group.pairs[1][0].outlines == ""
    assert not slices_of(run, 0)[0].outlined
