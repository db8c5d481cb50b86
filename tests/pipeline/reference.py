"""The reference pictures of A1111's webui 1.8, and requests that ask for the same."""

import json
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from safetensors.torch import load_file

from modules.conditioning.conditioner import Conditioner
from modules.conditioning.reader import reader_for
from modules.conditioning.textual_inversion import EmbeddingFolder
from modules.model.loader import Model, load_model
from modules.model.patch.network_files import NetworkFolder
from modules.model.patch.patcher import Patcher
from modules.param import params_of, replace_at
from modules.pipeline.generate import generate
from modules.pipeline.pictures import as_data
from modules.pipeline.points import Attachment, Points
from modules.sampling.step import Step
from modules.schema.cancel import Cancel
from modules.schema.event import ImageReady
from modules.schema.inputs import (
    INPAINT_AREAS,
    MASKED_CONTENTS,
    RESIZE_MODES,
    ImageData,
    Img2Img,
    Inpaint,
)
from modules.schema.request import GenerationRequest

FOLDER = Path(__file__).parent.parent / "golden" / "parity"
RENAMED = {"k_sched_type": "sampling.schedule", "sd_noise_schedule": "options.noise_schedule"}
INPAINTING = {"inpainting_fill", "inpaint_full_res"}
DIRECT = {"enable_hr", "init_images", "mask", "resize_mode"}
"""Names of the API whose meaning is more than "this field"."""


@dataclass(frozen=True)
class Drawn:
    """What came out: final latents and pixels of every picture, and the steps of the last batch."""

    latents: list[torch.Tensor]
    pixels: list[np.ndarray]
    steps: list[Step]


@cache
def cases() -> dict[str, dict[str, Any]]:
    """The payloads by id."""
    return {case["id"]: case for case in json.loads((FOLDER / "cases.json").read_text())}


@cache
def tolerances() -> dict[str, dict[str, float]]:
    """How far from the reference a picture may be, in levels."""
    return json.loads((FOLDER / "tolerances.json").read_text())


@cache
def model() -> Model:
    """The tiny model everything was drawn with."""
    torch.set_num_threads(1)
    return load_model(FOLDER / "data" / "Stable-diffusion" / "tiny.safetensors")


@cache
def conditioner() -> Conditioner:
    """Its text encoder, with the embeddings of the reference."""
    embeddings, _ = EmbeddingFolder(FOLDER / "data" / "embeddings").load()
    return Conditioner(reader_for(model()), embeddings)


@cache
def patcher() -> Patcher:
    """What merges the networks of the reference into the model."""
    return Patcher(model(), NetworkFolder(FOLDER / "data" / "Lora"))


@cache
def raw(case: str) -> dict[str, torch.Tensor]:
    """Recorded tensors of a case."""
    return load_file(FOLDER / "raw" / f"{case}.safetensors")


def request_for(payload: dict[str, Any]) -> GenerationRequest:
    """The request that an API call of 1.8 means; the sampler's bare name is of that time."""
    by_api = {item.param.api: item.path for item in params_of(GenerationRequest) if item.param.api}
    part = "img2img" if "init_images" in payload else "hires"
    by_api["denoising_strength"] = f"{part}.denoising_strength"
    by_setting = {
        item.param.setting: item.path for item in params_of(GenerationRequest) if item.param.setting
    }
    request = replace_at(GenerationRequest(), "sampling.schedule", "")
    if "init_images" in payload:
        request = replace(request, img2img=img2img_for(payload))
    for key, value in payload.items():
        if key not in {"override_settings", *INPAINTING, *DIRECT}:
            request = replace_at(request, by_api[key], value)
    for key, value in payload.get("override_settings", {}).items():
        request = replace_at(request, RENAMED.get(key) or by_setting[key], value)
    return request


def img2img_for(payload: dict[str, Any]) -> Img2Img:
    """The pictures and the choices that the API counts."""
    mode = RESIZE_MODES[payload.get("resize_mode", 0)]
    images = tuple(picture_for(name) for name in payload["init_images"])
    if "mask" not in payload:
        return Img2Img(images=images, resize_mode=mode)
    inpaint = Inpaint(
        mask=picture_for(payload["mask"]),
        content=MASKED_CONTENTS[payload["inpainting_fill"]],
        area=INPAINT_AREAS[payload["inpaint_full_res"]],
    )
    return Img2Img(images=images, resize_mode=mode, inpaint=inpaint)


def picture_for(name: str) -> ImageData:
    """A picture of the reference's inputs."""
    return as_data(Image.open(FOLDER / "data" / name.lstrip("@")))


def draw(request: GenerationRequest) -> Drawn:
    """Draw and keep what happened on the way."""
    latents: list[torch.Tensor] = []
    steps: list[Step] = []

    def keep(latent: torch.Tensor) -> torch.Tensor:
        latents.extend(latent)
        return latent

    points = Points((Attachment(after_step=steps.append, before_decode=keep),))
    events = generate(
        request,
        model(),
        conditioner(),
        Cancel(),
        points=points,
        patcher=patcher(),
        preview_interval_s=None,
    )
    images = [event.image for event in events if isinstance(event, ImageReady)]
    pixels = [
        np.frombuffer(image.image.data, np.uint8).reshape(image.height, image.width, 3)
        for image in images
        if image.image is not None
    ]
    return Drawn(latents, pixels, steps)


def reference_pixels(case: str, number: int) -> np.ndarray:
    """A picture of the reference, (h, w, 3) uint8."""
    return np.asarray(Image.open(FOLDER / "images" / f"{case}-{number}.png").convert("RGB"))
