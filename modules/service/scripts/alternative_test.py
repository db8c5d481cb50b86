"""img2img alternative test: a picture's own noise is found, and drawn from with other words."""

from dataclasses import dataclass, replace

from modules.param import param
from modules.schema.inputs import Inversion
from modules.schema.result import Fact
from modules.service.scripts.script import IMG2IMG, Call, Cell, Play, Script

TITLE = "img2img alternative test"


@dataclass(frozen=True, kw_only=True)
class AlternativeArgs:
    """The way back, and what the way forth takes over from it."""

    override_sampler: bool = param(True, "Override sampling method to Euler")
    override_prompt: bool = param(True, "Override prompt to the original prompt")
    original_prompt: str = param("", "Original prompt", infotext="Decode prompt")
    original_negative_prompt: str = param(
        "", "Original negative prompt", infotext="Decode negative prompt"
    )
    override_steps: bool = param(True, "Override sampling steps to the decode steps")
    decode_steps: int = param(
        50, "Decode steps", infotext="Decode steps", minimum=1, maximum=150, step=1
    )
    override_strength: bool = param(True, "Override denoising strength to 1")
    decode_cfg_scale: float = param(
        1.0, "Decode CFG scale", infotext="Decode CFG scale", minimum=0, maximum=15, step=0.1
    )
    randomness: float = param(
        0.0, "Randomness", infotext="Randomness", minimum=0, maximum=1, step=0.01
    )


def play(call: Call) -> Play:
    """One request, which begins with the noise behind its picture."""
    args: AlternativeArgs = call.args
    request, wish = call.request, call.request.img2img
    assert wish is not None
    inversion = Inversion(
        prompt=args.original_prompt,
        negative_prompt=args.original_negative_prompt,
        steps=args.decode_steps,
        cfg_scale=args.decode_cfg_scale,
        randomness=args.randomness,
    )
    strength = 1.0 if args.override_strength else wish.denoising_strength
    wish = replace(wish, inversion=inversion, denoising_strength=strength)
    sampling = request.sampling
    if args.override_sampler:
        sampling = replace(sampling, sampler="Euler", schedule="Automatic")
    if args.override_steps:
        sampling = replace(sampling, steps=args.decode_steps)
    seeds = replace(request.seeds, seed=call.fixed_seed(request.seeds.seed))
    request = replace(request, img2img=wish, sampling=sampling, seeds=seeds)
    if args.override_prompt and args.original_prompt:
        request = replace(
            request,
            prompt=args.original_prompt,
            negative_prompt=args.original_negative_prompt,
        )
    yield [Cell(request=request, facts=_facts(args))]
    return []


def _facts(args: AlternativeArgs) -> tuple[Fact, ...]:
    facts: list[Fact] = [("Script", TITLE)]
    if args.original_prompt:
        facts.append(("Decode prompt", args.original_prompt))
    if args.original_negative_prompt:
        facts.append(("Decode negative prompt", args.original_negative_prompt))
    return (
        *facts,
        ("Decode CFG scale", args.decode_cfg_scale),
        ("Decode steps", args.decode_steps),
        ("Randomness", args.randomness),
    )


ALTERNATIVE_TEST = Script(
    title=TITLE,
    help="Finds the noise a picture would have been drawn from, and draws with other words.",
    args=AlternativeArgs,
    play=play,
    tabs=(IMG2IMG,),
)
