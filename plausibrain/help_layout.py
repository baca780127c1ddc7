"""How the help of the command line is laid out: groups of commands and options, and examples to copy."""

from collections.abc import Mapping, Sequence
from typing import Any

from typer.core import TyperGroup

COMMANDS: Mapping[str, Sequence[str]] = {
    "Judge": (
        "run",
        "status",
        "verify",
        "compare",
        "check",
        "baseline",
        "report",
        "curate",
        "complexity",
        "demo",
    ),
    "Images": ("generate", "conditions", "sweep", "import", "segment", "prepare"),
    "Models": ("train", "fetch"),
    "Plan and trust": ("plan", "noise", "audit", "metrics", "doctor"),
}

#: Command -> group -> options; what stands in no group is listed under "Options".
OPTIONS: Mapping[str, Mapping[str, Sequence[str]]] = {
    "run": {
        "Cohorts": (
            "reference", "generated", "training", "independent", "reference_name", "generated_name",
        ),
        "Reading tables": (
            "reference_sex_coding", "generated_sex_coding", "independent_sex_coding",
            "reference_age_unit", "generated_age_unit", "reference_volumes", "generated_volumes",
            "reference_images", "generated_images", "repeats",
        ),
        "Reading what a generator wrote": ("preset", "table", "voxel", "orientation"),
        "Generating here": ("generator", "checkpoint", "conditions", "n_images", "generator_option"),
        "Segmentation and analysis": (
            "segmenter", "segmenter_option", "noise", "site", "headsize", "resamples", "seed",
        ),
        "Output": (
            "out", "cache", "name", "tables", "keep_labels", "overwrite", "dry_run", "quiet", "as_json",
        ),
        "Computing": ("processes", "device", "executor", "scheduler", "cluster", "share", "sbatch"),
    },
    "generate": {
        "Model": ("model", "checkpoint", "conditions", "new_seeds", "seed", "share", "option"),
        "Simulator": ("n", "youngest", "oldest", "voxel", "skull_strip", "defect", "severity", "processes"),
        "Output": ("out", "quiet", "as_json"),
        "Computing": ("device", "executor", "scheduler", "cluster"),
    },
    "train": {
        "Model": ("model", "preset", "grid", "condition", "steps", "init", "option"),
        "Data": ("cohort", "labels", "whole_head", "held_out", "sex_coding"),
        "Computing": ("device", "precision", "seed"),
        "Output": ("out", "quiet", "as_json"),
    },
}  # fmt: skip

EXAMPLES: Mapping[str, Sequence[str]] = {
    "run": (
        'plausibrain run --reference ixi.csv --reference-sex-coding "1=M,0=F" --generated a.csv --out runs/a',
        "plausibrain run --reference bids/ --generated samples/ --cache runs/cache --out runs/m --dry-run",
        "plausibrain run --reference bids/ --generator ldm --n-images 100 --out runs/ldm",
    ),
    "status": ("plausibrain status runs/a",),
    "verify": ("plausibrain verify runs/a",),
    "compare": ("plausibrain compare runs/a runs/b --out runs/a_or_b",),
    "check": ("plausibrain check runs/new --baseline baseline.json --out check",),
    "baseline": ("plausibrain baseline runs/released --out baseline.json",),
    "report": ("plausibrain report runs/a",),
    "complexity": ("plausibrain complexity runs/a segmented/reference --out complexity",),
    "curate": ("plausibrain curate runs/a --keep 0.9 --out ranking.tsv",),
    "demo": ("plausibrain demo --out demo", "plausibrain demo --images --out demo"),
    "generate": (
        "plausibrain generate --n 20 --voxel 2 --out simulated",
        "plausibrain generate --model ldm --conditions table.tsv --out samples",
    ),
    "conditions": (
        "plausibrain conditions --like ixi.csv --n 200 --out table.tsv",
        "plausibrain conditions --like ixi.csv --sweep age --levels 9 --out sweep.tsv",
    ),
    "sweep": ("plausibrain sweep --condition ventricle --values 10,40,80 --out sweep",),
    "import": ("plausibrain import outputs/ --preset monai_bundle --table conditions.json --out samples",),
    "segment": (
        "plausibrain segment bids/ --out segmented",
        "plausibrain segment bids/ --segmenter precomputed --option labels=masks/ --out segmented",
    ),
    "prepare": ("plausibrain prepare bids/ --grid 2mm --out prepared",),
    "train": ("plausibrain train --model ldm --cohort bids/ --out checkpoint",),
    "fetch": ("plausibrain fetch --out brain_bundle",),
    "plan": ("plausibrain plan --effect 0.1 --n-reference 300",),
    "noise": ("plausibrain noise visit1.csv visit2.csv --out noise.tsv",),
    "audit": ("plausibrain audit --defect shrunken_variance --replicates 10 --out audit",),
    "metrics": ("plausibrain metrics", "plausibrain metrics --json"),
    "doctor": ("plausibrain doctor",),
}


class GroupedHelp(TyperGroup):
    """The commands, with groups and examples in their help."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        panels = {name: panel for panel, names in COMMANDS.items() for name in names}
        places = {name: place for place, name in enumerate(panels)}
        commands: dict[str, Any] = dict(self.commands)
        self.commands = dict(sorted(commands.items(), key=lambda item: places.get(item[0], len(places))))
        for name, command in self.commands.items():
            command.rich_help_panel = panels.get(name)  # type: ignore[attr-defined]
            command.epilog = "\n\n".join(("Examples:", *EXAMPLES.get(name, ())))
            _group(command, OPTIONS.get(name, {}))


def _group(command: Any, groups: Mapping[str, Sequence[str]]) -> None:
    panels = {name: panel for panel, names in groups.items() for name in names}
    places = {name: place for place, name in enumerate(panels)}
    command.params.sort(key=lambda parameter: places.get(str(parameter.name), len(places)))
    for parameter in command.params:
        if parameter.name in panels:
            parameter.rich_help_panel = panels[parameter.name]
