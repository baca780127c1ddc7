"""Plug-ins: plain functions with a label on them, found by importing every module of a package.

Nothing lists plug-ins. A new one is one source file whose name is the name of its function. Packages
installed elsewhere add theirs through an entry point in the group ``plausibrain.<kind>``.
"""

import difflib
import importlib
import inspect
import pkgutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from importlib.util import find_spec
from typing import Any, Generic, TypeVar

from plausibrain.cohorts.errors import DataError, ToolError

Function = TypeVar("Function", bound=Callable[..., Any])
DIRECTIONS = ("higher", "lower", "closer", "")
UNBOUNDED = (float("-inf"), float("inf"))


@dataclass(frozen=True, kw_only=True)
class Plugin:
    """A function with what a reader needs to know about its result.

    A kind of plug-in that declares more is a subclass with more fields.

    Parameters
    ----------
    kind, name : str
        Which registry, and the name of the function.
    function : callable
        The function itself.
    label, unit : str
        How a table or a figure calls the result.
    better : {"higher", "lower", "closer", ""}
        Which direction is good; ``closer`` means closer to the reference.
    bounds : tuple of float
        Range that a valid result cannot leave.
    source : tuple of str
        Keys in ``references.bib``.
    requires : tuple of str
        Modules that must be importable.
    methods : str
        What a methods section says of it where it was used, with citations such as ``[@Hedges1981]``; empty
        where the label says all.
    """

    kind: str
    name: str
    function: Callable[..., Any]
    label: str
    unit: str = ""
    better: str = ""
    bounds: tuple[float, float] = UNBOUNDED
    source: tuple[str, ...] = ()
    requires: tuple[str, ...] = ()
    methods: str = ""

    def __post_init__(self) -> None:
        """Refuse a direction or bounds that make no sense."""
        if self.better not in DIRECTIONS:
            raise ToolError(
                f"plug-in {self.name!r} says better={self.better!r}; use one of "
                f"{', '.join(map(repr, DIRECTIONS))}"
            )
        low, high = self.bounds
        if not low < high:
            raise ToolError(
                f"plug-in {self.name!r} has bounds {self.bounds}; the first must be below the second"
            )

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the function."""
        return self.function(*args, **kwargs)

    @property
    def parameters(self) -> tuple[str, ...]:
        """Names of the function's parameters: what the plug-in asks for."""
        return tuple(inspect.signature(self.function).parameters)

    @property
    def module(self) -> str:
        """Module that defines the function."""
        return self.function.__module__

    @property
    def missing(self) -> tuple[str, ...]:
        """Required modules that cannot be imported here; empty when the plug-in can run."""
        return tuple(name for name in self.requires if not _importable(name))

    @property
    def summary(self) -> str:
        """First line of the function's docstring."""
        return (inspect.getdoc(self.function) or "").partition("\n")[0]


AnyPlugin = TypeVar("AnyPlugin", bound=Plugin)


class Registry(Generic[AnyPlugin]):
    """All plug-ins of one kind, by name.

    Parameters
    ----------
    kind : str
        What the plug-ins are, for example ``measures``; entry points use the group ``plausibrain.<kind>``.
    plugin_type : type
        `Plugin`, or the subclass with the fields that this kind declares.

    Examples
    --------
    >>> shapes = Registry("shapes")
    >>> @shapes.register(label="Area", unit="mm2", better="closer", bounds=(0, 1e9))
    ... def area(width_mm: float, height_mm: float) -> float:
    ...     return width_mm * height_mm
    >>> shapes["area"].unit, shapes["area"](2, 3)
    ('mm2', 6)
    """

    def __init__(
        self,
        kind: str,
        plugin_type: type[AnyPlugin] = Plugin,  # type: ignore[assignment]
    ) -> None:
        self.kind = kind
        self.plugin_type = plugin_type
        self._plugins: dict[str, AnyPlugin] = {}
        self._packages: set[str] = set()
        self._entry_points_loaded = False

    def register(self, **label: Any) -> Callable[[Function], Function]:
        """Make a decorator that puts a function into the registry and returns it unchanged.

        Parameters
        ----------
        **declared
            Fields of `plugin_type` but kind, name and function, which follow from the function.

        Returns
        -------
        callable
            The decorator.

        Raises
        ------
        ToolError
            For a field that this kind does not have or lacks, a direction or bounds that make no sense, a
            second plug-in of the same name, or a function whose name is not the name of its file.
        """

        def decorate(function: Function) -> Function:
            name = function.__name__
            try:
                plugin = self.plugin_type(kind=self.kind, name=name, function=function, **label)
            except TypeError as error:
                raise ToolError(f"{self.kind} plug-in {name!r} is declared wrongly: {error}") from error
            self._add(plugin)
            return function

        return decorate

    def discover(self, package: str) -> "Registry[AnyPlugin]":
        """Import every module of a package and the entry points of this kind.

        Parameters
        ----------
        package : str
            Dotted name, for example ``plausibrain.evaluation.measures``. Modules that start with an
            underscore are left out. They register themselves by being imported.

        Returns
        -------
        Registry
            Itself, so that ``for plugin in registry.discover("...")`` reads well.

        Raises
        ------
        ToolError
            When an entry point cannot be loaded or a plug-in does not carry the name of its file.
        """
        if package not in self._packages:
            self._packages.add(package)
            for plugin in self:
                self._check_file_name(plugin)
            for name in _module_names(package):
                importlib.import_module(f"{package}.{name}")
        self._load_entry_points()
        return self

    @property
    def names(self) -> tuple[str, ...]:
        """Names of all plug-ins, sorted."""
        return tuple(sorted(self._plugins))

    def __getitem__(self, name: str) -> AnyPlugin:
        if name not in self._plugins:
            raise DataError(f"there is no {name!r} among the {self.kind}; {self._suggestion(name)}")
        return self._plugins[name]

    def __iter__(self) -> Iterator[AnyPlugin]:
        return iter([self._plugins[name] for name in self.names])

    def __len__(self) -> int:
        return len(self._plugins)

    def __contains__(self, name: object) -> bool:
        return name in self._plugins

    def _suggestion(self, name: str) -> str:
        close = difflib.get_close_matches(name, self.names, n=1)
        choices = f"known: {', '.join(self.names) or 'none'}"
        return f"did you mean {close[0]!r}? {choices}" if close else choices

    def _add(self, plugin: AnyPlugin) -> None:
        self._check_file_name(plugin)
        present = self._plugins.get(plugin.name)
        if present is not None and _place(present.function) != _place(plugin.function):
            raise ToolError(
                f"two {self.kind} plug-ins are called {plugin.name!r}: {_place(present.function)} and "
                f"{_place(plugin.function)}; rename one"
            )
        self._plugins[plugin.name] = plugin

    def _check_file_name(self, plugin: Plugin) -> None:
        for package in self._packages:
            inside = plugin.module.removeprefix(f"{package}.")
            if inside != plugin.module and inside.partition(".")[0] != plugin.name:
                raise ToolError(
                    f"plug-in {plugin.name!r} stands in module {plugin.module}; "
                    "a plug-in carries the name of its file: rename one of them"
                )

    def _load_entry_points(self) -> None:
        if not self._entry_points_loaded:
            self._entry_points_loaded = True
            for entry in entry_points(group=f"plausibrain.{self.kind}"):
                self._load(entry)

    def _load(self, entry: EntryPoint) -> None:
        origin = f"entry point {entry.name!r} ({entry.value}) of group plausibrain.{self.kind}"
        try:
            entry.load()
        except ToolError:
            raise
        except Exception as error:
            raise ToolError(f"{origin} cannot be loaded: {error}; repair or uninstall its package") from error
        if entry.name not in self._plugins:
            raise ToolError(
                f"{origin} registered no plug-in of that name; name the entry point after the function"
            )


def _place(function: Callable[..., Any]) -> str:
    """File and line of a function, which also tells a reloaded module from a second plug-in."""
    code = getattr(inspect.unwrap(function), "__code__", None)
    return (
        f"{function.__module__} ({code.co_filename}:{code.co_firstlineno})" if code else function.__module__
    )


def _module_names(package: str) -> list[str]:
    module = importlib.import_module(package)
    modules = pkgutil.iter_modules(module.__path__)
    return sorted(info.name for info in modules if not info.name.startswith("_"))


def _importable(name: str) -> bool:
    try:
        return find_spec(name) is not None
    except (ImportError, ValueError):
        return False
