"""`webui.py txt2img "a cat" --steps 30`: draw from the terminal, with the request's own fields."""

import argparse
import logging
import types
import typing
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from modules.cli.main import FINE, INTERRUPTED, OUR_FAILURE
from modules.cli.progress import ProgressPrinter
from modules.errors import InvalidRequest
from modules.log import set_up_logging
from modules.param import Field, params_of, replace_at
from modules.schema.event import Event, Failed, Stopped
from modules.schema.request import GenerationRequest
from modules.schema.script_call import ScriptCall
from modules.settings.launch import SERVER_ONLY, FlagParser, add_flags, from_args

if TYPE_CHECKING:
    from modules.service.app import App

SIZE = {"size.width", "size.height"}
HIRES = "hires"
OTHER_COMMANDS = {"img2img"}
"""Parts of a request that start from pictures."""


def run(arguments: Sequence[str]) -> int:
    """Draw what the arguments ask for; prints the path of every picture; returns the exit code."""
    chosen = parser().parse_args(arguments)
    set_up_logging(logging.WARNING)
    from modules.service.app import build_app

    launch = from_args(chosen)
    app = build_app(launch.paths(), launch, adopt=False)
    try:
        request, size_given = read_request(chosen, app.base_request())
        job = app.submit(request, origin="command line", size_given=size_given)
        ending = follow(app, job.id)
    finally:
        app.close()
    if isinstance(ending, Stopped):
        return INTERRUPTED
    return OUR_FAILURE if isinstance(ending, Failed) else FINE


def parser() -> argparse.ArgumentParser:
    """Build the parser: a flag for every field of a request, and the program's own flags."""
    made = FlagParser(
        prog="webui.py txt2img",
        description="Draw pictures and write them to outputs/, as the page does.",
        argument_default=argparse.SUPPRESS,
    )
    made.add_argument("prompt", help="what to draw")
    usual = made.add_argument_group("the picture")
    rare = made.add_argument_group("details")
    second = made.add_argument_group("a second pass at a larger size (any of these asks for it)")
    for item in flag_fields():
        group = second if part_of(item) == HIRES else rare if item.param.advanced else usual
        add_flag(group, item)
    script = made.add_argument_group("a script around it")
    script.add_argument("--script", metavar="NAME", help="Such as 'X/Y/Z plot'.")
    script.add_argument(
        "--script-arg",
        metavar="FIELD=VALUE",
        action="append",
        help="A field of the script, such as x_values=1-5; may be given many times.",
    )
    add_flags(made.add_argument_group("the program"), without=SERVER_ONLY)
    return made


def flag_fields() -> list[Field]:
    """List the fields of txt2img; those of other commands and the prompt itself have no flag."""
    apart = {"prompt", *OTHER_COMMANDS}
    return [item for item in params_of(GenerationRequest) if part_of(item) not in apart]


def part_of(item: Field) -> str:
    """Return the part of a request that a field belongs to: "sampling" for "sampling.steps"."""
    return item.path.partition(".")[0]


def flag_of(item: Field) -> str:
    """Return a field's flag: `--cfg-scale` for `sampling.cfg_scale`, `--hires-scale` for hires."""
    name = item.param.flag or (f"{HIRES}-{item.name}" if part_of(item) == HIRES else item.name)
    return "--" + name.replace("_", "-")


def add_flag(group: Any, item: Field) -> None:
    """Add one field's flag, with its label, limits and default as help."""
    about = item.param
    words = [about.label + ".", about.help, f"Default: {item.default}." if item.default else ""]
    help_text = " ".join(word for word in words if word).replace("%", "%%")
    if item.type is bool:
        group.add_argument(
            flag_of(item), dest=item.path, action=argparse.BooleanOptionalAction, help=help_text
        )
        return
    choices = about.choices if isinstance(about.choices, tuple) and about.choices else None
    group.add_argument(
        flag_of(item),
        dest=item.path,
        type=kind_of(item.type),
        choices=choices,
        metavar=None if choices else kind_of(item.type).__name__.upper(),
        help=help_text,
    )


def kind_of(hint: Any) -> type:
    """Return the type a flag's text is turned into; `float | None` is float."""
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        return next(kind for kind in typing.get_args(hint) if kind is not type(None))
    return typing.cast(type, hint)


def read_request(
    chosen: argparse.Namespace, base: GenerationRequest
) -> tuple[GenerationRequest, bool]:
    """Return the request and whether a size was given; what was not given stays as in `base`."""
    given = vars(chosen)
    request = replace_at(base, "prompt", chosen.prompt)
    for item in flag_fields():
        if item.path in given:
            request = replace_at(request, item.path, given[item.path])
    if {"script", "script_arg"} & given.keys():
        request = replace_at(request, "script", script_call(chosen))
    return request, bool(SIZE & given.keys())


def script_call(chosen: argparse.Namespace) -> ScriptCall:
    """The script that the flags name. Raises InvalidRequest for a field without a value."""
    if not hasattr(chosen, "script"):
        raise InvalidRequest("Fields of a script were given, but no script.", "Add --script NAME.")
    args = {}
    for text in getattr(chosen, "script_arg", []):
        name, equals, value = text.partition("=")
        if not equals:
            raise InvalidRequest(f"{text!r:.60} is no field of a script.", "Write FIELD=VALUE.")
        args[name.strip()] = value
    return ScriptCall(name=chosen.script, args=args)


def follow(app: "App", job_id: str) -> Event | None:
    """Print a job's events up to its ending, and return that. Ctrl+C stops the job; twice, us."""
    printer, seen, stopping = ProgressPrinter(), 0, False
    event: Event | None = None
    while True:
        try:
            for entry in app.follow(job_id, seen):
                seen, event = entry
                printer.show(event)
            return event
        except KeyboardInterrupt:
            if stopping:
                raise
            stopping = True
            app.stop(job_id)
