"""Pictures show what their scenes say."""

import numpy as np
import pytest

from modules.training.world.backdrops import WEATHERS, Backdrop
from modules.training.world.colours import COLOUR_BY_NAME
from modules.training.world.picture import draw_scene
from modules.training.world.scene import WIDE, Item, Scene, scene_at
from modules.training.world.styles import STYLES
from modules.training.world.things import THINGS

WHITE, BLACK = Backdrop(plain="white"), Backdrop(plain="black")


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


def drawn(item, backdrop=WHITE, **changes):
    items = item if isinstance(item, tuple) else (item,)
    return draw_scene(Scene(items, backdrop, seed=5, **changes))


@pytest.mark.parametrize("pattern", ["striped", "dotted", "shiny"])
def test_a_pattern_shows_and_leaves_the_colour(pattern):
    bare, patterned = drawn(Item("ball", "red")), drawn(Item("ball", "red", pattern=pattern))
    changed = np.abs(np.asarray(bare, int) - np.asarray(patterned, int)).max(axis=-1) > 30
    assert 0.02 < changed.mean() < 0.25
    assert near(patterned, "red", 60) > 0.05


def test_light_things_are_lighter_and_dark_ones_darker():
    light, usual, dark = (
        np.asarray(drawn(Item("heart", "blue", tone=tone), BLACK)).mean()
        for tone in ("light", "", "dark")
    )
    assert light > usual > dark


def test_small_things_are_smaller_and_big_ones_bigger():
    shares = [near(drawn(Item("ball", "red", size=size)), "red") for size in ("small", "", "big")]
    assert shares == sorted(shares)
    assert shares[2] > 3 * shares[0]


def test_what_is_in_something_is_partly_hidden_and_what_is_on_it_is_not():
    things = Item("ball", "red"), Item("bowl", "blue")
    inside = near(drawn(things, arrangement="in"), "red")
    beside = near(drawn(things), "red")
    assert 0.01 < inside < 0.9 * beside
    standing = Item("ball", "red"), Item("cube", "blue")
    picture = drawn(standing, arrangement="on")
    rows = np.argwhere(np.abs(np.asarray(picture, int) - (216, 36, 40)).max(axis=-1) < 30)[:, 0]
    blue = np.argwhere(np.abs(np.asarray(picture, int) - (34, 96, 216)).max(axis=-1) < 30)[:, 0]
    assert rows.mean() < blue.mean()


@pytest.mark.parametrize("order", [("ball", "house"), ("house", "ball")])
def test_what_stands_in_front_covers_what_is_behind(order):
    things = tuple(Item(name, colour) for name, colour in zip(order, ("red", "blue"), strict=True))
    whole = near(drawn(things[1]), "blue")
    assert 0.02 < near(drawn(things, arrangement="behind"), "blue") < whole


@pytest.mark.parametrize("weather", [weather.name for weather in WEATHERS])
def test_weather_shows_in_the_sky(weather):
    item = Item("ball", "red")
    clear = np.asarray(drawn(item, Backdrop(sky="day", ground="grass")), int)
    changed = np.asarray(drawn(item, Backdrop(sky="day", ground="grass", weather=weather)), int)
    assert (np.abs(clear - changed).max(axis=-1)[:70] > 20).mean() > 0.04


@pytest.mark.parametrize("style", [style.name for style in STYLES])
def test_a_style_changes_the_picture_and_not_what_is_there(style):
    item, meadow = Item("house", "red"), Backdrop(sky="day", ground="grass")
    flat, styled = drawn(item, meadow), drawn(item, meadow, style=style)
    gap = np.abs(np.asarray(flat, int) - np.asarray(styled, int)).mean()
    assert 2 < gap < 50
    likeness = np.corrcoef(np.asarray(flat).ravel(), np.asarray(styled).ravel())[0, 1]
    assert likeness > 0.7


def test_any_size_can_be_drawn():
    assert draw_scene(scene_at(WIDE, 1), 192, 128).size == (192, 128)
