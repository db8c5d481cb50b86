"""Whole passes with ControlNet against diffusers' pipelines: the same weights, the same latents.

Largest errors of the final latents seen, relative to the largest number, in float32: 1.8e-6.
"""

from contextlib import contextmanager
from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file

from modules.pipeline.points import Attachment, Points
from tests.model.test_families_compared import relative_error, their_autoencoder, their_unet
from tests.model.tiny_checkpoints import randomised
from tests.pipeline.test_control import PLAIN, UNIT, Studio, photo

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]

CLOSE = 1e-5
STEPS, SCALE = 5, 3.0
REQUEST = replace(PLAIN, sampling=replace(PLAIN.sampling, sampler="CompVis DDIM", steps=STEPS))


class Kept:
    """What happens in our pass: first and last latents, and what the network is told."""

    def __init__(self):
        self.first = self.last = self.call = None

    @property
    def points(self):
        """For the pass."""
        return Points(
            (
                Attachment(
                    before_network=self.start, around_network=self.around, before_decode=self.end
                ),
            )
        )

    def start(self, x, level):
        self.first = x.clone() if self.first is None else self.first
        return x

    def end(self, latent):
        self.last = latent
        return latent

    @contextmanager
    def around(self, call):
        self.call = self.call or call
        yield None


@pytest.mark.parametrize("span", [(0.0, 1.0), (0.2, 0.6)])
@pytest.mark.parametrize("family", ["sd1", "sdxl"])
def test_a_pass_draws_what_diffusers_pipeline_draws(tmp_path, family, span):
    from diffusers import ControlNetModel

    studio = Studio(tmp_path, family)
    tensors = load_file(studio.model.path)
    unet = their_unet(family, tensors)
    theirs = randomised(ControlNetModel.from_unet(unet), 7)
    theirs.save_pretrained(studio.folder / "theirs")
    kept = Kept()
    start, end = span
    unit = replace(UNIT, model="theirs", weight=0.8, guidance_start=start, guidance_end=end - 1e-6)
    studio.draw(unit, request=REQUEST, points=kept.points)
    plain = Kept()
    studio.draw(request=REQUEST, points=plain.points)

    pipe = pipeline_of(family, unet, theirs, their_autoencoder(tensors))
    picture = torch.frombuffer(bytearray(photo().data), dtype=torch.uint8).view(64, 64, 3)
    text, negative = kept.call.text[:1], kept.call.text[1:]
    told = {"prompt_embeds": text, "negative_prompt_embeds": negative}
    if family == "sdxl":
        pooled = kept.call.vectors[:, :48]
        told |= {
            "pooled_prompt_embeds": pooled[:1],
            "negative_pooled_prompt_embeds": pooled[1:],
            "original_size": (64, 64),
            "target_size": (64, 64),
        }
    expected = pipe(
        image=picture.permute(2, 0, 1)[None] / 255, latents=kept.first, guidance_scale=SCALE,
        num_inference_steps=STEPS, controlnet_conditioning_scale=0.8, output_type="latent",
        control_guidance_start=start, control_guidance_end=end, height=64, width=64, **told,
    ).images  # fmt: skip
    assert relative_error(kept.last, expected) < CLOSE
    assert relative_error(plain.last, expected) > 0.01


def pipeline_of(family, unet, controlnet, vae):
    """diffusers' pipeline, with the schedule that DDIM has here."""
    from diffusers import (
        DDIMScheduler,
        StableDiffusionControlNetPipeline,
        StableDiffusionXLControlNetPipeline,
    )
    from transformers import CLIPTextConfig, CLIPTextModelWithProjection

    scheduler = DDIMScheduler(
        beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", steps_offset=1,
        clip_sample=False, set_alpha_to_one=False, timestep_spacing="leading",
    )  # fmt: skip
    parts = {"unet": unet, "controlnet": controlnet, "vae": vae, "scheduler": scheduler}
    if family == "sdxl":
        width = CLIPTextModelWithProjection(
            CLIPTextConfig(
                hidden_size=8,
                intermediate_size=8,
                num_hidden_layers=1,
                num_attention_heads=1,
                vocab_size=8,
                projection_dim=48,
            )
        )
        pipe = StableDiffusionXLControlNetPipeline(
            **parts, text_encoder=None, text_encoder_2=width, tokenizer=None,
            tokenizer_2=None, add_watermarker=False,
        )  # fmt: skip
    else:
        pipe = StableDiffusionControlNetPipeline(
            **parts, text_encoder=None, tokenizer=None, safety_checker=None,
            feature_extractor=None, requires_safety_checker=False,
        )  # fmt: skip
    pipe.set_progress_bar_config(disable=True)
    return pipe
