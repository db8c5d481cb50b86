"""The folder of wildcards: names, kinds of files, and the way out of the folder that is none."""

import os

import pytest

from modules.errors import InvalidRequest, NotFound, WebUIError
from modules.service.visitor import VISITOR, Visitor
from modules.service.wildcards import WildcardFolder


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "animals").mkdir()
    (tmp_path / "animals" / "Cats.txt").write_text("﻿tabby\n# no\n2::siamese\n", encoding="utf-8")
    (tmp_path / "animals" / "dogs.txt").write_text("poodle\r\nbeagle\r\n")
    (tmp_path / "things.yaml").write_text("toys:\n  soft: [bear, 3::doll]\n  hard:\n    - block\n")
    (tmp_path / "list.yml").write_text("- one\n- 2\n")
    return WildcardFolder(tmp_path)


def words(folder, name):
    return [line.text for line in folder.lines(name)]


def test_folders_globs_and_yaml_have_names(folder):
    assert folder.names() == ["animals/Cats", "animals/dogs", "list", "toys/hard", "toys/soft"]
    assert words(folder, "animals/cats") == ["tabby", "siamese"]
    assert words(folder, "animals/*") == ["tabby", "siamese", "poodle", "beagle"]
    assert words(folder, "**/cats") == ["tabby", "siamese"]
    assert words(folder, "toys/soft") == ["bear", "doll"]
    assert words(folder, "list") == ["one", "2"]
    assert [line.weight for line in folder.lines("toys/*")] == [1, 1, 3]


def test_an_unknown_name_is_refused_with_the_nearest(folder):
    with pytest.raises(NotFound, match="Did you mean 'animals/dogs'"):
        folder.lines("animals/dog")


def test_a_broken_file_is_no_reason_to_lose_the_others(folder):
    (folder.folder / "broken.yaml").write_text("a: [b\nc: {")
    (folder.folder / "bomb.yaml").write_text(
        "a: &a [x,x,x,x,x,x,x,x,x,x]\n"
        + "".join(
            f"{after}: &{after} [{','.join([f'*{before}'] * 10)}]\n"
            for before, after in zip("abcdefgh", "bcdefghi", strict=True)
        )
    )
    assert "animals/dogs" in folder.names()


def test_what_is_kept_is_found_and_what_is_deleted_is_kept_aside(folder):
    assert folder.keep("new/trees", "oak\nash") == "new/trees"
    assert words(folder, "new/trees") == ["oak", "ash"]
    assert folder.text("new/trees") == "oak\nash\n"
    folder.delete("new/trees")
    assert "new/trees" not in folder.names()
    assert (folder.folder / "new" / ".trees.txt.bak").read_text() == "oak\nash\n"


@pytest.mark.parametrize(
    "name",
    [
        "../out",
        "a/../../out",
        "/etc/out",
        "a\\b",
        "",
        ".hidden",
        "a//b",
        "a\0b",
        "x__y",
        "c:d",
        "con/.",
    ],
)
def test_no_name_leads_out_of_the_folder(folder, name):
    before = sorted(folder.folder.parent.rglob("*out*"))
    with pytest.raises((InvalidRequest, NotFound)):
        folder.keep(name, "x")
    assert sorted(folder.folder.parent.rglob("*out*")) == before


def test_links_out_of_the_folder_are_not_followed(folder, tmp_path_factory):
    outside = tmp_path_factory.mktemp("outside")
    (outside / "secret.txt").write_text("password\n")
    os.symlink(outside / "secret.txt", folder.folder / "secret.txt")
    os.symlink(outside, folder.folder / "linked")
    assert not [name for name in WildcardFolder(folder.folder).names() if "secret" in name]
    with pytest.raises(InvalidRequest):
        folder.keep("linked/new", "x")
    assert not (outside / "new.txt").exists()


def test_a_part_of_a_yaml_file_is_changed_by_hand(folder):
    with pytest.raises(InvalidRequest, match="Change that file by hand"):
        folder.keep("toys/soft", "x")


def test_only_administrators_change_them(folder):
    token = VISITOR.set(Visitor("bob", "user"))
    try:
        with pytest.raises(WebUIError, match="administrator"):
            folder.keep("new", "x")
    finally:
        VISITOR.reset(token)
