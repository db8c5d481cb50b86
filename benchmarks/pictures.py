"""What becomes of pictures drawn from pictures, measured on the model that comes along.

    python -m benchmarks pictures [--pictures 10] [--steps 20] [--checkpoint NAME] [--probe FILE]

- **Inpainting**: a thing is drawn in one colour, a box around it is masked, and the same thing is
  asked for in another. Pixels that differ where neither mask nor blur reaches must be 0; inside,
  the colour of the thing must be the new one. With `--probe` (the weights that `easel evaluate`
  keeps) the whole prompt is judged, as the model's own adherence is.
- **Outpainting**: the frame is drawn past the right edge by half, as the page hands it over, and
  the surroundings are asked for. The step between neighbouring columns across the old edge, by the
  mean inside the picture, must be below 1.5. Asked for the whole prompt again the model puts a
  second thing there, with edges of its own; then no step in the strip where old becomes new may be
  1.5 times the strongest inside.
- **Hires fix**: twice the size, made small again, must correlate with the first pass above 0.9.
  The model that comes along knows one size only and repeats things at another if it is let: the
  aim holds for Lanczos at a denoising strength of 0.35; a latent upscaler needs more strength, and
  is shown beside it.
"""

import argparse
import json
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from modules.engine.local import LocalEngine
from modules.paths import Paths
from modules.schema.cancel import Cancel
from modules.schema.event import ImageReady
from modules.schema.inputs import Hires, ImageData, Img2Img, Inpaint
from modules.schema.request import GenerationRequest, Models, Sampling, Seeds, Size
from modules.training.world.colours import COLOUR_BY_NAME
from modules.training.world.scene import Backdrop, Item, Scene

Pixels = NDArray[np.uint8]
"""(height, width, 3)."""
Draw = Callable[[GenerationRequest], Pixels]

SIDE = 128
BLUR = 4
REACH = 10
"""Pixels a mask blur of 4 reaches: half of a kernel of 21."""
MARGIN = 6
"""Pixels of mask around the thing."""
SEAM = 32
"""Pixels of the picture over which the page's mask rises to white along a crossed edge."""
BESIDE = 4
"""Columns to either side that belong to a seam."""
SECOND_PASSES = (("Lanczos", 0.35), ("Latent", 0.7))
"""Upscalers with their denoising strengths; the first has to meet the aim."""
THINGS = ("ball", "cube", "heart")
CHANGES = (("red", "blue"), ("yellow", "purple"), ("blue", "red"), ("white", "green"))
BACKGROUND = "black"
LANDSCAPES = (
    ("a red ball on the grass in daylight", "grass in daylight"),
    ("a yellow house in the snow at night", "snow at night"),
    ("a purple tree in the desert at sunset", "desert, sunset"),
    ("a white heart on a red background", "a red background"),
)
"""Prompts, and their surroundings alone."""
SEAM_LIMIT = 1.5
ALIKE_LIMIT = 0.9


@dataclass(frozen=True)
class Inpainted:
    """One thing given another colour: pixels changed beyond reach, and what it looks like now."""

    prompt: str
    changed_outside: int
    follows: bool
    obeyed: bool | None = None
    """What the probe says of the whole prompt; None without one."""


@dataclass(frozen=True)
class Outpainted:
    """Steps between neighbouring columns, in levels, each the mean of a few columns.

    `seam` is across the old edge, `strip` the strongest where old becomes new; `inside` and
    `strongest` are the mean and the strongest of the picture as it was.
    """

    prompt: str
    seam: float
    strip: float
    inside: float
    strongest: float

    @property
    def ratio(self) -> float:
        """How visible the edge is; 1 is as the rest."""
        return self.seam / self.inside

    @property
    def strip_ratio(self) -> float:
        """How much the strip stands out; 1 is as the clearest outline inside."""
        return self.strip / self.strongest


@dataclass(frozen=True)
class Enlarged:
    """How much a second pass looks like the first."""

    prompt: str
    upscaler: str
    correlation: float


def request_for(prompt: str, seed: int, steps: int = 20) -> GenerationRequest:
    """A picture at the model's own size."""
    return GenerationRequest(
        prompt=prompt,
        sampling=Sampling(sampler="DPM++ 2M", schedule="Karras", steps=steps, cfg_scale=5.0),
        seeds=Seeds(seed=seed),
        size=Size(width=SIDE, height=SIDE),
    )


def inpainted(draw: Draw, number: int, steps: int, judge: Any = None) -> Inpainted | None:
    """Give a drawn thing another colour; None if the first picture does not show the thing."""
    thing, (old, new) = THINGS[number % len(THINGS)], CHANGES[number % len(CHANGES)]
    scene = Scene((Item(thing, new),), Backdrop(plain=BACKGROUND))
    before = draw(request_for(prompt_of(thing, old), number, steps))
    shown = named_colours(before) == old
    if shown.mean() < 0.02:
        return None
    mask = box_around(shown)
    wish = Img2Img(
        images=(as_data(before),),
        denoising_strength=0.9,
        inpaint=Inpaint(mask=as_data(mask), blur=BLUR, content="fill"),
    )
    prompt = prompt_of(thing, new)
    after = draw(replace(request_for(prompt, number + 1000, steps), img2img=wish))
    far = np.asarray(Image.fromarray(mask).filter(ImageFilter.MaxFilter(2 * REACH + 1))) == 0
    changed = (np.abs(after.astype(int) - before).max(axis=2) > 0) & far
    return Inpainted(
        prompt,
        int(changed.sum()),
        commonest(named_colours(after)[mask > 0]) == new,
        None if judge is None else judge(scene, after),
    )


def prompt_of(thing: str, colour: str) -> str:
    """As the model's captions say it."""
    return f"a {colour} {thing} on a {BACKGROUND} background"


def named_colours(pixels: Pixels) -> NDArray[np.str_]:
    """The nearest colour for each pixel, (height, width)."""
    names = [name for pair in CHANGES for name in pair] + [BACKGROUND]
    palette = np.array([COLOUR_BY_NAME[name].rgb for name in names], float)
    apart = np.linalg.norm(pixels[:, :, None].astype(float) - palette, axis=3)
    return np.array(names)[apart.argmin(axis=2)]


def commonest(names: NDArray[np.str_]) -> str:
    """The commonest colour besides the background."""
    found, counts = np.unique(names[names != BACKGROUND], return_counts=True)
    return str(found[counts.argmax()]) if len(found) else BACKGROUND


def box_around(shown: NDArray[np.bool_]) -> Pixels:
    """A mask (height, width): white over all that is shown, with a margin."""
    ys, xs = np.nonzero(shown)
    mask = np.zeros(shown.shape, np.uint8)
    mask[max(ys.min() - MARGIN, 0) : ys.max() + MARGIN + 1,
         max(xs.min() - MARGIN, 0) : xs.max() + MARGIN + 1] = 255  # fmt: skip
    return mask


def outpainted(draw: Draw, number: int, steps: int, *, whole: bool = False) -> Outpainted:
    """Draw half as much again to the right: the surroundings, or the `whole` prompt once more."""
    prompts = LANDSCAPES[number % len(LANDSCAPES)]
    before = draw(request_for(prompts[0], number, steps))
    more = SIDE // 2
    canvas = np.zeros((SIDE, SIDE + more, 4), np.uint8)
    canvas[:, :SIDE] = np.dstack([before, np.full((SIDE, SIDE), 255, np.uint8)])
    mask = np.zeros((SIDE, SIDE + more), np.uint8)
    mask[:, SIDE - SEAM :] = 255
    mask[:, SIDE - SEAM : SIDE] = np.arange(1, SEAM + 1) * 255 // (SEAM + 1)
    inpaint = Inpaint(mask=as_data(mask), blur=BLUR, content="fill", round=False)
    wish = Img2Img(images=(as_data(canvas),), inpaint=inpaint)
    size = Size(width=SIDE + more, height=SIDE)
    prompt = prompts[0] if whole else prompts[1]
    after = draw(replace(request_for(prompt, number, steps), size=size, img2img=wish))
    new, old = steps_of(after), steps_of(before)
    edge = SIDE - 1 - BESIDE  # the window whose middle is the step across the old edge
    return Outpainted(
        prompt,
        seam=float(new[edge]),
        strip=float(new[edge - SEAM : edge + 1].max()),
        inside=float(old.mean()),
        strongest=float(old.max()),
    )


def steps_of(pixels: Pixels) -> NDArray[np.float64]:
    """Mean steps between neighbouring columns in a window that moves over the picture."""
    steps = np.abs(np.diff(pixels.astype(float), axis=1)).mean(axis=(0, 2))
    return np.convolve(steps, np.full(2 * BESIDE + 1, 1 / (2 * BESIDE + 1)), "valid")


def enlarged(draw: Draw, number: int, upscaler: str, strength: float, steps: int) -> Enlarged:
    """Draw at twice the size and compare what is left when it is made small again."""
    prompt, _ = LANDSCAPES[number % len(LANDSCAPES)]
    wish = request_for(prompt, number, steps)
    first = draw(wish)
    second = draw(
        replace(wish, hires=Hires(upscaler=upscaler, scale=2.0, denoising_strength=strength))
    )
    small = Image.fromarray(second).resize((SIDE, SIDE), Image.Resampling.BOX)
    correlation = np.corrcoef(first.ravel(), np.asarray(small).ravel())[0, 1]
    return Enlarged(prompt, upscaler, float(correlation))


def as_data(pixels: Pixels) -> ImageData:
    """L, RGB or RGBA, by the number of channels."""
    mode = "L" if pixels.ndim == 2 else {3: "RGB", 4: "RGBA"}[pixels.shape[2]]
    return ImageData(pixels.shape[1], pixels.shape[0], mode, pixels.tobytes())


def drawing_with(engine: LocalEngine, checkpoint: str) -> Draw:
    """A function that draws one request."""

    def draw(request: GenerationRequest) -> Pixels:
        request = replace(request, models=Models(checkpoint=checkpoint))
        images = [e.image for e in engine.run(request, Cancel()) if isinstance(e, ImageReady)]
        (image,) = [image.image for image in images]
        assert image is not None
        return np.frombuffer(image.data, np.uint8).reshape(image.height, image.width, 3)

    return draw


def judging_with(probe: Path) -> Callable[[Scene, Pixels], bool]:
    """Whether a picture shows all that its scene says."""
    import torch

    from modules.training.evaluation.adherence import answers_to, judge
    from modules.training.evaluation.probe import load_probe

    looker = load_probe(probe)

    def says(scene: Scene, pixels: Pixels) -> bool:
        tensor = torch.from_numpy(pixels.copy()).permute(2, 0, 1)[None].float() / 127.5 - 1
        verdict = judge(scene, answers_to(looker, tensor)[0].tolist())
        return verdict["object"] and verdict["colour"]

    return says


def main() -> None:
    """Draw, measure, print; leaves with 1 if an aim is missed."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--pictures", type=int, default=10, help="of each kind")
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--checkpoint", default="easel-mini.safetensors")
    parser.add_argument("--probe", type=Path, help="weights of the adherence probe")
    parser.add_argument("--json", type=Path, help="also write every figure here")
    chosen = parser.parse_args()
    draw = drawing_with(LocalEngine(Paths(), preview_interval_s=None), chosen.checkpoint)
    judge = judging_with(chosen.probe) if chosen.probe else None
    numbers = range(chosen.pictures)
    found = [each for n in numbers if (each := inpainted(draw, n, chosen.steps, judge))]
    wide = [outpainted(draw, n, chosen.steps) for n in numbers]
    again = [outpainted(draw, n, chosen.steps, whole=True) for n in numbers]
    large = [
        enlarged(draw, n, upscaler, strength, chosen.steps)
        for upscaler, strength in SECOND_PASSES
        for n in numbers
    ]
    if chosen.json:
        rows = [asdict(each) for each in (*found, *wide, *again, *large)]
        chosen.json.write_text(json.dumps(rows, indent=1), encoding="utf-8")
    sys.exit(0 if tell(found, (wide, again), large) else 1)


def tell(
    found: list[Inpainted],
    outpaintings: tuple[list[Outpainted], list[Outpainted]],
    large: list[Enlarged],
) -> bool:
    """Print the figures; whether every aim is met."""
    outside = sum(each.changed_outside for each in found)
    print(f"inpainting: {len(found)} pictures, {outside} pixels changed beyond mask and blur,")
    print(f"  {sum(each.follows for each in found)} in the new colour")
    if any(each.obeyed is not None for each in found):
        print(f"  {sum(bool(each.obeyed) for each in found)} as the probe sees it")
    for name, some in zip(("surroundings", "whole prompt"), outpaintings, strict=True):
        edge, strip = [each.ratio for each in some], [each.strip_ratio for each in some]
        print(f"outpainting, {name}: edge by inside {fmean(edge):.2f} (worst {max(edge):.2f}),")
        print(f"  strip by strongest inside {fmean(strip):.2f} (worst {max(strip):.2f})")
    for upscaler in dict.fromkeys(each.upscaler for each in large):
        alike = [each.correlation for each in large if each.upscaler == upscaler]
        print(f"hires, {upscaler}: correlation {fmean(alike):.3f} (worst {min(alike):.3f})")
    alike = [each.correlation for each in large if each.upscaler == SECOND_PASSES[0][0]]
    wide, again = outpaintings
    return (
        outside == 0
        and all(each.follows for each in found)
        and fmean([each.ratio for each in wide]) < SEAM_LIMIT
        and fmean([each.strip_ratio for each in again]) < SEAM_LIMIT
        and fmean(alike) > ALIKE_LIMIT
    )


if __name__ == "__main__":
    main()
