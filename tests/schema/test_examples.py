"""Every worked example of recipes: reading, writing, versions, names."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from modules.model.hashes import legacy_hash
from modules.param import replace_at
from modules.schema.catalogue import CheckpointInfo
from modules.schema.infotext import quote, write_infotext
from modules.schema.infotext_hashes import named_hashes, rename_networks
from modules.schema.infotext_parse import (
    Release,
    fill_defaults,
    find_pairs,
    old_behaviours,
    parse_infotext,
    release_of,
    unquote,
)
from modules.schema.infotext_read import means_hires, read_infotext
from modules.schema.request import GenerationRequest
from modules.schema.result import GeneratedImage
from modules.service.recipe import applies_to
from modules.service.resolve import find_checkpoint
from tests.conftest import GOLDEN

EXAMPLES = json.loads((GOLDEN.parent / "examples" / "infotext.json").read_text(encoding="utf-8"))
BARE = "a\nSteps: 1, Sampler: Euler, CFG scale: 7"


def pairs(line: str) -> dict[str, str]:
    whole = parse_infotext(f"\nx: 1, xx: 1, xxx: 1, {line}")
    return {
        key: whole[key] for key in whole if key not in ("Prompt", "Negative prompt", "xx", "xxx")
    }


def text(given: str, wanted: dict[str, str]) -> dict[str, str | None]:
    found = parse_infotext(given)
    return {key: found.get(key) for key in wanted}


def version(given: str | None) -> list[bool]:
    release = release_of(given)
    if release is None:
        return [False, False]
    return [release < Release(1, 6), release < Release(1, 7, 0, post=225)]


def first_pass(given: dict[str, str]) -> dict[str, list[int]]:
    line = ", ".join(f"{key}: {value}" for key, value in given.items())
    full = fill_defaults(parse_infotext(f"{BARE}, Denoising strength: 0.7, {line}"))
    keys = ("Size", "Hires resize")
    return {key: [int(full[f"{key}-{side}"]) for side in (1, 2)] for key in keys}


def recipe(request: GenerationRequest) -> str:
    picture = GeneratedImage(
        index=0,
        seed=request.seeds.seed,
        subseed=request.seeds.subseed,
        prompt=request.prompt,
        negative_prompt=request.negative_prompt,
        width=request.size.width,
        height=request.size.height,
        facts=(("Schedule type", "Automatic"),),
    )
    return write_infotext(request, picture, version="", applies=applies_to(request))


def round_trip(given: dict[str, Any]) -> str:
    request = GenerationRequest()
    for path, value in given.items():
        request = replace_at(request, path, value)
    written = recipe(request)
    again, told = read_infotext(written, GenerationRequest())
    assert (again, told) == (request, [])
    return written


def key_written(given: dict[str, Any]) -> bool:
    request = replace_at(GenerationRequest(), "sampling.sampler", given["sampler"])
    request = replace_at(request, given["path"], given["value"])
    return given["key"] in dict(find_pairs(recipe(request).rpartition("\n")[2]))


def spelled(line: str) -> bool:
    request, told = read_infotext(f"{BARE}, {line}, Version: v1.8.0", GenerationRequest())
    return request.options.sgm_noise_multiplier and not told


def renamed(given: dict[str, str]) -> str:
    hashes = named_hashes(f"{BARE}, {given['line']}")
    return rename_networks(
        given["prompt"], hashes.loras, lambda name, digest: "local" if digest[0] == "0" else None
    )


KINDS: dict[str, Callable[[Any], Any]] = {
    "pairs": pairs,
    "quoted": quote,
    "meaning of absence": lambda key: fill_defaults(parse_infotext(BARE))[key],
    "version": version,
    "old behaviour": lambda found: sorted(old_behaviours(found)),
    "first pass size": first_pass,
    "hypernet": lambda found: fill_defaults(found)["Prompt"],
    "early networks": lambda found: fill_defaults(found)["Prompt"],
    "spelled otherwise": spelled,
    "hires is on": means_hires,
    "round trip": round_trip,
    "key written": key_written,
    "renamed": renamed,
}


def examples(*kinds: str) -> list[Any]:
    chosen = [one for one in EXAMPLES if one["kind"] in kinds]
    return [pytest.param(one, id=f"{one['n']} {one['kind']}") for one in chosen]


@pytest.mark.parametrize("example", examples(*KINDS))
def test_example(example: dict[str, Any]) -> None:
    assert KINDS[example["kind"]](example["given"]) == example["wanted"]


@pytest.mark.parametrize("example", examples("text"))
def test_example_of_a_text(example: dict[str, Any]) -> None:
    assert text(example["given"], example["wanted"]) == example["wanted"]


@pytest.mark.parametrize("example", examples("quoted"))
def test_what_is_quoted_is_read_again(example: dict[str, Any]) -> None:
    assert unquote(example["wanted"]) == str(example["given"])


@pytest.mark.parametrize("example", examples("checkpoint"))
def test_example_of_a_checkpoint_by_its_name(example: dict[str, Any], tmp_path: Path) -> None:
    files = {"m.safetensors": "0123456789", "long m.ckpt": "abcdef0123"}
    known = []
    for name, digest in files.items():
        path = tmp_path / name
        path.write_bytes(digest.encode() * 200_000)
        title, sha256 = f"{name} [{digest}]", digest.ljust(64, "0")
        known.append(
            CheckpointInfo(title=title, name=name, path=str(path), stem=path.stem, sha256=sha256)
        )
    wanted = example["given"].format(old=legacy_hash(tmp_path / "m.safetensors"))
    assert find_checkpoint(wanted, known).title == example["wanted"]


def test_every_example_has_its_test() -> None:
    assert {one["kind"] for one in EXAMPLES} == {*KINDS, "text", "checkpoint"}
    assert [one["n"] for one in EXAMPLES] == list(range(1, len(EXAMPLES) + 1))
