"""Figures as a drawing: plain SVG, readable on light and dark pages."""

from dataclasses import dataclass
from html import escape

from benchmarks.suite.figure import Figure, rounded

WIDTH, LEFT, RIGHT = 800, 310, 110
ROW, BAR, TITLE = 24, 14, 34
OURS, OTHER, TRACK = "#3b82c4", "#9a9aa5", "#8888"
FONT = "font-family='system-ui, sans-serif'"
UNITS = {"x": 1.0, "s": 1.0, "ms": 1.0, "%": 1.0}


@dataclass(frozen=True)
class Panel:
    """Bars on one scale. `figures` are pairs of part (a beginning of it) and name."""

    title: str
    unit: str
    names: tuple[str, ...]
    """Beginnings of the figures' names."""
    parts: tuple[str, ...] = ("",)
    """Beginnings of their parts."""


PANELS = (
    Panel("Times as fast, pair by pair", "x", ("times as fast as",)),
    Panel("A picture, seconds", "s", ("a picture",), ("SD1.5", "SDXL", "other")),
    Panel("A picture of the embedded model, seconds", "s", ("a picture",), ("embedded",)),
    Panel("Start-up, seconds", "s", ("",), ("start-up",)),
    Panel("Share of the peak of large products, %", "%", ("share of",)),
    Panel("Not the network's: share of a picture's time, %", "%", ("overhead at",)),
    Panel("Keeping and asking, milliseconds", "ms", ("keeping", "round trip", "a job over"), ("",)),
)


def chart(about: dict[str, str], figures: list[Figure]) -> str:
    """All panels that have something to show, one below the other."""
    rows, y = list[str](), 40
    for panel in PANELS:
        found = [figure for figure in figures if belongs(figure, panel)]
        if found:
            drawn, y = bars(panel, found, y)
            rows += drawn
    caption = ", ".join(
        about.get(key, "") for key in ("processor", "device", "torch") if key in about
    )
    head = (
        f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {WIDTH} {y + 12}' "
        f"width='{WIDTH}' height='{y + 12}' role='img' aria-label='How fast it is'>"
    )
    style = "<style>text{fill:#444} @media (prefers-color-scheme:dark){text{fill:#ccc}}</style>"
    return "\n".join([head, style, text(12, 22, caption, 12), *rows, "</svg>"]) + "\n"


def belongs(figure: Figure, panel: Panel) -> bool:
    """Whether a figure is drawn in a panel."""
    return (
        figure.value is not None
        and figure.unit == panel.unit
        and figure.name.startswith(panel.names)
        and figure.part.startswith(panel.parts)
    )


def bars(panel: Panel, figures: list[Figure], y: int) -> tuple[list[str], int]:
    """A panel's lines of SVG, and where the next begins."""
    largest = max((figure.high or figure.value or 0.0) for figure in figures) or 1.0
    scale = (WIDTH - LEFT - RIGHT) / largest
    lines = [text(12, y + 18, panel.title, 14, weight="bold")]
    y += TITLE
    for figure in figures:
        value = figure.value or 0.0
        several = len({one.part for one in figures}) > 1
        label = f"{figure.part}: {figure.name}" if several else figure.name
        label = figure.part if several and same_name(figures) else label
        colour = OTHER if "diffusers" in figure.name and figure.unit == "s" else OURS
        width = max(1.0, value * scale)
        lines.append(text(LEFT - 8, y + 12, label, 12, anchor="end"))
        lines.append(
            f"<rect x='{LEFT}' y='{y}' width='{width:.1f}' height='{BAR}' rx='2' fill='{colour}'/>"
        )
        end = LEFT + width
        if figure.low is not None and figure.high is not None:
            low, high = (LEFT + max(0.0, one) * scale for one in (figure.low, figure.high))
            middle = y + BAR / 2
            lines.append(
                f"<path d='M{low:.1f} {middle}H{high:.1f}' stroke='{TRACK}' stroke-width='3'/>"
            )
            end = max(end, high)
        lines.append(text(end + 8, y + 12, f"{rounded(value)} {figure.unit}", 12))
        y += ROW
    return lines, y + 10


def same_name(figures: list[Figure]) -> bool:
    """Whether the part alone tells the bars apart."""
    return len({figure.name for figure in figures}) == 1


def text(x: float, y: float, words: str, size: int, anchor: str = "start", weight: str = "") -> str:
    """A line of text."""
    bold = f" font-weight='{weight}'" if weight else ""
    return (
        f"<text x='{x:.0f}' y='{y:.0f}' {FONT} font-size='{size}' text-anchor='{anchor}'{bold}>"
        f"{escape(words)}</text>"
    )
