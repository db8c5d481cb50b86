"""Which language a page gets, where its words come from, and that ours are whole."""

import json
import re

import pytest

from modules.paths import Paths
from modules.ui.translation import OURS, answer, chosen, languages, wanted_tags, words_of

KNOWN = ("zh-Hans", "ja", "pt_BR", "de")
HOLE = re.compile(r"\{\d\}")


@pytest.mark.parametrize(
    ("accepted", "name"),
    [
        ("zh-CN,zh;q=0.9,en;q=0.8", "zh-Hans"),
        ("zh", "zh-Hans"),
        ("zh-Hans-CN", "zh-Hans"),
        ("zh-TW,zh-Hant;q=0.9", ""),
        ("ja-JP", "ja"),
        ("en-US,ja;q=0.9", ""),
        ("fr;q=0.2,ja;q=0.9,en;q=0.1", "ja"),
        ("fr,en;q=0.5,ja;q=0.4", ""),
        ("pt-BR", "pt_BR"),
        ("de-AT", "de"),
        ("ja;q=0", ""),
        ("", ""),
        ("*;q=x,,;", ""),
    ],
)
def test_a_browser_gets_the_language_it_would_rather_read(accepted, name):
    assert chosen("Automatic", accepted, KNOWN) == name


def test_a_choice_of_the_settings_goes_before_the_browsers():
    assert chosen("ja", "zh-CN", KNOWN) == "ja"
    assert chosen("None", "zh-CN", KNOWN) == ""
    assert chosen("gone", "zh-CN", KNOWN) == ""


def test_the_dearest_language_comes_first():
    assert wanted_tags("en;q=0.5, JA , zh;q=0.7") == ["ja", "zh", "en"]


def test_files_of_one_name_are_one_language_and_broken_ones_are_left_out(tmp_path, caplog):
    paths = Paths(data=tmp_path)
    own, other = tmp_path / "localizations", tmp_path / "extensions" / "x" / "localizations"
    for folder in (own, other):
        folder.mkdir(parents=True)
    (own / "xx.json").write_text('{"Steps": "one", "Seed": "two", "": "no", "Size": 3}', "utf-8")
    (other / "xx.json").write_bytes(b'\xef\xbb\xbf{"Seed": "three"}')
    (own / "yy.json").write_text("[1]", "utf-8")
    (own / "zz.json").write_text("{", "utf-8")
    known = languages(paths)
    assert {"xx", "yy", "zz", "ja", "zh-Hans"} <= set(known)
    assert words_of(known["xx"]) == {"Steps": "one", "Seed": "three"}
    assert words_of([*known["yy"], *known["zz"]]) == {}
    assert "yy.json" in caplog.text and "zz.json" in caplog.text
    assert answer(paths, "xx", "") == {
        "language": "xx",
        "words": {"Steps": "one", "Seed": "three"},
    }
    assert answer(paths, "None", "ja") == {"language": "", "words": {}}


@pytest.fixture(params=["zh-Hans", "ja"])
def ours(request):
    return json.loads((OURS / f"{request.param}.json").read_text("utf-8"))


def test_our_languages_know_the_same_texts():
    tables = [json.loads(path.read_text("utf-8")) for path in sorted(OURS.glob("*.json"))]
    assert len(tables) == 2
    assert tables[0].keys() == tables[1].keys()
    assert len(tables[0]) > 1000


def test_a_translation_has_the_same_holes_as_the_text(ours):
    wrong = {
        english: other
        for english, other in ours.items()
        if set(HOLE.findall(english)) != set(HOLE.findall(other))
    }
    assert wrong == {}


def test_translations_are_neither_empty_nor_padded(ours):
    assert [english for english, other in ours.items() if other.strip() != other or not other] == []
