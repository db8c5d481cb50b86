"""Hashes of networks in recipes, and names that follow them."""

import pytest

from modules.schema.infotext_hashes import (
    named_hashes,
    rename_embeddings,
    rename_networks,
)

LINE = "a\nSteps: 1, Sampler: Euler, CFG scale: 7, "


def test_lora_and_ti_hashes_are_read_by_name() -> None:
    text = LINE + 'Lora hashes: "a: 0123456789ab, b c: FFFFFFFFFFFF", TI hashes: "e: aaaabbbbcccc"'
    found = named_hashes(text)
    assert found.loras == {"a": "0123456789ab", "b c": "ffffffffffff"}
    assert found.embeddings == {"e": "aaaabbbbcccc"}


def test_a_single_hash_needs_no_quotes() -> None:
    assert named_hashes(LINE + 'Lora hashes: "a: 0123456789ab"').loras == {"a": "0123456789ab"}


def test_the_json_of_sites_is_read_too() -> None:
    resources = '{"model": "0123456789", "lora:x": "89abcdef01", "embed:e": "aabbccdd11"}'
    found = named_hashes(f"{LINE}Hashes: {resources}, Version: v1.6.0")
    assert found.loras == {"x": "89abcdef01"}
    assert found.embeddings == {"e": "aabbccdd11"}


@pytest.mark.parametrize(
    "entry",
    ['Lora hashes: "a"', 'Lora hashes: "a: xyz"', "Hashes: {broken}", 'Hashes: {"lora:x": 3}', ""],
)
def test_entries_of_another_form_are_left_out(entry: str) -> None:
    assert named_hashes(LINE + entry).loras == {}


def test_only_networks_with_a_hash_are_renamed() -> None:
    hashes = {"a": "0123456789ab"}
    prompt = "<lora:a:1> <lora:ab:1> <lyco:a> <hypernet:a:1> a"
    renamed = rename_networks(prompt, hashes, lambda name, digest: "new")
    assert renamed == "<lora:new:1> <lora:ab:1> <lyco:new> <hypernet:a:1> a"
    assert rename_networks(prompt, hashes, lambda name, digest: None) == prompt


def test_embeddings_are_renamed_as_whole_words_in_any_case() -> None:
    renamed = rename_embeddings("EMB, (emb:1.2) embers", {"emb": "aa"}, lambda name, digest: r"x\1")
    assert renamed == r"x\1, (x\1:1.2) embers"
