"""What every registry of plug-ins promises."""

import sys
import textwrap
from dataclasses import FrozenInstanceError, dataclass
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from plausibrain.cohorts import registry as registry_module
from plausibrain.cohorts.errors import DataError, ToolError
from plausibrain.cohorts.registry import Plugin, Registry


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An importable package ``shapes_pkg`` whose plug-ins register with its module ``_home``."""
    folder = tmp_path / "shapes_pkg"
    folder.mkdir()
    (folder / "__init__.py").write_text("")
    (folder / "_home.py").write_text(
        "from plausibrain.cohorts.registry import Registry\nshapes = Registry('shapes')\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    yield folder
    for name in [name for name in sys.modules if name.startswith("shapes_")]:
        del sys.modules[name]


def add_plugin(folder: Path, module: str, function: str, label: str = "label='Area'") -> None:
    code = f"""
    from shapes_pkg._home import shapes

    @shapes.register({label})
    def {function}(width_mm, height_mm):
        '''Multiply width and height.

        More.
        '''
        return width_mm * height_mm
    """
    (folder / f"{module}.py").write_text(textwrap.dedent(code))


def discovered(folder: Path) -> Registry:
    return __import__("shapes_pkg._home", fromlist=["shapes"]).shapes.discover("shapes_pkg")


def test_discovery_finds_every_module_that_a_new_file_adds(package):
    add_plugin(
        package, "area", "area", "label='Area', unit='mm2', better='closer', bounds=(0, 9), source=('a2020',)"
    )
    add_plugin(package, "breadth", "breadth")
    shapes = discovered(package)
    assert shapes.names == ("area", "breadth")
    assert [plugin.name for plugin in shapes] == ["area", "breadth"]
    assert len(shapes) == 2
    assert "area" in shapes
    plugin = shapes["area"]
    assert (plugin.label, plugin.unit, plugin.better, plugin.bounds) == ("Area", "mm2", "closer", (0, 9))
    assert (plugin.source, plugin.kind, plugin.module) == (("a2020",), "shapes", "shapes_pkg.area")
    assert plugin.parameters == ("width_mm", "height_mm")
    assert plugin.summary == "Multiply width and height."
    assert plugin(2, 3) == plugin.function(2, 3) == 6


def test_discovering_twice_changes_nothing(package):
    add_plugin(package, "area", "area")
    assert discovered(package).discover("shapes_pkg").names == ("area",)


def test_the_function_stays_a_plain_function():
    shapes = Registry("shapes")

    @shapes.register(label="Area")
    def area(side_mm: float) -> float:
        return side_mm**2

    assert area(3) == 9
    assert shapes["area"].function is area


def test_a_plugin_carries_the_name_of_its_file(package):
    add_plugin(package, "area", "surface")
    with pytest.raises(ToolError, match=r"'surface' stands in module shapes_pkg\.area; .*rename"):
        discovered(package)


def test_a_plugin_imported_before_discovery_is_checked_too(package):
    add_plugin(package, "area", "surface")
    __import__("shapes_pkg.area")
    with pytest.raises(ToolError, match="carries the name of its file"):
        discovered(package)


def test_two_plugins_of_one_name_are_an_error_that_names_both_places():
    shapes = Registry("shapes")

    def make(scale):
        def area(side_mm):
            return scale * side_mm

        return area

    def other():
        def area(side_mm):
            return side_mm

        return area

    shapes.register(label="Area")(make(1))
    with pytest.raises(
        ToolError, match=r"two shapes .*test_registry\.py:\d+.*test_registry\.py:\d+.*rename one"
    ):
        shapes.register(label="Area")(other())


@pytest.mark.parametrize(
    ("label", "message"),
    [
        ({"better": "bigger"}, "better='bigger'; use one of 'higher'"),
        ({"bounds": (1.0, 0.0)}, "the first must be below the second"),
        ({"bounds": (float("nan"), 1.0)}, "the first must be below the second"),
    ],
)
def test_labels_that_make_no_sense_are_refused(label, message):
    with pytest.raises(ToolError, match=message):
        Registry("shapes").register(label="Area", **label)(lambda: 0)


def test_an_unknown_name_gets_a_suggestion():
    shapes = Registry("shapes")
    with pytest.raises(DataError, match="there is no 'area' among the shapes; known: none"):
        shapes["area"]

    @shapes.register(label="Area")
    def area() -> int:
        return 1

    with pytest.raises(DataError, match="did you mean 'area'"):
        shapes["aera"]


def test_missing_requirements_are_named_but_do_not_hide_the_plugin():
    shapes = Registry("shapes")

    @shapes.register(label="Area", requires=("numpy", "surely_not_installed", "surely_not.installed"))
    def area() -> int:
        return 1

    assert shapes["area"].missing == ("surely_not_installed", "surely_not.installed")


def test_a_kind_declares_fields_of_its_own():
    @dataclass(frozen=True, kw_only=True)
    class Shape(Plugin):
        question: int
        parts: tuple[str, ...] = ()

    shapes = Registry("shapes", Shape)

    @shapes.register(label="Area", question=2)
    def area() -> int:
        return 1

    assert (shapes["area"].question, shapes["area"].parts) == (2, ())
    with pytest.raises(FrozenInstanceError):
        shapes["area"].question = 4


@pytest.mark.parametrize("declared", [{"colour": "red"}, {}])
def test_a_field_too_many_or_too_few_is_named(declared):
    with pytest.raises(ToolError, match=r"shapes plug-in '<lambda>' is declared wrongly: .*(colour|label)"):
        Registry("shapes").register(**declared)(lambda: 0)


def entry(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    """Pretend that a package elsewhere declares an entry point."""
    entries = {"plausibrain.shapes": (EntryPoint(name, value, "plausibrain.shapes"),)}
    monkeypatch.setattr(registry_module, "entry_points", lambda group: entries.get(group, ()))


def test_entry_points_add_plugins_from_elsewhere(package, monkeypatch):
    add_plugin(package.parent, "shapes_elsewhere", "circle")
    entry(monkeypatch, "circle", "shapes_elsewhere")
    assert discovered(package).names == ("circle",)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("circle", "no_such_module", "entry point 'circle' .* cannot be loaded: .*repair or uninstall"),
        ("circle", "shapes_pkg._home", "registered no plug-in of that name"),
    ],
)
def test_broken_entry_points_are_named(package, monkeypatch, name, value, message):
    entry(monkeypatch, name, value)
    with pytest.raises(ToolError, match=message):
        discovered(package)


def test_a_plugin_can_be_made_by_hand():
    plugin = Plugin(kind="shapes", name="area", function=lambda side: side**2, label="Area")
    assert (plugin(2), plugin.missing) == (4, ())
