"""Checkpoints are listed without being read and found by every name people know them by."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from modules.errors import NotFound
from modules.model.catalogue import Checkpoint, find, scan, with_hash
from modules.model.hashes import FileFacts
from tests.model import word_checkpoints
from tests.model.tiny import REFERENCE, write_model

TINY = REFERENCE / "data" / "Stable-diffusion" / "tiny.safetensors"


@pytest.fixture
def facts(tmp_path):
    return FileFacts(tmp_path / "cache" / "facts.json")


@pytest.fixture
def models(tmp_path):
    folder = tmp_path / "models"
    folder.mkdir()
    return folder


def test_the_reference_checkpoint_has_its_known_title(facts):
    (listed,) = scan(TINY.parent, facts)
    assert (listed.title, listed.note) == ("tiny.safetensors", "")
    hashed = with_hash(listed, facts)
    assert hashed.title == "tiny.safetensors [fe1e97aec4]"
    assert hashed.short_title == "tiny [fe1e97aec4]"
    assert scan(TINY.parent, facts)[0].title == hashed.title


def test_hashes_survive_a_restart_and_are_forgotten_when_the_file_changes(models, facts):
    path = write_model(models / "a.safetensors")
    digest = facts.sha256(path)
    assert digest == hashlib.sha256(path.read_bytes()).hexdigest()
    again = FileFacts(facts.path)
    assert scan(models, again)[0].sha256 == digest
    write_model(path, native_size=[64, 64])
    changed = FileFacts(facts.path)
    assert scan(models, changed)[0].sha256 == ""
    assert scan(models, changed)[0].native_size == (64, 64)


def test_two_processes_do_not_forget_each_others_hashes(models, facts):
    first, second = write_model(models / "a.safetensors"), write_model(models / "b.safetensors")
    other = FileFacts(facts.path)
    assert other.known(first, "sha256") is None
    facts.sha256(first)
    other.sha256(second)
    assert all(checkpoint.sha256 for checkpoint in scan(models, FileFacts(facts.path)))


@pytest.mark.parametrize("text", ["", "{", "[1]", '{"x": 5}', "\x00"])
def test_a_damaged_cache_is_made_anew(models, facts, text):
    facts.path.parent.mkdir()
    facts.path.write_text(text)
    write_model(models / "a.safetensors")
    assert len(scan(models, facts)) == 1
    assert json.loads(facts.path.read_text())


def test_a_cache_that_cannot_be_written_is_only_slower(models, tmp_path):
    (tmp_path / "file").write_text("")
    write_model(models / "a.safetensors")
    assert len(scan(models, FileFacts(tmp_path / "file" / "facts.json"))) == 1


def test_sizes_and_examples_come_from_the_header(models, facts):
    write_model(models / "own.safetensors")
    (listed,) = scan(models, facts)
    assert (listed.native_size, listed.examples) == ((32, 48), ("a red circle",))
    assert listed.size == (models / "own.safetensors").stat().st_size


def test_incomplete_files_say_how_much_is_there(models, facts):
    save_file({"x": torch.zeros(1_000_000)}, models / "a.safetensors")
    os.truncate(models / "a.safetensors", 1_000_000)
    torch.save({"x": torch.zeros(1000)}, models / "b.ckpt")
    os.truncate(models / "b.ckpt", 2000)
    (models / "c.safetensors").write_bytes(b"")
    notes = [checkpoint.note for checkpoint in scan(models, facts)]
    assert notes[:2] == ["incomplete: 1.0 of 4.0 MB", "incomplete or damaged"]
    assert notes[2]


def test_files_that_cannot_be_drawn_with_say_why(models, facts):
    name = "down_blocks.0.0.channelwise.0.weight"
    save_file({name: torch.zeros(4)}, models / "xl.safetensors")
    (models / "text.safetensors").write_text("hello")
    text, xl = scan(models, facts)
    assert "Stable Cascade" in xl.note
    assert text.note


def test_folders_are_searched_and_other_files_left_out(models, facts):
    for name in ("v10.safetensors", "v9.safetensors", "sub/in.safetensors", ".git/no.safetensors"):
        (models / name).parent.mkdir(exist_ok=True)
        write_model(models / name)
    for name in ("a.vae.safetensors", "notes.txt", "a.pt", ".hidden.safetensors", "a.yaml"):
        (models / name).write_bytes(b"x")
    names = [checkpoint.name for checkpoint in scan(models, facts)]
    assert names == ["v9.safetensors", "v10.safetensors", "sub/in.safetensors"]


def test_links_are_followed_and_broken_or_circular_ones_do_no_harm(models, facts, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    write_model(elsewhere / "far.safetensors")
    (models / "link").symlink_to(elsewhere)
    (elsewhere / "back").symlink_to(models)
    (models / "gone.safetensors").symlink_to(tmp_path / "nothing")
    listed = {checkpoint.name: checkpoint.note for checkpoint in scan(models, facts)}
    assert listed["link/far.safetensors"] == ""
    assert "cannot be read" in listed["gone.safetensors"]
    assert len(listed) == 2


def test_a_diffusers_folder_is_one_checkpoint(models, facts):
    for part in ("unet", "vae", "text_encoder"):
        (models / "folder" / part).mkdir(parents=True)
        save_file({"x": torch.zeros(9)}, models / "folder" / part / "model.safetensors")
    (models / "folder" / "model_index.json").write_text("{}")
    (listed,) = scan(models, facts)
    assert (listed.name, listed.stem, listed.note) == ("folder", "folder", "")
    assert len(with_hash(listed, facts).sha256) == 64


def test_a_missing_folder_holds_nothing(tmp_path, facts):
    assert scan(tmp_path / "nothing", facts) == []


SHA = "abcdef0123" + "4" * 54
KNOWN = [
    Checkpoint(name="sub/My.Model v2.safetensors", path=Path("/m/sub/My.Model v2.safetensors"),
               size=1, sha256=SHA),
    Checkpoint(name="model.ckpt", path=Path("/m/model.ckpt"), size=1),
    Checkpoint(name="model-long.ckpt", path=Path("/m/model-long.ckpt"), size=1),
]  # fmt: skip


@pytest.mark.parametrize(
    "name",
    [
        "sub/My.Model v2.safetensors [abcdef0123]",
        "sub/My.Model v2.safetensors",
        "My.Model v2",
        "My.Model v2 [abcdef0123]",
        "sub_My.Model v2",
        "abcdef0123",
        SHA,
        "My.Model",
        "My.Model v2.safetensors [0000000000]",
    ],
)
def test_a_checkpoint_is_found_by_any_of_its_names(name):
    assert find(KNOWN, name) is KNOWN[0]


def test_part_of_a_name_means_the_shortest_title_with_it():
    assert find(KNOWN, "model").name == "model.ckpt"
    assert find(KNOWN, "odel").name == "model.ckpt"
    assert find(KNOWN, "model-l").name == "model-long.ckpt"


@pytest.mark.parametrize("name", ["", "  ", "nothing like it", "modle.ckpt"])
def test_an_unknown_name_is_answered_with_the_nearest(name):
    with pytest.raises(NotFound) as caught:
        find(KNOWN, name)
    if name == "modle.ckpt":
        assert "'model.ckpt'" in caught.value.hint


def test_the_hash_of_2022_is_still_understood(models, facts):
    path = models / "old.safetensors"
    shutil.copy(TINY, path)
    part = path.read_bytes()[0x100000 : 0x100000 + 0x10000]
    old = hashlib.sha256(part).hexdigest()[:8]
    listed = scan(models, facts)
    assert find(listed, old) is listed[0]
    assert find(listed, f"old.safetensors [{old}]") is listed[0]


def test_listing_costs_no_torch():
    code = (
        "import sys, modules.model.catalogue; print(sorted({'torch', 'numpy'} & set(sys.modules)))"
    )
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=root)
    assert done.stdout.strip() == "[]"


def test_packed_checkpoints_are_listed_with_their_size_and_what_is_wrong(models, facts):
    path = word_checkpoints.write_alone("flux-dev", models, "gguf")
    data = path.read_bytes()
    (models / "half.gguf").write_bytes(data[: len(data) // 2])
    (models / "other.gguf").write_bytes(b"GGUF" + bytes(20))
    listed = {one.name: one for one in scan(models, facts)}
    assert listed["flux-dev.gguf"].native_size == (1024, 1024)
    assert dict(listed["flux-dev.gguf"].usual)["sampling.cfg_scale"] == 3.5
    assert listed["flux-dev.gguf"].note == ""
    assert "incomplete" in listed["half.gguf"].note
    assert "version 0" in listed["other.gguf"].note


def test_what_a_family_likes_is_told(models, facts):
    for name in ("flux-schnell", "sd3", "ldm"):
        word_checkpoints.write(name, models)
    listed = {one.stem: dict(one.usual) for one in scan(models, facts)}
    assert listed["flux-schnell"] == {
        "sampling.sampler": "Euler", "sampling.steps": 4, "sampling.cfg_scale": 1.0,
    }  # fmt: skip
    assert listed["sd3"]["sampling.cfg_scale"] == 4.5
    assert listed["ldm"] == {}
    assert {one.stem: dict(one.usual) for one in scan(models, facts)} == listed, "remembered"


@pytest.mark.parametrize(
    "told, size",
    [("768x768", (768, 768)), ("1024x576", (1024, 576)), ("huge", (512, 512)), ("1x1", (512, 512))],
)
def test_the_size_that_other_programs_write_into_files_counts(models, facts, told, size):
    name = "model.diffusion_model.input_blocks.0.0.weight"
    tensors = {name: torch.zeros(4, 4, 3, 3)}
    save_file(tensors, models / "a.safetensors", metadata={"modelspec.resolution": told})
    (found,) = scan(models, facts)
    assert found.native_size == size
