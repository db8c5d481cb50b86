"""Chinese and Japanese captions: nothing is missing, nothing is too long."""

from dataclasses import replace
from random import Random

import pytest

from modules.prompt.tokenizer import ClipTokenizer
from modules.training.vocabulary import LENGTH, UNKNOWN, world_vocabulary
from modules.training.world.backdrops import GROUNDS, SKIES, WEATHERS, Backdrop
from modules.training.world.captions import COMPLETE_HABITS, write_caption
from modules.training.world.colours import COLOURS, TONES
from modules.training.world.languages import LANGUAGES, foreign_caption
from modules.training.world.scene import WIDE, Item, Scene, scene_at
from modules.training.world.styles import STYLES
from modules.training.world.things import THINGS

FOREIGN = replace(COMPLETE_HABITS, foreign=1)


@pytest.mark.parametrize("name", LANGUAGES)
def test_a_language_has_its_own_word_for_every_row_of_the_tables(name):
    language = LANGUAGES[name]
    rows = (*THINGS, *SKIES, *GROUNDS, *WEATHERS, *STYLES)
    assert {row.name for row in rows} | set(TONES) < set(language.words)
    assert set(language.colours) == {colour.name for colour in COLOURS}
    things = [language.words[thing.name] for thing in THINGS]
    assert len(set(things)) == len(things)
    assert set(language.places) == set(WIDE.arrangements)


@pytest.mark.parametrize(
    ("name", "text"),
    [("zh", "红色的球在蓝色的杯子里，白色背景"), ("ja", "青いカップの中の赤いボール、白い背景")],
)
def test_a_caption_says_what_is_there(name, text):
    scene = Scene((Item("ball", "red"), Item("cup", "blue")), Backdrop(plain="white"), "in")
    assert text in {foreign_caption(scene, name, Random(n)) for n in range(9)}


def test_no_caption_is_too_long_for_the_tokenizer_and_few_words_are_unknown():
    tokenizer, vocabulary, lost, told = ClipTokenizer.load(), world_vocabulary(), 0, 0
    for n in range(600):
        caption = write_caption(scene_at(WIDE, n, held_out=True), Random(n), FOREIGN)
        if caption.text.isascii():
            continue  # the English one, because the other would have been too long
        told += 1
        assert len(tokenizer.encode(caption.text)) <= LENGTH - 2, caption.text
        lost += UNKNOWN in vocabulary.rows(caption.text)
    assert told > 300
    assert lost < 0.02 * told


def test_captions_are_english_unless_asked():
    assert all(write_caption(scene_at(WIDE, n), Random(n)).text.isascii() for n in range(200))
