"""`plausibrain run --generator`: from a table of real volumes to a report on images of a shipped model."""

from pathlib import Path

from tests.integration.conftest import Command


def test_an_unknown_generator_is_named(command: Command, tables: dict[str, Path], tmp_path: Path) -> None:
    outcome = command("run", "--reference", tables["reference"], "--generator", "gan3000", "--out", tmp_path)
    assert outcome.code == 2
    assert "gan3000" in outcome.err
    assert "ldm" in outcome.err
