"""Which pictures are measured from end to end."""

from collections.abc import Iterator
from functools import partial

from benchmarks.suite.checkpoints import write_checkpoint
from benchmarks.suite.figure import Figure
from benchmarks.suite.parts.drawing import Drawing, measured
from benchmarks.suite.wish import Wish


def embedded(wish: Wish, side: int) -> Iterator[Figure]:
    """The model that comes with the program; 128 is its own size."""
    yield from measured(
        Drawing(
            part=f"embedded model, {side}",
            kind="embedded",
            checkpoint=wish.embedded(),
            data=wish.folder / "data",
            side=side,
            steps=4,
            longer=20,
            repeats=wish.rounds(9),
            device=wish.device,
        )
    )


def random_shape(
    wish: Wish,
    kind: str,
    side: int,
    *,
    longer: int,
    repeats: int = 3,
    also: tuple[str, ...] = (),
    contenders: tuple[str, ...] = ("diffusers",),
) -> Iterator[Figure]:
    """A checkpoint of a real shape with numbers at random, beside diffusers."""
    if wish.device != "cpu":
        contenders = (*contenders, "diffusers compiled") if contenders else contenders
    yield from measured(
        Drawing(
            part=f"{TITLES[kind]} shape, {side}",
            kind=kind,
            checkpoint=write_checkpoint(kind, wish.models / f"random-{kind}.safetensors"),
            data=wish.folder / "data",
            side=side,
            steps=4 if longer > 4 else 1,
            longer=longer,
            repeats=wish.rounds(repeats),
            also=also,
            device=wish.device,
            contenders=contenders,
        )
    )


TITLES = {"sd15": "SD1.5", "sdxl": "SDXL"}
embedded_128 = partial(embedded, side=128)
embedded_256 = partial(embedded, side=256)
sd15_256 = partial(random_shape, kind="sd15", side=256, longer=20, also=("fast",))
sd15_512 = partial(random_shape, kind="sd15", side=512, longer=8, also=("fast",))
sdxl_256 = partial(random_shape, kind="sdxl", side=256, longer=4, contenders=())
sdxl_512 = partial(random_shape, kind="sdxl", side=512, longer=4, contenders=())
sdxl_1024 = partial(random_shape, kind="sdxl", side=1024, longer=20)
