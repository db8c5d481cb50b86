"""The small decoder for previews computes what its original does, and is used when it is there."""

import io

import pytest
import torch
from diffusers.models.autoencoders.vae import DecoderTiny
from PIL import Image
from safetensors.torch import save_file

from modules.engine.local import LocalEngine
from modules.model.tiny_decoder import find_tiny_decoder, load_tiny_decoder, tiny_rgb
from modules.schema.cancel import Cancel
from modules.schema.event import Preview
from tests.engine.tiny import folder_with, request


@pytest.fixture(scope="module")
def reference():
    torch.manual_seed(1)
    return DecoderTiny(4, 3, (3, 3, 3, 1), (64, 64, 64, 64), 2, "relu", "nearest").eval()


def own_names(reference):
    """The tensors as the original files have them: the clamp is counted."""
    found = {}
    for name, tensor in reference.state_dict().items():
        _, number, rest = name.split(".", 2)
        found[f"{int(number) + 1}.{rest}"] = tensor
    return found


@pytest.mark.parametrize("layout", ["original", "diffusers"])
def test_it_computes_what_the_reference_does(tmp_path, reference, layout):
    if layout == "original":
        path = tmp_path / "taesd_decoder.pth"
        torch.save(own_names(reference), path)
    else:
        path = tmp_path / "taesd_decoder.safetensors"
        tensors = {f"decoder.{name}": tensor for name, tensor in reference.state_dict().items()}
        save_file(tensors, path)
    x = torch.randn(1, 4, 6, 5)
    with torch.no_grad():
        ours = load_tiny_decoder(path, 4)(x)
        assert torch.allclose(ours * 2 - 1, reference(x), atol=1e-5)


def test_it_is_found_by_family_and_a_broken_file_only_warns(tmp_path, reference, caplog):
    torch.save(own_names(reference), tmp_path / "taesd_decoder.pth")
    (tmp_path / "taesdxl_decoder.pth").write_bytes(b"junk" * 100)
    decoder = find_tiny_decoder([tmp_path], "sd1", 4)
    assert decoder is not None
    assert tiny_rgb(decoder, torch.zeros(4, 3, 2)).shape == (24, 16, 3)
    assert find_tiny_decoder([tmp_path], "sdxl", 4) is None
    assert "taesdxl_decoder.pth" in caplog.text
    assert find_tiny_decoder([tmp_path], "flux", 16) is None


def test_previews_come_from_it(tmp_path, reference):
    paths = folder_with(tmp_path, "tiny")

    def preview():
        engine = LocalEngine(paths, device="cpu", preview_interval_s=0)
        events = list(engine.run(request(), Cancel()))
        return next(event for event in events if isinstance(event, Preview))

    rough = preview()
    folder = paths.models / "VAE-approx"
    folder.mkdir()
    torch.save(own_names(reference), folder / "taesd_decoder.pth")
    fine = preview()
    assert fine.jpeg != rough.jpeg
    assert (fine.width, fine.height) == (64, 64)
    assert Image.open(io.BytesIO(fine.jpeg)).size == (64, 64)
