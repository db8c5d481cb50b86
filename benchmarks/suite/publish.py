"""Figures of the suite into the repository: the README's table, the manual's, and the chart.

`python -m benchmarks --publish FOLDER` takes `figures.json` from FOLDER. What is shown comes from
that file alone, which is kept beside the suite; a test compares it with the pages.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks.suite.chart import chart
from benchmarks.suite.figure import Figure, rounded
from benchmarks.suite.report import report, spread
from benchmarks.suite.server import ROOT

KEPT = ROOT / "benchmarks" / "figures.json"
CHART = ROOT / "docs" / "images" / "figures.svg"
README, MANUAL = ROOT / "README.md", ROOT / "docs" / "benchmarks.md"
BEGIN, END = "<!-- figures -->", "<!-- end of figures -->"


@dataclass(frozen=True)
class Row:
    """A figure of the README: its part, its name there, and what it is called for everybody."""

    part: str
    name: str
    title: str


ROWS = (
    Row("SD1.5 shape, 512", "times as fast as diffusers", "Times as fast as diffusers, 512 x 512"),
    Row(
        "SD1.5 shape, 512", "times as fast as diffusers, fast mode",
        "The same in the [fast mode](docs/speed.md)",
    ),
    Row("SD1.5 shape, 256", "times as fast as diffusers", "Times as fast as diffusers, 256 x 256"),
    Row(
        "SD1.5 shape, 256", "times as fast as diffusers, fast mode",
        "The same in the fast mode",
    ),
    Row("SD1.5 shape, 512", "a picture", "A picture, 512 x 512, 4 steps, over HTTP"),
    Row("SD1.5 shape, 512", "a picture, diffusers", "The same, diffusers"),
    Row("SD1.5 shape, 512", "share of bfloat16 peak", "Share of the processor's peak in a step"),
    Row("SD1.5 shape, 512", "a step beyond its call", "A step beyond the bare network's call"),
    Row("SD1.5 shape, 512", "peak memory, ours", "Peak memory, 512 x 512"),
    Row("SD1.5 shape, 512", "peak memory, diffusers", "The same, diffusers"),
    Row("SD1.5 shape, 256", "a picture", "A picture, 256 x 256, 4 steps, over HTTP"),
    Row("SD1.5 shape, 256", "a picture, diffusers", "The same, diffusers"),
    Row("SD1.5 shape, 256", "share of bfloat16 peak", "Share of the processor's peak in a step"),
    Row("SD1.5 shape, 256", "peak memory, ours", "Peak memory, 256 x 256"),
    Row("SD1.5 shape, 256", "peak memory, diffusers", "The same, diffusers"),
    Row("SD1.5 shape, 256", "overhead at 20 steps", "Outside the network, 20 steps, 256 x 256"),
    Row("embedded model, 128", "a picture", "A picture of the embedded model, 4 steps"),
    Row("embedded model, 128", "overhead at 20 steps", "Outside the network, 20 steps"),
    Row("start-up", "the page answers", "From the command to the page"),
    Row("start-up", "the page can be used", "Until it can be used in a browser"),
    Row("start-up", "the first picture", "Until the first picture of the embedded model"),
    Row("changes", "back to a checkpoint", "Back to a checkpoint in memory"),
    Row("service", "a job over HTTP", "A job with nothing to draw, over HTTP"),
)  # fmt: skip


def publish(folder: Path) -> None:
    """Take the figures from `folder` into the repository."""
    KEPT.write_text((folder / "figures.json").read_text(encoding="utf-8"), encoding="utf-8")
    for path, text in pages().items():
        path.write_text(text, encoding="utf-8")


def kept() -> tuple[dict[str, str], list[Figure]]:
    """The machine and its figures, as they are kept."""
    data = json.loads(KEPT.read_text(encoding="utf-8"))
    return data["about"], [Figure.from_json(one) for one in data["figures"]]


def pages() -> dict[Path, str]:
    """What the README, the manual's page and the chart should be."""
    about, figures = kept()
    told = "\n".join(summary(about, figures))
    whole = report(about, figures).partition("\n\n")[2]
    return {
        README: between(README.read_text(encoding="utf-8"), told),
        MANUAL: between(MANUAL.read_text(encoding="utf-8"), whole.rstrip("\n")),
        CHART: chart(about, figures),
    }


def between(page: str, text: str) -> str:
    """A page with `text` between its marks. Raises ValueError without them."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"The page has no {BEGIN} and {END}.")
    return f"{before}{begin}\n{text}\n{end}{after}"


def summary(about: dict[str, str], figures: list[Figure]) -> Iterator[str]:
    """The README's table: ratios first, then seconds, on which machine."""
    known = {(figure.part, figure.name): figure for figure in figures}
    keys = ("processor", "memory") if about.get("device") == "cpu" else ("device", "processor")
    machine = ", ".join(about[key] for key in keys if key in about)
    rounds = f", {about['rounds']}," if "rounds" in about else ""
    yield f"Medians, with the least and the most of all rounds{rounds} on {machine}:"
    yield ""
    yield "| | median | range |"
    yield "|---|---|---|"
    for row in ROWS:
        figure = known.get((row.part, row.name))
        if figure is not None and figure.value is not None:
            yield f"| {row.title} | {rounded(figure.value)} {figure.unit} | {spread(figure)} |"
