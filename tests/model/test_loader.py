"""Checkpoints become models, whatever they were saved as; the wrong ones are refused by name."""

import json
from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file, save_file

from modules.errors import ModelError
from modules.model.diffusers_folder import unet_names_for
from modules.model.families.diffusers_names import autoencoder_names
from modules.model.families.sdxl import SDXL
from modules.model.layouts import unet_config
from modules.model.loader import load_model
from modules.model.networks.unet import UNet
from modules.paths import Paths
from tests.model import tiny_checkpoints
from tests.model.tiny import AUTOENCODER, FACTS, REFERENCE, TEXT, UNET, tensors, write_model

TINY = REFERENCE / "data" / "Stable-diffusion" / "tiny.safetensors"


@torch.no_grad()
def drawn(model):
    """Outputs of all three networks, on fixed inputs."""
    generator = torch.Generator().manual_seed(0)
    x, z = torch.randn(2, 1, 4, 6, 4, generator=generator)
    states = model.text_encoder(model.text_encoder.embed_tokens(torch.arange(10)[None]))
    noise = model.unet(x, torch.tensor([7.0]), states[-1])
    return torch.cat([noise.flatten(), model.decode_latent(z).flatten(), states[-1].flatten()])


def test_a_file_that_describes_itself_loads(tmp_path):
    model = load_model(write_model(tmp_path / "own.safetensors"))
    assert (model.unet.config, model.autoencoder.config) == (UNET, AUTOENCODER)
    assert model.text_encoder.config == TEXT
    assert (model.native_size, model.examples) == ((32, 48), ("a red circle",))
    assert (model.downsample, model.latent_channels) == (2, 4)
    assert (model.family.name, model.prediction, model.scale_factor) == ("sd1", "epsilon", 0.18215)
    assert drawn(model).isfinite().all()


def test_weights_arrive_unchanged(tmp_path):
    model = load_model(write_model(tmp_path / "own.safetensors"))
    expected = tensors()
    for name, parameter in model.unet.state_dict().items():
        assert torch.equal(parameter, expected[f"model.diffusion_model.{name}"])
    assert not any(parameter.requires_grad for parameter in model.unet.parameters())


def test_the_description_beside_the_file_wins_over_the_familys(tmp_path):
    path = tmp_path / "tiny.safetensors"
    path.symlink_to(TINY)
    with pytest.raises(ModelError, match="320"):
        load_model(path)
    text = TINY.with_suffix(".yaml").read_text("utf-8").replace("0.18215", "0.5")
    path.with_suffix(".yaml").write_text(text, "utf-8")
    assert load_model(path).scale_factor == 0.5


def smaller(tmp_path, **lacking):
    """SDXL's small file with a U-Net that lacks some of its blocks, and that U-Net."""
    path = tiny_checkpoints.write("sdxl", tmp_path)
    unet = UNet(replace(tiny_checkpoints.SDXL_UNET, **lacking))
    unet = tiny_checkpoints.randomised(unet, seed=5)
    kept = {name: one for name, one in load_file(path).items() if ".diffusion_model." not in name}
    own = {f"model.diffusion_model.{name}": one for name, one in unet.state_dict().items()}
    save_file(kept | own, path)
    return path, unet


@pytest.mark.parametrize("middle", [{"middle_depth": 0, "middle_blocks": 1}, {"middle_depth": 0}])
@torch.no_grad()
def test_a_smaller_version_of_a_family_is_known_by_its_tensors(tmp_path, middle):
    path, unet = smaller(tmp_path, block_depths=(0, 1, 3, 1, 0, 0), **middle)
    model = load_model(path)
    assert model.family.name == "sdxl"
    x, context, vector = torch.randn(1, 4, 8, 8), torch.randn(1, 7, 128), torch.randn(1, 1584)
    inputs = (x, torch.tensor([7.0]), context, vector)
    assert torch.equal(model.unet(*inputs), unet(*inputs))
    with pytest.raises(ModelError, match="fewer"):
        unet_config(SDXL, model.architecture.unet)


def test_absurd_numbers_of_blocks_are_refused_before_anything_is_built(tmp_path):
    path = tiny_checkpoints.write("sdxl", tmp_path)
    name = "model.diffusion_model.middle_block.1.transformer_blocks.999999999.norm1.weight"
    save_file(load_file(path) | {name: torch.zeros(1)}, path)
    with pytest.raises(ModelError, match="1000000000"):
        load_model(path)


def test_a_description_may_be_named(tmp_path):
    path = tmp_path / "other-name.safetensors"
    path.symlink_to(TINY)
    model = load_model(path, config=TINY.with_suffix(".yaml"))
    assert model.unet.config.model_channels == 32


def test_the_text_encoders_sizes_are_read_from_its_tensors():
    config = load_model(TINY).text_encoder.config
    assert (config.width, config.layers, config.intermediate) == (64, 4, 256)
    assert (config.head_count, config.positions, config.vocab_size) == (1, 77, 49408)


@pytest.mark.parametrize("shift, prediction", [(0.0, "epsilon"), (-3.0, "v")])
def test_a_second_version_that_does_not_say_what_it_predicts_is_asked(tmp_path, shift, prediction):
    path = tiny_checkpoints.write("sd2", tmp_path)
    weights = load_file(path)
    weights["model.diffusion_model.out.2.bias"] += 0.5 + shift
    save_file(weights, path)
    paths = Paths(program=tmp_path)
    (paths.configs / "stable-diffusion").mkdir(parents=True)
    beside = path.with_suffix(".yaml")
    beside.rename(paths.configs / "stable-diffusion" / "v2-inference.yaml")
    model = load_model(path, paths=paths)
    assert model.prediction == prediction
    assert model.native_size == ((768, 768) if prediction == "v" else (512, 512))


def test_files_may_say_that_they_predict_velocity(tmp_path):
    model = load_model(tiny_checkpoints.write("sdxl-velocity", tmp_path))
    assert (model.prediction, model.architecture.schedule.zero_terminal_snr) == ("v", True)
    assert model.native_size == (1024, 1024)


def without_vae(tmp_path):
    """A checkpoint that lacks its VAE, that VAE, and places of its own; the VAE is put nowhere."""
    path = tiny_checkpoints.write("sdxl", tmp_path)
    weights = load_file(path)
    vae = {n.removeprefix(VAE): t for n, t in weights.items() if n.startswith(VAE)}
    save_file({n: t for n, t in weights.items() if not n.startswith(VAE)}, path)
    places = Paths(tmp_path / "home")
    places.vae.mkdir(parents=True)
    return path, vae, places


VAE = "first_stage_model."


@pytest.mark.parametrize("name", ["sdxl.vae.safetensors", "sdxl-fixed.safetensors", "any.pt"])
def test_a_checkpoint_without_a_vae_takes_the_one_that_goes_with_it(tmp_path, name):
    path, vae, places = without_vae(tmp_path)
    if name.endswith(".pt"):  # the only one there is
        torch.save({"state_dict": vae}, places.vae / name)
    else:
        save_file(vae, places.vae / name)
        save_file(vae, places.vae / "other.safetensors")
    state = load_model(path, paths=places).autoencoder.state_dict()
    assert all(torch.equal(state[key], tensor) for key, tensor in vae.items())


def test_which_of_several_vaes_belongs_to_a_checkpoint_is_not_guessed(tmp_path):
    path, vae, places = without_vae(tmp_path)
    for name in ("one", "two"):
        save_file(vae, places.vae / f"{name}.safetensors")
    with pytest.raises(ModelError, match="no autoencoder") as refusal:
        load_model(path, paths=places)
    assert "begins with sdxl" in refusal.value.hint


def test_weights_are_cast_to_the_wanted_type(tmp_path):
    model = load_model(write_model(tmp_path / "own.safetensors"), dtype=torch.bfloat16)
    for network in (model.unet, model.autoencoder, model.text_encoder):
        assert {parameter.dtype for parameter in network.parameters()} == {torch.bfloat16}
    assert model.alphas_cumprod.dtype == torch.float32


def test_every_layout_gives_the_same_model(tmp_path):
    """Old names, extra tensors, second copies and PyTorch files make no difference."""
    weights, metadata = tensors(), {"easel": json.dumps(FACTS)}
    expected = drawn(load_model(write_model(tmp_path / "own.safetensors")))
    old = {name.replace("text_model.", ""): tensor for name, tensor in weights.items()}
    old["cond_stage_model.transformer.embeddings.position_ids"] = torch.arange(77)[None]
    copies = {f"model_ema.{n.replace('.', '')}": torch.zeros(1) for n in list(weights)[:9]}
    extra = weights | copies | {"betas": torch.zeros(1000), "model_ema.decay": torch.tensor(0.9)}
    for name, variant in (("old", old), ("extra", extra)):
        save_file(variant, tmp_path / f"{name}.safetensors", metadata=metadata)
        assert torch.equal(drawn(load_model(tmp_path / f"{name}.safetensors")), expected)


def test_a_pytorch_file_gives_the_same_model_as_safetensors(tmp_path):
    torch.save({"state_dict": load_file(TINY), "global_step": 1}, tmp_path / "tiny.ckpt")
    (tmp_path / "tiny.yaml").symlink_to(TINY.with_suffix(".yaml"))
    ours, theirs = load_model(tmp_path / "tiny.ckpt"), load_model(TINY)
    for name, parameter in theirs.unet.state_dict().items():
        assert torch.equal(ours.unet.state_dict()[name], parameter)


def write_folder(folder):
    """The tiny model as diffusers would save it."""
    unet = {ours: theirs for theirs, ours in unet_names_for(UNET).items()}
    vae = {ours: theirs for theirs, ours in list(autoencoder_names(2).items())[::-1]}
    parts = {"unet": {}, "vae": {}, "text_encoder": {}}
    for name, tensor in tensors().items():
        if name.startswith("model.diffusion_model."):
            parts["unet"][renamed(name.removeprefix("model.diffusion_model."), unet)] = tensor
        elif name.startswith("first_stage_model."):
            theirs = renamed(name.removeprefix("first_stage_model."), vae)
            linear = ".attentions." in theirs and tensor.ndim == 4
            parts["vae"][theirs] = tensor[:, :, 0, 0].contiguous() if linear else tensor
        else:
            parts["text_encoder"][name.removeprefix("cond_stage_model.transformer.")] = tensor
    configs = {
        "unet": {
            "in_channels": 4, "out_channels": 4, "block_out_channels": [8, 16],
            "down_block_types": ["CrossAttnDownBlock2D"] * 2, "layers_per_block": 1,
            "attention_head_dim": 2, "cross_attention_dim": 16, "norm_num_groups": 4,
        },
        "vae": {
            "block_out_channels": [8, 16], "layers_per_block": 1, "latent_channels": 4,
            "norm_num_groups": 4, "scaling_factor": 0.18215,
        },
        "text_encoder": {
            "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2,
            "intermediate_size": 32, "vocab_size": 50, "max_position_embeddings": 77,
        },
        "scheduler": {"prediction_type": "epsilon", "beta_schedule": "scaled_linear"},
    }  # fmt: skip
    for part, config in configs.items():
        (folder / part).mkdir(parents=True)
        name = "scheduler_config.json" if part == "scheduler" else "config.json"
        (folder / part / name).write_text(json.dumps(config))
    for part, content in parts.items():
        stem = "model" if part == "text_encoder" else "diffusion_pytorch_model"
        save_file(content, folder / part / f"{stem}.safetensors")
    index = {"_class_name": "StableDiffusionPipeline"}
    (folder / "model_index.json").write_text(json.dumps(index))
    return folder


def renamed(name, table):
    """A parameter's name by the longest module name in the table."""
    head = max((ours for ours in table if name.startswith(ours + ".")), key=len)
    return table[head] + name.removeprefix(head)


def test_a_diffusers_folder_gives_the_same_model(tmp_path):
    model = load_model(write_folder(tmp_path / "folder"))
    assert model.unet.config == UNET
    single = drawn(load_model(write_model(tmp_path / "own.safetensors")))
    assert torch.equal(drawn(model), single)


def test_another_kind_of_diffusers_folder_is_refused_by_name(tmp_path):
    folder = write_folder(tmp_path / "folder")
    (folder / "model_index.json").write_text('{"_class_name": "AudioLDMPipeline"}')
    with pytest.raises(ModelError, match="AudioLDMPipeline"):
        load_model(folder)


def test_a_diffusers_folder_without_a_network_is_refused(tmp_path):
    folder = write_folder(tmp_path / "folder")
    (folder / "vae" / "diffusion_pytorch_model.safetensors").unlink()
    with pytest.raises(ModelError, match="folder/vae holds no weights"):
        load_model(folder)


@pytest.mark.parametrize(
    "prefix, message",
    [("first_stage_model.", "no autoencoder"), ("cond_stage_model.", "no text encoder")],
)
def test_a_file_without_one_of_the_networks_says_which(tmp_path, prefix, message):
    kept = {name: tensor for name, tensor in tensors().items() if not name.startswith(prefix)}
    save_file(kept, tmp_path / "part.safetensors", metadata={"easel": json.dumps(FACTS)})
    with pytest.raises(ModelError, match=message):
        load_model(tmp_path / "part.safetensors")


def test_a_missing_tensor_is_named(tmp_path):
    weights = tensors()
    del weights["model.diffusion_model.middle_block.1.norm.weight"]
    save_file(weights, tmp_path / "m.safetensors", metadata={"easel": json.dumps(FACTS)})
    with pytest.raises(ModelError, match=r"lacks 1 of \d+ tensors.*middle_block\.1\.norm\.weight"):
        load_model(tmp_path / "m.safetensors")


@pytest.mark.parametrize(
    "facts",
    [
        {"unet": {"model_channels": 10**12}},
        {"unet": FACTS["unet"] | {"num_res_blocks": 10**9}},
        {"unet": FACTS["unet"] | {"num_res_blocks": "many"}},
        {"unet": FACTS["unet"] | {"num_res_blocks": [1]}},
        {"unet": FACTS["unet"] | {"channel_mult": []}},
        {"unet": FACTS["unet"] | {"attention": "os.system"}},
        {"unet": FACTS["unet"] | {"surprise": 1}},
        {"unet_heads": 0},
        {"unet_heads": 3},
        {"norm_groups_unet": 0},
        {"norm_groups_vae": 7},
        {"text": {"activation": "tanh"}},
        {"native_size": [0, 0]},
        {"native_size": "big"},
        {"prediction": "guess"},
        {"scale_factor": "small"},
        {"examples": 5},
        {"preview_factors": [[1, 2]]},
    ],
    ids=json.dumps,
)
def test_a_description_that_makes_no_sense_is_refused(tmp_path, facts):
    with pytest.raises(ModelError, match=r"odd\.safetensors"):
        load_model(write_model(tmp_path / "odd.safetensors", **facts))


@pytest.mark.parametrize(
    "name, shape, family",
    [
        ("model.diffusion_model.label_emb.0.0.weight", (4, 2816), "SDXL without its text"),
        ("model.diffusion_model.label_emb.0.0.weight", (4, 2560), "refiner without its text"),
        ("lora_unet_down_blocks_0.lora_up.weight", (4, 4), "a LoRA"),
        ("decoder.conv_in.weight", (4, 4, 3, 3), "a VAE on its own"),
    ],
)
def test_other_kinds_of_model_are_refused_by_name(tmp_path, name, shape, family):
    save_file({name: torch.zeros(shape)}, tmp_path / "other.safetensors")
    with pytest.raises(ModelError, match=rf"other\.safetensors looks like .*{family}"):
        load_model(tmp_path / "other.safetensors")


def test_an_unknown_architecture_is_refused(tmp_path):
    save_file({"x": torch.zeros(1)}, tmp_path / "x.safetensors")
    with pytest.raises(ModelError, match="unknown architecture"):
        load_model(tmp_path / "x.safetensors")


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(ModelError, match="There is no model at"):
        load_model(tmp_path / "nothing.safetensors")


def test_noise_moves_an_encoded_picture_by_its_deviation(tmp_path):
    model = load_model(write_model(tmp_path / "own.safetensors", scale_factor=2.0))
    picture = torch.rand(2, 3, 8, 8) * 2 - 1
    mean, log_variance = model.autoencoder.encode_moments(picture).chunk(2, dim=1)
    still = model.encode_image(picture, torch.zeros(2, 4, 4, 4))
    moved = model.encode_image(picture, torch.ones(2, 4, 4, 4))
    assert torch.allclose(still, 2 * mean, atol=1e-5)
    assert torch.allclose(moved - still, 2 * (log_variance.clamp(-30, 20) / 2).exp(), atol=1e-4)


def test_a_batch_decodes_to_exactly_what_single_latents_decode_to():
    model = load_model(TINY)
    z = torch.randn(2, 4, 4, 4)
    alone = [model.decode_latent(one[None]) for one in z]
    assert torch.equal(model.decode_latent(z), torch.cat(alone))


def test_a_half_precision_autoencoder_that_overflows_is_run_in_full_precision(tmp_path):
    model = load_model(write_model(tmp_path / "own.safetensors"), dtype=torch.float16)
    model.autoencoder.post_quant_conv.weight.fill_(60000.0)
    picture = model.decode_latent(torch.full((1, 4, 4, 4), 60000.0))
    assert picture.isfinite().all()
    assert model.autoencoder.dtype == torch.float32
    assert model.unet.dtype == torch.float16
