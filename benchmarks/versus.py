"""This program beside plain diffusers: the same picture size and steps, taken in turns.

    python -m benchmarks versus [--side 512] [--steps 4] [--repeats 3] [--mode MODE] [--json FILE]

A checkpoint of Stable Diffusion 1.5's shape with random numbers is made on the spot. A server of
ours draws over HTTP (`/sdapi/v1/txt2img`, default settings: saved, journalled, previewed), and a
process with diffusers draws in float32 as it comes. They take turns, so that other work on the
machine meets both, and every figure is a median. A third process makes nothing but calls of our
network, and multiplies matrices to find out what the processor can do.

  ratio      diffusers' seconds by ours, pair by pair: the median, the least and the most
  overhead   what a step takes in the server beside one call of the network alone; a step is the
             difference between pictures of STEPS and twice as many steps, by STEPS
  of peak    floating point operations of a call by its seconds, beside those of a large product
  peak GB    the most memory, of the server and its drawing process together

`--mode` is what the server draws in: "default" (chosen by itself) or "float32" (`--no-half`).
The aims: 2.4 times as fast by default, a step within 2% of its call, 55% of the peak, 3.5 GB.
`python -m benchmarks` measures this and everything else.
"""

import argparse
import json
import tempfile
from pathlib import Path

from benchmarks.suite.checkpoints import write_checkpoint
from benchmarks.suite.parts.drawing import CONTENDERS, MODES, Drawing, measured


def main() -> None:
    """Start everything, take turns, print a table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--kind", choices=("sd15", "sdxl"), default="sd15")
    parser.add_argument("--side", type=int, default=512)
    parser.add_argument("--steps", type=int, default=4)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--mode", choices=MODES, default="default")
    parser.add_argument("--device", default="cpu", help="cpu or cuda")
    parser.add_argument("--compile", action="store_true", help="also diffusers with torch.compile")
    parser.add_argument("--folder", type=Path, help="where the checkpoint goes; it is deleted")
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=chosen.folder) as folder:
        models = Path(folder) / "models"
        models.mkdir()
        drawing = Drawing(
            part="versus",
            kind=chosen.kind,
            checkpoint=write_checkpoint(chosen.kind, models / f"random-{chosen.kind}.safetensors"),
            data=Path(folder) / "data",
            side=chosen.side,
            steps=chosen.steps,
            longer=2 * chosen.steps,
            repeats=chosen.repeats,
            mode=chosen.mode,
            device=chosen.device,
            contenders=tuple(CONTENDERS)[: 1 + chosen.compile],
        )
        found = list(measured(drawing))
    for figure in found:
        print(f"{figure.name:34} {figure.text:28} {figure.how}")
    if chosen.json:
        figures = [figure.as_json() for figure in found]
        chosen.json.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
