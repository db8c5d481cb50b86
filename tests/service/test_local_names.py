"""Networks that other people call otherwise."""

import json
import struct
from pathlib import Path

import pytest

from modules.model.hashes import file_sha256
from modules.model.network_hash import tensor_hash
from modules.paths import Paths
from modules.schema.inputs import Hires
from modules.schema.request import GenerationRequest
from modules.service.local_names import LocalNames

RECIPE = "a\nSteps: 1, Sampler: Euler, CFG scale: 7, "


def network(folder: Path, name: str, body: bytes, **metadata: str) -> Path:
    """A safetensors file with one tensor of bytes."""
    info = {"dtype": "U8", "shape": [len(body)], "data_offsets": [0, len(body)]}
    header = json.dumps({"__metadata__": metadata, "t": info}).encode()
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.safetensors"
    path.write_bytes(struct.pack("<Q", len(header)) + header + body)
    return path


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    return Paths(data=tmp_path)


def renamed(paths: Paths, prompt: str, line: str, **more: object) -> GenerationRequest:
    request = GenerationRequest(prompt=prompt, **more)  # type: ignore[arg-type]
    return LocalNames(paths).renamed(request, RECIPE + line)


def test_a_network_gets_the_name_of_the_local_file_with_its_hash(paths: Paths) -> None:
    digest = tensor_hash(network(paths.lora / "sub", "mine", b"abc"))
    network(paths.lora, "other", b"xyz")
    found = renamed(paths, "<lora:theirs:0.5> x", f'Lora hashes: "theirs: {digest}"')
    assert found.prompt == "<lora:mine:0.5> x"


def test_prompts_of_the_second_pass_are_renamed_too(paths: Paths) -> None:
    digest = tensor_hash(network(paths.lora, "mine", b"abc"))
    line = f'Lora hashes: "theirs: {digest}"'
    found = renamed(paths, "", line, hires=Hires(prompt="<lora:theirs:1>"))
    assert found.hires is not None and found.hires.prompt == "<lora:mine:1>"


def test_a_file_of_that_name_and_hash_is_kept(paths: Paths) -> None:
    digest = tensor_hash(network(paths.lora, "theirs", b"abc"))
    network(paths.lora, "copy", b"abc")
    found = renamed(paths, "<lora:theirs:1>", f'Lora hashes: "theirs: {digest}"')
    assert found.prompt == "<lora:theirs:1>"


def test_a_file_of_that_name_and_another_hash_gives_way(paths: Paths) -> None:
    network(paths.lora, "theirs", b"something else")
    digest = tensor_hash(network(paths.lora, "mine", b"abc"))
    found = renamed(paths, "<lora:theirs:1>", f'Lora hashes: "theirs: {digest}"')
    assert found.prompt == "<lora:mine:1>"


def test_the_hash_a_file_names_itself_counts(paths: Paths) -> None:
    network(paths.lora, "mine", b"abc", sshs_model_hash="feedfeedfeed0000")
    found = renamed(paths, "<lora:theirs:1>", 'Lora hashes: "theirs: feedfeedfeed"')
    assert found.prompt == "<lora:mine:1>"


def test_hashes_of_whole_files_count_too(paths: Paths) -> None:
    digest = file_sha256(network(paths.lora, "mine", b"abc", sshs_model_hash="f" * 64))[:10]
    found = renamed(paths, "<lora:theirs:1>", f'Hashes: {{"lora:theirs": "{digest}"}}')
    assert found.prompt == "<lora:mine:1>"


def test_unknown_hashes_and_empty_folders_change_nothing(paths: Paths) -> None:
    prompt = "<lora:theirs:1> emb"
    line = 'Lora hashes: "theirs: 000000000000", TI hashes: "emb: 000000000000"'
    assert renamed(paths, prompt, line).prompt == prompt
    network(paths.lora, "mine", b"abc")
    assert renamed(paths, prompt, line).prompt == prompt


def test_an_embedding_gets_its_local_name_in_both_prompts(paths: Paths) -> None:
    digest = file_sha256(network(paths.embeddings, "mine", b"abc"))[:12]
    found = renamed(
        paths, "x (Theirs:1.2)", f'TI hashes: "Theirs: {digest}"', negative_prompt="theirs"
    )
    assert (found.prompt, found.negative_prompt) == ("x (mine:1.2)", "mine")
