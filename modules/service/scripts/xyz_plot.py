"""X/Y/Z plot: a table of pictures that differ in up to three ways."""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from random import Random
from typing import Any

from modules.errors import InvalidRequest
from modules.param import param
from modules.schema.catalogue import Catalogue
from modules.schema.request import GenerationRequest
from modules.schema.result import Fact
from modules.service.complete import RANDOM_SEEDS, complete_request
from modules.service.formats import to_pillow
from modules.service.grid import grid_rows, image_grid
from modules.service.scripts.axis_values import join_list
from modules.service.scripts.legend import Label, Layout, table, with_legend
from modules.service.scripts.limits import check_table
from modules.service.scripts.plot_page import PageCell, PlotPage
from modules.service.scripts.script import (
    Call,
    Cell,
    Drawn,
    Fills,
    Picture,
    Play,
    Script,
    Sheet,
    picture_data,
)
from modules.service.scripts.xyz_axes import (
    NOTHING,
    SEED,
    SEED_AXES,
    Axis,
    Values,
    axes_of,
    checked,
    find_axis,
)

TITLE = "X/Y/Z plot"
BASE = "xyz_grid"
NAMES = ("X", "Y", "Z")

log = logging.getLogger(__name__)

Place = tuple[int, int, int]
"""Numbers of the values of the three axes."""


@dataclass(frozen=True, kw_only=True)
class PlotArgs:
    """Three axes, and how the table looks."""

    x_type: str = param(SEED, "X type", choices="axes", infotext="X Type")
    x_values: str = param(
        "", "X values", infotext="X Values", help="Such as 1-5, 1-10 (+3), 1-10 [5], or a, b, c."
    )
    x_values_dropdown: tuple[str, ...] = param((), "X values", choices="x_values", advanced=True)
    y_type: str = param(NOTHING.label, "Y type", choices="axes", infotext="Y Type")
    y_values: str = param("", "Y values", infotext="Y Values")
    y_values_dropdown: tuple[str, ...] = param((), "Y values", choices="y_values", advanced=True)
    z_type: str = param(NOTHING.label, "Z type", choices="axes", infotext="Z Type")
    z_values: str = param("", "Z values", infotext="Z Values")
    z_values_dropdown: tuple[str, ...] = param((), "Z values", choices="z_values", advanced=True)
    draw_legend: bool = param(True, "Draw legend")
    include_lone_images: bool = param(False, "Include Sub Images")
    include_sub_grids: bool = param(False, "Include Sub Grids")
    no_fixed_seeds: bool = param(False, "Keep -1 for seeds")
    vary_seeds_x: bool = param(False, "Vary seeds for X")
    vary_seeds_y: bool = param(False, "Vary seeds for Y")
    vary_seeds_z: bool = param(False, "Vary seeds for Z")
    margin_size: int = param(
        0, "Grid margins (px)", minimum=0, maximum=10_000, slider=(0, 500), step=2
    )
    csv_mode: bool = param(False, "Use text inputs instead of dropdowns", advanced=True)


@dataclass(frozen=True)
class Chosen:
    """An axis with its values."""

    name: str
    axis: Axis
    text: str
    values: Sequence[Any]

    def legend(self) -> list[list[Label]]:
        """A label for every value."""
        return [[Label(self.axis.shown(value))] for value in self.values]


@dataclass(frozen=True)
class Plot:
    """What is to be drawn."""

    base: GenerationRequest
    """The request with its seeds fixed, unless they are to stay random."""
    axes: tuple[Chosen, Chosen, Chosen]
    call: Call

    @property
    def counts(self) -> Place:
        """How many values each axis has."""
        x, y, z = (len(one.values) for one in self.axes)
        return x, y, z

    def places(self) -> list[Place]:
        """Every cell; what takes long to change changes least often, then Z, Y, X."""
        order = sorted(range(3), key=lambda number: (-self.axes[number].axis.cost, -number))
        found: list[list[int]] = [[]]
        for number in order:
            found = [[*one, value] for one in found for value in range(self.counts[number])]
        return [_place(order, one) for one in found]

    def request(self, place: Place, random: Random) -> GenerationRequest:
        """The request of a cell."""
        request = self.base
        for chosen, number in zip(self.axes, place, strict=True):
            values = Values(chosen.values, self.call.styles)
            request = chosen.axis.applied(request, chosen.values[number], values)
        seeds = request.seeds
        seeds = replace(
            seeds,
            seed=_seed(seeds.seed, random) + self._varied(place),
            subseed=_seed(seeds.subseed, random),
        )
        return replace(request, seeds=seeds)

    def _varied(self, place: Place) -> int:
        """What the seed differs by from cell to cell, if it is to."""
        args: PlotArgs = self.call.args
        (x, y, z), (nx, ny, _) = place, self.counts
        across = nx if args.vary_seeds_x else 1
        down = ny if args.vary_seeds_y else 1
        return (
            (x if args.vary_seeds_x else 0)
            + (y * across if args.vary_seeds_y else 0)
            + (z * across * down if args.vary_seeds_z else 0)
        )


def _place(order: Sequence[int], values: Sequence[int]) -> Place:
    found = dict(zip(order, values, strict=True))
    return found[0], found[1], found[2]


def _seed(seed: int, random: Random) -> int:
    return seed if seed >= 0 else random.randrange(RANDOM_SEEDS)


def plot_of(call: Call) -> Plot:
    """Read the axes. Raises InvalidRequest or NotFound."""
    args: PlotArgs = call.args
    random = call.random()
    base = call.request
    if not args.no_fixed_seeds:
        seeds = base.seeds
        seeds = replace(seeds, seed=_seed(seeds.seed, random), subseed=_seed(seeds.subseed, random))
        base = replace(base, seeds=seeds)
    if not call.settings.interface.show_grid:
        base = replace(base, batch=replace(base.batch, batch_size=1))
    call = replace(call, request=base)
    x, y, z = (_chosen(name, call, random) for name in NAMES)
    return Plot(base, (x, y, z), call)


def _chosen(name: str, call: Call, random: Random) -> Chosen:
    args: PlotArgs = call.args
    prefix = name.lower()
    axis = find_axis(getattr(args, f"{prefix}_type"), call.tab)
    text: str = getattr(args, f"{prefix}_values")
    picked: tuple[str, ...] = getattr(args, f"{prefix}_values_dropdown")
    if axis.choices is not None and not args.csv_mode and picked:
        text = join_list(picked)
    values = checked(axis, text, call)
    if axis.label in SEED_AXES and not args.no_fixed_seeds:
        values = [_seed(value, random) for value in values]
    if not values:
        raise InvalidRequest(
            f"{name} has no values for {axis.label}.", "Write some, or choose Nothing."
        )
    return Chosen(name, axis, text, values)


def check(call: Call) -> None:
    """Raise InvalidRequest or NotFound if a value cannot be drawn, or all is too much."""
    plot = plot_of(call)
    count = plot.counts[0] * plot.counts[1] * plot.counts[2]
    check_table(count, plot.base, call.settings.grids)
    random = call.random()
    for number in range(3):
        for value in range(plot.counts[number]):
            place = tuple(value if axis == number else 0 for axis in range(3))
            complete_request(plot.request(_place(range(3), place), random), call.catalogue)


def play(call: Call) -> Play:
    """All cells at once, then the table of them."""
    args: PlotArgs = call.args
    plot, random = plot_of(call), call.random()
    places = plot.places()
    cells = [
        Cell(request=plot.request(place, random), shown=args.include_lone_images)
        for place in places
    ]
    results = yield cells
    drawn = dict(zip(places, results, strict=True))
    if not any(one.images for one in results):
        for one in results:
            one.pictures()  # says why, if there is a reason
        return []
    return list(_sheets(plot, drawn))


def _sheets(plot: Plot, drawn: dict[Place, Drawn]) -> Iterator[Sheet]:
    """The whole plot, then its layers if they are wanted."""
    args: PlotArgs = plot.call.args
    grids = plot.call.settings.grids
    nz = plot.counts[2]
    size = _cell_size(plot, drawn)
    layers = [_layer(plot, drawn, z, size) for z in range(nz)]
    wide, high = max(one.width for one in layers), max(one.height for one in layers)
    layout = Layout(nz, 1, wide, high)
    whole = table(layout, lambda column, row: layers[column], grids.background)
    if args.draw_legend:
        whole = with_legend(whole, layout, plot.axes[2].legend(), [[Label("")]], grids)
    facts = _facts(plot)
    page = _page(plot, drawn) if grids.page else None
    yield replace(_sheet(whole, drawn.values(), facts), page=page)
    if args.include_sub_grids:
        for z, layer in enumerate(layers):
            own = [one for place, one in drawn.items() if place[2] == z]
            if any(one.images for one in own):
                yield _sheet(layer, own, facts)


def _sheet(picture: Picture, drawn: Any, facts: tuple[Fact, ...]) -> Sheet:
    first = next(one for one in drawn if one.images)
    return Sheet(
        picture=picture, request=first.request, image=first.images[0], facts=facts, base=BASE
    )


def _layer(plot: Plot, drawn: dict[Place, Drawn], z: int, size: tuple[int, int]) -> Picture:
    """The table for one value of Z."""
    args: PlotArgs = plot.call.args
    grids = plot.call.settings.grids
    nx, ny, _ = plot.counts
    layout = Layout(nx, ny, *size, args.margin_size)
    sheet = table(layout, lambda x, y: _picture(plot, drawn[x, y, z]), grids.background)
    if not args.draw_legend:
        return sheet
    return with_legend(sheet, layout, plot.axes[0].legend(), plot.axes[1].legend(), grids)


def _page(plot: Plot, drawn: dict[Place, Drawn]) -> PlotPage:
    """The plot to zoom through."""
    x, y, z = ([one.axis.shown(value) for value in one.values] for one in plot.axes)
    written = plot.call.settings.recipe.write
    cells = [
        PageCell(
            place=place,
            picture=partial(_picture, plot, one),
            recipe=one.images[0].infotext if one.images and written else "",
        )
        for place, one in drawn.items()
    ]
    return PlotPage(title=TITLE, x=x, y=y, z=z, cells=cells)


def _picture(plot: Plot, one: Drawn) -> Picture | None:
    """What a cell shows: its picture, or its pictures side by side; None if there is none."""
    if not one.images:
        return None
    try:
        pictures = one.pictures()
    except InvalidRequest as error:  # somebody took the file away meanwhile
        log.warning("A cell stays empty: %s", error)
        return None
    if len(pictures) == 1:
        return pictures[0]
    rows = grid_rows(len(pictures), one.request.batch.batch_size, plot.call.settings.grids)
    return to_pillow(image_grid([picture_data(picture) for picture in pictures], rows))


def _cell_size(plot: Plot, drawn: dict[Place, Drawn]) -> tuple[int, int]:
    """Width and height of the largest cell."""
    wide, high = 1, 1
    for one in drawn.values():
        if not one.images:
            continue
        width, height = one.images[0].width, one.images[0].height
        if len(one.images) > 1:
            picture = _picture(plot, one)
            width, height = (width, height) if picture is None else picture.size
        wide, high = max(wide, width), max(high, height)
    return wide, high


def _facts(plot: Plot) -> tuple[Fact, ...]:
    """What tells in the table's recipe how to make it again."""
    facts: list[Fact] = [("Script", TITLE)]
    args: PlotArgs = plot.call.args
    for one in plot.axes:
        if one.axis is NOTHING:
            continue
        facts += [(f"{one.name} Type", one.axis.label), (f"{one.name} Values", one.text)]
        if one.axis.label in SEED_AXES and not args.no_fixed_seeds:
            fixed = ", ".join(str(value) for value in one.values)
            facts.append((f"Fixed {one.name} Values", fixed))
    return tuple(facts)


def batches(call: Call) -> int:
    """How many batches all cells have."""
    nx, ny, nz = plot_of(call).counts
    return nx * ny * nz * call.request.batch.n_iter


def axis_labels(tab: str, catalogue: Catalogue) -> list[str]:
    """The menu of axes."""
    return [axis.label for axis in axes_of(tab)]


def axis_texts(tab: str, catalogue: Catalogue, styles: Sequence[str]) -> dict[str, str]:
    """All values of every axis that has a menu, as text."""
    menus = {axis.label: axis.choices for axis in axes_of(tab) if axis.choices is not None}
    return {label: join_list(list(choices(catalogue, styles))) for label, choices in menus.items()}


XYZ_PLOT = Script(
    title=TITLE,
    help="A table of pictures that differ in up to three ways.",
    args=PlotArgs,
    play=play,
    check=check,
    batches=batches,
    menus={"axes": axis_labels},
    fills=Fills(
        by={"x_values": "x_type", "y_values": "y_type", "z_values": "z_type"},
        texts=axis_texts,
    ),
    swaps=(("x", "y"), ("y", "z"), ("x", "z")),
)
