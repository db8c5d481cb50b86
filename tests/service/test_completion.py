"""What is offered while a prompt is typed."""

import time

import pytest

from modules.paths import ROOT, Paths
from modules.prompt.styles import Style, StyleBook
from modules.schema.catalogue import Catalogue
from modules.service.completion import Completer, short_count
from modules.service.tag_index import Tag, TagIndex, TagShelf, read_tags
from modules.training.world.captions import every_word

TAGS = """1girl,0,6008644,"1girls,sole_female"
long_hair,0,4350743,"/lh,longhair"
hair_ornament,0,1200000,
hatsune_miku_(vocaloid),4,100000,miku
masterpiece,5,Quality tag,
"broken
"""
CATALOGUE = Catalogue(loras=("hairstyle", "add_detail", "hat"), embeddings=("EasyNegative",))
STYLES = StyleBook([Style("Hairy", "with much hair, {prompt}", ""), Style("plain", "", "x")])


@pytest.fixture
def completer(tmp_path):
    (tmp_path / "tags").mkdir()
    (tmp_path / "tags" / "danbooru.csv").write_text(TAGS, encoding="utf-8")
    (tmp_path / "wildcards").mkdir()
    (tmp_path / "wildcards" / "hair-colour.txt").write_text("red\n")
    return Completer(Paths(data=tmp_path))


def offered(completer, text):
    return [one.insert for one in completer.complete(text, CATALOGUE, STYLES)]


def test_tags_come_by_how_much_they_are_used_beginnings_first(completer):
    assert offered(completer, "hair") == ["hair ornament", "long hair", "with much hair"]
    assert offered(completer, "1g") == ["1girl"]


def test_a_tag_is_found_by_its_other_names_and_its_brackets_are_escaped(completer):
    (one,) = completer.complete("vocal", CATALOGUE, STYLES)
    assert (one.insert, one.group, one.detail) == (r"hatsune miku \(vocaloid\)", "4", "100k")
    (one,) = completer.complete("sole fe", CATALOGUE, STYLES)
    assert (one.name, one.detail) == ("1girl", "sole_female")


def test_of_a_sentence_the_end_counts_that_means_something(completer):
    (one, *_) = completer.complete("she has long ha", CATALOGUE, STYLES)
    assert (one.insert, one.typed) == ("long hair", "long ha")
    assert completer.complete("nothing of that", CATALOGUE, STYLES) == []


def test_marks_ask_for_networks_and_wildcards(completer):
    assert offered(completer, "<lora:ha") == ["<lora:hairstyle:1>", "<lora:hat:1>"]
    assert len(offered(completer, "<")) == 3
    assert offered(completer, "<lora:det") == ["<lora:add_detail:1>"]
    assert offered(completer, "__ha") == ["__hair-colour__"]
    assert offered(completer, "__") == ["__hair-colour__"]
    assert offered(completer, "easyn") == ["EasyNegative"]
    assert offered(completer, "  ") == []


def test_without_a_list_the_words_of_the_built_in_model_are_offered(tmp_path):
    completer = Completer(Paths(data=tmp_path))
    assert offered(completer, "mush")[:2] == ["mushroom", "mushrooms"]


def test_these_words_are_all_that_model_knows():
    known = {tag.name for tag in read_tags(ROOT / "configs" / "tags" / "easel-mini.csv")}
    assert known == {word for word in every_word() if len(word) > 1}


def test_a_changed_list_is_read_again(tmp_path):
    (tmp_path / "a.csv").write_text("old,0,1,\n")
    shelf = TagShelf(tmp_path, tmp_path)
    assert shelf.index().search("old", 5)
    (tmp_path / "a.csv").write_text("new word,0,1,\n")
    assert [hit.tag.name for hit in shelf.index().search("new", 5)] == ["new word"]


def test_counts_are_short():
    assert [short_count(n) for n in (7, 1000, 4114588)] == ["7", "1k", "4.1M"]


@pytest.mark.slow
def test_two_hundred_thousand_tags_answer_within_a_frame():
    index = TagIndex(Tag(f"tag_{n:x}_{n * 7919 % 200_003:x}", uses=n) for n in range(200_000))
    for text in ("t", "ta", "tag_1", "zz", "1a2b", "_f"):
        index.search(text, 8)
    start = time.process_time()
    for text in ("t", "ta", "tag_1", "zz", "1a2b", "_f", "nowhere", "9f9") * 4:
        index.search(text, 8)
    assert (time.process_time() - start) / 32 < 0.016
