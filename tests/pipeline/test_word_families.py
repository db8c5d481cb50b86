"""Latent diffusion with BERT, SD 3.5 and FLUX.1 draw through the whole pipeline."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from modules.conditioning.conditioner import Conditioner
from modules.conditioning.reader import reader_for
from modules.errors import ModelError
from modules.model.families.t5_names import LAYERS, SINGLE
from modules.model.loader import load_model
from modules.model.networks.packed_linear import PackedLinear
from modules.param import replace_at
from modules.paths import Paths
from modules.pipeline.generate import generate
from modules.schema.cancel import Cancel
from modules.schema.event import ImageReady
from modules.schema.inputs import ImageData, Img2Img
from modules.schema.request import GenerationRequest, Sampling, Seeds, Size
from tests.model import word_checkpoints

REQUEST = GenerationRequest(
    prompt="a red cat",
    sampling=Sampling(sampler="Euler", steps=2, cfg_scale=3.0),
    seeds=Seeds(seed=1, subseed=1),
    size=Size(width=64, height=64),
)

BACK = {ours: theirs for theirs, ours in SINGLE.items() if theirs != "encoder.embed_tokens.weight"}
"""Names of T5's single tensors in GGUF files."""


@pytest.fixture(scope="module")
def paths(tmp_path_factory):
    """A folder of models with vocabularies."""
    made = Paths(data=tmp_path_factory.mktemp("data"))
    made.checkpoints.mkdir(parents=True)
    word_checkpoints.write_vocabularies(made)
    return made


@pytest.fixture(scope="module")
def load(paths):
    """A model and what reads its prompts, by name; loaded once."""
    known = {}

    def loaded(name):
        if name not in known:
            known[name] = ready(word_checkpoints.write(name, paths.checkpoints), paths)
        return known[name]

    return loaded


def ready(path, paths):
    model = load_model(path, paths=paths)
    return model, Conditioner(reader_for(model), family=model.family)


def drawn(request, loaded):
    """The only picture of a request, as an array of levels."""
    events = list(generate(request, *loaded, Cancel(), preview_interval_s=None))
    (picture,) = [one.image.image for one in events if isinstance(one, ImageReady)]
    return np.frombuffer(picture.data, np.uint8).reshape(picture.height, picture.width, 3)


@pytest.mark.parametrize("name", word_checkpoints.PARTS)
def test_a_family_draws_from_text_and_follows_it(load, name):
    first = drawn(REQUEST, load(name))
    assert first.shape == (64, 64, 3)
    assert np.array_equal(first, drawn(REQUEST, load(name)))
    for prompt in ("two blue dogs", "a (red:1.5) cat"):
        assert not np.array_equal(first, drawn(replace(REQUEST, prompt=prompt), load(name)))


@pytest.mark.parametrize("name", ["ldm-vq", "sd3", "flux-dev"])
@pytest.mark.parametrize("sampler", ["DPM++ 2M", "Euler a", "DDIM"])
def test_a_family_draws_over_a_picture_with_other_samplers(load, name, sampler):
    picture = ImageData(64, 64, "RGB", bytes((90, 120, 60)) * 64 * 64)
    request = replace_at(REQUEST, "sampling.sampler", sampler)
    request = replace(request, img2img=Img2Img(images=(picture,)))
    kept = drawn(replace_at(request, "img2img.denoising_strength", 0.0), load(name))
    changed = drawn(replace_at(request, "img2img.denoising_strength", 0.9), load(name))
    assert not np.array_equal(kept, changed)


def test_long_prompts_are_read_in_windows(load):
    model, conditioner = load("ldm")
    words = conditioner.conditions(["a red cat " * 20], [""], steps=1).at(0)
    assert words.cond.shape == (1, 4 * model.text_encoder.config.positions, 64)
    assert words.uncond.shape == (1, model.text_encoder.config.positions, 64)


def test_sd3_is_told_of_clips_channels_then_of_t5s_words(load):
    _, conditioner = load("sd3")
    told = conditioner.conditions(["a red cat"], [""], steps=1).at(0)
    assert told.cond.shape == (1, 77 + 256, 160)
    assert not told.cond[:, :77, 128:].any() and told.cond[:, :77, :128].all()
    assert told.vectors.shape == (1, 48 + 40)


def test_flux_is_told_of_t5s_words_and_of_clips_vector(load):
    for name, length in (("flux-dev", 512), ("flux-schnell", 256)):
        told = load(name)[1].conditions(["a red cat"], [""], steps=1).at(0)
        assert told.cond.shape == (1, length, 160)
        assert told.vectors.shape == (1, 64)


def test_the_scale_is_told_to_a_network_distilled_with_guidance(load):
    pictures = [
        drawn(replace_at(replace(REQUEST, negative_prompt=text), "sampling.cfg_scale", scale),
              load("flux-dev"))
        for text, scale in (("", 3.0), ("dog", 3.0), ("", 9.0))
    ]  # fmt: skip
    assert np.array_equal(pictures[0], pictures[1])  # it has no use for a negative prompt
    assert not np.array_equal(pictures[0], pictures[2])


def test_t5_may_be_a_gguf_file_under_other_names(load, paths, tmp_path):
    parted = Paths(data=tmp_path, given={"tokenizers": paths.tokenizers})
    word_checkpoints.write_companions("flux-dev", parted)
    plain = parted.text_encoders / "t5xxl.safetensors"
    ours = {name: BACK.get(name, name) for name in load_file(plain)}
    for number in range(word_checkpoints.T5.layers):
        for theirs, module in LAYERS.items():
            name = f"encoder.block.{number}.layer.{module}.weight"
            ours[name] = f"enc.blk.{number}.{theirs}.weight"
    renamed = {ours[name]: tensor for name, tensor in load_file(plain).items()}
    word_checkpoints.write_gguf(parted.text_encoders / "t5.gguf", renamed)
    plain.unlink()
    path = word_checkpoints.write_alone("flux-dev", tmp_path)
    told, exact = (
        conditioner.conditions(["a red cat"], [""], steps=1).at(0).cond
        for _, conditioner in (ready(path, parted), load("flux-dev"))
    )
    assert 0 < (told - exact).abs().mean() < 0.05 * exact.abs().mean()


@pytest.mark.parametrize("name", ["sd3", "flux-dev"])
def test_a_transformer_alone_is_completed_from_files_beside(load, paths, tmp_path, name):
    parted = Paths(data=tmp_path, given={"tokenizers": paths.tokenizers})
    path = word_checkpoints.write_alone(name, tmp_path)
    with pytest.raises(ModelError, match="holds no text encoder CLIP L") as caught:
        load_model(path, paths=parted)
    assert str(parted.text_encoders) in caught.value.hint
    word_checkpoints.write_companions(name, parted)
    assert np.array_equal(drawn(REQUEST, ready(path, parted)), drawn(REQUEST, load(name)))


@pytest.mark.parametrize("kind", ["fp8", "gguf"])
def test_packed_weights_stay_packed_and_draw_nearly_the_same(load, paths, tmp_path, kind):
    parted = Paths(data=tmp_path, given={"tokenizers": paths.tokenizers})
    word_checkpoints.write_companions("flux-dev", parted)
    model, conditioner = ready(word_checkpoints.write_alone("flux-dev", tmp_path, kind), parted)
    packed = [layer for layer in model.unet.modules() if isinstance(layer, PackedLinear)]
    assert packed and all(layer.raw.dtype == torch.uint8 for layer in packed)
    assert not any(
        isinstance(layer, torch.nn.Linear) for layer in model.unet.double_blocks.modules()
    )
    assert model.bytes_held < 0.95 * load("flux-dev")[0].bytes_held
    exact = drawn(REQUEST, load("flux-dev")).astype(int)
    found = drawn(REQUEST, (model, conditioner)).astype(int)
    assert 0 < np.abs(found - exact).mean() < 12


def test_sd3_draws_without_t5(load, tmp_path):
    parted = Paths(data=tmp_path)
    word_checkpoints.write_companions("sd3", parted)
    (parted.text_encoders / "t5xxl.safetensors").unlink()
    model, conditioner = ready(word_checkpoints.write_alone("sd3", tmp_path), parted)
    assert list(model.text_encoders) == ["clip_l", "clip_g"]
    told = conditioner.conditions(["a red cat"], [""], steps=1).at(0)
    assert told.cond.shape == (1, 77 + 77, 160) and not told.cond[:, 77:].any()
    assert drawn(REQUEST, (model, conditioner)).shape == (64, 64, 3)


def test_transformers_compute_in_a_type_of_wide_range_where_half_precision_is_asked(load, paths):
    model = load_model(paths.checkpoints / "sd3.safetensors", dtype=torch.float16, paths=paths)
    assert model.unet.dtype == model.text_encoders["t5xxl"].dtype == torch.bfloat16
    conditioner = Conditioner(reader_for(model), family=model.family)
    found = drawn(REQUEST, (model, conditioner)).astype(int)
    assert np.abs(found - drawn(REQUEST, load("sd3"))).mean() < 8


def test_fluxs_noise_levels_follow_the_size(load):
    model = load("flux-dev")[0]
    small, large = (model.alphas_for(side, side) for side in (256, 1024))
    assert torch.equal(large, model.alphas_cumprod) and bool((small > large).all())
    fixed = load("flux-schnell")[0]
    assert torch.equal(fixed.alphas_for(256, 256), fixed.alphas_cumprod)


@pytest.mark.parametrize("name, title", [("ldm", "BERT"), ("sd3", "T5")])
def test_a_missing_vocabulary_is_asked_for_by_name(paths, tmp_path, name, title):
    bare = Paths(data=tmp_path)
    loaded = ready(word_checkpoints.write(name, tmp_path), bare)
    with pytest.raises(ModelError, match=f"vocabulary of {title}") as caught:
        drawn(REQUEST, loaded)
    assert str(bare.tokenizers) in caught.value.hint
