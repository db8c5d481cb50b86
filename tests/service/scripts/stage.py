"""A stage for scripts: plays them by hand, without jobs or an engine."""

from dataclasses import replace
from pathlib import Path

from PIL import Image

from modules.engine.fake import FAKE_CHECKPOINT, plain_picture
from modules.param import replace_at
from modules.schema.catalogue import Catalogue
from modules.schema.inputs import Img2Img
from modules.schema.request import GenerationRequest
from modules.service.formats import from_pillow, to_pillow
from modules.service.scripts.script import Call, Drawn

CATALOGUE = Catalogue(checkpoints=(FAKE_CHECKPOINT,))


def request(picture=None, **changes):
    """A small request; with `picture` one of img2img."""
    made = GenerationRequest(prompt="a cat")
    if picture is not None:
        made = replace(made, img2img=Img2Img(images=(from_pillow(picture),)))
    small = {"size.width": 64, "size.height": 64, "sampling.steps": 2, "seeds.seed": 5}
    for path, value in {**small, **changes}.items():
        made = replace_at(made, path, value)
    return made


def call(script, args=None, picture=None, seed=1, **changes):
    """What `script` is started with."""
    return Call(
        request=request(picture, **changes),
        args=script.args(**(args or {})),
        catalogue=CATALOGUE,
        seed=seed,
    )


def drawn(cell, folder: Path, number: int, paint=None) -> Drawn:
    """What a cell would become; `paint(cell, index)` gives its pictures, else one colour each."""
    images, files = [], []
    for index in range(cell.request.batch.total):
        image = plain_picture(cell.request, index)
        picture = paint(cell, index) if paint else to_pillow(image.image)
        path = folder / f"{number}-{index}.png"
        picture.save(path)
        images.append(replace(image, image=None))
        files.append(path)
    return Drawn(request=cell.request, images=tuple(images), files=tuple(files))


def play(script, called, folder: Path, paint=None):
    """Play a script to its end; returns the lists of cells it asked for, and its sheets."""
    asked, number = [], 0
    acting = script.play(called)
    results = None
    while True:
        try:
            cells = acting.send(results)
        except StopIteration as ending:
            return asked, list(ending.value)
        asked.append(list(cells))
        results = []
        for cell in cells:
            results.append(drawn(cell, folder, number, paint))
            number += 1


def gradient(width, height):
    """A picture no two pixels of which are the same."""
    picture = Image.new("RGB", (width, height))
    picture.putdata(
        [(x % 256, y % 256, (x * 7 + y * 3) % 256) for y in range(height) for x in range(width)]
    )
    return picture
