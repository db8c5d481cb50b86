"""Descriptions of models are read as data, and what they cannot mean is refused."""

import sys
from pathlib import Path

import pytest

from modules.errors import ModelError
from modules.model.config import read_config
from modules.paths import Paths
from tests.model.tiny import REFERENCE, YAML

CONFIGS = Paths().configs / "stable-diffusion"


def test_the_first_version_is_described_as_published():
    described = read_config(CONFIGS / "v1-inference.yaml")
    unet, autoencoder = described.unet, described.autoencoder
    assert (unet.model_channels, unet.channel_mult, unet.num_heads) == (320, (1, 2, 4, 4), 8)
    assert (unet.in_channels, unet.context_dim) == (4, 768)
    assert [unet.depth_at(level) for level in range(4)] == [1, 1, 1, 0]
    assert (autoencoder.channels, autoencoder.downsample, autoencoder.embed_dim) == (128, 8, 4)
    assert (described.prediction, described.scale_factor) == ("epsilon", 0.18215)
    assert described.schedule.linear_end == 0.012


def test_the_second_version_has_heads_of_64_channels_and_predicts_velocity():
    described = read_config(CONFIGS / "v2-inference-v.yaml")
    assert described.prediction == "v"
    assert described.unet.heads_for(640) == 10
    assert described.unet.use_linear_in_transformer
    assert read_config(CONFIGS / "v2-inference.yaml").prediction == "epsilon"


def test_the_inpainting_version_takes_nine_channels():
    assert read_config(CONFIGS / "v1-inpainting-inference.yaml").unet.in_channels == 9


def test_a_published_description_of_another_program_is_understood():
    described = read_config(REFERENCE / "data" / "Stable-diffusion" / "tiny.yaml")
    assert described.unet.model_channels == 32
    assert described.unet.context_dim == 64
    assert described.autoencoder.channels == 32


def written(folder: Path, text: str) -> Path:
    path = folder / "model.yaml"
    path.write_text(text, "utf-8")
    return path


def test_interpolations_are_resolved(tmp_path):
    text = "width: 48\n" + YAML.replace("model_channels: 32", "model_channels: ${width}")
    assert read_config(written(tmp_path, text)).unet.model_channels == 48


def test_attention_in_the_autoencoder_is_found_by_its_resolution(tmp_path):
    text = YAML.replace("resolution: 64", "resolution: 64, attn_resolutions: [32]")
    assert read_config(written(tmp_path, text)).autoencoder.attention_levels == (1,)


@pytest.mark.parametrize(
    "target",
    ["os.system", "ldm.models.diffusion.ddpm.LatentUpscaleDiffusion", "subprocess.Popen", "5"],
)
@pytest.mark.parametrize(
    "known", ["ddpm.LatentDiffusion", "openaimodel.UNetModel", "autoencoder.AutoencoderKL"]
)
def test_an_unknown_class_is_refused_by_name(tmp_path, known, target):
    line = next(line for line in YAML.splitlines() if line.endswith(known))
    text = YAML.replace(line, line.split("target:")[0] + f"target: {target}")
    with pytest.raises(ModelError, match=target):
        read_config(written(tmp_path, text))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "- 1",
        "just text",
        "model: 5",
        "model: {target: ldm.LatentDiffusion}",
        "a: [",
        "a: !!python/object/apply:os.system ['true']",
        "a: &a [1, 2]\nb: *a",
        "a: ${nothing}",
        YAML.replace("model_channels: 32", "model_channels: wide"),
        YAML.replace("channel_mult: [1]", "channel_mult: 1"),
        YAML.replace("        num_heads: 2\n", ""),
        YAML.replace("    timesteps: 1000", "    parameterization: x0"),
        YAML.replace("    timesteps: 1000", "    beta_schedule: cosine"),
        YAML.replace("z_channels: 4, ", ""),
        "a: " + "x" * 2**21,
    ],
    ids=lambda text: text[:24] or "empty",
)
def test_what_describes_no_model_is_refused_with_a_reason(tmp_path, text):
    with pytest.raises(ModelError, match=r"model\.yaml"):
        read_config(written(tmp_path, text))


XL = (Paths().configs / "stable-diffusion-xl" / "sd_xl_base.yaml").read_text("utf-8")


def test_sdxl_is_described_in_words_of_its_own(tmp_path):
    described = read_config(written(tmp_path, XL))
    assert [described.unet.depth_at(level) for level in range(3)] == [0, 2, 10]
    assert (described.unet.depth_in_middle(), described.unet.adm_in_channels) == (10, 2816)
    assert (described.prediction, described.scale_factor) == ("epsilon", 0.13025)
    text = XL.replace("EpsScaling", "VScaling")
    assert read_config(written(tmp_path, text)).prediction == "v"


def test_one_width_for_every_level_may_be_said_as_a_list(tmp_path):
    text = XL.replace("context_dim: 2048", "context_dim: [1280, 1280, 1280, 1280]")
    assert read_config(written(tmp_path, text)).unet.context_dim == 1280
    text = XL.replace("context_dim: 2048", "context_dim: [1280, 768]")
    with pytest.raises(ModelError, match="not one number"):
        read_config(written(tmp_path, text))


@pytest.mark.parametrize(
    "known, other",
    [
        ("sgm.models.diffusion.DiffusionEngine", "os.system"),
        ("EpsScaling", "EDMScaling"),
        ("LegacyDDPMDiscretization", "EDMDiscretization"),
        ("sgm.modules.GeneralConditioner", "subprocess.Popen"),
        ("openaimodel.UNetModel", "video_model.VideoUNet"),
        ("AutoencoderKLInferenceWrapper", "VideoAutoencoder"),
        ("denoiser.DiscreteDenoiser", "denoiser.Denoiser"),
    ],
)
def test_classes_that_sdxl_does_not_have_are_refused_by_name(tmp_path, known, other):
    with pytest.raises(ModelError, match=f"names '.*{other.rpartition('.')[2]}'"):
        read_config(written(tmp_path, XL.replace(known, other)))


def test_nothing_that_a_description_names_is_imported(tmp_path):
    (tmp_path / "evil_description.py").write_text("raise SystemExit")
    text = XL.replace("sgm.models.autoencoder", "evil_description")
    before = set(sys.modules)
    sys.path.insert(0, str(tmp_path))
    try:
        read_config(written(tmp_path, text))
    finally:
        sys.path.remove(str(tmp_path))
    assert not {name for name in set(sys.modules) - before if name.startswith(("evil", "sgm"))}
