"""Every worked example of the prompt language."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from modules.prompt.attention import parse_attention
from modules.prompt.chunks import CHUNK_LENGTH, chunk_prompt
from modules.prompt.comments import strip_comments
from modules.prompt.compose import split_composition
from modules.prompt.count import count_tokens
from modules.prompt.networks import take_networks
from modules.prompt.novelai import novelai_to_standard, parse_novelai
from modules.prompt.schedule import parse_schedule, select
from modules.prompt.styles import merge_text
from modules.prompt.tokenizer import ClipTokenizer
from tests.conftest import GOLDEN

EXAMPLES = json.loads((GOLDEN.parent / "examples" / "prompts.json").read_text(encoding="utf-8"))
TOKENIZER = ClipTokenizer.load()


def networks(text: str) -> list[Any]:
    rest, found = take_networks(text)
    return [rest, len(found)]


def schedule(given: dict[str, Any]) -> list[list[Any]]:
    versions = parse_schedule(given["text"], given["steps"], given["hires_steps"], old=given["old"])
    return [list(version) for version in versions]


def at_evaluations(given: dict[str, Any]) -> list[str]:
    versions = parse_schedule(given["text"], given["steps"])
    ends = [version.end for version in versions]
    return [versions[select(ends, evaluation)].text for evaluation in given["evaluations"]]


def chunk_lengths(text: str) -> list[int]:
    cut = chunk_prompt(text, TOKENIZER)
    lengths = []
    for chunk in cut.chunks:
        inside = chunk.tokens[1 : CHUNK_LENGTH + 1]
        lengths.append(sum(token != TOKENIZER.end for token in inside))
    return lengths


KINDS: dict[str, Callable[[Any], Any]] = {
    "style": lambda given: merge_text(*given),
    "comments": strip_comments,
    "networks": networks,
    "composition": lambda given: [list(part) for part in split_composition(given)],
    "schedule": schedule,
    "text at evaluations": at_evaluations,
    "attention": lambda given: [list(segment) for segment in parse_attention(given)],
    "NovelAI": lambda given: [list(segment) for segment in parse_novelai(given)],
    "NovelAI in standard words": novelai_to_standard,
    "tokens": lambda given: list(TOKENIZER.encode(given)),
    "chunk lengths": chunk_lengths,
    "counter": lambda given: list(count_tokens(given, TOKENIZER, steps=10)),
}


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda one: f"{one['n']} {one['kind']}")
def test_example(example: dict[str, Any]) -> None:
    assert KINDS[example["kind"]](example["given"]) == example["wanted"]
