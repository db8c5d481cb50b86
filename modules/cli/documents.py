"""The tables in `docs/` that the declarations write themselves.

A page holds `<!-- table: NAME -->` and `<!-- end -->`; what is between them is generated.
`python -m tests --fix` rewrites it, and a test says when it is stale.
"""

import inspect
import re
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from modules.cli.generate import flag_fields
from modules.cli.generate import flag_of as request_flag
from modules.extension.hooks import ABOUT, BOTH, ENGINE, SERVER, Hooks
from modules.param import Field, params_of
from modules.paths import ROOT, Paths
from modules.pipeline.preprocessors.catalogue import ROWS, Preprocessor
from modules.sampling.catalogue import SAMPLERS, SCHEDULES
from modules.service.scripts.catalogue import all_scripts
from modules.service.scripts.script import TABS
from modules.service.scripts.xyz_axes import AXES, axes_of
from modules.settings.launch import Launch, flag_of
from modules.settings.settings import Settings

TABLE = re.compile(r"(<!-- table: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Write a Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(cell(text) for text in line)} |\n" for line in lines)


def cell(text: str) -> str:
    """Make text fit into one cell."""
    return " ".join(text.split()).replace("|", "\\|")


def default_of(item: Field) -> str:
    """Write a field's default as people would type it; nothing where there is none."""
    if item.default in (None, "", ()):
        return ""
    if isinstance(item.default, bool):
        return "on" if item.default else "off"
    return f"`{item.default}`"


def limits_of(item: Field) -> str:
    """Write what a field accepts."""
    about = item.param
    if isinstance(about.choices, tuple) and about.choices:
        return ", ".join(f"`{choice}`" for choice in about.choices)
    if about.minimum is None and about.maximum is None:
        return ""
    low, high = (
        f"{limit:g}" if limit is not None else "" for limit in (about.minimum, about.maximum)
    )
    return f"{low} to {high}" if low and high else f"at least {low}" if low else f"at most {high}"


def meaning_of(item: Field) -> str:
    """Write a field's label and help."""
    label = item.param.label
    return f"{label}. {item.param.help}" if item.param.help else label


def launch_flags() -> str:
    """The flags of `webui.py`."""
    rows = [
        [f"`{flag_of(item)}`", meaning_of(item), limits_of(item), default_of(item)]
        for item in params_of(Launch)
    ]
    return table(["Flag", "Meaning", "Values", "Default"], rows)


def request_flags() -> str:
    """The flags of `webui.py txt2img`, with the same fields' names elsewhere."""
    rows = [
        [
            f"`{request_flag(item)}`",
            meaning_of(item),
            limits_of(item),
            default_of(item),
            f"`{item.param.api}`" if item.param.api else "",
            item.param.infotext,
        ]
        for item in flag_fields()
    ]
    return table(["Flag", "Meaning", "Values", "Default", "REST name", "In recipes"], rows)


def settings() -> str:
    """What an owner sets once."""
    rows = [
        [
            item.param.label,
            f"`{item.param.setting or item.path}`",
            item.param.help,
            limits_of(item),
            default_of(item),
        ]
        for item in params_of(Settings)
    ]
    return table(["Setting", "Name", "Meaning", "Values", "Default"], rows)


def samplers() -> str:
    """The samplers of the menu."""
    rows = [
        [
            sampler.name,
            ", ".join(f"`{alias}`" for alias in sampler.aliases),
            sampler.schedule or ("its own" if sampler.own_grid else "uniform"),
            str(sampler.calls_per_step),
        ]
        for sampler in SAMPLERS
        if sampler.in_menu
    ]
    return table(["Sampler", "Other names", "Automatic schedule", "Evaluations a step"], rows)


def schedules() -> str:
    """The schedule types of the menu."""
    rows = [
        [schedule.name, ", ".join(f"`{alias}`" for alias in schedule.aliases)]
        for schedule in SCHEDULES
        if schedule.in_menu
    ]
    return table(["Schedule type", "Other names"], rows)


def routes() -> str:
    """The routes of the REST API, with the first sentence of what each does."""
    from tempfile import TemporaryDirectory

    from modules.api.app import make_api
    from modules.engine.fake import FakeEngine
    from modules.service.app import build_app

    with TemporaryDirectory() as folder:
        app = build_app(Paths(data=Path(folder)), Launch(), FakeEngine(()))
        paths = make_api(app).openapi()["paths"]
        app.close()
    rows = [
        [f"`{method.upper()} {path}`", about.get("description", "").partition("\n")[0]]
        for path, methods in sorted(paths.items())
        for method, about in methods.items()
    ]
    return table(["Route", "What it does"], rows)


def scripts() -> str:
    """What every script asks for, in the order of `script_args`."""
    rows = [
        [
            script.title if number == 0 else "",
            f"`{item.name}`",
            meaning_of(item),
            limits_of(item),
            default_of(item),
        ]
        for script in all_scripts()
        for number, item in enumerate(params_of(script.args))
    ]
    return table(["Script", "Field", "Meaning", "Values", "Default"], rows)


def axes() -> str:
    """The axes of the X/Y/Z plot with their numbers in `script_args`."""
    numbers = [{axis.label: str(place) for place, axis in enumerate(axes_of(tab))} for tab in TABS]
    rows = [[axis.label, *(known.get(axis.label, "") for known in numbers)] for axis in AXES]
    return table(["Axis", "Number on txt2img", "Number on img2img"], rows)


def preprocessors() -> str:
    """Every preprocessor with its numbers and the file it needs."""

    def numbers(row: Preprocessor) -> str:
        sliders = [one for one in row.sliders if one is not None]
        parts = [
            f"{one.name} {one.value:g} ({one.minimum:g} to {one.maximum:g})" for one in sliders
        ]
        return "; ".join(parts)

    rows = [
        [
            f"`{row.name}`",
            row.title and f"`{row.title}`",
            ", ".join(row.types),
            numbers(row),
            row.file and f"`{row.file}`",
        ]
        for row in ROWS
    ]
    return table(["Name", "In menus", "Control type", "Numbers", "Needs the file"], rows)


def hooks() -> str:
    """What extensions may do."""
    places = {SERVER: "the server", ENGINE: "the process that draws", BOTH: "both"}
    rows = []
    for name, about in ABOUT.items():
        function = getattr(Hooks, name)
        wanted = [one for one in inspect.signature(function).parameters if one != "self"]
        meaning = (inspect.getdoc(function) or "").split("\n\n")
        call = f"`{name}({', '.join(wanted)})`"
        rows.append([call, " ".join(meaning), places[about.where]])
    return table(["Hook", "Meaning", "Called in"], rows)


TABLES: dict[str, Callable[[], str]] = {
    "launch_flags": launch_flags,
    "request_flags": request_flags,
    "settings": settings,
    "samplers": samplers,
    "schedules": schedules,
    "routes": routes,
    "scripts": scripts,
    "axes": axes,
    "hooks": hooks,
    "preprocessors": preprocessors,
}


def renewed(text: str) -> str:
    """Return a page with its tables as they should be."""
    return TABLE.sub(lambda found: f"{found[1]}\n{TABLES[found[2]]()}\n{found[3]}", text)


def pages() -> list[Path]:
    """Every page of the manual."""
    return sorted((ROOT / "docs").rglob("*.md"))


def stale_pages() -> list[Path]:
    """List pages whose tables are not what the declarations say."""
    texts = {page: page.read_text(encoding="utf-8") for page in pages()}
    return [page for page, text in texts.items() if renewed(text) != text]


def main() -> int:
    """Rewrite stale tables and name their pages."""
    for page in stale_pages():
        page.write_text(renewed(page.read_text(encoding="utf-8")), encoding="utf-8")
        print(f"rewrote {page.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
