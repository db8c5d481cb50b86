"""The safety checker, with a few random weights in the layout of its file."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import save_file

from modules.errors import ModelError
from modules.model.networks.clip_vision import ClipVisionConfig
from modules.model.safety import CheckerNetwork, SafetyChecker, prepared
from tests.model.tiny import random_network

CONFIG = ClipVisionConfig(width=64, layers=2, heads=1, intermediate=96, patch=8, side=32)


def picture(seed, width=48, height=32):
    return np.random.default_rng(seed).integers(0, 255, (height, width, 3), np.uint8)


def write_checker(folder, *, concept=None, thresholds=(0.5, 0.5), special=0.9, older=False):
    """A checker with two concepts, the first being `concept`, and one of special care."""
    network = random_network(CheckerNetwork(CONFIG, 16, (2, 1)), 1)
    state = network.state_dict()
    if concept is not None:
        state["concept_embeds"][0] = concept
        state["special_care_embeds"][0] = concept
    state["concept_embeds_weights"] = torch.tensor(thresholds)
    state["special_care_embeds_weights"] = torch.tensor([special])
    names = {
        n: n.replace("vision_model.", "vision_model.vision_model.", 1) if older else n
        for n in state
    }
    folder.mkdir(exist_ok=True)
    save_file({names[n]: t.contiguous() for n, t in state.items()}, folder / "model.safetensors")
    return SafetyChecker.read(folder)


def vector_of(checker, seed):
    """CLIP's vector of a picture."""
    network = checker.network
    with torch.no_grad():
        return network.visual_projection(network.vision_model(prepared(picture(seed), 32)))[0]


def test_a_picture_like_a_concept_is_flagged_and_turned_black(tmp_path):
    seen = vector_of(write_checker(tmp_path), 1)
    checker = write_checker(tmp_path, concept=seen, thresholds=(0.9999, 2.0), special=2.0)
    assert checker.flags([picture(1)]) == [False]  # 1 - 0.9999 rounds to nothing
    checker = write_checker(tmp_path, concept=seen, thresholds=(0.995, 2.0), special=2.0)
    shown, count = checker.without_flagged([picture(1), picture(2)])
    assert checker.flags([picture(1)]) == [True]
    assert not shown[0].any()
    assert count == sum(checker.flags([picture(1), picture(2)]))


def test_a_concept_of_special_care_makes_the_checker_stricter(tmp_path):
    seen = vector_of(write_checker(tmp_path), 1)
    calm = write_checker(tmp_path, concept=seen, thresholds=(1.005, 2.0), special=2.0)
    assert calm.flags([picture(1)]) == [False]
    alarmed = write_checker(tmp_path, concept=seen, thresholds=(1.005, 2.0), special=0.5)
    assert alarmed.flags([picture(1)]) == [True]


def test_older_files_name_their_tensors_differently(tmp_path):
    newer, older = write_checker(tmp_path / "a"), write_checker(tmp_path / "b", older=True)
    for name, tensor in newer.network.state_dict().items():
        assert torch.equal(tensor, older.network.state_dict()[name])


def test_without_weights_the_place_for_them_is_named(tmp_path):
    with pytest.raises(ModelError, match="no safety checker in"):
        SafetyChecker.read(tmp_path)


def test_another_model_is_refused_in_words(tmp_path):
    save_file({"a": torch.zeros(1)}, tmp_path / "model.safetensors")
    with pytest.raises(ModelError, match="is no safety checker"):
        SafetyChecker.read(tmp_path)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@torch.no_grad()
def test_the_checker_agrees_with_diffusers(tmp_path):
    from diffusers.pipelines.stable_diffusion.safety_checker import StableDiffusionSafetyChecker
    from PIL import Image
    from transformers import CLIPConfig
    from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

    vision = {"hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 2,
              "num_attention_heads": 1, "patch_size": 8, "image_size": 32}  # fmt: skip
    theirs = StableDiffusionSafetyChecker(CLIPConfig(vision_config=vision, projection_dim=16))
    random_network(theirs, 3)
    resize = CLIPImageProcessorPil(size={"shortest_edge": 32}, crop_size=32)
    pictures = [picture(seed, 40 + seed, 33) // (1 + seed) for seed in range(12)]
    inputs = resize([Image.fromarray(one) for one in pictures], return_tensors="pt").pixel_values
    vectors = F.normalize(theirs.visual_projection(theirs.vision_model(inputs)[1]))
    for name in ("concept_embeds", "special_care_embeds"):  # thresholds that tell pictures apart
        scores = vectors @ F.normalize(getattr(theirs, name)).T
        thresholds = scores.max(dim=0).values + 0.005
        thresholds[0] = scores[:, 0].median()
        getattr(theirs, f"{name}_weights").data = thresholds
    theirs.save_pretrained(tmp_path, safe_serialization=True)
    checker = SafetyChecker.read(tmp_path)
    assert torch.allclose(torch.cat([prepared(one, 32) for one in pictures]), inputs, atol=1e-5)
    _, expected = theirs(inputs, [np.ones((4, 4, 3)) for _ in pictures])
    assert checker.flags(pictures) == expected
    assert len(set(expected)) == 2
