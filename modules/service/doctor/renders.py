"""Eight small pictures that every sound installation draws alike, and what it means when not.

Each uses one more part of the program than the first, so that which of them differ says where to
look. They are compared as 32 by 32 averages: processors and graphics cards round differently, so
single pixels may differ by a few levels anywhere.
"""

import io
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from PIL import Image, ImageChops, ImageStat

from modules.errors import WebUIError
from modules.paths import Paths
from modules.schema.event import Failed, ImageReady
from modules.schema.inputs import Hires, ImageData, Img2Img, Inpaint
from modules.schema.request import (
    Batch,
    GenerationRequest,
    Models,
    Sampling,
    Seeds,
    Size,
    TextOptions,
)
from modules.service.app import App, build_app
from modules.service.doctor.finding import BAD, GOOD, Finding
from modules.settings.launch import Launch

SIDE = 32
"""Pixels of a side that pictures are compared at."""
MOST_DIFFERENCE = 5.0
"""Mean levels (of 255) that a compared picture may be off: far above what rounding does, far
below what another seed, sampler or prompt does."""
UNIFORM = 1.0
"""A picture with a smaller spread, in levels, shows nothing."""
REFERENCE = "selftest.png"
"""In `configs`: the eight averages, one below the other."""


EMBEDDED = "easel-mini"
"""The model that comes with the program."""


@dataclass(frozen=True)
class Render:
    """One of the pictures."""

    part: str
    """What it needs that the first does not."""
    request: GenerationRequest
    blame: str
    """What is wrong when it differs and the first does not."""


BASE = GenerationRequest(
    prompt="a red apple on a table",
    sampling=Sampling(sampler="Euler", steps=6, cfg_scale=1.0),
    seeds=Seeds(seed=11, source="CPU"),
    size=Size(width=128, height=128),
)
MASK = ImageData(4, 1, "L", bytes((0, 0, 255, 255)))
"""The right half is repainted."""


def renders() -> tuple[Render, ...]:
    """List the eight requests; the last paints over a picture of its own making."""
    guided = replace(BASE, sampling=replace(BASE.sampling, cfg_scale=7.0))
    grey = ImageData(1, 1, "RGB", bytes((120, 140, 160)))
    return (
        Render("network and decoder", BASE, "The network or the decoder computes something else."),
        Render(
            "guidance and a negative prompt",
            replace(guided, negative_prompt="night"),
            "Two prompts in one batch give other numbers than one: a fault of the driver.",
        ),
        Render(
            "prompt language",
            replace(BASE, prompt="(green:1.3) tree BREAK [red|blue] house, [sun:snow:0.5]"),
            "Long or weighted prompts are read differently: the text encoder or its tokenizer.",
        ),
        Render(
            "noise as NVIDIA cards make it",
            replace(BASE, seeds=replace(BASE.seeds, source="NV"), text=TextOptions(clip_skip=2)),
            "Noise or clip skip: pictures of other people will not come out the same here.",
        ),
        Render(
            "Brownian noise",
            replace(BASE, sampling=replace(BASE.sampling, sampler="DPM++ 2M SDE")),
            "The noise of SDE samplers differs; other samplers are not affected.",
        ),
        Render(
            "batches",
            replace(BASE, batch=Batch(batch_size=2)),
            "A picture depends on its neighbours in the batch: draw with batch size 1.",
        ),
        Render(
            "hires. fix",
            replace(BASE, hires=Hires(scale=1.5, steps=4, denoising_strength=0.6)),
            "The second pass differs: enlarging latents, or memory for larger pictures.",
        ),
        Render(
            "inpainting",
            replace(
                BASE,
                img2img=Img2Img(images=(grey,), denoising_strength=0.9, inpaint=Inpaint(mask=MASK)),
            ),
            "Reading pictures into the model differs: the encoder, or masks.",
        ),
    )


def draw(device: Launch, program: Paths) -> Iterator[tuple[Render, Image.Image | str, str]]:
    """Draw the eight with the model of the program, in a folder that is deleted afterwards.

    Yields each with its last picture, or with the reason why there is none, and the device's name.
    """
    with tempfile.TemporaryDirectory(prefix="easel-doctor-", ignore_cleanup_errors=True) as folder:
        data = Path(folder)
        # every other flag that decides how is kept, so that what is tried is what is used
        launch = replace(device, data_dir=folder, models_dir="", ckpt_dir="", ckpt="")
        own = Paths(data=data, checkpoint_dir=program.program / "models" / "Stable-diffusion")
        app = build_app(own, launch, adopt=False)
        try:
            for render in renders():
                yield render, picture(app, render.request), app.status().device
        finally:
            app.close()


def picture(app: App, request: GenerationRequest) -> Image.Image | str:
    """Draw one request; returns its last picture, or why there is none."""
    try:
        models = Models(checkpoint=EMBEDDED)
        job = app.submit(replace(request, models=models), save=False, origin="doctor")
        last: Image.Image | str = "nothing was drawn"
        for _, event in app.follow(job.id):
            if isinstance(event, Failed):
                return f"{event.message} {event.hint}".strip()
            if isinstance(event, ImageReady) and event.image.kind == "image":
                content = app.image_file(event.image.id).read_bytes()
                last = Image.open(io.BytesIO(content)).convert("RGB")
    except WebUIError as error:
        return f"{error.message} {error.hint}".strip()
    return last


def reduced(found: Image.Image) -> Image.Image:
    """Return the averages that are compared."""
    return found.resize((SIDE, SIDE), Image.Resampling.BOX)


def difference(found: Image.Image, wanted: Image.Image) -> float:
    """Return the mean difference of two pictures' averages, in levels of 255."""
    apart = ImageChops.difference(reduced(found), wanted)
    return sum(ImageStat.Stat(apart).mean) / 3


def references(configs: Path) -> list[Image.Image]:
    """Read the averages that a sound installation draws."""
    sheet = Image.open(configs / REFERENCE).convert("RGB")
    rows = range(0, sheet.height, SIDE)
    return [sheet.crop((0, top, SIDE, top + SIDE)) for top in rows]


def look_at_drawing(
    launch: Launch, program: Paths, tell: Callable[[str], None]
) -> Iterator[Finding]:
    """Draw the eight pictures and say what their differences mean."""
    seen = []
    for (render, found, device), wanted in zip(
        draw(launch, program), references(program.configs), strict=True
    ):
        finding = judged(render, found, wanted)
        seen.append(finding)
        tell(f"drew {len(seen)} of 8 on {device}")
        yield finding
    yield diagnosis(seen)


def judged(render: Render, found: Image.Image | str, wanted: Image.Image) -> Finding:
    """Compare one picture with what it should be."""
    subject = f"Drawing: {render.part}"
    if isinstance(found, str):
        return Finding(subject, BAD, found, render.blame)
    if max(ImageStat.Stat(found).stddev) < UNIFORM:
        return Finding(subject, BAD, "the picture is of one colour", BLANK)
    apart = difference(found, wanted)
    seen = f"{apart:.2f} of 255 levels from the reference"
    if apart > MOST_DIFFERENCE:
        return Finding(subject, BAD, seen, render.blame)
    return Finding(subject, GOOD, seen)


BLANK = "Numbers overflow here in half precision: start with --no-half."
ALL = "Every picture differs, so it is the network, the decoder, or the file of the model."


def diagnosis(seen: Sequence[Finding]) -> Finding:
    """Say in one sentence what the eight mean together."""
    subject = "Drawing, all together"
    bad = [finding for finding in seen if finding.state == BAD]
    if not bad:
        return Finding(subject, GOOD, "all eight pictures are as they should be")
    if len(bad) == len(seen):
        advice = (
            "Start with --use-cpu all: if that helps, the driver or the build of PyTorch is at "
            "fault; if not, delete .venv and start again, and get the program's model anew."
        )
        return Finding(subject, BAD, BLANK if same_cause(bad, BLANK) else ALL, advice)
    if seen[0].state == BAD:
        return Finding(subject, BAD, "the simplest picture differs", seen[0].advice)
    parts = ", ".join(finding.subject.partition(": ")[2] for finding in bad)
    return Finding(subject, BAD, f"wrong: {parts}", bad[0].advice)


def same_cause(bad: Sequence[Finding], cause: str) -> bool:
    """Answer whether all of these were blamed on the same thing."""
    return all(finding.advice == cause for finding in bad)
