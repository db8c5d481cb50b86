"""Scenes: repeatable, spread as the world says, and split for good."""

from collections import Counter
from dataclasses import replace
from hashlib import sha256

from modules.training.world.backdrops import GROUNDS, SKIES, WEATHERS, Backdrop
from modules.training.world.colours import COLOURS
from modules.training.world.scene import (
    HELD_OUT_SHARE,
    SIMPLE,
    WIDE,
    WORLDS,
    Item,
    Scene,
    scene_at,
)
from modules.training.world.styles import STYLES
from modules.training.world.things import THING_BY_NAME, THINGS


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


def test_scenes_of_the_simple_world_are_the_ones_that_were_always_drawn():
    text = "".join(scene_at(SIMPLE, n, seed=3).attributes for n in range(300))
    assert sha256(text.encode()).hexdigest().startswith("9ac6be72e0e07fba")
    assert SIMPLE.record == repr(SIMPLE)


def test_worlds_that_differ_in_anything_have_other_records():
    records = {world.record for world in WORLDS.values()}
    records.add(replace(WIDE, shares=()).record)
    records.add(replace(WIDE, styles=("outline",)).record)
    assert len(records) == len(WORLDS) + 2


def test_the_wide_world_has_everything_it_promises():
    scenes = [scene_at(WIDE, n) for n in range(4000)]
    items = [item for scene in scenes for item in scene.items]
    assert {item.thing for item in items} == {thing.name for thing in THINGS}
    assert {item.colour for item in items} == {colour.name for colour in COLOURS}
    assert {item.tone for item in items} == {"", "light", "dark"}
    assert {item.pattern for item in items} == {"", "striped", "dotted", "shiny"}
    assert {item.size for item in items} == {"", "small", "big"}
    assert {scene.style for scene in scenes} == {"", *(style.name for style in STYLES)}
    assert {scene.backdrop.weather for scene in scenes} == {"", *(w.name for w in WEATHERS)}
    assert {scene.backdrop.sky for scene in scenes} == {"", *(sky.name for sky in SKIES)}
    assert {scene.backdrop.ground for scene in scenes} == {"", *(g.name for g in GROUNDS)}
    assert {len(scene.items) for scene in scenes} == {1, 2, 3, 4}
    assert {s.arrangement for s in scenes} == {"row", "stack", "grid", "behind", "on", "in"}


def test_things_stand_only_on_what_is_flat_and_in_what_is_open():
    for n in range(2000):
        scene = scene_at(WIDE, n)
        if scene.arrangement == "on":
            assert THING_BY_NAME[scene.items[1].thing].top is not None
        if scene.arrangement == "in":
            assert THING_BY_NAME[scene.items[1].thing].rim is not None


def test_no_thing_has_the_colour_of_its_plain_background():
    for n in range(500):
        scene = scene_at(WIDE, n)
        assert all(item.colour != scene.backdrop.plain for item in scene.items)
