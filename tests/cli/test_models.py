"""`webui.py models`: what it prints, what it writes, and its exit codes."""

import json

import pytest
import torch
from safetensors.torch import load_file

from modules.cli.main import main
from tests.model.tiny import tensors, write_model


@pytest.fixture
def folder(tmp_path):
    checkpoints = tmp_path / "models" / "Stable-diffusion"
    checkpoints.mkdir(parents=True)
    write_model(checkpoints / "one.safetensors")
    whole = (checkpoints / "one.safetensors").read_bytes()
    (checkpoints / "part.safetensors").write_bytes(whole[: len(whole) // 2])
    torch.save({"state_dict": tensors()}, checkpoints / "old.ckpt")
    return tmp_path


def models(folder, *words):
    return main(["models", *map(str, words), "--data-dir", str(folder)])


def test_the_list_says_what_is_incomplete(folder, capsys):
    assert models(folder, "list") == 0
    text = capsys.readouterr().out
    assert "one.safetensors" in text
    assert "incomplete: " in text
    assert models(folder, "list", "--json") == 0
    rows = {row["name"]: row for row in json.loads(capsys.readouterr().out)}
    assert rows["one.safetensors"]["note"] == ""
    assert rows["one.safetensors"]["native_size"] == [32, 48]


def test_verifying_tells_good_from_bad_by_exit_code(folder, capsys):
    assert models(folder, "verify", "one", "--json") == 0
    [verdict] = json.loads(capsys.readouterr().out)
    assert verdict["fine"]
    assert len(verdict["sha256"]) == 64
    assert verdict["types"] == {"float32": len(tensors())}
    assert models(folder, "verify", "one", "part") == 1
    assert "part.safetensors is incomplete" in capsys.readouterr().out


def test_verifying_finds_numbers_that_are_none_and_wrong_checksums(folder, capsys):
    checkpoints = folder / "models" / "Stable-diffusion"
    bad = tensors() | {"model.diffusion_model.out.2.bias": torch.full((4,), float("nan"))}
    torch.save({"state_dict": bad}, checkpoints / "nan.ckpt")
    data = bytearray((checkpoints / "old.ckpt").read_bytes())
    data[len(data) // 2] ^= 1
    (checkpoints / "flipped.ckpt").write_bytes(data)
    assert models(folder, "verify", "nan", "flipped") == 1
    text = capsys.readouterr().out
    assert "out.2.bias holds NaN" in text
    assert "checksum" in text


def test_converting_by_name(folder, capsys):
    target = folder / "new.safetensors"
    assert models(folder, "convert", "old.ckpt", target, "--type", "fp16") == 0
    assert f"{len(tensors())} tensors" in capsys.readouterr().out
    assert all(tensor.dtype == torch.float16 for tensor in load_file(target).values())
    assert models(folder, "convert", "old.ckpt", target) == 1
    assert "exists already" in capsys.readouterr().err


def test_merging_by_name(folder, capsys):
    target = folder / "models" / "Stable-diffusion" / "both.safetensors"
    words = ("merge", "one", "old", "--output", target, "--multiplier", "0.5", "--json")
    assert models(folder, *words) == 0
    assert json.loads(capsys.readouterr().out)["tensors"] == len(tensors())
    assert models(folder, "verify", "both") == 0


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("verify", "nothing-like-it"), 2),
        (("merge", "one", "old", "--output", "x.safetensors", "--blocks", "1,a"), 2),
    ],
)
def test_wrong_words_are_explained(folder, capsys, words, code):
    assert models(folder, *words) == code
    assert capsys.readouterr().err
