"""Files of every family, cut short and with flipped bits: refused in words, or read as they are."""

import random
import shutil
from dataclasses import replace

import pytest
import torch
import yaml
from safetensors.torch import save_file

from modules.engine.local import LocalEngine
from modules.errors import ModelError
from modules.model.loader import load_model
from modules.paths import Paths
from modules.schema.cancel import Cancel
from modules.schema.event import ImageReady
from modules.schema.request import GenerationRequest, Models, Sampling, Seeds, Size
from tests.model import word_checkpoints
from tests.model.tiny import REFERENCE
from tests.model.tiny_checkpoints import MODELS, description, tensors_of

POINTS = 20
FAMILIES = ("sd1", "sd2", "unclip", "sdxl", "sdxl-refiner", "ldm", "sd3", "flux-dev")


@pytest.fixture(scope="module", params=FAMILIES)
def whole(request, tmp_path_factory):
    """A checkpoint with a small vocabulary, its description beside it."""
    if request.param in word_checkpoints.PARTS:
        return whole_with_words(request.param, tmp_path_factory.mktemp("whole"))
    tiny = MODELS[request.param]
    texts = {prefix: replace(text, vocab_size=64) for prefix, text in tiny.texts.items()}
    tiny = replace(tiny, texts=texts)
    path = tmp_path_factory.mktemp("whole") / "model.safetensors"
    save_file({name: tensor.half() for name, tensor in tensors_of(tiny).items()}, path)
    path.with_suffix(".yaml").write_text(yaml.safe_dump(description(tiny)))
    return path


def whole_with_words(name, folder):
    """The same for families that read words; some need no description."""
    path = folder / "model.safetensors"
    save_file(word_checkpoints.tensors_of(name, vocabulary=64), path)
    if name == "ldm":
        text = word_checkpoints.description(word_checkpoints.PARTS[name])
        path.with_suffix(".yaml").write_text(text)
    return path


def header_size(path):
    """Bytes before the first tensor."""
    with path.open("rb") as file:
        return 8 + int.from_bytes(file.read(8), "little")


def beside(path, name):
    """A new file with its description, in the same folder."""
    if path.with_suffix(".yaml").exists():
        shutil.copy(path.with_suffix(".yaml"), path.with_name(f"{name}.yaml"))
    return path.with_name(f"{name}.safetensors")


def test_a_file_that_was_cut_short_is_refused_wherever_it_ends(whole):
    content = whole.read_bytes()
    path = beside(whole, "short")
    ends = [0, 1, 7, 8, 9, *(len(content) * n // (POINTS - 4) for n in range(1, POINTS - 5))]
    for end in [*ends, header_size(whole) - 1, header_size(whole), len(content) - 1]:
        path.write_bytes(content[:end])
        with pytest.raises(ModelError, match=r"short\.safetensors") as refusal:
            load_model(path)
        assert refusal.value.hint or "is empty" in refusal.value.message or end < 16


def test_flipped_bits_in_a_header_are_refused_or_change_nothing_else(whole):
    content, path = bytearray(whole.read_bytes()), beside(whole, "flipped")
    places = random.Random(1).sample(range(header_size(whole)), POINTS)
    for place in places:
        content[place] ^= 1 << place % 7
        path.write_bytes(content)
        content[place] ^= 1 << place % 7
        try:
            model = load_model(path)
        except ModelError as refusal:
            assert "flipped.safetensors" in refusal.message
        else:
            assert model.unet.dtype == torch.float32


def test_a_checkpoint_of_pytorch_that_was_cut_short_is_refused(whole, tmp_path):
    path = tmp_path / "short.ckpt"
    torch.save({"state_dict": {"model.diffusion_model.x": torch.zeros(4096)}}, tmp_path / "w")
    content = (tmp_path / "w").read_bytes()
    for n in range(POINTS):
        path.write_bytes(content[: len(content) * n // POINTS])
        with pytest.raises(ModelError, match=r"short\.ckpt"):
            load_model(path)


def test_after_a_refusal_the_model_before_draws_on(tmp_path):
    paths = Paths(tmp_path)
    paths.checkpoints.mkdir(parents=True)
    for name in ("tiny.safetensors", "tiny.yaml"):
        source = REFERENCE / "data" / "Stable-diffusion" / name
        shutil.copy(source, paths.checkpoints / name)
    content = (paths.checkpoints / "tiny.safetensors").read_bytes()
    flipped = bytearray(content)
    flipped[2000] ^= 8
    (paths.checkpoints / "flipped.safetensors").write_bytes(flipped)
    (paths.checkpoints / "short.safetensors").write_bytes(content[: len(content) // 2])
    engine = LocalEngine(paths, device="cpu", preview_interval_s=None)

    def drawn(name):
        request = GenerationRequest(
            prompt="a cat",
            models=Models(checkpoint=name),
            sampling=Sampling(sampler="Euler", steps=1),
            seeds=Seeds(seed=1, subseed=1),
            size=Size(width=32, height=32),
        )
        events = engine.run(request, Cancel())
        return [event.image.image for event in events if isinstance(event, ImageReady)]

    first = drawn("tiny.safetensors")
    for name in ("flipped.safetensors", "short.safetensors"):
        with pytest.raises(ModelError, match=name.partition(".")[0]):
            drawn(name)
        assert drawn("tiny.safetensors") == first
    engine.close()
