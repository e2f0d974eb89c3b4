"""One decorated function is one operator.

From the signature come the method of `jeoview.Image`, the JSON Schema, the error at the notebook
line and the slider; from the decorator the planner knows which pixels the function needs.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from typing import Annotated, Any, Literal, NamedTuple, TypeVar, get_args, get_origin, get_type_hints

from pydantic import BaseModel, ConfigDict, ValidationError, create_model

from jeoview.errors import ChainError, ParameterError, choices
from jeoview.grid import Grid, Lattice
from jeoview.quantities import Box, Later, Window, Zoom, plain, short
from jeoview.raster import Kind, Raster, Table
from jeoview.schema import KeptUnit as KeptUnit  # noqa: PLC0414 - handed on
from jeoview.schema import Names as Names  # noqa: PLC0414
from jeoview.schema import Schema as Schema  # noqa: PLC0414
from jeoview.schema import Units
from jeoview.schema import same_unit as same_unit  # noqa: PLC0414
from jeoview.words import is_list_of_text, is_marked, names_band, refusal

BandsInput = Annotated[Raster, Kind.BANDS]
SeriesInput = Annotated[Raster, Kind.SERIES]
ColourInput = Annotated[Raster, Kind.COLOUR]
TableInput = Annotated[Table, Kind.TABLE]


class Mode(Enum):
    """Which pixels an operator needs to give one pixel."""

    SOURCE = "source"
    PIXEL = "pixel"
    NEIGHBOURHOOD = "neighbourhood"
    BLOCK = "block"
    FULL = "full"
    FIT = "fit"


# An operator that works on a whole area says which one; both are part of the chain.
_REGION_FIELDS: Mapping[Mode, dict[str, Any]] = {
    Mode.FULL: {"region": (Box | Literal["view"], "view"), "zoom": (Zoom | None, None)},
    Mode.FIT: {"region": (Box | Window | None, None), "zoom": (Zoom | None, None)},
}
Options = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Input:
    """One image argument of an operator."""

    name: str
    kind: Kind
    scalar: bool = False
    variadic: bool = False
    optional: bool = False


_NODATA_NOTES = {
    "any": "NaN (no data) in any input is NaN in the result.",
    "skip": "NaN (no data) is left out.",
    "centre": "NaN where the pixel itself is NaN (no data); among its neighbours NaN is left out.",
    "own": "",
}
_REGION_NOTES = {
    Mode.FULL: (
        "``region`` is ``'view'``, the area that the map shows (it changes as the map moves), or a fixed "
        "(west, south, east, north) in degrees, computed at ``zoom``; by default that at which it is about 2,000 "
        "pixels across."
    ),
    Mode.FIT: (
        "``region`` is (west, south, east, north) in degrees, by default the extent of the image, read at ``zoom``; "
        "by default that at which it is about 1,000 pixels across; or pixels of a file as they are, a dict of crs, "
        "resolution, corner (left, top) and shape (rows, columns). Fitted once and stored, never per tile."
    ),
}
_NATIVE_NOTE = (
    "Computed at the pixels of the sensor where the image still has them; what comes out is averaged where those of the "
    "map are larger, and resampled, complex numbers as such."
)
BandRule = Callable[[Options, tuple[Schema, ...]], Names]
DemandRule = Callable[[Options, Names, tuple[Schema, ...]], tuple[Names, ...]]
RadiusRule = Callable[[Options, Grid], int]
Complex = Literal["refused", "kept", "used", "made"]
Layers = Literal["kept", "dates", "pairs"]
OwnRule = Callable[[Options, Lattice], Grid | None]
LooksRule = Callable[[Options], tuple[int, int]]
ScratchRule = Callable[[Options], int]
UnitRule = Callable[[Options, tuple[Schema, ...]], Units]


class Coarser(NamedTuple):
    """Pixels of a lattice, down and across, in one of those that a mean is computed on (0: none); how it is made of finer ones."""

    factor: Callable[[Options, Lattice], int]
    from_parts: Callable[..., Raster]


@dataclass(frozen=True, slots=True, eq=False)
class Operator:
    """A registered operator; see `operator` for the fields."""

    name: str
    version: int
    mode: Mode
    kind: Kind
    inputs: tuple[Input, ...]
    model: type[BaseModel]
    function: Callable[..., Any]
    nodata: str
    bands: BandRule
    demand: DemandRule
    radius: RadiusRule
    coarser: Coarser | None
    own: OwnRule
    looks: LooksRule
    scratch: ScratchRule
    unit: UnitRule
    native: bool | None
    complex_numbers: Complex
    table: str
    layers: Layers
    quantity: str
    upgrades: Mapping[int, Callable[[dict[str, Any]], dict[str, Any]]]

    @property
    def summary(self) -> str:
        """First line of the help text."""
        return (inspect.getdoc(self.function) or "").split("\n", 1)[0]

    @property
    def help(self) -> str:
        """The help text, with what follows from mode and nodata rule: the docstring of the method."""
        notes = (
            _NODATA_NOTES[self.nodata],
            _REGION_NOTES.get(self.mode, ""),
            _NATIVE_NOTE if self.native else "",
        )
        said = "\n\n".join(note for note in notes if note)
        text = inspect.getdoc(self.function) or ""
        return f"{text}\n\nNotes\n-----\n{said}" if said else text

    @property
    def parameters(self) -> tuple[str, ...]:
        """Names of the arguments that are not images."""
        return tuple(self.model.model_fields)

    def validate(self, values: Mapping[str, Any], bands: Names = ()) -> dict[str, Any]:
        """Check parameters against the signature and fill in the defaults.

        Parameters
        ----------
        values : mapping
            By name; one text may stand for a list of one.
        bands : tuple of str
            Those of the first image, for the message.

        Raises
        ------
        ParameterError
            Which names the operator, the parameter, what was given and what was expected.
        """
        try:
            checked = self.model.model_validate({name: self._plain(name, value) for name, value in values.items()})
        except ValidationError as error:
            raise ParameterError(refusal(self.name, self.model, error, values, bands)) from None
        return {name: getattr(checked, name) for name in self.model.model_fields}

    def _plain(self, name: str, value: Any) -> Any:
        return (value,) if isinstance(value, str) and name in _text_lists(self) else plain(value)


REGISTRY: dict[str, Operator] = {}


def find(name: str) -> Operator:
    """The operator of a name.

    Raises
    ------
    ChainError
        If there is none.
    """
    if name not in REGISTRY:
        raise ChainError(f"no operator {short(name)}; {choices(name[:64], REGISTRY)}")
    return REGISTRY[name]


def same_bands(options: Options, inputs: tuple[Schema, ...]) -> Names:
    """The bands of the first input that has more than one, else of the first."""
    return next((schema.bands for schema in inputs if len(schema.bands) > 1), inputs[0].bands)


def same_demand(options: Options, wanted: Names, inputs: tuple[Schema, ...]) -> tuple[Names, ...]:
    """Band by band: the wanted positions of every input; a single band serves all, a table whole."""
    names = same_bands(options, inputs)
    positions = [names.index(band) for band in wanted]
    return tuple(
        schema.bands
        if len(schema.bands) <= 1 or schema.kind is Kind.TABLE
        else tuple(schema.bands[i] for i in positions)
        for schema in inputs
    )


def all_demand(options: Options, wanted: Names, inputs: tuple[Schema, ...]) -> tuple[Names, ...]:
    """Every band of every input."""
    return tuple(schema.bands for schema in inputs)


def with_table(options: Options, wanted: Names, inputs: tuple[Schema, ...]) -> tuple[Names, ...]:
    """The wanted bands of the image, and the whole of the table that is applied to it."""
    return wanted, inputs[1].bands


def constant_unit(unit: str = "", **named: str) -> UnitRule:
    """Units that do not depend on the inputs: one for all bands, or those of some by name, and the others have none."""
    return _constant(named or unit)


KEYWORD = inspect.Parameter.KEYWORD_ONLY
_STRICT = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)
F = TypeVar("F", bound=Callable[..., Any])
T = TypeVar("T")


def operator(  # noqa: PLR0913 - each a field of the operator, by name
    *,
    mode: Mode,
    nodata: Literal["any", "skip", "centre", "own"],
    version: int = 1,
    bands: BandRule | Names = same_bands,
    demand: DemandRule = same_demand,
    radius: RadiusRule | None = None,
    coarser: Coarser | None = None,
    own: OwnRule | None = None,
    looks: LooksRule | None = None,
    scratch: ScratchRule | None = None,
    unit: UnitRule = same_unit,
    native: bool | None = None,
    complex_numbers: Complex = "refused",
    table: str = "",
    layers: Layers = "kept",
    quantity: str = "",
    upgrades: Mapping[int, Callable[[dict[str, Any]], dict[str, Any]]] | None = None,
) -> Callable[[F], F]:
    """Register a function as an operator.

    Parameters
    ----------
    mode : Mode
        ``PIXEL``: a pixel needs the same pixel of the inputs. ``NEIGHBOURHOOD``: also those within
        ``radius``. ``BLOCK``: a pixel needs the block of ``looks`` finer ones that it covers. ``FULL``: a whole
        area: the view, or a fixed ``region`` (bbox in degrees) at a ``zoom``.
        ``FIT``: a table from a declared ``region`` at a ``zoom``. Both parameters are added to the signature.
    nodata : {"any", "skip", "centre", "own"}
        ``any``: NaN in any input is NaN in the result; ``skip``: NaN is left out of a statistic;
        ``centre``: NaN where the pixel itself is; ``own``: the help text says. Tests hold every operator to it.
    version : int
        Raised whenever the result changes; golden hashes make CI fail otherwise.
    bands : rule or tuple of str
        Names of the resulting bands.
    demand : rule
        Which bands of each input the wanted bands need: what is not needed is not read.
    radius : rule, optional
        Pixels of padding that a neighbourhood needs on a grid.
    coarser : Coarser, optional
        How many pixels of a lattice one may be on which a smooth neighbourhood is computed, a function of the lattice alone,
        so that all tiles of a zoom agree; and what does it: it takes images on finer pixels, ``grid`` and the parameters.
    own : rule, optional
        The files' own pixels, all of them, on which a neighbourhood is computed where those of a lattice are finer; a pixel
        then has the value of the one that holds it. A function of the lattice alone, too.
    looks : rule, optional
        Rows and columns of a block.
    scratch : rule, optional
        Bytes for each pixel that the function holds while it works, besides its inputs and its result.
    unit : rule
        Unit of the values: one for all bands, one for each in their order, or those of some by name; that of the first
        input, band by band, where nothing is said; see `constant_unit`. Among the options it finds, under the name of the input, each number
        that stands where an image may.
    native : bool, optional
        ``True``: right at the sensor's own pixels only; where the inputs have them it is computed there at full
        resolution, and what comes out is averaged and brought onto the map. ``False``: never there, because it asks
        where on the Earth a pixel lies. By default there where such an operator above it needs it.
    complex_numbers : {"refused", "kept", "used", "made"}
        Whether the images may be complex: ``kept`` gives complex numbers where an image is, ``used`` real ones,
        ``made`` gives complex ones of anything.
    table : str
        The operator whose table this one applies; another one's is refused.
    layers : {"kept", "dates", "pairs"}
        Of a series that is made: those of the series given, or others, by date or by pair.
    quantity : str
        What the numbers are where they have no unit to say it, such as ``"coherence"``: operators on angles refuse them.
    upgrades : mapping, optional
        From an older version to the arguments of this one.

    Notes
    -----
    The function takes its inputs by position (``BandsInput``, ``SeriesInput``, ``ColourInput``, ``TableInput``, each
    perhaps ``| float``) and its parameters by keyword. An operator on bands works on every date of a series.
    """

    def register(function: F) -> F:
        name = function.__name__.rstrip("_")
        hints = get_type_hints(function, include_extras=True)
        given = inspect.signature(function).parameters.values()
        images = tuple(_input(item, hints[item.name]) for item in given if item.kind is not KEYWORD)
        fields: dict[str, Any] = {
            item.name: (hints[item.name], ... if item.default is inspect.Parameter.empty else item.default)
            for item in given
            if item.kind is KEYWORD
        }
        if name in REGISTRY:
            raise ValueError(f"operator {name!r} is defined twice")
        REGISTRY[name] = Operator(
            name=name,
            version=version,
            mode=mode,
            kind=_kind(hints["return"]),
            inputs=images,
            model=create_model(name, __config__=_STRICT, **fields, **_REGION_FIELDS.get(mode, {})),
            function=function,
            nodata=nodata,
            bands=bands if callable(bands) else _constant(bands),
            demand=demand,
            radius=radius or _no_radius,
            coarser=coarser,
            own=own or _constant(None),
            looks=looks or _no_looks,
            scratch=scratch or _no_scratch,
            unit=unit,
            native=native,
            complex_numbers=complex_numbers,
            table=table,
            layers=layers,
            quantity=quantity,
            upgrades=upgrades or {},
        )
        return function

    return register


def _constant(value: T) -> Callable[..., T]:
    return lambda *_: value


def _no_radius(options: Options, grid: Grid) -> int:
    return 0


def _no_scratch(options: Options) -> int:
    return 0


def _no_looks(options: Options) -> tuple[int, int]:
    return 1, 1


def _input(item: inspect.Parameter, hint: Any) -> Input:
    variadic = item.kind is inspect.Parameter.VAR_POSITIONAL
    return Input(item.name, _kind(hint), float in get_args(hint), variadic, type(None) in get_args(hint))


def _kind(hint: Any) -> Kind:
    if get_origin(hint) is Annotated:
        return next(mark for mark in get_args(hint) if isinstance(mark, Kind))
    for option in get_args(hint):
        if get_origin(option) is Annotated:
            return _kind(option)
    raise TypeError(f"{hint} says no kind of image")


@lru_cache(maxsize=512)
def band_fields(found: Operator) -> dict[str, Any]:
    """The parameters of an operator that name bands, with their annotation's shape."""
    hints = get_type_hints(found.function, include_extras=True)
    return {name: hints[name] for name in found.parameters if name in hints and names_band(hints[name])}


@lru_cache(maxsize=512)
def _text_lists(found: Operator) -> frozenset[str]:
    """The parameters of an operator that are lists of text."""
    fields = found.model.model_fields.items()
    return frozenset(name for name, entry in fields if is_list_of_text(entry.rebuild_annotation()))


@lru_cache(maxsize=512)
def later_fields(found: Operator) -> frozenset[str]:
    """The parameters of an operator that stand in a chain only where they say something, see `Later`."""
    hints = get_type_hints(found.function, include_extras=True)
    return frozenset(name for name in found.parameters if name in hints and is_marked(hints[name], Later))
