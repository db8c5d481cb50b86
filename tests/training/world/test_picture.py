"""Pictures show what their scenes say."""

import numpy as np
import pytest

from modules.training.world.backdrops import Backdrop
from modules.training.world.colours import COLOUR_BY_NAME
from modules.training.world.picture import draw_scene
from modules.training.world.scene import WIDE, Item, Scene, scene_at
from modules.training.world.things import THINGS


def near(picture, colour, reach=40):
    pixels = np.asarray(picture, dtype=int)
    wanted = np.array(COLOUR_BY_NAME[colour].rgb)
    return (np.abs(pixels - wanted).max(axis=-1) <= reach).mean()


def test_the_same_scene_gives_the_same_pixels():
    scene = scene_at(WIDE, 7)
    assert draw_scene(scene).tobytes() == draw_scene(scene).tobytes()


@pytest.mark.parametrize("thing", [thing.name for thing in THINGS])
def test_a_thing_is_large_and_has_its_colour(thing):
    picture = draw_scene(Scene((Item(thing, "turquoise"),), Backdrop(plain="black"), seed=1))
    assert near(picture, "turquoise") > 0.05
    assert near(picture, "black") < 0.9


def test_things_stand_from_left_to_right_in_their_order():
    scene = Scene((Item("heart", "red"), Item("ball", "blue")), Backdrop(plain="white"), seed=2)
    picture = draw_scene(scene)
    left, right = picture.crop((0, 0, 64, 128)), picture.crop((64, 0, 128, 128))
    assert near(left, "red") > 0.1 > near(left, "blue")
    assert near(right, "blue") > 0.1 > near(right, "red")


def test_any_size_can_be_drawn():
    assert draw_scene(scene_at(WIDE, 1), 192, 128).size == (192, 128)
