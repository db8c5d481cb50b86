"""Captions say what is true, and say what they leave out."""

from random import Random

import pytest

from modules.training.vocabulary import UNKNOWN, world_vocabulary
from modules.training.world.backdrops import WEATHER_BY_NAME, Backdrop
from modules.training.world.captions import COMPLETE_HABITS, Habits, write_caption
from modules.training.world.colours import COLOUR_BY_NAME
from modules.training.world.scene import WIDE, Item, Scene, scene_at
from modules.training.world.styles import STYLE_BY_NAME
from modules.training.world.things import THING_BY_NAME

PAIR = Scene((Item("ball", "red"), Item("cube", "blue")), Backdrop(plain="white"))


def captions(scene, count=300):
    return [write_caption(scene, Random(f"{n}")) for n in range(count)]


def test_every_thing_is_named_in_every_caption():
    for n in range(400):
        scene = scene_at(WIDE, n)
        text = write_caption(scene, Random(n)).text
        for item in scene.items:
            thing = THING_BY_NAME[item.thing]
            words = (thing.name, thing.plural_name, *thing.synonyms)
            assert any(word in text for word in words), (scene, text)


def test_complete_captions_tell_every_colour():
    for n in range(300):
        scene = scene_at(WIDE, n)
        caption = write_caption(scene, Random(n), COMPLETE_HABITS)
        assert caption.colours and caption.backdrop
        for item in scene.items:
            colour = COLOUR_BY_NAME[item.colour]
            assert any(word in caption.text for word in (colour.name, *colour.synonyms))


def test_what_a_caption_leaves_out_is_recorded():
    told = captions(PAIR)
    assert all("background" not in caption.text for caption in told if not caption.backdrop)
    assert {caption.backdrop for caption in told} == {True, False}
    assert {caption.relation for caption in told} == {True, False}


def test_a_relation_is_never_told_the_wrong_way_round():
    for caption in captions(PAIR):
        text = caption.text.replace("sphere", "ball").replace("box", "cube")
        text = text.replace("block", "cube")
        ball_first = text.index("ball") < text.index("cube")
        if "on the left and" in text or "left of" in text:
            assert ball_first, text
        if "right of" in text:
            assert not ball_first, text


def test_complete_captions_tell_pattern_size_tone_weather_and_style():
    words = {
        "striped": ("striped", "stripy"),
        "dotted": ("dotted", "spotted", "polka dot"),
        "shiny": ("shiny", "glossy", "metallic"),
        "small": ("small", "little", "tiny"),
        "big": ("big", "large", "huge"),
        "light": ("light",),
        "dark": ("dark",),
    }
    for n in range(1500):
        scene = scene_at(WIDE, n)
        text = write_caption(scene, Random(n), COMPLETE_HABITS).text
        for item in scene.items:
            for wanted in filter(None, (item.pattern, item.size, item.tone)):
                assert any(word in text for word in words[wanted]), (scene, text)
        if scene.style:
            style = STYLE_BY_NAME[scene.style]
            assert any(word in text for word in (*style.openings, *style.endings)), text
        if scene.backdrop.weather:
            weather = WEATHER_BY_NAME[scene.backdrop.weather]
            assert any(word in text for word in (*weather.phrases, *weather.tags)), text


@pytest.mark.parametrize(
    ("arrangement", "forward", "backward"),
    [
        ("behind", (" in front of ", " before "), (" behind ",)),
        ("on", (" on a", " on top of a"), ("on top",)),
        ("in", (" in a", " inside a"), (" in it",)),
    ],
)
def test_who_covers_whom_is_never_told_the_wrong_way_round(arrangement, forward, backward):
    scene = Scene((Item("ball", "red"), Item("cup", "blue")), PAIR.backdrop, arrangement)
    for number in range(200):
        caption = write_caption(scene, Random(number), Habits(synonym=0, omit_backdrop=1))
        if caption.relation:
            ball_first = caption.text.index("ball") < caption.text.index("cup")
            expected = forward if ball_first else backward
            assert any(word in caption.text for word in expected), caption.text


def test_captions_are_written_anew_at_each_visit():
    assert len({caption.text for caption in captions(PAIR)}) > 50


def test_the_article_fits_the_word():
    scene = Scene((Item("ball", "orange"),), Backdrop(plain="white"))
    assert all("a orange" not in caption.text for caption in captions(scene))


def test_the_vocabulary_has_every_word_of_every_caption():
    vocabulary = world_vocabulary()
    for n in range(1000):
        text = write_caption(scene_at(WIDE, n), Random(n)).text
        assert UNKNOWN not in vocabulary.rows(text), text
