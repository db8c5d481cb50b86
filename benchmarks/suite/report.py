"""Figures as Markdown."""

from itertools import groupby

from benchmarks.suite.figure import Figure, rounded


def report(about: dict[str, str], figures: list[Figure]) -> str:
    """The machine, and a table for each part."""
    lines = ["# How fast it is", "", *(f"- {key}: {value}" for key, value in about.items()), ""]
    lines.append("Medians, with the least and the most of all rounds. GB are 10^9 bytes.")
    for part, rows in groupby(figures, lambda figure: figure.part):
        lines += ["", f"## {part}", "", *table(list(rows))]
    return "\n".join(lines) + "\n"


def table(figures: list[Figure]) -> list[str]:
    """Lines of a table."""
    lines = ["| what | median | range | how |", "|---|---|---|---|"]
    for figure in figures:
        if figure.value is None:
            lines.append(f"| {figure.name} | not measured | | {cell(figure.how)} |")
            continue
        value = f"{rounded(figure.value)} {figure.unit}"
        lines.append(f"| {figure.name} | {value} | {spread(figure)} | {cell(figure.how)} |")
    return lines


def spread(figure: Figure) -> str:
    """The least and the most, and of how many."""
    if figure.low is None or figure.high is None:
        return "measured once"
    return f"{rounded(figure.low)} to {rounded(figure.high)} ({figure.count})"


def cell(text: str) -> str:
    """Text that may stand in a table."""
    return text.replace("|", "\\|").replace("\n", " ")
