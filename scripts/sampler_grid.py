"""Draw one prompt with every sampler and every schedule type, as one labelled sheet.

    python scripts/sampler_grid.py --prompt "a red ball" --out docs/images/samplers.webp

One seed, one request; only the two names differ. Samplers that do not look at schedules, because
they lay out their own grid or work in timesteps, are drawn once.
"""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from PIL import Image, ImageDraw, ImageFont

from modules.engine.local import LocalEngine
from modules.errors import WebUIError
from modules.param import replace_at
from modules.paths import ROOT, Paths
from modules.sampling.catalogue import SAMPLERS, Sampler, schedule_names
from modules.schema.cancel import Cancel
from modules.schema.catalogue import CheckpointInfo
from modules.schema.event import ImageReady
from modules.schema.request import GenerationRequest

PAPER, INK, FAINT = "#ffffff", "#202020", "#f0f0f0"
GAP, LABEL, HEAD = 3, 132, 22
"""Pixels between cells, for the samplers' names and for the schedules' names."""
QUALITY = 88


def main() -> int:
    """Draw the sheet; returns the exit code."""
    chosen = parser().parse_args()
    paths = Paths(data=chosen.data_dir, checkpoint_dir=chosen.ckpt_dir)
    engine = LocalEngine(paths, device=chosen.device, preview_interval_s=None)
    try:
        checkpoint = find_checkpoint(engine, chosen.ckpt)
        request = request_for(chosen, checkpoint)
        sheet = draw_sheet(engine, request, chosen.cell)
    except WebUIError as error:
        print(error, file=sys.stderr)
        return 1
    finally:
        engine.close()
    chosen.out.parent.mkdir(parents=True, exist_ok=True)
    sheet.save(chosen.out, quality=QUALITY)
    print(f"{chosen.out} ({sheet.width} x {sheet.height})")
    return 0


def parser() -> argparse.ArgumentParser:
    """The script's flags."""
    made = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    made.add_argument("--prompt", default="", help="default: the model's own first example")
    made.add_argument("--ckpt", default="", help="checkpoint; default: the first there is")
    made.add_argument("--seed", type=int, default=1)
    made.add_argument("--steps", type=int, default=20)
    made.add_argument("--cfg-scale", type=float, default=7.0)
    made.add_argument("--size", type=int, help="side of a picture; default: the model's own")
    made.add_argument("--cell", type=int, default=80, help="side of a picture on the sheet")
    made.add_argument("--out", type=Path, default=Path("samplers.webp"))
    made.add_argument("--device", default="auto")
    made.add_argument("--data-dir", type=Path, default=ROOT, help=argparse.SUPPRESS)
    made.add_argument("--ckpt-dir", type=Path, help="where checkpoints are looked for")
    return made


def find_checkpoint(engine: LocalEngine, name: str) -> CheckpointInfo:
    """The checkpoint whose title contains `name`. Raises WebUIError."""
    found = [one for one in engine.catalogue().checkpoints if name in one.title]
    if not found:
        raise WebUIError("There is no such checkpoint.", "Give another --ckpt or --ckpt-dir.")
    return found[0]


def request_for(chosen: argparse.Namespace, checkpoint: CheckpointInfo) -> GenerationRequest:
    """The request that all pictures share."""
    prompt = chosen.prompt or next(iter(checkpoint.examples), "")
    width, height = (chosen.size, chosen.size) if chosen.size else checkpoint.native_size
    request = GenerationRequest()
    for path, value in {
        "prompt": prompt,
        "models.checkpoint": checkpoint.title,
        "seeds.seed": chosen.seed,
        "seeds.source": "CPU",
        "sampling.steps": chosen.steps,
        "sampling.cfg_scale": chosen.cfg_scale,
        "size.width": width,
        "size.height": height,
    }.items():
        request = replace_at(request, path, value)
    request.check()
    return request


def rows_of_menu() -> list[Sampler]:
    """Every sampler that can be chosen."""
    return [sampler for sampler in SAMPLERS if sampler.in_menu]


def heeds_schedules(sampler: Sampler) -> bool:
    """Whether the schedule type makes a difference."""
    return sampler.family != "timestep" and not sampler.own_grid


def draw_sheet(engine: LocalEngine, request: GenerationRequest, cell: int) -> Image.Image:
    """A row a sampler, a column a schedule type. Raises WebUIError."""
    samplers, schedules = rows_of_menu(), schedule_names()
    size = (LABEL + len(schedules) * (cell + GAP), HEAD + len(samplers) * (cell + GAP))
    sheet = Image.new("RGB", size, PAPER)
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(11)
    for column, schedule in enumerate(schedules):
        middle = LABEL + column * (cell + GAP) + cell // 2
        pen.text((middle, HEAD // 2), short(schedule), INK, font, anchor="mm")
    for row, sampler in enumerate(samplers):
        top = HEAD + row * (cell + GAP)
        pen.text((LABEL - 8, top + cell // 2), sampler.name, INK, font, anchor="rm")
        for column, schedule in enumerate(schedules):
            corner = (LABEL + column * (cell + GAP), top)
            if column == 0 or heeds_schedules(sampler):
                picture = draw(engine, request, sampler.name, schedule)
                sheet.paste(picture.resize((cell, cell), Image.Resampling.LANCZOS), corner)
            else:
                far = (corner[0] + cell - 1, top + cell - 1)
                pen.rectangle((corner, far), fill=FAINT)
        print(f"{sampler.name} ({row + 1} of {len(samplers)})", flush=True)
    return sheet


def short(schedule: str) -> str:
    """A label that fits above a cell."""
    return schedule.replace("Align Your Steps", "AYS").replace("Polyexponential", "Polyexp.")


def draw(
    engine: LocalEngine, request: GenerationRequest, sampler: str, schedule: str
) -> Image.Image:
    """One picture. Raises WebUIError."""
    request = replace_at(request, "sampling.sampler", sampler)
    request = replace_at(request, "sampling.schedule", schedule)
    for event in engine.run(request, Cancel()):
        if isinstance(event, ImageReady) and event.image.image is not None:
            pixels = event.image.image
            return Image.frombytes(pixels.mode, (pixels.width, pixels.height), pixels.data)
    raise WebUIError(f"{sampler} with {schedule} drew no picture.")


if __name__ == "__main__":
    sys.exit(main())
