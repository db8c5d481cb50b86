"""`p`, the object that A1111's scripts are given, and requests made of it and into it."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from modules.compat.pictures import from_pillow, to_pillow
from modules.compat.script import Bag
from modules.param import Field, get_at, params_of, replace_at
from modules.schema.inputs import MASK_MODES, MASKED_CONTENTS, RESIZE_MODES, Hires, Img2Img, Inpaint
from modules.schema.request import GenerationRequest
from modules.settings.store import request_fields

USUAL: Mapping[str, Any] = {
    "outpath_samples": "",
    "outpath_grids": "",
    "styles": (),
    "subseed": -1,
    "seed": -1,
    "sampler_name": "Euler",
    "scheduler": "Automatic",
    "steps": 50,
    "cfg_scale": 7.0,
    "width": 512,
    "height": 512,
    "batch_size": 1,
    "n_iter": 1,
    "restore_faces": False,
    "tiling": False,
    "do_not_save_samples": False,
    "do_not_save_grid": False,
    "do_not_reload_embeddings": False,
    "override_settings_restore_afterwards": True,
    "is_api": False,
    "is_hr_pass": False,
    "disable_extra_networks": False,
    "iteration": 0,
    "batch_index": 0,
    "enable_hr": False,
    "denoising_strength": None,
    "user": None,
    "sampler": None,
    "rng": None,
    "refiner_checkpoint": None,
    "scripts": None,
    "script_args": (),
}
"""Fields that `p` has besides those of requests, or with A1111's own defaults."""
LISTS = (
    "all_prompts",
    "all_negative_prompts",
    "all_hr_prompts",
    "all_hr_negative_prompts",
    "all_seeds",
    "all_subseeds",
    "prompts",
    "negative_prompts",
    "hr_prompts",
    "hr_negative_prompts",
    "seeds",
    "subseeds",
    "comments",
)


def fields_with_names() -> list[Field]:
    """The fields of a request that A1111 has, too."""
    return [item for item in params_of(GenerationRequest) if item.param.api]


class StableDiffusionProcessing:
    """A request in A1111's words; takes any further attribute."""

    is_img2img = False
    sd_model: Any = None

    if TYPE_CHECKING:

        def __setattr__(self, name: str, value: Any) -> None: ...

    def __init__(self, sd_model: Any = None, **given: Any) -> None:
        for item in fields_with_names():
            setattr(self, item.param.api, item.default)
        for name in LISTS:
            setattr(self, name, [])
        for name, value in USUAL.items():
            setattr(self, name, value)
        self.sd_model = sd_model
        self.override_settings: dict[str, Any] = {}
        self.extra_generation_params: dict[str, Any] = {}
        self.init_images: list[Any] = []
        self.image_mask: Any = None
        for name, value in given.items():
            setattr(self, name, value)

    @property
    def script_args_value(self) -> Any:
        """The values of all scripts' controls."""
        return self.script_args

    @script_args_value.setter
    def script_args_value(self, value: Any) -> None:
        """Give all scripts other values."""
        self.script_args = value

    @property
    def main_prompt(self) -> str:
        """The first prompt."""
        return str(self.all_prompts[0] if self.all_prompts else self.prompt)

    @property
    def main_negative_prompt(self) -> str:
        """The first negative prompt."""
        return str(
            self.all_negative_prompts[0] if self.all_negative_prompts else self.negative_prompt
        )

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        raise AttributeError(f"p.{name} is not there.")

    def comment(self, text: str) -> None:
        """Tell people something."""
        self.comments.append(str(text))

    def save_samples(self) -> bool:
        """Whether pictures are saved."""
        return not self.do_not_save_samples

    def get_token_merging_ratio(self, for_hr: bool = False) -> float:
        """How much tokens are merged; not at all."""
        return 0.0

    def close(self) -> None:
        """Do nothing: nothing is held."""


class StableDiffusionProcessingTxt2Img(StableDiffusionProcessing):
    """For drawing from text."""


class StableDiffusionProcessingImg2Img(StableDiffusionProcessing):
    """For drawing from pictures."""

    is_img2img = True

    def __init__(self, sd_model: Any = None, **given: Any) -> None:
        usual = {
            "denoising_strength": 0.75,
            "resize_mode": 0,
            "inpainting_fill": 0,
            "inpaint_full_res": True,
            "inpaint_full_res_padding": 0,
            "inpainting_mask_invert": 0,
            "mask_blur": 4,
            "image_cfg_scale": 1.5,
        }
        mask = given.pop("mask", None)
        super().__init__(sd_model, **{**usual, **given})
        if mask is not None:
            self.image_mask = mask


def to_processing(request: GenerationRequest) -> StableDiffusionProcessing:
    """Make `p` of a request."""
    kind: type[StableDiffusionProcessing] = StableDiffusionProcessingTxt2Img
    if request.img2img is not None:
        kind = StableDiffusionProcessingImg2Img
    p = kind()
    for item in fields_with_names():
        value = get_at(request, item.path)
        if value is not None:
            setattr(p, item.param.api, value)
    p.enable_hr = request.hires is not None
    wish = request.img2img
    if wish is not None:
        p.init_images = [to_pillow(one).convert("RGB") for one in wish.images]
        p.resize_mode = RESIZE_MODES.index(wish.resize_mode)
        if wish.inpaint is not None and wish.inpaint.mask is not None:
            p.image_mask = to_pillow(wish.inpaint.mask)
            _tell_inpaint(p, wish.inpaint)
    _fill_lists(p, request)
    p.__dict__["_known"] = list(p.init_images)
    p.__dict__["_known_mask"] = p.image_mask
    return p


def _tell_inpaint(p: StableDiffusionProcessing, inpaint: Inpaint) -> None:
    p.__dict__.update(
        inpainting_fill=MASKED_CONTENTS.index(inpaint.content),
        inpainting_mask_invert=MASK_MODES.index(inpaint.mode),
        inpaint_full_res=inpaint.area == "Only masked",
        mask_blur_x=inpaint.blur,
    )


def _fill_lists(p: StableDiffusionProcessing, request: GenerationRequest) -> None:
    """Prompts and seeds of every picture."""
    total, seeds = request.batch.total, request.seeds
    words = [request.wording(index) for index in range(total)]
    p.all_prompts = [one.prompt for one in words]
    p.all_negative_prompts = [one.negative_prompt for one in words]
    p.all_hr_prompts = [one.hires_prompt or one.prompt for one in words]
    p.all_hr_negative_prompts = [one.hires_negative_prompt or one.negative_prompt for one in words]
    step = 0 if seeds.subseed_strength else 1
    p.all_seeds = [seeds.seed + step * index for index in range(total)]
    p.all_subseeds = [max(0, seeds.subseed) + index for index in range(total)]


def to_request(p: StableDiffusionProcessing, base: GenerationRequest) -> GenerationRequest:
    """Return `base` with what `p` says. Raises InvalidRequest for values that make no sense."""
    request = replace(base, script=None, wordings=())
    if bool(p.enable_hr) != (request.hires is not None):
        request = replace(request, hires=Hires() if p.enable_hr else None)
    if p.is_img2img and request.img2img is None:
        request = replace(request, img2img=Img2Img())
    if not p.is_img2img and request.img2img is not None:
        request = replace(request, img2img=None)
    request = _with_pictures(p, request)
    for item in fields_with_names():
        parent = item.path.rpartition(".")[0]
        if parent and get_at(request, parent) is None:
            continue
        value = getattr(p, item.param.api, None)
        if value is not None and value != get_at(request, item.path):
            request = replace_at(request, item.path, _as_kind(item, value))
    for name, value in p.override_settings.items():
        found = request_fields().get(name)
        if found is not None and value is not None:
            request = replace_at(request, found.path, value)
    request.check()
    return request


def _as_kind(item: Field, value: Any) -> Any:
    kind = type(item.default)
    if kind in (int, float, str, bool) and not isinstance(value, kind):
        return kind(value)
    return value


def _with_pictures(p: StableDiffusionProcessing, request: GenerationRequest) -> GenerationRequest:
    """Take over pictures and mask if they are others than before."""
    wish = request.img2img
    if wish is None:
        return request
    known = p.__dict__.get("_known", [])
    if [id(one) for one in p.init_images] != [id(one) for one in known]:
        wish = replace(wish, images=tuple(map(from_pillow, p.init_images)))
    mode = getattr(p, "resize_mode", 0)
    wish = replace(wish, resize_mode=RESIZE_MODES[mode] if isinstance(mode, int) else mode)
    if p.image_mask is None:
        wish = replace(wish, inpaint=None)
    else:
        inpaint = wish.inpaint
        if inpaint is None or p.image_mask is not p.__dict__.get("_known_mask"):
            mask = from_pillow(p.image_mask.convert("L"))
            inpaint = replace(inpaint, mask=mask) if inpaint else Inpaint(mask=mask)
        whole = not getattr(p, "inpaint_full_res", True)
        inpaint = replace(
            inpaint,
            content=MASKED_CONTENTS[int(getattr(p, "inpainting_fill", 1))],
            mode=MASK_MODES[int(getattr(p, "inpainting_mask_invert", 0))],
            area="Whole picture" if whole else "Only masked",
        )
        wish = replace(wish, inpaint=inpaint)
    return replace(request, img2img=wish)


class Processed(Bag):
    """What a job made: pictures in Pillow's form and what is known of them."""

    def __init__(
        self,
        p: StableDiffusionProcessing,
        images_list: Sequence[Any],
        seed: int = -1,
        info: str = "",
        subseed: int | None = None,
        all_prompts: Sequence[str] | None = None,
        all_negative_prompts: Sequence[str] | None = None,
        all_seeds: Sequence[int] | None = None,
        all_subseeds: Sequence[int] | None = None,
        index_of_first_image: int = 0,
        infotexts: Sequence[str] | None = None,
        comments: str = "",
    ) -> None:
        prompts = list(all_prompts or p.all_prompts or [p.prompt])
        negatives = list(all_negative_prompts or p.all_negative_prompts or [p.negative_prompt])
        seeds = list(all_seeds or p.all_seeds or [seed])
        subseeds = list(all_subseeds or p.all_subseeds or [subseed or -1])
        super().__init__(
            images=list(images_list),
            extra_images=[],
            prompt=prompts[0],
            negative_prompt=negatives[0],
            seed=seeds[0],
            subseed=subseeds[0],
            all_prompts=prompts,
            all_negative_prompts=negatives,
            all_seeds=seeds,
            all_subseeds=subseeds,
            info=info,
            comments=comments,
            width=p.width,
            height=p.height,
            sampler_name=p.sampler_name,
            cfg_scale=p.cfg_scale,
            steps=p.steps,
            batch_size=p.batch_size,
            extra_generation_params=p.extra_generation_params,
            index_of_first_image=index_of_first_image,
            infotexts=list(infotexts or [info] * len(images_list)),
            styles=p.styles,
        )

    def js(self) -> str:
        """What is known, as JSON."""
        known = {key: value for key, value in vars(self).items() if "images" not in key}
        return json.dumps(known, default=lambda value: None)

    def infotext(self, p: StableDiffusionProcessing, index: int) -> str:
        """The recipe of a picture, as far as it is known here."""
        return str(self.infotexts[index]) if index < len(self.infotexts) else str(self.info)
