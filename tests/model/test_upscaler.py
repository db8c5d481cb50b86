"""Upscalers of every architecture people have: small random files, loaded and drawn with."""

import importlib
import importlib.util
import sys

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from modules.errors import ModelError
from modules.model.upscaler import load_upscaler, standing_in_for_torchvision
from modules.model.upscaler_files import upscaler_files
from modules.pipeline.tiles import WHOLE, Tiling, enlarge

SMALL = {"depths": (2, 2), "num_heads": (2, 2), "embed_dim": 24, "upscale": 2, "img_size": 32}
NETWORKS = {
    "ATD": ("ATD", {**SMALL, "upsampler": "pixelshuffledirect", "category_size": 32}),
    "CRAFT": ("CRAFT", {"embed_dim": 64, "depths": [2], "num_heads": [2], "upscale": 2}),
    "Compact": ("Compact", {"num_feat": 8, "num_conv": 2, "upscale": 2}),
    "DAT": ("DAT", {"embed_dim": 64, "depth": [2], "num_heads": [2], "split_size": [4, 8]}),
    "DCTLSA": ("DCTLSA", {"nf": 20, "upscale": 2}),
    "DITN": ("DITN", {"dim": 16, "ITL_blocks": 1, "SAL_blocks": 1, "upscale": 2}),
    "DRCT": ("DRCT", {**SMALL, "window_size": 8, "upsampler": "pixelshuffle", "gc": 8}),
    "ESRGAN": ("ESRGAN", {"num_filters": 8, "num_blocks": 1, "scale": 4}),
    "HAT": ("HAT", {**SMALL, "window_size": 8, "squeeze_factor": 4}),
    "MoSR": ("MoSR", {"n_block": 2, "dim": 16, "upscale": 2}),
    "OmniSR": ("OmniSR", {"num_feat": 16, "up_scale": 2}),
    "PLKSR": ("PLKSR", {"dim": 16, "n_blocks": 2, "upscaling_factor": 2}),
    "RealPLKSR": ("PLKSR", {"dim": 16, "n_blocks": 2, "upscaling_factor": 2}),
    "RCAN": ("RCAN", {"scale": 2, "n_resgroups": 1, "n_resblocks": 1, "n_feats": 16}),
    "RGT": ("RGT", {"embed_dim": 64, "depth": [2], "num_heads": [2]}),
    "UpCunet2x": ("RealCUGAN", {}),
    "SAFMN": ("SAFMN", {"dim": 16, "n_blocks": 1, "upscaling_factor": 2}),
    "SCUNet": ("SCUNet", {"config": [1] * 7}),
    "SPAN": ("SPAN", {"num_in_ch": 3, "num_out_ch": 3, "feature_channels": 16, "upscale": 2}),
    "SeemoRe": ("SeemoRe", {"scale": 2, "num_layers": 1, "embedding_dim": 16, "num_experts": 2}),
    "SwiftSRGAN": ("SwiftSRGAN", {"num_channels": 8, "num_blocks": 1, "upscale_factor": 2}),
    "Swin2SR": ("Swin2SR", {**SMALL, "window_size": 8, "upsampler": "pixelshuffle"}),
    "SwinIR": ("SwinIR", {**SMALL, "window_size": 8, "upsampler": "pixelshuffle"}),
    "NAFNet": ("NAFNet", {"width": 8, "enc_blk_nums": [1], "dec_blk_nums": [1]}),
    "MMRealSR": ("MMRealSR", {"num_in_ch": 3, "num_out_ch": 3, "num_feat": 16, "num_block": 1}),
    "GRL": (
        "GRL",
        {**SMALL, "depths": [2], "num_heads_window": [2], "num_heads_stripe": [2],
         "upsampler": "pixelshuffle"},
    ),
}  # fmt: skip
EXACT = {"Compact", "ESRGAN", "PLKSR", "SwiftSRGAN", "MMRealSR"}
"""Convolutions with a reach of a few pixels, and nothing else."""
PICTURE = (72, 56)


def picture(size=PICTURE):
    rng = np.random.default_rng(3)
    coarse = Image.fromarray(rng.integers(0, 256, (7, 9, 3), dtype=np.uint8))
    return coarse.resize(size, Image.Resampling.BICUBIC)


def network(name):
    folder, options = NETWORKS[name]
    if name == "GRL":
        options = {key: value for key, value in options.items() if key != "num_heads"}
    with standing_in_for_torchvision():
        module = importlib.import_module(f"spandrel.architectures.{folder}")
    torch.manual_seed(1)
    return getattr(module, name)(**options)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("upscalers")


def written(name, folder):
    file = folder / f"{name}.pth"
    if not file.exists():
        torch.save({"params_ema": network(name).state_dict(), "optimizer": {"step": 3}}, file)
    return file


@pytest.mark.filterwarnings("ignore:torch.meshgrid")  # an architecture of spandrel's
@pytest.mark.parametrize("name", NETWORKS)
def test_each_architecture_is_known_by_its_weights_and_enlarges(name, folder):
    upscaler = load_upscaler(written(name, folder))
    whole = enlarge(picture(), upscaler, WHOLE)
    tiled = enlarge(picture(), upscaler, Tiling(48, 16))
    assert whole.size == tiled.size == tuple(upscaler.scale * side for side in PICTURE)
    apart = np.abs(np.asarray(whole, dtype=float) - np.asarray(tiled, dtype=float))
    inner = apart[: 24 * upscaler.scale, : 24 * upscaler.scale]  # of the first tile, off its seams
    # convolutions alone are exact; whoever looks at the whole tile sees another whole
    assert inner.mean() <= (0.01 if name in EXACT else 4.0)


def test_weights_come_from_any_format_and_any_wrapping(folder):
    table = network("Compact").state_dict()
    save_file(table, folder / "plain.safetensors")
    torch.save(table, folder / "plain.pth")
    torch.save({"params": table}, folder / "old.pth", _use_new_zipfile_serialization=False)
    drawn = {
        np.asarray(enlarge(picture(), load_upscaler(folder / name))).tobytes()
        for name in ("plain.safetensors", "plain.pth", "old.pth")
    }
    assert len(drawn) == 1


def test_what_is_no_upscaler_is_refused_in_words(folder):
    save_file({"a.weight": torch.zeros(3, 3)}, folder / "other.safetensors")
    with pytest.raises(ModelError, match="no upscaler that is known"):
        load_upscaler(folder / "other.safetensors")
    table = network("Compact").state_dict()
    save_file(dict(list(table.items())[:-2]), folder / "part.safetensors")
    with pytest.raises(ModelError, match="part"):
        load_upscaler(folder / "part.safetensors")
    table["body.0.weight"][0, 0, 0, 0] = float("nan")
    save_file(table, folder / "broken.safetensors")
    with pytest.raises(ModelError, match="holds no numbers"):
        load_upscaler(folder / "broken.safetensors")
    (folder / "text.pth").write_text("hello")
    with pytest.raises(ModelError):
        load_upscaler(folder / "text.pth")


def test_nobody_takes_torchvision_for_installed_afterwards(folder):
    load_upscaler(written("Compact", folder))
    if importlib.util.find_spec("torchvision") is None:
        assert "torchvision" not in sys.modules


def test_files_are_listed_by_name_without_being_read(tmp_path):
    for name in (
        "ESRGAN/4x-b.pth",
        "RealESRGAN/4x-a.safetensors",
        "ESRGAN/4x-b.txt",
        "DAT/4x-b.pth",
    ):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("not read")
    assert list(upscaler_files(tmp_path, tmp_path)) == ["4x-a", "4x-b", "4x-b (DAT)"]
