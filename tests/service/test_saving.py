"""Pictures reach the disk whole, numbered, and never over another."""

import errno
import multiprocessing
import os
import sys
from datetime import datetime
from pathlib import Path

import pytest
from PIL import Image

from modules.errors import WebUIError
from modules.param import replace_at
from modules.paths import Paths
from modules.schema.inputs import ImageData
from modules.schema.request import GenerationRequest
from modules.schema.result import GeneratedImage
from modules.service import saving
from modules.service.grid import save_grid
from modules.service.names import Naming
from modules.service.read_picture import read_infotext_from
from modules.service.saving import folder_for, save_image
from modules.settings.settings import Settings

PIXELS = ImageData(8, 8, "RGB", bytes(range(192)))
IMAGE = GeneratedImage(
    index=0, seed=7, subseed=0, prompt="a: cat/dog", negative_prompt="", width=8, height=8
)
NAMING = Naming(request=GenerationRequest(prompt="a cat"), image=IMAGE)
RECIPE = "a cat\nSteps: 20, Sampler: Euler, Seed: 7"


def chosen(**paths):
    settings = Settings()
    for path, value in paths.items():
        settings = replace_at(settings, path.replace("__", "."), value)
    return settings


FLAT = chosen(folders__subfolders=False, folders__grid_subfolders=False)


def save(folder, settings=FLAT, **options):
    return save_image(PIXELS, RECIPE, folder=folder, settings=settings, naming=NAMING, **options)


def names(folder):
    return sorted(entry.name for entry in folder.iterdir())


def test_a_picture_goes_into_the_folder_of_the_day(tmp_path):
    path = save(tmp_path, Settings())
    assert path == tmp_path / f"{datetime.now():%Y-%m-%d}" / "00000-7.png"
    assert read_infotext_from(path) == RECIPE
    with Image.open(path) as opened:
        assert opened.tobytes() == PIXELS.data
    assert names(path.parent) == ["00000-7.png"]


def test_numbers_go_on_after_the_largest(tmp_path):
    for name in [
        "00003-1.png",
        "7.txt",
        "00009-x-y.jpg",
        "x-12.png",
        "grid-0044.png",
        "20.png.bak",
    ]:
        (tmp_path / name).touch()
    (tmp_path / "2026-11-22").mkdir()
    assert save(tmp_path).name.startswith("00021-")
    assert save(tmp_path).name.startswith("00022-")


def test_without_subfolders_the_prompt_is_in_the_name(tmp_path):
    assert save(tmp_path).name == "00000-7-a_ cat_dog.png"


def test_grids_have_numbers_of_their_own(tmp_path):
    save(tmp_path)
    one = save_grid(PIXELS, RECIPE, folder=tmp_path, settings=FLAT, naming=NAMING)
    two = save_grid(PIXELS, RECIPE, folder=tmp_path, settings=FLAT, naming=NAMING)
    assert (one.name, two.name) == ("grid-0000.png", "grid-0001.png")
    assert read_infotext_from(one) == RECIPE


@pytest.mark.parametrize("form", ["jpg", "webp"])
def test_other_formats_are_written(tmp_path, form):
    path = save(tmp_path, replace_at(FLAT, "saving.format", form))
    assert path.suffix == f".{form}"
    assert read_infotext_from(path) == RECIPE


def test_the_recipe_can_be_left_out_or_written_beside(tmp_path):
    settings = replace_at(replace_at(FLAT, "recipe.write", False), "saving.write_txt", True)
    path = save(tmp_path, settings)
    assert read_infotext_from(path) == ""
    assert path.with_suffix(".txt").read_text(encoding="utf-8") == RECIPE + "\n"


def test_names_without_numbers_replace_or_count(tmp_path):
    plain = chosen(saving__add_number=False, saving__pattern="[seed]", folders__subfolders=False)
    assert [save(tmp_path, plain).name for _ in range(2)] == ["7.png", "7.png"]
    counting = replace_at(plain, "saving.if_taken", "Add number suffix")
    assert [save(tmp_path, counting).name for _ in range(2)] == ["7-1.png", "7-2.png"]
    assert names(tmp_path) == ["7-1.png", "7-2.png", "7.png"]


def test_a_large_picture_gets_a_small_copy(tmp_path):
    settings = replace_at(FLAT, "saving.small_copy_side", 16)
    wide = ImageData(64, 2, "RGB", bytes(384))
    path = save_image(wide, RECIPE, folder=tmp_path, settings=settings, naming=NAMING)
    copy = path.with_suffix(".jpg")
    with Image.open(copy) as opened:
        assert max(opened.size) == 16
    assert read_infotext_from(copy) == RECIPE


def test_long_names_are_cut_to_what_file_systems_take(tmp_path):
    settings = replace_at(FLAT, "saving.pattern", "[prompt][prompt][prompt]")
    long = Naming(
        request=NAMING.request,
        image=GeneratedImage(
            index=0, seed=1, subseed=0, prompt="日" * 300, negative_prompt="", width=8, height=8
        ),
    )
    path = save_image(PIXELS, "", folder=tmp_path, settings=settings, naming=long)
    assert path.exists()
    assert path.suffix == ".png"
    assert len(path.name.encode()) <= 255


def test_folders_follow_the_settings(tmp_path):
    paths = Paths(data=tmp_path)
    assert folder_for(Settings(), paths, "txt2img") == tmp_path / "outputs/txt2img-images"
    grids = folder_for(Settings(), paths, "txt2img", grid=True)
    assert grids == tmp_path / "outputs/txt2img-grids"
    one = chosen(folders__samples=str(tmp_path / "all"))
    assert folder_for(one, paths, "img2img") == tmp_path / "all"


def no_space(*_):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_full_disk_is_said_and_leaves_nothing_behind(tmp_path, monkeypatch):
    monkeypatch.setattr("modules.settings.files.os.fsync", no_space)
    with pytest.raises(WebUIError, match="disk is full"):
        save(tmp_path)
    assert names(tmp_path) == []


def test_a_file_in_the_way_of_a_folder_is_said(tmp_path):
    (tmp_path / "out").touch()
    with pytest.raises(WebUIError, match="in the way"):
        save(tmp_path / "out")


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_without_permission_is_said(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(WebUIError, match="not permitted"):
        save(tmp_path)


def test_file_systems_without_links_work_too(tmp_path, monkeypatch):
    def no_links(*_):
        raise OSError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr(saving.os, "link", no_links)
    assert [save(tmp_path).name[:5] for _ in range(2)] == ["00000", "00001"]
    assert len(names(tmp_path)) == 2


def test_leftovers_of_a_crash_do_no_harm(tmp_path):
    (tmp_path / ".4.part").touch()
    (tmp_path / ".0123456789abcdef.part").touch()
    assert save(tmp_path).name.startswith("00005-")


def write_many(folder, count):
    for _ in range(count):
        save(Path(folder))


def test_two_processes_never_share_a_number(tmp_path):
    context = multiprocessing.get_context("fork" if sys.platform != "win32" else "spawn")
    writers = [context.Process(target=write_many, args=(str(tmp_path), 25)) for _ in range(2)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(60)
    numbers = [name.partition("-")[0] for name in names(tmp_path)]
    assert len(numbers) == 50
    assert len(set(numbers)) == 50
