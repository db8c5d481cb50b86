"""Pictures as people look for them, mark them, throw them away and take them along."""

import csv
import io
import os
import time
import zipfile
from pathlib import Path

import pytest

from modules.errors import InvalidRequest, NotFound
from modules.service.collection import zipped
from modules.service.copies import COLUMNS, save_copies
from modules.service.search import Search, expression
from modules.settings.sections.saving import Folders
from modules.settings.settings import Settings
from tests.service.pictures import Shelf, recipe, write_picture

PICTURES = {
    "apple": recipe("a red apple on a table, <lora:crisp:0.8>", seed=11),
    "boat": recipe("a red boat", model="real", sampler="DPM++ 2M", seed=12),
    "tree": recipe("a green tree, Äpfel", negative="apple, blurry", seed=13),
    "lamp": recipe("an oil lamp (lit:1.2)", model="real", extra=', Lora hashes: "glow: abc"'),
    "bare": "",
}


@pytest.fixture
def shelf(tmp_path):
    made = Shelf(tmp_path)
    for place, (name, text) in enumerate(PICTURES.items()):
        made.add(f"{name}.png", text, age_s=100.0 + place)
    made.indexer.look()
    yield made
    made.database.close()


def ids(shelf, *names):
    found = {one.path.stem: one.id for one in shelf.collection.search(Search())}
    return [found[name] for name in names]


def log_of(folder):
    return io.StringIO((folder / "log.csv").read_bytes().decode("utf-8"), newline="")


@pytest.mark.parametrize(
    ("search", "names"),
    [
        (Search(), ["apple", "boat", "tree", "lamp", "bare"]),
        (Search(text="red"), ["apple", "boat"]),
        (Search(text="RED boat"), ["boat"]),
        (Search(text='"red apple"'), ["apple"]),
        (Search(text='"apple red"'), []),
        (Search(text="app*"), ["apple"]),
        (Search(text="apfel"), ["tree"]),
        (Search(text="-red"), ["tree", "lamp", "bare"]),
        (Search(text="red -boat"), ["apple"]),
        (Search(negative="apple"), ["tree"]),
        (Search(model="REAL"), ["boat", "lamp"]),
        (Search(model="0123456789"), ["apple", "boat", "tree", "lamp"]),
        (Search(sampler="dpm++ 2m"), ["boat"]),
        (Search(lora="crisp"), ["apple"]),
        (Search(lora="glow"), ["lamp"]),
        (Search(seed=13), ["tree"]),
        (Search(size="8x8", text="lamp"), ["lamp"]),
        (Search(size="9x8"), []),
        (Search(kind="grid"), []),
        (Search(person="somebody"), []),
        (Search(text='AND OR NOT ( ) * ^ : "'), []),
        (Search(text="a" + "'; DROP TABLE images"), []),
        (Search(text="( ) * ^ - :"), ["apple", "boat", "tree", "lamp", "bare"]),
    ],
)
def test_everything_that_is_asked_for_must_hold(shelf, search, names):
    found = [one.path.stem for one in shelf.collection.search(search)]
    assert found == names
    assert shelf.collection.count(search) == len(names)


def test_no_text_breaks_a_search(shelf):
    for text in ('"', "''", "\0", "*", "a*b", "NEAR(a b)", "x" * 5000, "\u202e", "{a b}: c", "-*"):
        shelf.collection.search(Search(text=text, negative=text, model=text, lora=text))


def test_a_search_without_anything_needs_no_index():
    assert expression(Search()) == ""


def test_pages_follow_each_other_without_gaps_also_when_new_pictures_come(shelf):
    first = shelf.collection.search(Search(), limit=2)
    shelf.add("newest.png", age_s=1)
    shelf.indexer.look()
    second = shelf.collection.search(Search(), limit=2, after=first[-1].id)
    third = shelf.collection.search(Search(), limit=2, after=second[-1].id)
    assert [one.path.stem for one in (*first, *second, *third)] == list(PICTURES)
    assert shelf.collection.search(Search(), limit=1, skip=2)[0].path.stem == "boat"
    with pytest.raises(NotFound):
        shelf.collection.search(Search(), after="nobody")


def test_times_bound_a_search(shelf):
    middle = time.time() - 101.5
    assert shelf.names(since=middle) == ["apple.png", "boat.png"]
    assert shelf.names(until=middle) == ["tree.png", "lamp.png", "bare.png"]


def test_stars_and_tags_can_be_given_searched_and_taken_back(shelf):
    chosen = ids(shelf, "apple", "boat")
    shelf.collection.mark(chosen, rating=4, add=["Keep", "  to  print "])
    shelf.collection.mark(chosen[:1], add=["keep"], remove=["TO PRINT"])
    assert shelf.names(rating=3) == ["apple.png", "boat.png"]
    assert shelf.names(rating=5) == []
    assert shelf.names(tag="keep", text="red") == ["apple.png", "boat.png"]
    assert shelf.names(tag="to print") == ["boat.png"]
    assert shelf.collection.pictures(chosen[:1])[0].tags == ("Keep",)
    with pytest.raises(InvalidRequest):
        shelf.collection.mark(chosen, rating=6)
    with pytest.raises(NotFound):
        shelf.collection.mark(["nobody"], rating=1)


def test_the_choices_of_the_filters_are_counted(shelf):
    shelf.collection.mark(ids(shelf, "apple", "boat"), add=["x", "y"])
    choices = shelf.collection.choices()
    assert choices["model"] == [("dream", 2), ("real", 2)]
    assert choices["sampler"] == [("Euler a", 3), ("DPM++ 2M", 1)]
    assert choices["loras"] == [("crisp", 1), ("glow", 1)]
    assert choices["tags"] == [("x", 2), ("y", 2)]


def test_the_trash_can_be_searched_by_nobody_and_gives_everything_back(shelf):
    path = shelf.paths.outputs / "apple.png"
    path.with_suffix(".txt").write_text("recipe")
    content = path.read_bytes()
    (apple,) = ids(shelf, "apple")
    assert shelf.collection.throw_away([apple]) == 1
    assert not path.exists() and not path.with_suffix(".txt").exists()
    assert shelf.names(text="apple") == []
    assert [one.path.read_bytes() for one in shelf.collection.trash()] == [content]
    shelf.indexer.look()
    assert len(shelf.collection.trash()) == 1

    write_picture(path, "another")
    assert shelf.collection.restore([apple]) == 1
    restored = path.with_stem("apple-1")
    assert restored.read_bytes() == content
    assert restored.with_suffix(".txt").exists()
    shelf.indexer.look()
    assert shelf.names(text="apple") == ["apple-1.png"]
    assert not list((shelf.paths.outputs / ".trash").rglob("*.png"))


def test_emptying_the_trash_is_for_good(shelf):
    shelf.collection.throw_away(ids(shelf, "apple", "boat"))
    assert shelf.collection.empty_trash() == 2
    assert not list((shelf.paths.outputs / ".trash").rglob("*.png"))
    assert shelf.collection.trash() == []
    assert len(shelf.names()) == 3


def test_two_recipes_are_compared_key_by_key(shelf):
    changed, same = shelf.collection.difference(*ids(shelf, "apple", "boat"))
    found = {each.key: (each.one, each.other) for each in changed}
    assert found["Model"] == ("dream", "real")
    assert found["Seed"] == ("11", "12")
    assert set(found) == {"Prompt", "Sampler", "Seed", "Model"}
    assert "Steps" in same


def test_an_archive_holds_every_file_once_under_a_name_of_its_own(shelf):
    other = write_picture(shelf.paths.outputs / "more" / "apple.png", recipe("another"))
    shelf.indexer.look()
    pictures = shelf.collection.search(Search())
    data = b"".join(zipped(pictures))
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.testzip() is None
        assert sorted(archive.namelist()) == sorted(
            ["apple.png", "apple-1.png", "boat.png", "tree.png", "lamp.png", "bare.png"]
        )
        assert other.read_bytes() in [archive.read(name) for name in archive.namelist()]


def test_kept_pictures_are_copied_byte_for_byte_and_logged(shelf):
    pictures = shelf.collection.pictures(ids(shelf, "apple", "boat"))
    copies = save_copies(pictures, Settings(), shelf.paths)
    folder = shelf.paths.data / "log" / "images"
    assert [copy.parent for copy in copies] == [folder, folder]
    assert [copy.read_bytes() for copy in copies] == [one.path.read_bytes() for one in pictures]
    save_copies(pictures[1:], Settings(), shelf.paths)
    rows = list(csv.DictReader(log_of(folder)))
    assert [row["seed"] for row in rows] == ["11", "12"]
    assert rows[0]["prompt"] == "a red apple on a table, <lora:crisp:0.8>"
    assert rows[0]["filename"] == copies[0].name
    assert rows[1]["sd_model_name"] == "real"


def test_a_shorter_log_of_an_older_version_is_extended(shelf):
    folder = shelf.paths.data / "log" / "images"
    folder.mkdir(parents=True)
    (folder / "log.csv").write_text('prompt,seed\n"a, b",1\n', encoding="utf-8")
    save_copies(shelf.collection.pictures(ids(shelf, "boat")), Settings(), shelf.paths)
    rows = list(csv.reader(log_of(folder)))
    assert [len(row) for row in rows] == [len(COLUMNS)] * 3
    assert rows[1][:3] == ["a, b", "1", ""]


def test_everybody_who_logs_in_keeps_pictures_in_a_folder_of_their_own(shelf):
    pictures = shelf.collection.pictures(ids(shelf, "boat"))
    (copy,) = save_copies(pictures, Settings(), shelf.paths, "../ann")
    assert copy.parent.parent == shelf.paths.data / "log" / "images"
    shared = Settings(folders=Folders(per_person=False, write_log=False))
    (copy,) = save_copies(pictures, shared, shelf.paths, "ann")
    assert copy.parent == shelf.paths.data / "log" / "images"
    assert not (copy.parent / "log.csv").exists()
    assert os.fspath(Path("log")) in str(copy)
