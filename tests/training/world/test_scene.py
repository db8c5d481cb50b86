"""Scenes: repeatable, spread as the world says, and split for good."""

from collections import Counter

from modules.training.world.backdrops import Backdrop
from modules.training.world.scene import HELD_OUT_SHARE, SIMPLE, WIDE, Item, Scene, scene_at


def test_the_same_number_gives_the_same_scene():
    assert [scene_at(WIDE, n) for n in range(50)] == [scene_at(WIDE, n) for n in range(50)]


def test_another_seed_gives_other_scenes():
    assert scene_at(SIMPLE, 3, seed=1) != scene_at(SIMPLE, 3, seed=2)


def test_training_never_meets_a_held_out_scene():
    trained = {scene_at(SIMPLE, n).attributes for n in range(4000)}
    kept = {scene_at(SIMPLE, n, seed=902, held_out=True).attributes for n in range(500)}
    assert not trained & kept


def test_about_the_stated_share_of_single_scenes_is_held_out():
    scenes = [
        Scene((Item(thing, colour),), Backdrop(plain=plain))
        for thing in SIMPLE.things
        for colour in SIMPLE.colours
        for plain in SIMPLE.colours
    ]
    share = sum(scene.held_out for scene in scenes) / len(scenes)
    assert abs(share - HELD_OUT_SHARE) < 0.04


def test_kinds_of_scenes_come_as_often_as_the_world_says():
    counts = Counter(len(scene_at(SIMPLE, n).items) for n in range(2000))
    assert abs(counts[1] / 2000 - 0.6) < 0.05
    assert counts[3] == 0


def test_no_thing_has_the_colour_of_its_plain_background():
    for n in range(500):
        scene = scene_at(WIDE, n)
        assert all(item.colour != scene.backdrop.plain for item in scene.items)
