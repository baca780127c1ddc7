"""Pages of the site that are made from the program itself: catalogue of metrics, command line.

Not written to disk: the registry and the commands are the only place where they are kept.
"""

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from mkdocs.structure.files import File, Files

from plausibrain.catalogue import catalogue

TITLES = {
    "headline": "Headline metrics", "estimate": "Estimates", "measure": "Measures of image quality",
    "similarity": "Similarities of pairs of images", "extractor": "Extractors of features",
    "feature distance": "Distances between features", "defect": "Injected defects", "segmenter": "Segmenters",
    "model": "Generative models",
}  # fmt: skip


def on_files(files: Files, config: Any) -> Files:
    """Add the generated pages."""
    for name, content in (("catalogue.md", catalogue_page()), ("commands.md", commands_page())):
        files.append(File.generated(config, name, content=content))
    return files


def catalogue_page() -> str:
    """Return the catalogue of every plug-in as Markdown."""
    kinds: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for entry in catalogue():
        kinds[entry["kind"]].append(entry)
    lines = ["# Catalogue of metrics", "", "From the registry: what `plausibrain metrics` lists.", ""]
    for kind, entries in kinds.items():
        lines += [f"## {TITLES.get(kind, kind.capitalize())}", "", *_table(entries), ""]
    return "\n".join(lines)


def _table(entries: list[dict[str, Any]]) -> Iterator[str]:
    yield "| question | name | what | unit | sources |"
    yield "|---|---|---|---|---|"
    for entry in entries:
        cells = (
            str(entry["question"] or ""), f"`{entry['name']}`",
            f"**{_plain(entry['label'])}**. {_plain(entry['summary'])}",
            _plain(entry["unit"]), ", ".join(map(str, entry["source"])),
        )  # fmt: skip
        yield f"| {' | '.join(cells)} |"


def _plain(text: object) -> str:
    return str(text or "").replace("|", "\\|").replace("\n", " ").replace("<", "&lt;")


def commands_page() -> str:
    """Return every command with its options and examples as Markdown."""
    import typer

    from plausibrain.cli import app
    from plausibrain.help_layout import COMMANDS, EXAMPLES

    group: Any = typer.main.get_command(app)
    lines = ["# Command line", ""]
    for panel, names in COMMANDS.items():
        lines += [f"## {panel}", ""]
        for name in names:
            command = group.commands[name]
            lines += [
                f"### plausibrain {name}",
                "",
                command.help or "",
                "",
                "```",
                *EXAMPLES[name],
                "```",
                "",
            ]
            lines += [*_options(command), ""]
    return "\n".join(lines)


def _options(command: Any) -> Iterator[str]:
    yield "| option | meaning | default |"
    yield "|---|---|---|"
    for parameter in command.params:
        help_text = getattr(parameter, "help", "") or ""
        default = parameter.default
        shown = "" if default in (None, False, (), []) or callable(default) else f"`{default}`"
        names = ", ".join(f"`{name}`" for name in parameter.opts)
        yield f"| {names} | {_plain(help_text)} | {_plain(shown)} |"
