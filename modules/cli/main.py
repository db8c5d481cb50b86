"""The command line: the first word chooses a command, and without one the page is served."""

import os
import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module

from modules.errors import WebUIError, closest_hint
from modules.version import VERSION


@dataclass(frozen=True)
class Command:
    """A word of the command line; `module` has `run(arguments) -> exit code`."""

    name: str
    help: str
    module: str


COMMANDS = (
    Command("serve", "serve the page and the REST API (what happens without a command)", "serve"),
    Command("txt2img", "draw pictures from a prompt, right here", "generate"),
    Command("run", "draw again what a picture, a recipe or a JSON file asks for", "run"),
    Command("models", "list, verify, convert and merge model files", "models"),
    Command("extensions", "list, install, switch and remove extensions", "extensions"),
    Command("users", "say who may log in", "users"),
    Command("watermark", "look for the invisible watermark in pictures", "watermark"),
    Command("doctor", "find out what is wrong with this installation", "doctor"),
    Command("train-embedded", "train the model that comes with Easel, from nothing", "train"),
    Command("train-upscaler", "train the upscaler that comes with Easel", "train_upscaler"),
    Command("train-companions", "train the LoRA, word and ControlNet for it", "train_companions"),
    Command("eval-embedded", "measure how well that model follows prompts", "evaluate"),
)

FINE, OUR_FAILURE, WRONG_COMMAND, INTERRUPTED = 0, 1, 2, 130


def main(arguments: Sequence[str]) -> int:
    """Run one command and return its exit code: 0, 1 for our failure, 2 for a wrong command."""
    name, rest = choose(arguments)
    command = next((command for command in COMMANDS if command.name == name), None)
    if command is None:
        names = [command.name for command in COMMANDS]
        print(f"No command called {name!r}. {closest_hint(name, names)}", file=sys.stderr)
        return WRONG_COMMAND
    try:
        return int(import_module(f"modules.cli.{command.module}").run(rest))
    except WebUIError as error:
        print(f"{error.message}\n{error.hint}".strip(), file=sys.stderr)
        return WRONG_COMMAND if error.status in (400, 404, 422) else OUR_FAILURE
    except KeyboardInterrupt:
        print("Stopped.", file=sys.stderr)
        return INTERRUPTED


def choose(arguments: Sequence[str]) -> tuple[str, list[str]]:
    """Split the command's name from its arguments.

    `COMMANDLINE_ARGS` of the environment, where A1111's start scripts keep their flags, comes
    before the flags given to the server.
    """
    given = list(arguments)
    if given[:1] == ["--version"]:
        print(f"Easel {VERSION}")
        sys.exit(FINE)
    name = given.pop(0) if given and not given[0].startswith("-") else "serve"
    if name == "serve":
        given = shlex.split(os.environ.get("COMMANDLINE_ARGS", "")) + given
    return name, given


def overview() -> str:
    """List the commands, for the end of `--help`."""
    width = max(len(command.name) for command in COMMANDS)
    lines = [f"  {command.name:<{width}}  {command.help}" for command in COMMANDS]
    return "\n".join(
        ["commands (each has its own --help):", *lines, "", "exit codes: 0 fine, 1 failed, 2 wrong"]
    )
