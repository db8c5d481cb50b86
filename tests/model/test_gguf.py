"""GGUF files and packed weights, against the format's own library."""

import struct

import gguf
import numpy as np
import pytest
import torch
from gguf import GGMLQuantizationType, GGUFWriter, quants

from modules.errors import ModelError
from modules.model.gguf import open_gguf
from modules.model.networks.packed_linear import PackedLinear
from modules.model.packing import FLOATS, GGML, Packed

TYPES = [(packing.name, number) for number, packing in GGML.items()]


def random_blocks(number, rows=3, blocks=2):
    """Valid blocks of random bits; scales are made finite."""
    packing = GGML[number]
    raw = np.random.default_rng(number).integers(0, 256, (rows, blocks, packing.bytes), np.uint8)
    halves = {2: [0], 3: [0, 2], 6: [0], 7: [0, 2], 8: [0], 10: [80, 82], 11: [108],
              12: [0, 2], 13: [0, 2], 14: [208]}  # fmt: skip
    for place in halves[number]:
        raw[..., place : place + 2] = np.array([0.37, -0.05], np.float16).view(np.uint8)[:2]
    return raw


@pytest.mark.parametrize("name, number", TYPES)
def test_blocks_are_unpacked_as_the_formats_library_does(name, number):
    raw = random_blocks(number)
    expected = quants.dequantize(raw.reshape(3, -1), GGMLQuantizationType[name])
    packing = GGML[number]
    assert (packing.numbers, packing.bytes) == gguf.GGML_QUANT_SIZES[GGMLQuantizationType[name]]
    packed = Packed(packing, (3, 2 * packing.numbers), torch.from_numpy(raw.copy()).flatten())
    assert np.allclose(packed.unpacked().numpy(), expected, rtol=1e-6, atol=1e-6)


def write_file(path, **tensors):
    """A GGUF file of (array, type)."""
    writer = GGUFWriter(path, "flux")
    writer.add_string("general.name", "tiny")
    writer.add_array("comfy.gguf.orig_shape.reshaped", [2, 2, 32])
    for name, (array, kind) in tensors.items():
        data = array if kind is None else quants.quantize(array, kind)
        writer.add_tensor(name, data, raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


@pytest.fixture
def tiny(tmp_path):
    numbers = np.random.default_rng(1).standard_normal((4, 64), np.float32)
    return write_file(
        tmp_path / "tiny.gguf",
        plain=(numbers, None),
        halves=(numbers.astype(np.float16), None),
        eight=(numbers, GGMLQuantizationType.Q8_0),
        four=(numbers, GGMLQuantizationType.Q4_0),
        brain=(numbers, GGMLQuantizationType.BF16),
        reshaped=(numbers[:, :32], GGMLQuantizationType.Q5_1),
    ), numbers


def test_tensors_of_every_kind_are_read(tiny):
    path, numbers = tiny
    file = open_gguf(path)
    assert file.facts["general.name"] == "tiny"
    assert np.array_equal(file.tensor("plain").numpy(), numbers)
    assert file.tensor("halves").dtype == torch.float16
    for name, error in (("eight", 0.02), ("four", 0.3), ("brain", 0.02)):
        assert np.abs(file.tensor(name).float().numpy() - numbers).max() < error
    assert file.tensor("reshaped").shape == (2, 2, 32)
    assert file.tensors["plain"].kind == 0
    file.close()


def test_a_cut_off_file_is_refused_in_words_wherever_it_ends(tiny, tmp_path):
    data = tiny[0].read_bytes()
    path = tmp_path / "cut.gguf"
    for end in range(0, len(data), len(data) // 20):
        path.write_bytes(data[:end])
        with pytest.raises(ModelError, match=r"cut\.gguf is (incomplete|damaged)"):
            open_gguf(path)


@pytest.mark.parametrize(
    "content, words",
    [
        (b"GGUF" + struct.pack("<IQQ", 9, 0, 0), "version 9"),
        (b"GGUF" + struct.pack("<IQQ", 3, 2**40, 0), "claims to hold"),
        (b"GGUF" + struct.pack("<IQQQ", 3, 0, 1, 2**60), "bytes long"),
        (b"GGUF" + struct.pack("<IQQQ1sI", 3, 0, 1, 1, b"a", 99), "unknown type 99"),
        (b"GGUF" + struct.pack("<IQQQ1sIIQ", 3, 0, 1, 1, b"a", 9, 4, 2**50), "claims"),
        (b"GGUF" + struct.pack("<IQQQ1sI", 3, 1, 0, 1, b"a", 77), "77 dimensions"),
        (b"GGUF" + struct.pack("<IQQQ1sIQIQ", 3, 1, 0, 1, b"a", 1, 32, 55, 0), "number 55"),
        (b"GGUF" + struct.pack("<IQQQ1sIQIQ", 3, 1, 0, 1, b"a", 1, 33, 8, 0), "in blocks of Q8_0"),
        (b"GGUF" + struct.pack("<IQQQ1sIQIQ", 3, 1, 0, 1, b"a", 1, 2**60, 0, 0), "incomplete"),
    ],
)  # fmt: skip
def test_a_file_that_contradicts_itself_is_refused_in_words(tmp_path, content, words):
    path = tmp_path / "hostile.gguf"
    path.write_bytes(content)
    with pytest.raises(ModelError, match=words):
        open_gguf(path)


@pytest.mark.parametrize("number", [8, 2, 12])
def test_a_packed_layer_computes_what_its_unpacked_weights_do(number):
    packing = GGML[number]
    raw = torch.from_numpy(random_blocks(number, rows=5)).flatten()
    packed = Packed(packing, (5, 2 * packing.numbers), raw)
    bias, scale = torch.randn(5), torch.tensor(0.5)
    layer = PackedLinear(packed, bias, scale)
    x = torch.randn(3, layer.in_features)
    assert torch.allclose(layer(x), x @ (packed.unpacked() * 0.5).T + bias, atol=1e-4)
    assert layer.to(torch.float16).raw.dtype == torch.uint8
    assert layer(x.half()).dtype == torch.float16


@pytest.mark.parametrize("dtype", FLOATS)
def test_numbers_of_eight_bits_are_unpacked_exactly(dtype):
    weight = torch.randn(4, 6).to(dtype)
    packed = Packed(FLOATS[dtype], (4, 6), weight.view(torch.uint8).flatten())
    assert torch.equal(packed.unpacked(), weight.float())
    assert packed.raw.nbytes == 24
