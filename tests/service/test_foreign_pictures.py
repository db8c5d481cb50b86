"""Pictures of many programs, whole and damaged: the right request or a list of what is unused."""

import io
import json
from typing import Any

import pytest
from PIL import ExifTags, Image, PngImagePlugin

from modules.errors import InvalidRequest
from modules.schema.request import GenerationRequest
from modules.service.read_picture import read_whole
from modules.service.recipe import understand

PROMPT, NEGATIVE = "a red fox, (snow:1.2)", "blurry, dog"


def node(kind: str, **inputs: Any) -> dict[str, Any]:
    return {"class_type": kind, "inputs": inputs}


def graph(sampler: dict[str, Any], **more: dict[str, Any]) -> dict[str, Any]:
    """ComfyUI's usual graph around a sampler."""
    return {
        "3": sampler,
        "4": node("CheckpointLoaderSimple", ckpt_name="sub/dreams.safetensors"),
        "5": node("EmptyLatentImage", width=640, height=448, batch_size=1),
        "6": node("CLIPTextEncode", text=PROMPT, clip=["4", 1]),
        "7": node("CLIPTextEncode", text=NEGATIVE, clip=["4", 1]),
        "8": node("VAEDecode", samples=["3", 0], vae=["4", 2]),
        "9": node("SaveImage", images=["8", 0]),
        **more,
    }


LINKS = {"model": ["4", 0], "positive": ["6", 0], "negative": ["7", 0], "latent_image": ["5", 0]}
NUMBERS = {"steps": 23, "cfg": 6.5, "sampler_name": "dpmpp_2m", "scheduler": "karras"}
SIMPLE = graph(node("KSampler", seed=77, denoise=1.0, **NUMBERS, **LINKS))
ADVANCED = graph(
    node("KSamplerAdvanced", noise_seed=["20", 0], add_noise="enable", **NUMBERS, **LINKS),
    **{"20": node("PrimitiveInt", value=77)},
)
CUSTOM = graph(
    node(
        "SamplerCustomAdvanced",
        noise=["21", 0],
        guider=["22", 0],
        sampler=["23", 0],
        sigmas=["24", 0],
        latent_image=["5", 0],
    ),
    **{
        "21": node("RandomNoise", noise_seed=77),
        "22": node("CFGGuider", cfg=6.5, model=["4", 0], positive=["6", 0], negative=["7", 0]),
        "23": node("KSamplerSelect", sampler_name="dpmpp_2m"),
        "24": node("BasicScheduler", scheduler="karras", steps=23, denoise=1, model=["4", 0]),
    },
)
WITH_LORA = graph(
    node("KSampler", seed=77, **NUMBERS, **(LINKS | {"model": ["11", 0]})),
    **{
        "10": node("LoraLoader", lora_name="fur.safetensors", strength_model=0.5, model=["4", 0]),
        "11": node("LoraLoader", lora_name="ink.pt", strength_model=1, model=["10", 0]),
        "12": node("LoraLoader", lora_name="unused.pt", strength_model=1, model=["4", 0]),
        "13": node("ControlNetApply", conditioning=["6", 0], strength=1, image=["14", 0]),
        "14": node("LoadImage", image="pose.png"),
    },
)
TWICE = graph(
    node("KSampler", seed=77, **NUMBERS, **LINKS),
    **{
        "30": node("LatentUpscaleBy", samples=["3", 0], upscale_method="bilinear", scale_by=1.5),
        "31": node(
            "KSampler",
            seed=5,
            denoise=0.4,
            **(NUMBERS | {"steps": 9}),
            **(LINKS | {"latent_image": ["30", 0]}),
        ),
    },
)
SCREEN = {
    "nodes": [
        {"id": 4, "type": "CheckpointLoaderSimple", "widgets_values": ["dreams.ckpt"]},
        {"id": 5, "type": "EmptyLatentImage", "widgets_values": [640, 448, 1]},
        {"id": 6, "type": "CLIPTextEncode", "widgets_values": [PROMPT]},
        {"id": 7, "type": "CLIPTextEncode", "widgets_values": [NEGATIVE]},
        {
            "id": 3,
            "type": "KSampler",
            "widgets_values": [77, "fixed", 23, 6.5, "dpmpp_2m", "karras", 1],
            "inputs": [
                {"name": "model", "link": 1},
                {"name": "positive", "link": 2},
                {"name": "negative", "link": 3},
                {"name": "latent_image", "link": 4},
            ],
        },
    ],
    "links": [[1, 4, 0, 3, 0], [2, 6, 0, 3, 1], [3, 7, 0, 3, 2], [4, 5, 0, 3, 3]],
}
INVOKE = {
    "positive_prompt": PROMPT,
    "negative_prompt": NEGATIVE,
    "width": 640,
    "height": 448,
    "seed": 77,
    "cfg_scale": 6.5,
    "steps": 23,
    "scheduler": "dpmpp_2m_k",
    "model": {"name": "dreams"},
    "controlnets": [{"control_model": "canny"}],
}
INVOKE_OLD = {
    "model_weights": "dreams",
    "image": {
        "prompt": [{"prompt": f"{PROMPT} [{NEGATIVE}]", "weight": 1.0}],
        "steps": 23,
        "cfg_scale": 6.5,
        "seed": 77,
        "width": 640,
        "height": 448,
        "sampler": "k_dpmpp_2m",
        "threshold": 0,
        "perlin": 0.25,
    },
}
DREAM = f'"{PROMPT} [{NEGATIVE}]" -s 23 -S 77 -W640 -H448 -C 6.5 -A k_dpmpp_2m --perlin 0.25'
FOOOCUS = {
    "prompt": PROMPT,
    "negative_prompt": NEGATIVE,
    "steps": 23,
    "sampler": "dpmpp_2m",
    "scheduler": "karras",
    "seed": "77",
    "resolution": "(640, 448)",
    "guidance_scale": 6.5,
    "base_model": "dreams.safetensors",
    "performance": "Speed",
    "loras": [],
    "version": "Fooocus v2.5",
}
SWARM = {
    "sui_image_params": {
        "prompt": PROMPT,
        "negativeprompt": NEGATIVE,
        "model": "sub/dreams",
        "seed": 77,
        "steps": 23,
        "cfgscale": 6.5,
        "width": 640,
        "height": 448,
        "sampler": "dpmpp_2m",
        "scheduler": "karras",
        "refinermethod": "PostApply",
        "swarm_version": "0.9",
    }
}
ARGUMENTS = {
    "prompt": PROMPT,
    "negative_prompt": NEGATIVE,
    "num_inference_steps": 23,
    "guidance_scale": 6.5,
    "seed": 77,
    "width": 640,
    "height": 448,
    "scheduler": "DPMSolverMultistepScheduler",
    "model": "someone/dreams",
    "pag_scale": 3.0,
}
EASY = {
    "prompt": PROMPT,
    "negative_prompt": NEGATIVE,
    "num_inference_steps": "23",
    "guidance_scale": "6.5",
    "seed": "77",
    "width": "640",
    "height": "448",
    "sampler_name": "dpmpp_2m",
    "use_stable_diffusion_model": "dreams",
    "use_face_correction": "GFPGANv1.3",
}
NOVELAI = {
    "prompt": PROMPT,
    "uc": NEGATIVE,
    "steps": 23,
    "scale": 6.5,
    "seed": 77,
    "sampler": "k_dpmpp_2m",
    "noise_schedule": "karras",
    "width": 640,
    "height": 448,
    "sm": True,
}
TAIL = (
    "Steps: 23, Sampler: DPM++ 2M, Schedule type: Karras, CFG scale: 6.5, Seed: 77, Size: 640x448"
)
TEXT = f"{PROMPT}\nNegative prompt: {NEGATIVE}\n{TAIL}, Model: dreams"
NEXT = TEXT.replace("Schedule type: Karras", "Sampler schedule: karras")
FOOOCUS_TEXT = f"{TEXT}, Sharpness: 2, Performance: Speed, Version: Fooocus v2.5"

WHOLE: dict[str, tuple[str, dict[str, str], str]] = {
    "graph": ("ComfyUI", {"prompt": json.dumps(SIMPLE)}, ""),
    "graph, advanced": ("ComfyUI", {"prompt": json.dumps(ADVANCED)}, ""),
    "graph, custom": ("ComfyUI", {"prompt": json.dumps(CUSTOM)}, ""),
    "graph, networks": ("ComfyUI", {"prompt": json.dumps(WITH_LORA)}, "node ControlNetApply"),
    "graph, two passes": ("ComfyUI", {"prompt": json.dumps(TWICE)}, ""),
    "graph of the screen": ("ComfyUI", {"workflow": json.dumps(SCREEN)}, ""),
    "invoke": ("InvokeAI", {"invokeai_metadata": json.dumps(INVOKE)}, "controlnets"),
    "invoke, old": ("InvokeAI", {"sd-metadata": json.dumps(INVOKE_OLD)}, "perlin"),
    "invoke, first": ("InvokeAI", {"Dream": DREAM}, "--perlin"),
    "fooocus": (
        "Fooocus",
        {"parameters": json.dumps(FOOOCUS), "fooocus_scheme": "fooocus"},
        "performance",
    ),
    "fooocus, text": (
        "Fooocus",
        {"parameters": FOOOCUS_TEXT, "fooocus_scheme": "a1111"},
        "Sharpness",
    ),
    "swarm": ("SwarmUI", {"parameters": json.dumps(SWARM)}, "refinermethod"),
    "diffusers": ("diffusers", {"parameters": json.dumps(ARGUMENTS)}, "pag_scale"),
    "easy diffusion": ("Easy Diffusion", EASY, "use_face_correction"),
    "novelai": ("NovelAI", {"Software": "NovelAI", "Comment": json.dumps(NOVELAI)}, "sm"),
    "sd.next": ("SD.Next", {"parameters": f"{NEXT}, App: SD.Next, Foo: 1"}, "Foo"),
    "a1111": ("A1111", {"parameters": f"{TEXT}, ControlNet 0: canny, Version: v1.9.4"}, "Control"),
    "forge": (
        "Forge",
        {"parameters": f"{TEXT}, Distilled CFG Scale: 3.5, Version: f2.0.1v1.10.1"},
        "Distilled",
    ),
}
WITHOUT_SCHEDULE = {"invoke, old", "invoke, first", "diffusers", "easy diffusion"}
"""Those that do not tell a schedule."""


def picture(texts: dict[str, str], kind: str = "PNG") -> bytes:
    """A small picture with these texts, as the programs write them into this kind of file."""
    file, image = io.BytesIO(), Image.new("RGB", (16, 16), "teal")
    if kind == "PNG":
        info = PngImagePlugin.PngInfo()
        for key, text in texts.items():
            info.add_itxt(key, text)
        image.save(file, "PNG", pnginfo=info)
        return file.getvalue()
    exif = Image.Exif()
    if "prompt" in texts and "parameters" not in texts:
        exif[ExifTags.Base.Make] = f"workflow:{texts.get('workflow', '{}')}"
        exif[ExifTags.Base.Model] = f"prompt:{texts['prompt']}"
    else:
        comment = b"UNICODE\0" + texts["parameters"].encode("utf-16-be")
        exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.UserComment] = comment
    image.save(file, kind, exif=exif.tobytes())
    return file.getvalue()


def read(content: bytes) -> tuple[GenerationRequest, str, tuple[str, ...], tuple[str, ...]]:
    found, _ = read_whole(content)
    recipe = understand(found.infotext, GenerationRequest(), ())
    return recipe.request, found.program, found.unmapped, recipe.notices


def is_right(request: GenerationRequest) -> bool:
    sampling = request.sampling
    return (
        request.prompt.startswith(PROMPT)
        and request.negative_prompt == NEGATIVE
        and (sampling.sampler, sampling.steps, sampling.cfg_scale) == ("DPM++ 2M", 23, 6.5)
        and (request.seeds.seed, request.size.width, request.size.height) == (77, 640, 448)
    )


@pytest.mark.parametrize("name", WHOLE)
def test_a_whole_file_becomes_the_right_request(name: str) -> None:
    program, texts, missed = WHOLE[name]
    request, found, unmapped, notices = read(picture(texts))
    assert is_right(request), request
    assert found == program
    assert any(one.startswith(missed) for one in unmapped) if missed else not unmapped, unmapped
    assert any("dreams" in notice for notice in notices) or name in ("invoke, first", "novelai")
    schedules = ("Karras", "Automatic")  # for this sampler they are the same
    assert request.sampling.schedule in schedules or name in WITHOUT_SCHEDULE


@pytest.mark.parametrize("kind", ["JPEG", "WEBP"])
@pytest.mark.parametrize("name", ["graph", "swarm", "fooocus", "diffusers", "sd.next", "a1111"])
def test_other_kinds_of_files_say_the_same(name: str, kind: str) -> None:
    program, texts, _ = WHOLE[name]
    request, found, _, _ = read(picture(texts, kind))
    assert is_right(request)
    assert found == program


def test_networks_between_checkpoint_and_sampler_count_and_no_others() -> None:
    request, _, unmapped, _ = read(picture({"prompt": json.dumps(WITH_LORA)}))
    assert request.prompt == f"{PROMPT} <lora:fur:0.5> <lora:ink:1>"
    assert "node LoraLoader" in unmapped


def test_a_second_sampler_over_enlarged_latents_is_a_hires_pass() -> None:
    hires = read(picture({"prompt": json.dumps(TWICE)}))[0].hires
    assert hires is not None
    assert (hires.scale, hires.steps, hires.denoising_strength) == (1.5, 9, 0.4)


def test_an_unknown_sampler_is_told_of() -> None:
    odd = json.loads(json.dumps(SIMPLE))
    odd["3"]["inputs"]["sampler_name"] = "res_multistep"
    request, _, unmapped, _ = read(picture({"prompt": json.dumps(odd)}))
    assert request.sampling.sampler == "Euler"
    assert unmapped == ("sampler 'res_multistep', Euler is taken",)


def cut(texts: dict[str, str], share: float) -> dict[str, str]:
    return {key: text[: int(len(text) * share)] for key, text in texts.items()}


@pytest.mark.parametrize("name", WHOLE)
def test_a_damaged_file_is_read_as_far_as_it_goes(name: str) -> None:
    _, texts, _ = WHOLE[name]
    whole = picture(texts)
    spoiled = [picture(cut(texts, share)) for share in (0.3, 0.6, 0.95)]
    spoiled += [whole[: len(whole) * part // 4] for part in (1, 2, 3)]
    spoiled += [whole.replace(b"77", b"NaN"), whole.replace(b"640", b"9e9"), whole[:60]]
    for content in spoiled:
        try:
            request, _, unmapped, notices = read(content)
        except InvalidRequest as error:  # no picture any more
            assert str(error)
            continue
        request.check()
        default = request.prompt == "" and request.sampling == GenerationRequest().sampling
        said = bool(unmapped or notices or request.prompt)
        assert is_right(request) or default or said
