"""Names of variables are nouns: bare participles (found, known, kept) say what was done, not what it is."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
FOLDERS = ("analysis", "cohorts", "evaluation", "generation", "makers", "plausibrain", "reports")
# fmt: off
PARTICIPLES = frozenset({
    "asked", "chosen", "done", "drawn", "found", "given", "held", "kept", "known", "lost", "made",
    "meant", "mine", "missing", "ours", "put", "read", "said", "seen", "shown", "split", "taken",
    "theirs", "there", "told", "written",
})
# fmt: on
ROLES = frozenset({"generated", "matched", "measured", "requested"})  # what a cohort or a column is called
NOUNS = frozenset({"feed", "need", "seed", "speed"})
LARGEST_SHARE = 0.006  # 0.1 % in nilearn, torchio and torchmetrics; fields of public results keep theirs


def bare_participle(name: str) -> bool:
    """Tell whether a name is one past participle or pronoun, and no role of a cohort."""
    return name in PARTICIPLES or (name.endswith("ed") and "_" not in name and name not in ROLES | NOUNS)


def assigned_names(source: str) -> Iterator[tuple[str, int]]:
    """Yield every name that a source assigns or takes as a parameter, with its line."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id, node.lineno
        elif isinstance(node, ast.arg):
            yield node.arg, node.lineno


@pytest.mark.parametrize("folder", FOLDERS)
def test_few_names_are_bare_participles(folder):
    names = [
        (name, f"{path.relative_to(ROOT)}:{line}")
        for path in sorted((ROOT / folder).rglob("*.py"))
        if not any(parent.is_symlink() for parent in path.parents)
        for name, line in assigned_names(path.read_text(encoding="utf-8"))
    ]
    bare = [f"{place} {name}" for name, place in names if bare_participle(name)]
    assert len(names) > 500  # the folder is where it is looked for
    assert len(bare) <= LARGEST_SHARE * len(names), "\n".join(bare)


def test_participles_are_told_from_nouns():
    source = "found = seed = 1\ndef f(kept, generated, rows): failed, n_tested = 0, 1\n"
    names = [name for name, _ in assigned_names(source) if bare_participle(name)]
    assert sorted(names) == ["failed", "found", "kept"]
