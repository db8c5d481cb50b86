"""Recipes for other programs: texts that read back, and scripts that are right and run."""

import ast
import json
import runpy
import sys
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from modules.errors import InvalidRequest
from modules.schema.codec import from_plain
from modules.schema.inputs import Hires
from modules.schema.request import GenerationRequest, Sampling, Seeds, Size, TextOptions
from modules.service.export_recipe import SCHEDULERS, diffusers_script, export_recipe
from modules.service.recipe import Recipe, understand

REQUEST = GenerationRequest(
    prompt='a (red:1.3) "fox"\nin snow <lora:fur:0.5>',
    negative_prompt='"""\\ blurry',
    sampling=Sampling(sampler="DPM++ 2M", schedule="Karras", steps=7, cfg_scale=6),
    seeds=Seeds(seed=12, source="CPU"),
    size=Size(width=64, height=96),
    text=TextOptions(clip_skip=2),
    hires=Hires(),
)


def values_of(script: str) -> dict[str, Any]:
    """The constants of a script, which must be Python."""
    found = {}
    for node in ast.parse(script).body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            found[node.targets[0].id] = ast.literal_eval(node.value)
    return found


def test_a_script_has_the_recipes_parameters() -> None:
    script = diffusers_script(REQUEST)
    values = values_of(script)
    assert values["CALL"] == {
        "prompt": 'a red "fox"\nin snow',
        "negative_prompt": '""" blurry',  # an escape that escapes nothing
        "num_inference_steps": 7,
        "guidance_scale": 6.0,
        "width": 64,
        "height": 96,
        "clip_skip": 1,
    }
    assert values["SCHEDULER"] == {"use_karras_sigmas": True}
    assert values["SEED"] == 12
    assert values["LORAS"] == {"fur": 0.5}
    assert 'torch.Generator("cpu")' in script


def test_a_script_says_what_it_leaves_out() -> None:
    head = ast.get_docstring(ast.parse(diffusers_script(REQUEST, ('ControlNet """ 0: canny',))))
    assert head is not None
    for omitted in ("weights of words", "second pass", "ControlNet"):
        assert omitted in head


@pytest.mark.parametrize("sampler", [*SCHEDULERS, "Restart"])
def test_every_sampler_makes_a_program(sampler: str) -> None:
    request = GenerationRequest(sampling=Sampling(sampler=sampler, schedule="Beta"))
    compile(diffusers_script(request), "script", "exec")


def test_large_models_get_their_pipeline() -> None:
    assert "import StableDiffusionXLPipeline" in diffusers_script(REQUEST, (), (1024, 1024))
    assert "import StableDiffusionPipeline" in diffusers_script(REQUEST)


def test_json_and_text_come_back() -> None:
    text = "a fox\nSteps: 7, Sampler: Euler, CFG scale: 6, Seed: 12, Size: 64x96"
    recipe = understand(text, GenerationRequest(), ())
    assert export_recipe(recipe, "infotext") == text
    plain = json.loads(export_recipe(recipe, "json"))
    assert from_plain(GenerationRequest, plain) == recipe.request


def test_nothing_and_unknown_forms_are_refused() -> None:
    empty = Recipe(infotext="", request=GenerationRequest())
    with pytest.raises(InvalidRequest, match="no recipe"):
        export_recipe(empty, "json")
    with pytest.raises(InvalidRequest, match="No form") as caught:
        export_recipe(empty, "jsn")
    assert "json" in caught.value.hint


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_a_script_draws_with_diffusers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_pipeline(tmp_path / "model")
    request = GenerationRequest(
        prompt="a cat",
        sampling=Sampling(sampler="DPM++ 2M", steps=2),
        seeds=Seeds(seed=1, source="CPU"),
        size=Size(width=64, height=96),
    )
    file, picture = tmp_path / "draw.py", tmp_path / "out.png"
    file.write_text(diffusers_script(request), encoding="utf-8")
    monkeypatch.setattr(sys, "argv", [str(file), str(tmp_path / "model"), str(picture)])
    runpy.run_path(str(file), run_name="__main__")
    with Image.open(picture) as drawn:
        assert drawn.size == (64, 96)


def make_pipeline(folder: Path) -> None:
    """A tiny Stable Diffusion with random weights, as diffusers keeps them."""
    import diffusers
    import transformers

    text = {"hidden_size": 32, "intermediate_size": 37, "num_attention_heads": 4}
    tiny = {"block_out_channels": (32, 64), "norm_num_groups": 8}
    vocabulary = {"<|startoftext|>": 0, "<|endoftext|>": 1, "a</w>": 2, "cat</w>": 3}
    folder.mkdir()
    (folder / "vocab.json").write_text(json.dumps(vocabulary))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    tokenizer = transformers.CLIPTokenizer(
        str(folder / "vocab.json"), str(folder / "merges.txt"), model_max_length=77
    )
    configuration = transformers.CLIPTextConfig(
        **text, num_hidden_layers=2, vocab_size=10, bos_token_id=0, eos_token_id=1, pad_token_id=1
    )
    unet = diffusers.UNet2DConditionModel(
        **tiny,
        layers_per_block=1,
        sample_size=16,
        in_channels=4,
        out_channels=4,
        cross_attention_dim=32,
        attention_head_dim=8,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
    )
    vae = diffusers.AutoencoderKL(
        block_out_channels=(32, 32, 32, 32),
        norm_num_groups=8,
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        latent_channels=4,
    )
    diffusers.StableDiffusionPipeline(
        vae=vae,
        text_encoder=transformers.CLIPTextModel(configuration),
        tokenizer=tokenizer,
        unet=unet,
        scheduler=diffusers.DDIMScheduler(steps_offset=1, clip_sample=False),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    ).save_pretrained(folder)
