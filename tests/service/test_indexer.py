"""Folders of pictures, ours and other programs', become a gallery without being touched."""

import os
from dataclasses import replace

import pytest

from modules.engine.fake import FakeEngine
from modules.paths import Paths
from modules.schema.request import Batch, GenerationRequest, Sampling, Seeds, Size
from modules.service.app import build_app
from modules.service.database import MIGRATIONS, Database
from modules.service.search import Search
from modules.settings.launch import Launch
from modules.settings.sections.saving import Folders
from modules.settings.settings import Settings
from tests.service.pictures import Shelf, recipe, write_picture

REQUEST = GenerationRequest(
    prompt="a cat",
    seeds=Seeds(seed=7),
    size=Size(width=32, height=24),
    sampling=Sampling(steps=2),
    batch=Batch(n_iter=2),
)


@pytest.fixture
def shelf(tmp_path):
    made = Shelf(tmp_path)
    yield made
    made.database.close()


def test_pictures_are_found_newest_first_wherever_they_lie(shelf):
    shelf.add("old.png", recipe("a tree"), age_s=300)
    shelf.add("txt2img-images/2024-01-01/new.png", recipe("a boat"), age_s=100)
    shelf.add("deep/er/middle.png", recipe("a cat"), age_s=200)
    assert shelf.indexer.look() == 3
    assert shelf.names() == ["new.png", "middle.png", "old.png"]
    assert shelf.names(text="boat") == ["new.png"]


def test_a_second_look_finds_only_what_is_new(shelf):
    shelf.add("a/1.png")
    assert shelf.indexer.look() == 1
    first = shelf.collection.search(Search())[0].id
    shelf.add("a/2.png")
    assert shelf.indexer.look() == 1
    assert shelf.indexer.look() == 0
    assert first in {one.id for one in shelf.collection.search(Search())}


def test_folders_that_did_not_change_are_not_opened(shelf, monkeypatch):
    path = shelf.add("a/b/1.png")
    for folder in (path.parent, path.parent.parent, shelf.paths.outputs):
        os.utime(folder, (1e9, 1e9))
    shelf.indexer.look()
    opened = []
    scandir = os.scandir
    monkeypatch.setattr(
        "modules.service.indexer.os.scandir",
        lambda folder: opened.append(folder) or scandir(folder),
    )
    shelf.indexer.look()
    assert opened == []
    shelf.add("a/b/2.png")
    shelf.indexer.look()
    assert opened == [str(path.parent)]
    assert len(shelf.names()) == 2


def test_deleted_files_and_folders_disappear_and_changed_files_are_read_again(shelf):
    gone = shelf.add("1.png", recipe("a tree"))
    changed = shelf.add("2.png", recipe("a tree"))
    shelf.add("folder/3.png", recipe("a tree"))
    shelf.indexer.look()
    gone.unlink()
    write_picture(changed, recipe("a boat"))
    os.rename(shelf.paths.outputs / "folder", shelf.paths.data / "away")
    shelf.indexer.look()
    assert shelf.names() == ["2.png"]
    assert shelf.names(text="boat") == ["2.png"]
    assert shelf.names(text="tree") == []


def test_what_is_no_picture_is_left_out_and_hidden_folders_are_not_entered(shelf):
    (shelf.paths.outputs).mkdir()
    (shelf.paths.outputs / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nnothing")
    (shelf.paths.outputs / "text.txt").write_text("hello")
    shelf.add(".trash/1.png")
    shelf.add(".hidden.png")
    shelf.add("plain.png")
    shelf.indexer.look()
    assert shelf.names() == ["plain.png"]


def test_folders_of_other_programs_are_shown_in_place_until_they_leave_the_settings(shelf):
    other = shelf.paths.data / "elsewhere"
    path = write_picture(other / "x.png", recipe("a lamp"))
    before = path.stat()
    shelf.add("own.png")
    shelf.settings = Settings(folders=Folders(gallery=(str(other),)))
    shelf.indexer.look()
    assert shelf.names(text="lamp") == ["x.png"]
    after = path.stat()
    assert (before.st_mtime_ns, before.st_size) == (after.st_mtime_ns, after.st_size)
    shelf.settings = Settings()
    shelf.indexer.look()
    assert shelf.names() == ["own.png"]


def test_a_folder_that_is_away_for_a_while_keeps_its_stars(shelf):
    other = shelf.paths.data / "disk"
    write_picture(other / "x.png")
    shelf.settings = Settings(folders=Folders(gallery=(str(other),)))
    shelf.indexer.look()
    shelf.collection.mark([shelf.collection.search(Search())[0].id], rating=5)
    os.rename(other, shelf.paths.data / "unplugged")
    shelf.indexer.look()
    os.rename(shelf.paths.data / "unplugged", other)
    shelf.indexer.look()
    assert shelf.names(rating=5) == ["x.png"]


def test_a_folder_inside_another_is_not_listed_twice(shelf):
    shelf.add("a/1.png")
    shelf.settings = Settings(folders=Folders(gallery=(str(shelf.paths.outputs / "a"),)))
    shelf.indexer.look()
    shelf.settings = Settings(folders=Folders(gallery=(str(shelf.paths.data),)))
    shelf.indexer.look()
    shelf.indexer.look()
    assert shelf.names() == ["1.png"]


def test_drawn_pictures_have_one_row_whoever_comes_first(tmp_path):
    launch = Launch(data_dir=str(tmp_path))
    app = build_app(launch.paths(), launch, FakeEngine(step_s=0.002))
    jobs = [app.submit(replace(REQUEST, seeds=Seeds(seed=n * 10))) for n in range(4)]
    while app.queue.count():
        app.indexer.look()
    app.indexer.look()
    shown = app.collection.search(Search(kind="image"))
    assert sorted(one.seed for one in shown) == [0, 1, 10, 11, 20, 21, 30, 31]
    assert {one.job for one in shown} == {job.id for job in jobs}
    app.close()


def test_rows_of_an_earlier_version_become_searchable(tmp_path, monkeypatch):
    path = Paths(data=tmp_path).database
    with monkeypatch.context() as patch:
        patch.setattr("modules.service.database.MIGRATIONS", MIGRATIONS[:1])
        old = Database(path)
        old.write(
            (
                "INSERT INTO images (id, job, position, kind, saved, path, infotext, width, height,"
                " seed, created) VALUES ('x', 'j', 0, 'image', 1, '/x.png', ?, 8, 8, 3, 5.0)",
                (recipe("a teapot", sampler="Heun"),),
            )
        )
        old.close()
    shelf = Shelf(tmp_path)
    shelf.indexer.look()
    assert shelf.names(text="teapot", sampler="heun", seed=3) == ["x.png"]
    shelf.database.close()
