"""`webui.py models`: list, verify, convert and merge model files."""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from modules.cli.main import FINE, OUR_FAILURE
from modules.errors import InvalidRequest
from modules.paths import Paths
from modules.settings.launch import FlagParser, Launch

METHODS = ("weighted sum", "add difference", "no interpolation")
TYPES = ("fp16", "bf16", "fp32")
GIGABYTE = 1e9


def run(arguments: Sequence[str]) -> int:
    """Do what the arguments say; returns the exit code."""
    chosen = read(arguments)
    launch = Launch(
        data_dir=chosen.data_dir, models_dir=chosen.models_dir, ckpt_dir=chosen.ckpt_dir
    )
    result, code = ACTIONS[chosen.action](chosen, launch.paths())
    if chosen.json:
        print(json.dumps(result, indent=2, ensure_ascii=False))
    return code


def read(arguments: Sequence[str]) -> argparse.Namespace:
    """Parse; a wrong word ends the program with exit code 2."""
    parser = FlagParser(prog="webui.py models", description="See to model files.")
    actions = parser.add_subparsers(
        dest="action", required=True, metavar="list | verify | convert | merge"
    )
    listing = actions.add_parser("list", help="name every checkpoint")
    verifying = actions.add_parser("verify", help="read every byte: hash, checksums, NaN")
    verifying.add_argument("names", nargs="+", metavar="MODEL", help="a name, a hash or a path")
    converting = actions.add_parser("convert", help="to safetensors, or to a diffusers folder")
    converting.add_argument("source", metavar="MODEL", help="a name, a hash or a path")
    converting.add_argument("target", metavar="TARGET", help="NAME.safetensors, or a folder")
    merging = actions.add_parser("merge", help="make one model of up to three")
    add_merge_flags(merging)
    for action in (converting, merging):
        action.add_argument("--type", choices=TYPES, default="", help="default: as it is")
        action.add_argument("--overwrite", action="store_true", help="replace what is there")
    for action in (listing, verifying, converting, merging):
        action.add_argument("--json", action="store_true", help="print JSON")
        for flag in ("data-dir", "models-dir", "ckpt-dir"):
            action.add_argument(f"--{flag}", default="", metavar="FOLDER")
    found: argparse.Namespace = parser.parse_args(arguments)
    return found


def add_merge_flags(parser: argparse.ArgumentParser) -> None:
    """The flags of `models merge`."""
    parser.add_argument("a", metavar="A", help="the first model")
    parser.add_argument("b", metavar="B", nargs="?", help="the second")
    parser.add_argument("c", metavar="C", nargs="?", help="the third, taken away from B")
    parser.add_argument("--output", required=True, metavar="FILE", help="NAME.safetensors")
    parser.add_argument("--method", choices=METHODS, help="default: by the number of models")
    parser.add_argument("--multiplier", type=float, default=0.3, metavar="M", help="0.3")
    parser.add_argument(
        "--blocks", default="", metavar="M,M,...", help="one for base, inputs, middle, outputs"
    )
    parser.add_argument("--vae", default="", metavar="FILE", help="bake this VAE in")
    parser.add_argument("--discard", default="", metavar="REGEX", help="leave tensors out")


Result = tuple[Any, int]


def list_models(chosen: argparse.Namespace, paths: Paths) -> Result:
    """Name every checkpoint with its size, and what speaks against it."""
    from modules.model.workshop import listed

    rows = []
    for one in listed(paths):
        rows.append(
            {"name": one.name, "path": str(one.path), "size": one.size, "sha256": one.sha256}
            | {"native_size": list(one.native_size), "note": one.note}
        )
        if not chosen.json:
            note = f"  {one.note}" if one.note else ""
            print(f"{one.size / GIGABYTE:8.2f} GB  {one.title}{note}")
    if not rows and not chosen.json:
        print(f"There are no checkpoints in {paths.checkpoints}.")
    return rows, FINE


def verify_models(chosen: argparse.Namespace, paths: Paths) -> Result:
    """Read every byte of models; exit code 1 if something is wrong with one."""
    from modules.model.workshop import located, verify

    verdicts = [verify(located(paths, name)) for name in chosen.names]
    for one in () if chosen.json else verdicts:
        print(f"{one.name}: {'fine' if one.fine else '; '.join(one.problems)}")
        if one.sha256:
            types = ", ".join(f"{count} {kind}" for kind, count in one.types.items())
            print(f"  {one.family or 'unknown'}, {types}, sha256 {one.sha256}")
    rows = [asdict(one) | {"fine": one.fine} for one in verdicts]
    return rows, FINE if all(one.fine for one in verdicts) else OUR_FAILURE


def convert_model(chosen: argparse.Namespace, paths: Paths) -> Result:
    """Write a model in another form."""
    from modules.model.workshop import convert, located

    found = convert(
        located(paths, chosen.source),
        Path(chosen.target).expanduser().absolute(),
        chosen.type,
        overwrite=chosen.overwrite,
        progress=shown(chosen),
    )
    if not chosen.json:
        print(f"{found['tensors']} tensors are in {found['path']}.")
    return found, FINE


def merge_models(chosen: argparse.Namespace, paths: Paths) -> Result:
    """Make one model of several."""
    from modules.model.workshop import located, merge

    given = [name for name in (chosen.a, chosen.b, chosen.c) if name]
    usual = ("no interpolation", "weighted sum", "add difference")[len(given) - 1]
    found = merge(
        shown(chosen),
        **{letter: located(paths, name) for letter, name in zip("abc", given, strict=False)},
        method=chosen.method or usual,
        multiplier=chosen.multiplier,
        blocks=numbers(chosen.blocks),
        dtype=chosen.type,
        vae=located(paths, chosen.vae) if chosen.vae else None,
        discard=chosen.discard,
        output=Path(chosen.output).expanduser().absolute(),
        overwrite=chosen.overwrite,
    )
    if not chosen.json:
        for notice in found["notices"]:
            print(notice)
        print(f"{found['tensors']} tensors are in {found['path']}.")
    return found, FINE


def numbers(text: str) -> tuple[float, ...]:
    """Numbers separated by commas. Raises InvalidRequest."""
    try:
        return tuple(float(part) for part in text.split(",")) if text else ()
    except ValueError as error:
        raise InvalidRequest(f"{text!r} are not numbers.", "Separate them by commas.") from error


def shown(chosen: argparse.Namespace) -> Any:
    """What tells a person how far it is; silent where nobody looks."""
    if chosen.json or not sys.stderr.isatty():
        return lambda done, total: None

    def show(done: int, total: int) -> None:
        end = "\n" if done == total else ""
        print(f"\r{done} of {total} tensors", end=end, file=sys.stderr, flush=True)

    return show


ACTIONS = {
    "list": list_models,
    "verify": verify_models,
    "convert": convert_model,
    "merge": merge_models,
}
