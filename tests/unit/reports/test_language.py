"""Pages, their texts and the documentation use the words of docs/glossary.md, not those it replaces."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
OLD = re.compile(
    r"\b(real people|people|real subjects|twins?|planted|plants|obeys?|obedience|asked|told|"
    r"cannot tell|real against real|whole instrument|ruler|close enough|what is wanted|"
    r"coercions|found odd|(?:images?|volumes?|subjects?|cohorts?) drawn|joint draws|bootstrap draws)\b",
    re.IGNORECASE,
)
#: Pages that describe models and simulations in their makers' words, and the list of old words itself.
OTHER_DOCS = {"glossary.md", "decisions.md"}
OTHER_PREFIXES = ("models", "simulator", "plugin", "segmenter", "validation")
DOCS = [
    path
    for path in [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
    if path.name not in OTHER_DOCS and not path.name.startswith(OTHER_PREFIXES)
]
TEMPLATES = sorted((ROOT / "reports" / "templates").glob("*"))
SOURCES = [*sorted((ROOT / "reports").rglob("*.py")), ROOT / "plausibrain" / "cli.py"]


def _texts(path: Path) -> Iterator[ast.expr]:
    """Yield constants of text and f-strings, without docstrings."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    statements = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        is_text = isinstance(node, ast.Constant) and isinstance(node.value, str)
        if (is_text or isinstance(node, ast.JoinedStr)) and id(node) not in statements:
            yield node


def _strings(path: Path) -> Iterator[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    kinds = (ast.Module, ast.ClassDef, ast.FunctionDef)
    first = [n.body[0] for n in ast.walk(tree) if isinstance(n, kinds) and n.body]
    docstrings = {id(e.value) for e in first if isinstance(e, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
            yield node.value


@pytest.mark.parametrize("path", [*TEMPLATES, *DOCS], ids=lambda path: path.name)
def test_templates_and_documentation_use_the_words_of_the_glossary(path: Path) -> None:
    lines = path.read_text(encoding="utf-8").splitlines()
    assert not [f"{n}: {line}" for n, line in enumerate(lines, start=1) if OLD.search(line)]


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_texts_of_pages_use_the_words_of_the_glossary(path: Path) -> None:
    assert not [text for text in _strings(path) if OLD.search(text)]


#: A percentage without its space; tables of audits and the progress bar, which have no room for it, aside.
CLOSE_PERCENT = re.compile(r"(?<!CI95)(?<=\d)%(?!\w)|:\.\d%\}")
FLOORS = ("plausibrain", "analysis", "cohorts", "evaluation", "generation", "reports")
NARROW = {"reports/audit.py", "plausibrain/progress.py"}
SENTENCES = [
    path
    for floor in FLOORS
    for path in sorted(
        (ROOT / floor).glob("*.py") if floor == "plausibrain" else (ROOT / floor).rglob("*.py")
    )
    if str(path.relative_to(ROOT)) not in NARROW
]


def test_a_percentage_has_a_space() -> None:
    assert len(SENTENCES) > 200
    close = [
        f"{path.relative_to(ROOT)}: {part}"
        for path in SENTENCES
        for part in (ast.unparse(node) for node in _texts(path))
        if CLOSE_PERCENT.search(part)
    ]
    assert close == []


@pytest.mark.parametrize(("text", "close"), [("f'{x:.0%}'", True), ("'95% CI'", True), ("'95 % CI'", False)])
def test_a_close_percentage_is_found(text: str, *, close: bool) -> None:
    assert bool(CLOSE_PERCENT.search(text)) is close


@pytest.mark.parametrize("word", ["real people", "twins", "told", "cannot tell", "the whole instrument"])
def test_an_old_word_is_found(word: str) -> None:
    assert OLD.search(f"A sentence with {word} in it.")
