"""`modules.processing`, `devices`, `sd_samplers`, `sd_models` and what else is about drawing."""

from collections.abc import Callable, Mapping
from contextlib import nullcontext
from typing import Any

from modules.compat import processing as p_file
from modules.compat.importing import Live, Scope
from modules.compat.missing import Cannot
from modules.compat.script import Bag
from modules.prompt.attention import parse_attention
from modules.sampling.catalogue import SCHEDULES, all_samplers

Members = Mapping[str, Any]

LATENT = (
    "Latent",
    "Latent (antialiased)",
    "Latent (bicubic)",
    "Latent (bicubic antialiased)",
    "Latent (nearest)",
    "Latent (nearest-exact)",
)


def refusing(thing: str, scope: Scope) -> Callable[..., Any]:
    """Something that cannot work; it says so when it is called."""

    def refuse(*args: Any, **more: Any) -> None:
        raise Cannot(thing, scope.name)

    return refuse


def processing(world: Any, scope: Scope) -> Members:
    """`modules.processing`."""

    def fixed(seed: Any) -> int:
        if seed in (None, "", -1, "-1"):
            import random

            return random.randrange(4294967294)
        return int(seed)

    def fix_seed(p: Any) -> None:
        p.seed, p.subseed = fixed(p.seed), fixed(p.subseed)

    own = ("create_random_tensors", "decode_first_stage", "setup_color_correction")
    more = ("apply_color_correction", "apply_overlay", "create_infotext", "process_images_inner")
    return {
        "StableDiffusionProcessing": p_file.StableDiffusionProcessing,
        "StableDiffusionProcessingTxt2Img": p_file.StableDiffusionProcessingTxt2Img,
        "StableDiffusionProcessingImg2Img": p_file.StableDiffusionProcessingImg2Img,
        "Processed": p_file.Processed,
        "process_images": world.process_images,
        "fix_seed": fix_seed,
        "get_fixed_seed": fixed,
        "opt_C": 4,
        "opt_f": 8,
        "program_version": lambda: "easel",
        **{name: refusing(f"modules.processing.{name}", scope) for name in (*own, *more)},
    }


def device() -> Any:
    """The device of torch that drawing uses."""
    import torch

    if torch.cuda.is_available():
        return torch.device("cuda")
    mps = getattr(torch.backends, "mps", None)
    return torch.device("mps" if mps is not None and mps.is_available() else "cpu")


def devices(world: Any, scope: Scope) -> Members:
    """`modules.devices`."""

    def torch_gc() -> None:
        import torch

        if torch.cuda.is_available():
            torch.cuda.empty_cache()

    def dtype() -> Any:
        import torch

        return torch.float16 if torch.cuda.is_available() else torch.float32

    def cpu() -> Any:
        import torch

        return torch.device("cpu")

    class NansException(Exception):
        """Nothing but NaN came out."""

    return {
        "device": Live(device),
        "cpu": Live(cpu),
        "dtype": Live(dtype),
        "dtype_vae": Live(dtype),
        "dtype_unet": Live(dtype),
        "torch_gc": torch_gc,
        "autocast": lambda disable=False: nullcontext(),
        "without_autocast": lambda disable=False: nullcontext(),
        "get_optimal_device": device,
        "get_optimal_device_name": lambda: str(device()),
        "get_device_for": lambda task: device(),
        "has_mps": lambda: device().type == "mps",
        "NansException": NansException,
    }


def samplers() -> list[Any]:
    """Samplers as A1111's records."""
    return [
        Bag(name=one.name, aliases=list(one.aliases), options={}, constructor=None)
        for one in all_samplers()
        if one.in_menu
    ]


def sd_samplers(world: Any, scope: Scope) -> Members:
    """`modules.sd_samplers`: lists; samplers are added through the extension's own hook."""
    return {
        "all_samplers": Live(samplers),
        "all_samplers_map": Live(lambda: {one.name: one for one in samplers()}),
        "samplers": Live(samplers),
        "samplers_for_img2img": Live(samplers),
        "samplers_map": Live(lambda: {one.name.lower(): one.name for one in samplers()}),
        "visible_sampler_names": lambda: [one.name for one in samplers()],
        "visible_samplers": samplers,
        "find_sampler_config": lambda name: next(
            (one for one in samplers() if one.name == name), None
        ),
        "set_samplers": lambda: None,
        "create_sampler": refusing("modules.sd_samplers.create_sampler", scope),
    }


def sd_schedulers(world: Any, scope: Scope) -> Members:
    """`modules.sd_schedulers`."""

    def known() -> list[Any]:
        listed = [one for one in SCHEDULES if one.in_menu]
        return [Bag(name=one.name.lower().replace(" ", "_"), label=one.name) for one in listed]

    return {
        "schedulers": Live(known),
        "schedulers_map": Live(
            lambda: {key: one for one in known() for key in (one.name, one.label)}
        ),
        "Scheduler": Bag,
    }


def upscalers(world: Any, scope: Scope) -> list[Any]:
    """`shared.sd_upscalers`: Pillow's; networks are only named."""
    from PIL import Image

    def by(method: Any) -> Any:
        def upscale(img: Any, scale: float, selected_model: str | None = None) -> Any:
            size = (int(img.width * scale), int(img.height * scale))
            return img.resize(size, resample=method) if method is not None else img

        return Bag(upscale=upscale)

    plain = {"None": None, "Lanczos": Image.Resampling.LANCZOS, "Nearest": Image.Resampling.NEAREST}
    rows = [
        Bag(name=name, scaler=by(method), data_path=None, local_data_path=None, scale=4)
        for name, method in plain.items()
    ]
    for name, path in world.host.catalogue().upscalers:
        scaler = Bag(upscale=refusing(f"The upscaler {name}", scope))
        rows.append(Bag(name=name, scaler=scaler, data_path=path, local_data_path=path, scale=4))
    return rows


def checkpoint_info(one: Any) -> Bag:
    """A checkpoint as A1111's record."""
    return Bag(
        title=one.title,
        name=one.name,
        filename=one.path,
        name_for_extra=one.stem,
        model_name=one.stem,
        hash=one.short_hash,
        sha256=one.sha256 or None,
        shorthash=one.short_hash or None,
        short_title=f"{one.stem} [{one.short_hash}]" if one.sha256 else one.stem,
        ids=[one.title, one.name, one.stem, one.short_hash],
        metadata={},
        register=lambda: None,
    )


def sd_models(world: Any, scope: Scope) -> Members:
    """`modules.sd_models`."""

    def known() -> list[Bag]:
        return [checkpoint_info(one) for one in world.host.catalogue().checkpoints]

    def aliases() -> dict[str, Bag]:
        return {key: one for one in known() for key in one.ids if key}

    def closest(search: str) -> Bag | None:
        if not search:
            return None
        found = aliases().get(search)
        matching = (one for one in known() if search.lower() in one.title.lower())
        return found or next(matching, None)

    def chosen() -> Bag | None:
        return closest(world.host.chosen_checkpoint()) or next(iter(known()), None)

    names = ("reload_model_weights", "load_model", "unload_model_weights", "read_state_dict")
    return {
        "checkpoints_list": Live(lambda: {one.title: one for one in known()}),
        "checkpoint_aliases": Live(aliases),
        "checkpoint_alisases": Live(aliases),
        "get_closet_checkpoint_match": closest,
        "list_models": lambda: None,
        "checkpoint_tiles": lambda use_short=False: [one.title for one in known()],
        "select_checkpoint": chosen,
        "model_path": str(world.host.paths.checkpoints),
        "model_dir": "Stable-diffusion",
        "CheckpointInfo": Bag,
        **{name: refusing(f"modules.sd_models.{name}", scope) for name in names},
    }


def sd_vae(world: Any, scope: Scope) -> Members:
    """`modules.sd_vae`."""
    folder = world.host.paths.vae
    return {
        "vae_dict": Live(lambda: {one: str(folder / one) for one in world.host.catalogue().vaes}),
        "refresh_vae_list": lambda: None,
        "loaded_vae_file": None,
        "get_loaded_vae_name": lambda: None,
        "vae_path": str(folder),
        "reload_vae_weights": refusing("modules.sd_vae.reload_vae_weights", scope),
    }


def prompt_parser(world: Any, scope: Scope) -> Members:
    """`modules.prompt_parser`."""

    def attention(text: str) -> list[list[Any]]:
        return [list(one) for one in parse_attention(text)]

    names = ("get_learned_conditioning_prompt_schedules", "get_multicond_learned_conditioning")
    return {
        "parse_prompt_attention": attention,
        **{name: refusing(f"modules.prompt_parser.{name}", scope) for name in names},
    }
