"""Picture files with recipes, as other programs leave them."""

import os
import time
from pathlib import Path

from PIL import Image
from PIL.PngImagePlugin import PngInfo

from modules.paths import Paths
from modules.service.collection import Collection
from modules.service.database import Database
from modules.service.indexer import Indexer
from modules.service.search import Search
from modules.settings.settings import Settings


def recipe(prompt, *, negative="blurry", model="dream", sampler="Euler a", seed=1, extra=""):
    return (
        f"{prompt}\nNegative prompt: {negative}\nSteps: 20, Sampler: {sampler}, CFG scale: 7, "
        f"Seed: {seed}, Size: 8x8, Model hash: 0123456789, Model: {model}{extra}"
    )


def write_picture(path: Path, infotext: str = "", size=(8, 8)) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    info = PngInfo()
    if infotext:
        info.add_text("parameters", infotext)
    Image.new("RGB", size, "red").save(path, pnginfo=info)
    return path


class Shelf:
    """A gallery with its indexer, driven by hand."""

    def __init__(self, data):
        self.paths = Paths(data=data)
        self.settings = Settings()
        self.database = Database(self.paths.database)
        self.indexer = Indexer(self.database, self.paths, lambda: self.settings)
        self.collection = Collection(self.database, self.paths)

    def names(self, **search):
        return [one.path.name for one in self.collection.search(Search(**search))]

    def add(self, name, text="", age_s=100.0):
        path = write_picture(self.paths.outputs / name, text)
        made = time.time() - age_s
        os.utime(path, (made, made))
        return path
