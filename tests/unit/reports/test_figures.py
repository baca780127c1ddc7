"""Every registered figure draws what the run holds, says what it shows, and is absent without numbers."""

import json
from pathlib import Path

import pandas as pd
import pytest
from matplotlib.figure import Figure

from plausibrain.cohorts.registry import Plugin
from plausibrain.cohorts.schemas import SCHEMAS
from plausibrain.reports.figure import FIGURES, figures_of
from plausibrain.reports.figures import _maps, dose_response
from plausibrain.reports.run_folder import Run
from plausibrain.reports.svg import drawing
from tests.unit.reports.factory_complexity import run_with_complexity

PLUGINS = list(FIGURES.discover("plausibrain.reports.figures"))
every_figure = pytest.mark.parametrize("plugin", PLUGINS, ids=[plugin.name for plugin in PLUGINS])


@pytest.fixture
def empty_run(run: Run) -> Run:
    blank = Run(Path("nowhere"), {}, run.scorecard)
    blank._tables.update({name: schema.empty() for name, schema in SCHEMAS.items()})
    return blank


def one_panel(plugin: Plugin, run: Run) -> pd.DataFrame:
    table = plugin.select(run_with_complexity(run) if plugin.name == "complexity_errors" else run)
    column = plugin.panel
    return table[table[column] == table[column].iloc[0]] if column else table


@every_figure
def test_draws_on_the_axes_it_is_given(plugin: Plugin, run: Run) -> None:
    with drawing(plugin.name):
        ax = Figure().add_subplot()
        assert plugin.function(one_panel(plugin, run), ax=ax) is ax
        assert ax.has_data() or ax.images


@every_figure
def test_describes_a_panel_with_numbers(plugin: Plugin, run: Run) -> None:
    text = plugin.describe(one_panel(plugin, run))
    assert any(character.isdigit() for character in text)
    assert text.endswith(".")
    assert "nan" not in text


@every_figure
def test_nothing_to_show_is_an_empty_selection(plugin: Plugin, empty_run: Run) -> None:
    assert plugin.select(empty_run).empty


@every_figure
def test_drawing_leaves_its_table_alone(plugin: Plugin, run: Run) -> None:
    table = one_panel(plugin, run)
    before = table.copy(deep=True)
    with drawing(plugin.name):
        plugin.function(table, ax=Figure().add_subplot())
    pd.testing.assert_frame_equal(table, before)


def test_figures_of_a_question_come_in_order(run: Run) -> None:
    assert [figure.name for figure in figures_of(run, 2)] == [
        "brain_sizes", "brain_lobes", "size_forest", "volume_distributions",
    ]  # fmt: skip


def test_one_subject_is_enough_to_draw(run: Run) -> None:
    table = FIGURES["volume_distributions"].select(run).head(1)
    with drawing("x"):
        FIGURES["volume_distributions"].function(table, ax=Figure().add_subplot())


def test_many_doses_are_thinned_but_summarised_whole(run: Run) -> None:
    plugin = FIGURES["dose_response"]
    table = pd.concat([one_panel(plugin, run)] * 20, ignore_index=True)
    with drawing("x"):
        ax = plugin.function(table, ax=Figure().add_subplot())
    assert len(ax.collections[0].get_offsets()) <= dose_response.MAX_POINTS < len(table)


def test_line_of_agreement_is_drawn_only_with_its_own_numbers(run: Run) -> None:
    with_line = _maps.select_map(
        run, question=4, quantities=("age_beta",), lines={"age_beta": "age_deming_slope"}
    )
    without = _maps.select_map(run, question=5, quantities=("sex_d_adjusted",))
    assert set(with_line.slope) == {0.7}
    assert without.slope.isna().all()


def test_maps_leave_head_size_out(run: Run) -> None:
    extra = run.table("results").query("quantity == 'sex_d_adjusted' and structure == 'Left-Caudate'")
    with_tiv = pd.concat([run.table("results"), extra.assign(structure="TIV", headsize="none")])
    other = Run(run.path, run.record, run.scorecard, {"results": with_tiv})
    assert "TIV" not in set(_maps.select_map(other, question=5, quantities=("sex_d_adjusted",)).structure)


def test_margin_of_a_noisy_structure_is_drawn_wider(run: Run) -> None:
    table = one_panel(FIGURES["size_forest"], run).copy()
    table.loc[table.index[-1], ["margin_low", "margin_high"]] = -0.4, 0.4
    with drawing("x"):
        ax = FIGURES["size_forest"].function(table, ax=Figure().add_subplot())
    widths = {round(patch.get_width(), 6) for patch in ax.patches}
    assert widths == {0.4, 0.8}


def test_tooltips_name_structure_and_estimate(run: Run) -> None:
    panel = figures_of(run, 2)[2].panels[0]
    table = FIGURES["size_forest"].select(run)
    assert f"<title>{'Head size (TIV)'}:" in panel
    assert panel.count("<title>") >= len(table[table.group == table.group.iloc[0]])
    assert json.dumps(str(panel))
