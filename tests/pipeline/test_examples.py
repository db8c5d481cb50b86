"""Every worked example of the arithmetic from picture to picture."""

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from modules.pipeline.hires import to_floats_and_back
from modules.pipeline.masks import (
    doubled,
    expanded,
    kernel_length,
    latent_mask,
    mask_of,
    region_of,
)
from modules.pipeline.resize import (
    covering_size,
    crop,
    fill,
    find_upscaler,
    fitting_size,
    stretch,
    upscale,
)
from modules.pipeline.soft_inpaint import RADIUS, mix_softly, mixed, neighbour_weights
from modules.sampling.catalogue import resolve_sampler
from modules.sampling.guidance import Guidance, GuidanceOptions
from modules.sampling.plan import FromPicture, PassOptions, SamplingPass
from modules.schema.hires_size import hires_size
from modules.schema.infotext_parse import first_pass_size
from modules.schema.inputs import Hires, SoftInpaint
from modules.service.grid import grid_rows
from modules.service.scripts.growth import growth
from modules.service.scripts.loopback import strength
from modules.service.scripts.tiles import tile_grid
from modules.settings.sections.saving import Grids
from tests.conftest import GOLDEN
from tests.sampling.toy import TanhNoise, Texts, sd_alphas

EXAMPLES = json.loads((GOLDEN.parent / "examples" / "pipelines.json").read_text(encoding="utf-8"))
CELL = 8
"""Pixels a side of a latent cell."""


def grey(level: int, size: tuple[int, int] = (1, 1)) -> Image.Image:
    return Image.new("L", size, level)


def noise(size: list[int]) -> Image.Image:
    levels = np.random.default_rng(0).integers(1, 256, (size[1], size[0], 3), dtype=np.uint8)
    return Image.fromarray(levels)


def steps(given: dict[str, Any]) -> dict[str, int]:
    resolved = resolve_sampler("Euler", "Karras")
    picture = FromPicture(strength=given["strength"], exact=given["exact"])
    made = SamplingPass(resolved, given["steps"], sd_alphas(), PassOptions(), picture)
    schedule = len(made.full_grid) - 1
    return {"schedule": schedule, "start": schedule - made.steps, "run": made.steps}


def steps_of_ddim(given: dict[str, Any]) -> int:
    picture = FromPicture(strength=given["strength"])
    resolved = resolve_sampler("DDIM", "Automatic")
    made = SamplingPass(resolved, given["steps"], sd_alphas(), PassOptions(), picture)
    network = TanhNoise()
    x = torch.zeros(1, 4, 2, 2)
    for _ in made.run(network, x, lambda sigma, sigma_next: x):
        pass
    return network.calls


def second_size(given: dict[str, Any]) -> dict[str, list[int]]:
    size = hires_size(*given["size"], Hires(**given["hires"]))
    cells = [size.width // CELL - size.cut_x // CELL, size.height // CELL - size.cut_y // CELL]
    return {"upscaled": [size.width, size.height], "latent": cells}


def level_of_an_upscaled_picture(level: int) -> int:
    return to_floats_and_back(torch.full((3, 1, 1), level / 255)).getpixel((0, 0))[0]


def crop_and_resize(given: dict[str, Any]) -> dict[str, list[int]]:
    """Where the resized picture lies; what is seen of it is really that part of it."""
    picture, to = noise(given["picture"]), given["to"]
    inner = covering_size(picture.size, tuple(to))
    left, top = to[0] // 2 - inner[0] // 2, to[1] // 2 - inner[1] // 2
    whole = stretch(picture, *inner)
    seen = whole.crop((-left, -top, to[0] - left, to[1] - top))
    assert np.array_equal(np.asarray(crop(picture, *to)), np.asarray(seen))
    return {"inner": list(inner), "at": [left, top]}


def resize_and_fill(given: dict[str, Any]) -> dict[str, list[int]]:
    picture, to = noise(given["picture"]), given["to"]
    inner = fitting_size(picture.size, tuple(to))
    left, top = to[0] // 2 - inner[0] // 2, to[1] // 2 - inner[1] // 2
    seen = fill(picture, *to).crop((left, top, left + inner[0], top + inner[1]))
    assert np.array_equal(np.asarray(seen), np.asarray(stretch(picture, *inner)))
    return {"inner": list(inner), "at": [left, top]}


def edge_smeared(row: list[int]) -> list[int]:
    picture = Image.new("L", (len(row), 1))
    picture.putdata(row)
    return np.asarray(fill(picture, len(row), 9))[0].tolist()


def leftover_row(given: dict[str, Any]) -> int:
    """The only row without any colour."""
    rows = np.asarray(fill(noise(given["picture"]), *given["to"])).max(axis=(1, 2))
    (black,) = np.flatnonzero(rows == 0)
    return int(black)


def upscaled(given: dict[str, Any]) -> list[int]:
    return list(upscale(noise(given["picture"]), given["factor"], find_upscaler("Lanczos")).size)


def mask_from_transparency(alpha: int) -> int:
    return mask_of(Image.new("RGBA", (1, 1), (0, 0, 0, alpha)), hard=True).getpixel((0, 0))


def region(given: dict[str, Any]) -> dict[str, list[int]] | None:
    mask = Image.new("L", tuple(given["picture"]))
    if given["box"]:
        mask.paste(255, tuple(given["box"]))
    padded = region_of(mask, given["padding"])
    if padded is None:
        return None
    whole = expanded(padded, tuple(given["to"]), mask.size)
    return {"padded": list(padded), "expanded": list(whole)}


def soft_share(given: dict[str, Any]) -> float:
    """What is left of a new latent of length 1 where the old one was 0 and lengths do not count."""
    wish = SoftInpaint(schedule_bias=given["bias"], preservation=given["preservation"], contrast=1)
    old, new = torch.zeros(1, 4, 1, 1), torch.tensor([1.0, 0, 0, 0]).reshape(1, 4, 1, 1)
    repaint = torch.full((1, 1, 1, 1), given["mask"])
    sampler = resolve_sampler("Euler", "Karras").sampler
    mix = mix_softly(old, repaint, sampler, wish).after_guidance
    assert mix is not None
    return float(mix(new, new, torch.tensor(given["sigma"])).norm())


def soft_mixture(given: dict[str, Any]) -> list[float]:
    a, b = (torch.tensor(given[name], dtype=torch.float32).reshape(1, 4, 1, 1) for name in "ab")
    share = torch.full((1, 1, 1, 1), given["share"])
    return mixed(a, b, share, given["contrast"]).flatten().tolist()


def soft_neighbour(squared: int) -> float:
    weights = neighbour_weights()
    rows, columns = np.indices(weights.shape) - RADIUS
    (weight,) = np.unique(weights[rows**2 + columns**2 == squared])
    return float(weight)


def guided(given: dict[str, Any]) -> float:
    """A network whose answer is the mean of its text."""

    def network(x: torch.Tensor, level: torch.Tensor, text: torch.Tensor) -> torch.Tensor:
        return text.mean(dim=(1, 2)).reshape(-1, 1, 1, 1).expand_as(x)

    weights, parts = zip(*given["parts"], strict=True)
    cond = torch.tensor(parts, dtype=torch.float32).reshape(-1, 1, 1)
    uncond = torch.full((1, 1, 1), float(given["uncond"]))
    texts = Texts(cond, (weights,), uncond)
    guidance = Guidance(network, lambda k: texts, 1, GuidanceOptions(scale=given["scale"]))
    return float(guidance(torch.zeros(1, 1, 1, 1), torch.tensor(1.0)))


def grid(given: dict[str, Any]) -> list[int]:
    rows = grid_rows(given["count"], given["batch"], Grids(rows=given["setting"]))
    return [rows, -(-given["count"] // rows)]


def fading_in(given: dict[str, int]) -> int:
    """The level of a white tile's column laid over a black one."""
    side, overlap = 2 * given["overlap"], given["overlap"]
    tiles = [Image.new("RGB", (side, 8), colour) for colour in ("black", "white")]
    joined = tile_grid(2 * side - overlap, 8, side, 8, overlap).joined(tiles)
    return joined.getpixel((side - overlap + given["column"], 0))[0]


def loopback_strength(given: dict[str, Any]) -> float:
    return strength(given["from"], given["to"], given["curve"], given["loop"], given["loops"])


def outpainting_mk2(given: dict[str, Any]) -> dict[str, Any]:
    grown = growth(tuple(given["picture"]), given["pixels"], given["directions"])
    return {"left": grown.left, "right": grown.right, "size": [grown.width, grown.height]}


KINDS: dict[str, Callable[[Any], Any]] = {
    "steps": steps,
    "steps of DDIM": steps_of_ddim,
    "hires size": second_size,
    "early first pass": lambda size: list(first_pass_size(*size)),
    "level of an upscaled picture": level_of_an_upscaled_picture,
    "crop and resize": crop_and_resize,
    "resize and fill": resize_and_fill,
    "edge smeared over a bar": edge_smeared,
    "leftover row stays black": leftover_row,
    "upscaled by a factor": upscaled,
    "blur kernel": kernel_length,
    "mask from transparency": mask_from_transparency,
    "overlay mask": lambda level: doubled(grey(level)).getpixel((0, 0)),
    "latent mask": lambda level: int(latent_mask(grey(level, (8, 8)), 1, 1, hard=True)),
    "region": region,
    "soft share": soft_share,
    "soft mixture": soft_mixture,
    "soft neighbour": soft_neighbour,
    "guided": guided,
    "grid": grid,
    "tiles": lambda each: list(
        tile_grid(each["side"], 512, each["tile"], 512, each["overlap"]).columns
    ),
    "tile fading in": fading_in,
    "loopback strength": loopback_strength,
    "outpainting mk2": outpainting_mk2,
}


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda each: f"{each['n']}-{each['kind']}")
def test_the_arithmetic_gives_the_worked_number(example: dict[str, Any]) -> None:
    found, wanted = KINDS[example["kind"]](example["given"]), example["wanted"]
    if isinstance(wanted, float) or (isinstance(wanted, list) and "soft" in example["kind"]):
        wanted = pytest.approx(wanted, abs=2e-5)
    assert found == wanted


def test_examples_are_numbered_through_and_every_kind_has_one() -> None:
    assert [each["n"] for each in EXAMPLES] == list(range(1, len(EXAMPLES) + 1))
    assert {each["kind"] for each in EXAMPLES} == set(KINDS)
