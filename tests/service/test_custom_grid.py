"""Chosen pictures in one, with words above each."""

import pytest
from PIL import Image

from modules.errors import InvalidRequest
from modules.service.custom_grid import GridWish, caption_of, make_grid
from modules.service.search import Search
from tests.service.pictures import Shelf, recipe, write_picture


@pytest.fixture
def shelf(tmp_path):
    made = Shelf(tmp_path)
    for number, size in enumerate([(64, 48), (64, 48), (32, 48)]):
        path = made.paths.outputs / f"{number}.png"
        write_picture(path, recipe(f"a cat, number {number}", seed=number), size)
    made.indexer.look()
    yield made
    made.database.close()


def chosen(shelf):
    return sorted(shelf.collection.search(Search()), key=lambda one: one.path.name)


def test_pictures_are_laid_out_in_their_order(shelf):
    pictures = chosen(shelf)
    path = make_grid(pictures, GridWish(columns=2, margin=4), shelf.settings, shelf.paths)
    assert path.name.startswith("grid-") and path.with_suffix(".html").is_file()
    with Image.open(path) as grid:
        assert grid.size == (2 * 64 + 4, 2 * 48 + 4)
        assert grid.getpixel((10, 10)) == (255, 0, 0)
        assert grid.getpixel((16 + 16, 52 + 10)) == (255, 0, 0)  # the small one in the middle
        assert grid.getpixel((100, 80)) == (255, 255, 255)  # no picture
        assert "number 0" in grid.text["parameters"]


def test_words_come_from_the_recipe_or_the_file(shelf):
    first = chosen(shelf)[0]
    assert caption_of(first, "File name") == "0.png"
    assert caption_of(first, "prompt") == "a cat, number 0"
    assert caption_of(first, "CFG scale") == "7"
    assert caption_of(first, "nothing such") == ""
    with_words = make_grid([first], GridWish(caption="Seed"), shelf.settings, shelf.paths)
    with Image.open(with_words) as grid:
        assert grid.height > 48


def test_too_much_or_nothing_is_refused(shelf):
    with pytest.raises(InvalidRequest, match="0 pictures"):
        make_grid([], GridWish(), shelf.settings, shelf.paths)
    with pytest.raises(InvalidRequest, match="at most 100"):
        make_grid(chosen(shelf), GridWish(columns=101), shelf.settings, shelf.paths)
    chosen(shelf)[0].path.unlink()
    pictures = chosen(shelf)
    with pytest.raises(InvalidRequest, match="gone or damaged"):
        make_grid(pictures, GridWish(), shelf.settings, shelf.paths)
