"""Parts of the page on the segmenter that are not measured anew stay, with their network."""

from pathlib import Path

from benchmarks.validate_segmentation import PARTS, earlier_part

PAGE = Path(__file__).parents[3] / "docs" / "validation_segmentation.md"

TEXT = """# Title

Network abc; printed by x, 2026-01-01 (machine).

## Against manual labels (6 scans)

| a |

## Two subjects scanned twice

text

## Age

Network def; 2026-02-02.

by age
"""


def test_a_part_keeps_all_its_sections_and_gains_the_stamp_of_its_page() -> None:
    lines = earlier_part("manual", TEXT)
    assert [line for line in lines if line.startswith("## ")] == [
        "## Against manual labels (6 scans)",
        "## Two subjects scanned twice",
    ]
    assert lines[:3] == [
        "## Against manual labels (6 scans)",
        "",
        "Network abc; printed by x, 2026-01-01 (machine).",
    ]
    assert "| a |" in lines
    assert "text" in lines


def test_a_stamp_of_its_own_stays() -> None:
    assert [line for line in earlier_part("age", TEXT) if "Network" in line] == ["Network def; 2026-02-02."]
    assert earlier_part("speed", TEXT) == []


def test_every_section_of_the_page_belongs_to_one_part() -> None:
    headings = [line[3:] for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("## ")]
    assert headings
    for heading in headings:
        assert sum(heading.startswith(starts) for starts in PARTS.values()) == 1, heading
