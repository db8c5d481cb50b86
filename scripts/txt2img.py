"""Stable Diffusion's first command line, to the letter.

    python scripts/txt2img.py --prompt "a photograph of an astronaut riding a horse" --plms

Flags, defaults, folders and numbering are those of the script that came with the CompVis release in
August 2022, and so is the mathematics: plain text without any prompt language, `--ddim_steps`
evaluations of DDIM or PLMS, noise for a whole batch at a time from one stream that begins at
`--seed`, pixels cut off (not rounded) to 8 bits, the safety checker if its weights are in
`models/safety-checker`, and the invisible watermark. `--laion400m` takes the text-to-image model of
the latent diffusion paper, with its own checkpoint, description and folder for pictures.

About the seed: that script seeded torch and drew its noise on the graphics card. Here the stream is
torch's CPU generator, which gives the same pictures on every machine; `--rng nv` computes the
numbers an NVIDIA card would draw instead.

Without the checkpoint that `--ckpt` names by default, the model that comes with Easel is used, at
the size it was trained for.
"""

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from modules.errors import InvalidRequest, ModelError, WebUIError  # noqa: E402
from modules.threads import wait_quietly  # noqa: E402

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor

    from modules.model.loader import Model
    from modules.model.safety import SafetyChecker

OUTDIR = "outputs/txt2img-samples"
CHECKPOINT = "models/ldm/stable-diffusion-v1/model.ckpt"
CONFIG = "configs/stable-diffusion/v1-inference.yaml"
LAION_OUTDIR = "outputs/txt2img-samples-laion400m"
LAION_CHECKPOINT = "models/ldm/text2img-large/model.ckpt"
LAION_CONFIG = "configs/latent-diffusion/txt2img-1p4B-eval.yaml"
EMBEDDED = "easel-mini.safetensors"
GRID_PADDING = 2
"""Black pixels around each picture of a grid."""


def parser() -> argparse.ArgumentParser:
    """Build the parser; sizes without a default become 512, or the embedded model's own."""
    made = argparse.ArgumentParser(
        description="Draw pictures with the flags of Stable Diffusion's first script."
    )
    flag = made.add_argument
    flag("--prompt", default="a painting of a virus monster playing guitar", help="what to draw")
    flag("--outdir", default=OUTDIR, help="folder for pictures and grids")
    flag("--skip_grid", action="store_true", help="write no grid, only single pictures")
    flag("--skip_save", action="store_true", help="write no single pictures, only the grid")
    flag("--ddim_steps", type=int, default=50, help="number of sampling steps")
    flag("--plms", action="store_true", help="sample with PLMS instead of DDIM")
    flag("--laion400m", action="store_true", help="use the LAION-400M model")
    flag("--fixed_code", action="store_true", help="start every batch from the same noise")
    flag("--ddim_eta", type=float, default=0.0, help="0 is deterministic sampling")
    flag("--n_iter", type=int, default=2, help="how many times to go through the prompts")
    flag("--H", type=int, help="height in pixels (512)")
    flag("--W", type=int, help="width in pixels (512)")
    flag("--C", type=int, help="latent channels (4)")
    flag("--f", type=int, help="what sides are divided by for the latent's (8)")
    flag("--n_samples", type=int, default=3, help="pictures per prompt: the batch size")
    flag("--n_rows", type=int, default=0, help="pictures in a row of the grid (n_samples)")
    flag("--scale", type=float, default=7.5, help="guidance: how strictly to follow the prompt")
    flag("--from-file", dest="from_file", type=Path, help="read prompts from this file, one a line")
    flag("--config", default=CONFIG, help="the model's description")
    flag("--ckpt", default=CHECKPOINT, help="the checkpoint")
    flag("--seed", type=int, default=42, help="where the random numbers begin, for repeatability")
    flag("--precision", choices=("full", "autocast"), default="autocast", help="on a GPU")
    flag("--rng", choices=("cpu", "nv"), default="cpu", help="whose random numbers (see above)")
    flag("--no_watermark", action="store_true", help="hide no watermark in the pictures")
    flag("--no_safety_check", action="store_true", help="show every picture, whatever is on it")
    return made


def main(arguments: Sequence[str] | None = None) -> int:
    """Draw as the flags say; returns the exit code: 0, 1 for our failure, 2 for a wrong command."""
    chosen = parser().parse_args(arguments)
    wait_quietly()
    try:
        if chosen.laion400m:
            print("Falling back to the LAION 400M model...")
            take_laion(chosen)
        check(chosen)
        draw(chosen)
    except WebUIError as error:
        print(f"{error.message}\n{error.hint}".strip(), file=sys.stderr)
        return 2 if isinstance(error, InvalidRequest) else 1
    except KeyboardInterrupt:
        print("\nStopped; finished pictures are kept.", file=sys.stderr)
        return 130
    return 0


def take_laion(chosen: argparse.Namespace) -> None:
    """Turn to the LAION-400M model wherever nothing else is asked for."""
    for name, usual, other in (
        ("config", CONFIG, LAION_CONFIG),
        ("ckpt", CHECKPOINT, LAION_CHECKPOINT),
        ("outdir", OUTDIR, LAION_OUTDIR),
    ):
        if getattr(chosen, name) == usual:
            setattr(chosen, name, other)


def check(chosen: argparse.Namespace) -> None:
    """Refuse numbers that cannot work before anything is loaded. Raises InvalidRequest."""
    limits = {"ddim_steps": (1, 1000), "n_iter": (1, 10**6), "n_samples": (1, 1024)}
    for name, (low, high) in limits.items():
        if not low <= (value := getattr(chosen, name)) <= high:
            nearest = min(max(value, low), high)
            raise InvalidRequest(
                f"--{name} is {value}, but must be from {low} to {high}.", f"Try {nearest}."
            )
    if not abs(chosen.scale) < 1e6 or not 0 <= chosen.ddim_eta <= 100:
        raise InvalidRequest("--scale and --ddim_eta must be ordinary numbers.", "Try 7.5 and 0.")
    if chosen.plms and chosen.ddim_eta != 0:
        raise InvalidRequest("PLMS knows no --ddim_eta but 0.", "Leave out one of the two.")


@dataclass(frozen=True)
class Setting:
    """What stays the same for all batches."""

    model: "Model"
    width: int
    height: int
    chosen: argparse.Namespace
    checker: "SafetyChecker | None" = None

    @property
    def latent_shape(self) -> tuple[int, int, int]:
        """(channels, h, w) of one latent. With another --f, pictures come out in another size."""
        cell = self.chosen.f or self.model.downsample
        return (self.model.latent_channels, self.height // cell, self.width // cell)


def draw(chosen: argparse.Namespace) -> None:
    """Load the model, draw every batch, write pictures and the grid."""
    import numpy as np

    batches = prompt_batches(chosen)
    setting = prepare(chosen)
    outdir, samples = Path(chosen.outdir), Path(chosen.outdir) / "samples"
    try:
        samples.mkdir(parents=True, exist_ok=True)
        number, grid_number = len(list(samples.iterdir())), len(list(outdir.iterdir())) - 1
    except OSError as error:
        raise WebUIError(
            f"Cannot write to {outdir}: {error}.", "Choose another --outdir."
        ) from error
    mark = watermark(setting)
    everything: list[np.ndarray] = []
    for pictures in draw_batches(setting, batches):
        if not chosen.skip_save:
            for picture in pictures:
                number = write(mark(picture), samples, "{:05}.png", number)
        if not chosen.skip_grid:
            everything.extend(pictures)
    if everything:
        columns = chosen.n_rows if chosen.n_rows > 0 else chosen.n_samples
        write(mark(grid_of(everything, columns)), outdir, "grid-{:04}.png", grid_number)
    print(f"Your pictures are in {outdir}")


def prompt_batches(chosen: argparse.Namespace) -> list[list[str]]:
    """The prompts of each batch: one prompt `n_samples` times, or the file's lines by as many."""
    if chosen.from_file is None:
        return [[chosen.prompt] * chosen.n_samples]
    try:
        lines = chosen.from_file.read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError) as error:
        raise InvalidRequest(f"Cannot read {chosen.from_file}: {error}.") from error
    if not lines:
        raise InvalidRequest(f"{chosen.from_file} is empty.", "It should hold a prompt a line.")
    size = chosen.n_samples
    return [lines[start : start + size] for start in range(0, len(lines), size)]


def prepare(chosen: argparse.Namespace) -> Setting:
    """Load the checkpoint, or the embedded model in its place, and settle the size."""
    from modules.model.device import pick_device
    from modules.model.loader import load_model
    from modules.paths import Paths

    path, native = Path(chosen.ckpt), False
    if not path.exists() and chosen.ckpt == CHECKPOINT:
        path, native = Paths().checkpoints / EMBEDDED, True
        if not path.exists():
            raise ModelError(f"There is neither {CHECKPOINT} nor {path}.", "Name one with --ckpt.")
        print(f"There is no {CHECKPOINT}; drawing with the model that comes with Easel.")
    elif not path.exists():
        raise ModelError(f"There is no checkpoint at {path}.", "Check --ckpt.")
    device = pick_device("auto", half=chosen.precision == "autocast")
    config = None if chosen.config in (CONFIG, LAION_CONFIG) else Path(chosen.config)
    if config is not None and not config.exists():
        raise ModelError(f"There is no description at {config}.", "Check --config.")
    model = load_model(path, device=device.device, dtype=device.dtype, config=config)
    width, height = model.native_size if native else (512, 512)
    checker = safety_checker(chosen, model)
    setting = Setting(model, chosen.W or width, chosen.H or height, chosen, checker)
    check_shape(setting)
    return setting


def safety_checker(chosen: argparse.Namespace, model: "Model") -> "SafetyChecker | None":
    """What looks at pictures before they are shown: on where its weights are, unless unwanted."""
    from modules.model.safety import SafetyChecker, checker_file
    from modules.paths import Paths

    folder = Paths().safety_checker
    if chosen.no_safety_check:
        return None
    if checker_file(folder) is None:
        print(f"There is no safety checker in {folder}; pictures are not checked.")
        return None
    return SafetyChecker.read(folder, model.device)


def watermark(setting: Setting) -> "Callable[[np.ndarray], np.ndarray]":
    """What hides the watermark in a picture, or leaves it as it is."""
    from modules.pipeline.watermark import FEWEST_PIXELS, marked

    if setting.chosen.no_watermark:
        return lambda picture: picture
    if setting.width * setting.height < FEWEST_PIXELS:
        print("Pictures below 256x256 are too small for the watermark and stay unmarked.")
    return marked


def check_shape(setting: Setting) -> None:
    """Compare --C, --f, --W and --H with the model. Raises InvalidRequest."""
    model, chosen = setting.model, setting.chosen
    has = model.latent_channels
    if chosen.C is not None and has != chosen.C:
        raise InvalidRequest(f"--C is {chosen.C}, but {model.name} has {has}.", f"Try {has}.")
    if chosen.f is not None and not 1 <= chosen.f <= 1024:
        raise InvalidRequest(f"--f is {chosen.f}.", f"Try {model.downsample}.")
    step = chosen.f or model.downsample
    if step != model.downsample:
        print(f"{model.name} has cells of {model.downsample} pixels: sizes change.")
    for flag, side in (("--W", setting.width), ("--H", setting.height)):
        if side < step or side % step or side > 16384:
            nearest = min(max(round(side / step), 1) * step, 16384)
            raise InvalidRequest(f"{flag} is {side}, but must divide by {step}.", f"Try {nearest}.")


def draw_batches(setting: Setting, batches: list[list[str]]) -> Iterator[list["np.ndarray"]]:
    """Yield the pictures of each batch, each (height, width, 3) uint8."""
    import torch

    from modules.sampling.noise import new_generator

    chosen = setting.chosen
    stream = new_generator(chosen.seed, chosen.rng.upper())

    def noise(count: int) -> "Tensor":
        return stream.randn((count, *setting.latent_shape)).to(setting.model.device)

    fixed = noise(chosen.n_samples) if chosen.fixed_code else None
    total = chosen.n_iter * len(batches)
    with torch.no_grad():
        for turn in range(total):
            prompts = batches[turn % len(batches)]
            start = noise(len(prompts)) if fixed is None else fixed[: len(prompts)]
            latent = sample(setting, prompts, start, noise, (turn, total))
            pictures = pictures_of(setting.model, latent)
            if setting.checker is not None:
                pictures, count = setting.checker.without_flagged(pictures)
                if count:
                    print(
                        f"{count} of {len(pictures)} pictures may be unsafe: they are left black."
                    )
            yield pictures


def sample(
    setting: Setting,
    prompts: list[str],
    start: "Tensor",
    noise: Callable[[int], "Tensor"],
    turn: tuple[int, int],
) -> "Tensor":
    """Draw one batch of latents (batch, channels, h, w), printing how far it is."""
    from modules.cli.progress import ProgressPrinter
    from modules.conditioning.plain import encode_plain
    from modules.sampling.catalogue import resolve_sampler
    from modules.sampling.guidance import Guidance, GuidanceOptions
    from modules.sampling.plan import PassOptions, SamplingPass
    from modules.sampling.step import Options
    from modules.schema.event import Progress

    model, chosen = setting.model, setting.chosen
    wish = PassOptions(sampler=Options(eta=chosen.ddim_eta), prediction=model.prediction)
    resolved = resolve_sampler("CompVis PLMS" if chosen.plms else "CompVis DDIM")
    plan = SamplingPass(resolved, chosen.ddim_steps, model.alphas_cumprod, wish)
    empty = [""] * len(prompts)
    conditions = Conditions(encode_plain(model, prompts), encode_plain(model, empty))
    guidance = Guidance(
        plan.prediction(model.unet),
        lambda _: conditions,
        plan.evaluations,
        GuidanceOptions(scale=chosen.scale),
    )

    def draws(sigma: "Tensor", sigma_next: "Tensor") -> "Tensor":
        return noise(len(prompts))

    printer, steps = ProgressPrinter(), len(plan.grid)
    latent = start
    for step in plan.run(guidance, plan.start(start), draws):
        latent = step.x
        printer.show(Progress(step=step.index + 1, steps=steps, batch=turn[0], batches=turn[1]))
    printer.end()
    if chosen.plms:  # it draws noise for each step and the look ahead, though it uses none
        for _ in range(steps + 1):
            noise(len(prompts))
    return latent


@dataclass(frozen=True)
class Conditions:
    """Encoded texts and negatives, each (batch, 77, dim); one text a picture."""

    cond: "Tensor"
    uncond: "Tensor"
    vectors: "Tensor | None" = None
    uncond_vectors: "Tensor | None" = None

    @property
    def weights(self) -> list[list[float]]:
        """Each picture has a single part of weight 1."""
        return [[1.0]] * len(self.uncond)


def pictures_of(model: "Model", latent: "Tensor") -> list["np.ndarray"]:
    """Decode latents to pictures, (height, width, 3) uint8; values are cut off, not rounded."""
    import numpy as np

    decoded = ((model.decode_latent(latent) + 1) / 2).clamp(0, 1)  # (batch, 3, H, W)
    scaled = 255.0 * decoded.permute(0, 2, 3, 1).numpy()
    return list(scaled.astype(np.uint8))


def grid_of(pictures: list["np.ndarray"], columns: int) -> "np.ndarray":
    """Put pictures of one size on black, `columns` in a row, two pixels apart; one stays alone."""
    import numpy as np

    if len(pictures) == 1:
        return pictures[0]
    columns = min(columns, len(pictures))
    rows = -(-len(pictures) // columns)
    height, width = (side + GRID_PADDING for side in pictures[0].shape[:2])
    canvas = np.zeros((rows * height + GRID_PADDING, columns * width + GRID_PADDING, 3), np.uint8)
    for place, picture in enumerate(pictures):
        row, column = divmod(place, columns)
        top, left = row * height + GRID_PADDING, column * width + GRID_PADDING
        canvas[top : top + height - GRID_PADDING, left : left + width - GRID_PADDING] = picture
    return canvas


def write(picture: "np.ndarray", folder: Path, pattern: str, number: int) -> int:
    """Write a picture under the first free number from `number` on; return the next."""
    from PIL import Image

    image = Image.fromarray(picture)
    while True:
        try:
            with (folder / pattern.format(number)).open("xb") as file:
                image.save(file, "PNG")
            return number + 1
        except FileExistsError:  # the folder lost a file, so that counting is not enough
            number += 1
        except OSError as error:
            raise WebUIError(f"Cannot write to {folder}: {error}.", "Is the disk full?") from error


if __name__ == "__main__":
    from modules.bootstrap.environment import RUNTIME, ensure_environment

    if not {"-h", "--help"} & set(sys.argv[1:]):
        ensure_environment(ROOT, RUNTIME)
    sys.exit(main())
