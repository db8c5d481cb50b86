"""Styles and their file."""

import shutil
from pathlib import Path

import pytest

from modules.errors import InvalidRequest, NotFound
from modules.prompt.styles import Style, StyleBook, extract_text, merge_text, read_styles

REFERENCE_FILE = Path(__file__).parents[1] / "golden/parity/data/styles.csv"


@pytest.fixture
def book(tmp_path):
    shutil.copy(REFERENCE_FILE, tmp_path / "styles.csv")
    return StyleBook.load([tmp_path / "styles.csv"])


def test_a_file_made_by_a1111_is_read(book):
    assert book.names() == ["Cinematic", "Suffix"]
    assert book.get("Suffix") == Style("Suffix", "masterpiece, best quality", "lowres")


def test_styles_are_applied_in_the_order_given_and_unknown_ones_ignored(book):
    assert book.apply(["Cinematic", "nobody", "Suffix"], "a cat", "dull") == (
        "cinematic still a cat, film grain, masterpiece, best quality",
        "cartoon, dull, lowres",
    )


@pytest.mark.parametrize(
    ("style", "prompt", "merged"),
    [
        ("x {prompt} y {prompt}", "a", "x a y a"),
        ("s", " a ", "a, s"),
        (" s ", "", "s"),
        ("", "a", "a"),
        ("", "", ""),
    ],
)
def test_a_style_is_put_around_the_prompt_or_added_behind_it(style, prompt, merged):
    assert merge_text(style, prompt) == merged


def test_what_was_merged_can_be_extracted_again():
    for style in ("s", "x {prompt} y", "", "a, b"):
        for prompt in ("a", "a, b", ""):
            assert extract_text(style, merge_text(style, prompt)) == prompt
    assert extract_text("s", "nothing of it") is None
    assert extract_text("x {prompt} x", "x x") is None


def test_styles_are_found_in_a_finished_prompt(book):
    finished = book.apply(["Cinematic", "Suffix"], "a cat", "dull")
    assert book.extract(*finished) == (["Cinematic", "Suffix"], "a cat", "dull")
    assert book.extract("a cat", "dull") == ([], "a cat", "dull")


def test_saving_keeps_every_style_in_its_file_and_the_old_file_beside(tmp_path):
    first, second = tmp_path / "a.csv", tmp_path / "b.csv"
    first.write_text('name,prompt,negative_prompt\none,"1, {prompt}",n\n', "utf-8")
    second.write_text("name,text\n#skipped,x\n,y\nold,older layout\n", "utf-8")
    book = StyleBook.load([tmp_path / "?.csv"])
    assert book.names() == ["one", "old"]
    book.put(Style("old", "changed\nin two lines"))
    book.put(Style("new", "ä", "ö"))
    book.save()

    assert [style.name for style in read_styles(first)] == ["one", "new"]
    assert read_styles(second) == [Style("old", "changed\nin two lines")]
    assert first.read_bytes().startswith(b"\xef\xbb\xbf")
    assert (tmp_path / "b.csv.bak").read_text("utf-8").startswith("name,text")
    assert set(StyleBook.load([first, second])) == set(book)


def test_a_missing_file_is_an_empty_book_and_is_made_on_saving(tmp_path):
    book = StyleBook.load([tmp_path / "new/styles.csv"])
    assert len(book) == 0
    book.put(Style("one", "1"))
    book.save()
    assert [style.name for style in StyleBook.load([tmp_path / "new/styles.csv"])] == ["one"]


def test_deleting_and_naming_are_checked(book):
    book.remove("Suffix")
    assert "Suffix" not in book
    with pytest.raises(NotFound, match="Cinematic"):
        book.remove("Cinematik")
    with pytest.raises(InvalidRequest):
        book.put(Style(" "))


def test_a_file_that_is_no_style_file_is_refused(tmp_path):
    (tmp_path / "x.csv").write_text("a,b\n1,2\n", "utf-8")
    with pytest.raises(InvalidRequest, match="no column called 'name'"):
        StyleBook.load([tmp_path / "x.csv"])
    (tmp_path / "x.csv").write_text("name,prompt\na," + "x" * 200_000, "utf-8")
    with pytest.raises(InvalidRequest, match="cannot be read"):
        StyleBook.load([tmp_path / "x.csv"])
