"""Safetensors headers made to hurt: each is refused with a reason, read or mapped, in no time."""

import json
import struct
import time

import pytest
import torch

from modules.errors import ModelError
from modules.model.files import read_weights

ENTRY = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}
DATA = bytes(8)


def file_of(fields, data=DATA, length=None):
    text = fields if isinstance(fields, bytes) else json.dumps(fields).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + data


def entry(**changes):
    return file_of({"a": ENTRY | changes})


ATTACKS = {
    "header longer than any memory": file_of({"a": ENTRY}, length=2**63),
    "header longer than allowed": file_of({"a": ENTRY}, length=101 * 2**20),
    "header longer than the file": file_of({"a": ENTRY}, length=10_000),
    "header cut short": file_of({"a": ENTRY}, length=10),
    "no header": struct.pack("<Q", 0) + b"{" + DATA * 2,
    "only a length": struct.pack("<Q", 2),
    "offsets beyond the file": entry(data_offsets=[0, 2**60], shape=[2**58]),
    "offsets that overflow 64 bits": entry(data_offsets=[0, 2**65], shape=[2**63]),
    "a shape whose product overflows": entry(shape=[2**40, 2**40, 0, 1]),
    "a shape of very many sides": entry(shape=[1] * 17 + [2]),
    "offsets the wrong way round": entry(data_offsets=[8, 0]),
    "negative offsets": entry(data_offsets=[-8, 0]),
    "offsets with fractions": entry(data_offsets=[0.0, 8.0]),
    "offsets as text": entry(data_offsets=["0", "8"]),
    "offsets that are truth values": entry(data_offsets=[False, 8]),
    "three offsets": entry(data_offsets=[0, 4, 8]),
    "a type nobody knows": entry(dtype="F4"),
    "a type that is a table": entry(dtype={"a": 1}),
    "a type in small letters": entry(dtype="f32"),
    "two tensors in one place": file_of({"a": ENTRY, "b": ENTRY}),
    "tensors that overlap": file_of(
        {"a": ENTRY, "b": ENTRY | {"data_offsets": [4, 12]}}, bytes(12)
    ),
    "a gap between tensors": file_of(
        {"a": ENTRY, "b": ENTRY | {"data_offsets": [12, 20]}}, bytes(20)
    ),
    "a gap before the first": file_of({"a": ENTRY | {"data_offsets": [4, 12]}}, bytes(12)),
    "bytes nobody owns": file_of({"a": ENTRY}, bytes(4096)),
    "one name twice": file_of(
        b'{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},'
        b'"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}'
    ),
    "metadata twice": file_of(
        b'{"__metadata__":{"a":"1"},"__metadata__":{"b":"2"},'
        b'"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}'
    ),
    "metadata that is a list": file_of({"__metadata__": ["x"], "a": ENTRY}),
    "metadata with tables": file_of({"__metadata__": {"x": {"y": 1}}, "a": ENTRY}),
    "metadata too large": file_of({"__metadata__": {"x": "y" * (17 * 2**20)}, "a": ENTRY}),
    "nested a hundred thousand deep": file_of(b'{"a":' + b"[" * 100_000),
    "a number of a million digits": file_of(b'{"a":' + b"9" * 1_000_000 + b"}"),
    "not unicode": file_of(b'{"\xff\xfe":1}'),
    "a list": file_of([1, 2]),
    "NaN for a number": file_of(b'{"a":{"dtype":"F32","shape":[NaN],"data_offsets":[0,8]}}'),
    "nothing at all": b"",
    "seven bytes": b"\x01\x00\x00\x00\x00\x00\x00",
}


@pytest.mark.parametrize("map_from", [0, 2**60], ids=["mapped", "read"])
@pytest.mark.parametrize("name", ATTACKS)
def test_an_attack_is_refused_with_a_reason_and_at_once(tmp_path, name, map_from):
    path = tmp_path / "evil.safetensors"
    path.write_bytes(ATTACKS[name])
    began = time.process_time()
    with pytest.raises(ModelError, match=r"evil\.safetensors"):
        read_weights(path, map_from=map_from)
    assert time.process_time() - began < 2


@pytest.mark.parametrize("map_from", [0, 2**60], ids=["mapped", "read"])
def test_the_same_header_without_tricks_is_fine(tmp_path, map_from):
    path = tmp_path / "good.safetensors"
    path.write_bytes(entry())
    with read_weights(path, map_from=map_from) as weights:
        assert torch.equal(weights["a"], torch.zeros(2))
