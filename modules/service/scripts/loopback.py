"""Loopback: what was drawn is drawn over again and again."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from math import cos, pi, sin

from modules.param import param
from modules.schema.inputs import Img2Img
from modules.schema.picture_tasks import CLIP, DEEPBOORU
from modules.schema.request import Batch, GenerationRequest
from modules.schema.result import Fact
from modules.service.formats import to_pillow
from modules.service.grid import image_grid
from modules.service.scripts.script import (
    IMG2IMG,
    Call,
    Cell,
    Drawn,
    Picture,
    Play,
    Script,
    Sheet,
    picture_data,
)

CURVES: dict[str, Callable[[float], float]] = {
    "Aggressive": lambda progress: sin(progress * pi / 2),
    "Linear": lambda progress: progress,
    "Lazy": lambda progress: 1 - cos(progress * pi / 2),
}
"""How the strength goes from the first to the last, both from 0 to 1."""


DESCRIBED_BY = {"CLIP": CLIP, "DeepBooru": DEEPBOORU}


@dataclass(frozen=True, kw_only=True)
class LoopbackArgs:
    """How often, and how the strength changes on the way."""

    loops: int = param(
        4, "Loops", minimum=1, maximum=1000, slider=(1, 32), step=1, help="How often in all."
    )
    final_denoising_strength: float = param(
        0.5,
        "Final denoising strength",
        infotext="Final denoising strength",
        minimum=0,
        maximum=1,
        step=0.01,
    )
    denoising_curve: str = param(
        "Linear", "Denoising strength curve", infotext="Denoising curve", choices=tuple(CURVES)
    )
    append_interrogation: str = param(
        "None",
        "Append interrogated prompt at each iteration",
        choices=("None", *DESCRIBED_BY),
        help="Who describes the picture a loop starts from; the words go behind the prompt.",
    )


def strength(first: float, last: float, curve: str, loop: int, loops: int) -> float:
    """Denoising strength of loop number `loop` from 0."""
    if loops == 1:
        return first
    progress = CURVES[curve](loop / (loops - 1))
    return first + (last - first) * progress


def play(call: Call) -> Play:
    """Every loop starts from the picture before, with the next seed."""
    args: LoopbackArgs = call.args
    request, wish = call.request, call.request.img2img
    assert wish is not None
    facts = (
        ("Final denoising strength", args.final_denoising_strength),
        ("Denoising curve", args.denoising_curve),
    )
    seed = call.fixed_seed(request.seeds.seed)
    history: list[tuple[Drawn, Picture]] = []
    for _ in range(request.batch.n_iter):
        start = replace(wish, colour_reference=wish.colour_reference or wish.images[0])
        for loop in range(args.loops):
            now = strength(
                wish.denoising_strength,
                args.final_denoising_strength,
                args.denoising_curve,
                loop,
                args.loops,
            )
            start = replace(start, denoising_strength=now)
            told = _told(call, start)
            (drawn,) = yield [Cell(request=_with(request, start, seed, told), facts=facts)]
            pictures = drawn.pictures()
            if not pictures:
                return _sheets(history, call, facts)
            history.append((drawn, pictures[0]))
            start, seed = _after(start, pictures[0]), seed + 1
    return _sheets(history, call, facts)


def _told(call: Call, start: Img2Img) -> str:
    """What is to be seen in the picture a loop starts from, if anybody is asked."""
    by = DESCRIBED_BY.get(call.args.append_interrogation)
    return call.describe(start.images[0], by) if by else ""


def _with(request: GenerationRequest, start: Img2Img, seed: int, told: str) -> GenerationRequest:
    prompt = ", ".join(part for part in (request.prompt, told) if part)
    seeds = replace(request.seeds, seed=seed)
    return replace(request, prompt=prompt, img2img=start, seeds=seeds, batch=Batch())


def _after(start: Img2Img, picture: Picture) -> Img2Img:
    """What the next loop starts from; what is masked has its own content from now on."""
    inpaint = start.inpaint and replace(start.inpaint, content="original")
    return replace(start, images=(picture_data(picture),), inpaint=inpaint)


def _sheets(
    history: list[tuple[Drawn, Picture]], call: Call, facts: tuple[Fact, ...]
) -> list[Sheet]:
    """All steps side by side."""
    if len(history) < 2:
        return []
    sheet = image_grid([picture_data(picture) for _, picture in history], rows=1)
    first = history[0][0]
    return [
        Sheet(
            picture=to_pillow(sheet),
            request=first.request,
            image=first.images[0],
            facts=facts,
            base="grid",
        )
    ]


LOOPBACK = Script(
    title="Loopback",
    help="Draws over its own results, with a strength that may change from loop to loop.",
    args=LoopbackArgs,
    play=play,
    tabs=(IMG2IMG,),
    batches=lambda call: call.args.loops * call.request.batch.n_iter,
)
