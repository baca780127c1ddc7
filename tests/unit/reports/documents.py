"""Folders of a training and of an audit, as the programs leave them."""

import json
import shutil
from pathlib import Path

PICTURE = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010800000000"
    "3a7e9b550000000a49444154789c636000000002000148afa4710000000049454e44ae426082"
)
DOCS = Path(__file__).parents[3] / "docs"
SETTINGS = {
    "command": "plausibrain audit --n 200", "date": "2026-01-01", "cores": 2, "n_resamples": 500,
    "n_splits": 60,
}  # fmt: skip


def training_folder(folder: Path, *, last: int = 1200) -> Path:
    """Return a folder of a training of two stages, of which the second has reached step `last` of 1,200."""
    rows = []
    for step in range(100, 1201, 100):
        rows.append({"step": float(step), "l1": 1 / step, "total": 2 / step})
        if step % 600 == 0:
            rows.append({"step": float(step), "held-out l1": 1.5 / step})
    curves = {"autoencoder": rows, "diffusion": [row for row in rows if row["step"] <= last]}
    facts = {
        "model": "ldm", "facts": {"Model": "ldm, preset small", "Images": "36 to train on, 4 held out"},
        "stages": {"autoencoder": 1200, "diffusion": 1200},
        "pictures": {"autoencoder": [{"file": "autoencoder-0.png", "caption": "held-out image 1"}]},
    }  # fmt: skip
    (folder / "samples").mkdir(parents=True)
    (folder / "samples" / "autoencoder-0.png").write_bytes(PICTURE)
    (folder / "curves.json").write_text(json.dumps(curves), encoding="utf-8")
    (folder / "training.json").write_text(json.dumps(facts), encoding="utf-8")
    return folder


def audit_folder(folder: Path) -> Path:
    """Return a folder with the committed audit of severities."""
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(DOCS / "audit_severities.tsv", folder / "audit.tsv")
    shutil.copy(DOCS / "audit.json", folder / "audit.json")
    (folder / "settings.json").write_text(json.dumps(SETTINGS), encoding="utf-8")
    return folder
