"""Weights come out of every supported kind of file, and nothing else does."""

import json
import pickle
import struct
import zipfile
from collections import OrderedDict
from random import Random
from types import ModuleType

import pytest
import torch
from safetensors.torch import save_file

from modules.errors import ModelError
from modules.model.files import read_weights

TENSORS = {
    "a.weight": torch.arange(12, dtype=torch.float32).reshape(3, 4),
    "b.half": torch.arange(5, dtype=torch.float16),
    "c.scalar": torch.tensor(2.5, dtype=torch.float64),
    "d.ids": torch.arange(4).view(1, 4),
    "e.bf16": torch.ones(2, 2, dtype=torch.bfloat16),
    "f.empty": torch.zeros(0, 3),
}


def assert_same(weights, tensors=TENSORS):
    assert set(weights) == set(tensors)
    assert weights.shapes == {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    for name, tensor in tensors.items():
        assert weights[name].dtype == tensor.dtype
        assert torch.equal(weights[name], tensor)


@pytest.mark.parametrize("wrapper", [dict, OrderedDict, lambda d: {"state_dict": d, "epoch": 3}])
@pytest.mark.parametrize("legacy", [False, True], ids=["zip", "legacy"])
def test_pytorch_files_give_their_tensors(tmp_path, legacy, wrapper):
    path = tmp_path / "model.ckpt"
    torch.save(wrapper(TENSORS), path, _use_new_zipfile_serialization=not legacy)
    with read_weights(path) as weights:
        assert_same(weights)


def test_safetensors_give_their_tensors_and_metadata(tmp_path):
    path = tmp_path / "model.safetensors"
    save_file(TENSORS, path, metadata={"key": "value"})
    with read_weights(path) as weights:
        assert_same(weights)
        assert weights.metadata == {"key": "value"}


@pytest.mark.parametrize("suffix", [".safetensors", ".ckpt", ".png"])
def test_content_decides_and_not_the_suffix(tmp_path, suffix):
    torch.save(TENSORS, tmp_path / f"pickle{suffix}")
    save_file(TENSORS, tmp_path / f"safe{suffix}")
    for name in ("pickle", "safe"):
        with read_weights(tmp_path / f"{name}{suffix}") as weights:
            assert_same(weights)


def test_views_and_shared_storages_come_out_right(tmp_path):
    base = torch.arange(24.0).reshape(4, 6)
    tensors = {"base": base, "column": base[:, 2], "turned": base.t(), "same": base}
    torch.save(tensors, tmp_path / "views.pt")
    with read_weights(tmp_path / "views.pt") as weights:
        assert_same(weights, tensors)


def test_parameters_come_out_as_tensors(tmp_path):
    torch.save({"w": torch.nn.Parameter(torch.ones(2))}, tmp_path / "p.pt")
    with read_weights(tmp_path / "p.pt") as weights:
        assert type(weights["w"]) is torch.Tensor


def test_tensors_outlive_the_file(tmp_path):
    path = tmp_path / "model.safetensors"
    save_file(TENSORS, path)
    with read_weights(path) as weights:
        tensor = weights["a.weight"]
    path.write_bytes(b"")
    assert torch.equal(tensor, TENSORS["a.weight"])


@pytest.mark.parametrize("legacy", [False, True], ids=["zip", "legacy"])
def test_what_trainers_leave_behind_is_passed_over(tmp_path, legacy, monkeypatch):
    """A Lightning checkpoint, read where neither Lightning nor its classes exist."""
    module = ModuleType("pytorch_lightning.callbacks.model_checkpoint")

    class ModelCheckpoint(OrderedDict):
        def __init__(self, monitor=None):
            super().__init__()
            self.monitor = monitor

    ModelCheckpoint.__module__ = module.__name__
    ModelCheckpoint.__qualname__ = "ModelCheckpoint"
    module.ModelCheckpoint = ModelCheckpoint
    import numpy as np

    path = tmp_path / "lightning.ckpt"
    with monkeypatch.context() as patched:
        for name in ("pytorch_lightning", "pytorch_lightning.callbacks", module.__name__):
            patched.setitem(__import__("sys").modules, name, module)
        content = {
            "state_dict": TENSORS,
            "callbacks": {ModelCheckpoint: {"best": np.float64(0.25), "at": np.arange(3)}},
            "made": ModelCheckpoint("val/loss"),
            "lr": {0.5, 1e-4},
            "optimizer_states": [{"state": {0: {"exp_avg": torch.zeros(3)}}}],
        }
        torch.save(content, path, _use_new_zipfile_serialization=not legacy)
    with read_weights(path) as weights:
        assert_same(weights)


@pytest.mark.parametrize("kind", ["safetensors", "zip", "legacy"])
def test_a_file_cut_anywhere_is_refused_with_a_reason(tmp_path, kind):
    whole, cut = tmp_path / "whole.pt", tmp_path / "cut.pt"
    tensors = {f"t{n}": torch.randn(64) for n in range(8)}
    if kind == "safetensors":
        save_file(tensors, whole)
    else:
        torch.save(tensors, whole, _use_new_zipfile_serialization=kind == "zip")
    data = whole.read_bytes()
    for part in range(20):
        cut.write_bytes(data[: len(data) * part // 20])
        with pytest.raises(ModelError) as caught:
            read_weights(cut)
        assert caught.value.message.startswith("cut.pt ")


def test_a_flipped_bit_in_a_zip_file_is_found(tmp_path):
    path = tmp_path / "model.pt"
    torch.save({"w": torch.zeros(1000)}, path)
    with zipfile.ZipFile(path) as archive:
        name = next(n for n in archive.namelist() if n.endswith("data/0"))
        info = archive.getinfo(name)
    data = bytearray(path.read_bytes())
    data[info.header_offset + 2000] ^= 1
    path.write_bytes(data)
    with read_weights(path) as weights, pytest.raises(ModelError, match="damaged"):
        weights["w"]


@pytest.mark.parametrize(
    "content, message",
    [
        (b"", "is empty"),
        (b"<!doctype html><html><body>login</body></html>", "web page"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:00", "Git LFS pointer"),
        (b"GGUF" + bytes(100), "GGUF"),
        (b"7z\xbc\xaf\x27\x1c" + bytes(100), "7-Zip"),
        (b"\x00" * 1000, "not a model file"),
        (b"hello there, this is a text file", "not a model file"),
        (b"PK\x03\x04" + bytes(200), "incomplete or damaged"),
    ],
)
def test_other_files_are_refused_by_name(tmp_path, content, message):
    path = tmp_path / "model.safetensors"
    path.write_bytes(content)
    with pytest.raises(ModelError, match=message):
        read_weights(path)


@pytest.mark.parametrize("kind", ["safetensors", "zip", "legacy"])
def test_a_file_with_random_damage_is_read_or_refused_but_never_breaks_the_reader(tmp_path, kind):
    path, random = tmp_path / "model.pt", Random(kind)
    if kind == "safetensors":
        save_file(TENSORS, path)
    else:
        torch.save(TENSORS, path, _use_new_zipfile_serialization=kind == "zip")
    whole = path.read_bytes()
    refused = 0
    for _ in range(150):
        data = bytearray(whole)
        for _ in range(random.choice([1, 2, 5])):
            place = random.randrange(min(len(data), 2000))
            data[place : place + random.randrange(3)] = random.randbytes(random.randrange(3))
        path.write_bytes(data)
        try:
            with read_weights(path) as weights:
                assert all(weights[name].shape == weights.shapes[name] for name in weights)
        except ModelError:
            refused += 1
    assert refused > 75


def header_file(path, fields, data=b""):
    text = fields if isinstance(fields, bytes) else json.dumps(fields).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)
    return path


ENTRY = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}


@pytest.mark.parametrize(
    "fields",
    [
        {"a": ENTRY | {"shape": [3]}},
        {"a": ENTRY | {"shape": [-2]}},
        {"a": ENTRY | {"shape": [2**70]}},
        {"a": ENTRY | {"shape": [True, 2]}},
        {"a": ENTRY | {"shape": [1] * 5000 + [2]}},
        {"a": ENTRY | {"dtype": "F33"}},
        {"a": ENTRY | {"dtype": ["F32"]}},
        {"a": ENTRY | {"data_offsets": [8, 0]}},
        {"a": ENTRY | {"data_offsets": [4, 12]}},
        {"a": ENTRY | {"data_offsets": [0]}},
        {"a": ENTRY, "b": ENTRY},
        {"a": 5},
        {"__metadata__": {"a": 1}},
        {"__metadata__": [1]},
        b'{"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}, "a": 1}',
        b'{"a": ' + b"[" * 20_000 + b"]" * 20_000 + b"}",
        b'{"a": 1' + b"0" * 10_000 + b"}",
        b'{"a": \xff}',
    ],
)
def test_a_header_that_lies_is_refused(tmp_path, fields):
    path = header_file(tmp_path / "liar.safetensors", fields, bytes(8))
    with pytest.raises(ModelError):
        read_weights(path)


def test_bytes_after_the_last_tensor_are_refused(tmp_path):
    path = header_file(tmp_path / "long.safetensors", {"a": ENTRY}, bytes(9))
    with pytest.raises(ModelError, match="follow its last tensor"):
        read_weights(path)


def test_a_pickle_without_tensors_is_refused(tmp_path):
    torch.save({"hello": 1}, tmp_path / "none.pt")
    with pytest.raises(ModelError, match="no table of tensors"):
        read_weights(tmp_path / "none.pt")
    (tmp_path / "plain.pt").write_bytes(pickle.dumps({"a": 1}, protocol=2))
    with pytest.raises(ModelError, match="not a PyTorch checkpoint"):
        read_weights(tmp_path / "plain.pt")
