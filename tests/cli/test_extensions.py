"""`webui.py extensions`: what it does to the folder and to the settings, and its exit codes."""

import json
import shutil
import subprocess
import zipfile

import pytest

from modules.cli.main import main
from modules.service.extension_install import digest_of
from tests.extension.door import make_extension

HARMFUL = "raise SystemExit('installing ran it')"


@pytest.fixture
def written(tmp_path):
    """An extension that lies somewhere else; running it would be noticed."""
    return make_extension(tmp_path / "elsewhere", "sunny", HARMFUL)


def extensions(data, *words):
    return main(["extensions", *map(str, words), "--data-dir", str(data)])


def listed(data, capsys):
    capsys.readouterr()
    assert extensions(data, "list", "--json") == 0
    return {row["name"]: row for row in json.loads(capsys.readouterr().out)}


def test_what_is_installed_is_copied_and_waits_to_be_switched_on(tmp_path, written, capsys):
    assert extensions(tmp_path, "install", written) == 0
    assert listed(tmp_path, capsys)["sunny"]["state"] == "off"
    assert extensions(tmp_path, "enable", "sunny") == 0
    assert listed(tmp_path, capsys)["sunny"]["state"] == "on"
    assert extensions(tmp_path, "disable", "sunny") == 0
    assert listed(tmp_path, capsys)["sunny"]["state"] == "off"


def test_what_is_removed_lies_in_the_trash(tmp_path, written, capsys):
    extensions(tmp_path, "install", written)
    assert extensions(tmp_path, "remove", "sunny") == 0
    assert "sunny" not in listed(tmp_path, capsys)
    [kept] = (tmp_path / "extensions" / ".trash").iterdir()
    assert digest_of(kept) == digest_of(written)


def test_a_second_one_of_a_name_is_refused(tmp_path, written, capsys):
    extensions(tmp_path, "install", written)
    assert extensions(tmp_path, "install", written) == 2
    assert "already" in capsys.readouterr().err


def test_a_misspelt_name_offers_the_nearest(tmp_path, written, capsys):
    extensions(tmp_path, "install", written)
    assert extensions(tmp_path, "enable", "sunni") == 2
    assert "Did you mean 'sunny'?" in capsys.readouterr().err


def test_a_folder_that_is_no_extension_leaves_nothing_behind(tmp_path, capsys):
    (tmp_path / "letters").mkdir()
    assert extensions(tmp_path, "install", tmp_path / "letters") == 2
    assert "no extension" in capsys.readouterr().err
    assert list((tmp_path / "extensions").iterdir()) == []


def zipped(folder, path, prefix="sunny/"):
    with zipfile.ZipFile(path, "w") as archive:
        for one in folder.rglob("*"):
            if one.is_file():
                archive.write(one, prefix + one.relative_to(folder).as_posix())
    return path


def test_a_zip_with_or_without_a_folder_is_installed(tmp_path, written, capsys):
    for number, prefix in enumerate(("sunny-main/", "")):
        data = tmp_path / str(number)
        data.mkdir()
        assert extensions(data, "install", zipped(written, data / "sunny.zip", prefix)) == 0
        assert listed(data, capsys)["sunny"]["problem"] == ""


@pytest.mark.parametrize("name", ["../out.py", "/tmp/out.py", "a/../../out.py", "C:/out.py"])
def test_a_zip_whose_files_lead_elsewhere_is_refused(tmp_path, written, name, capsys):
    path = zipped(written, tmp_path / "sunny.zip")
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(name, "print('out')")
    assert extensions(tmp_path, "install", path) == 2
    assert "leads elsewhere" in capsys.readouterr().err
    assert not list(tmp_path.rglob("out.py"))


def test_a_zip_that_swells_is_refused(tmp_path, capsys):
    path = tmp_path / "bomb.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("bomb/extension.py", bytes(50_000_000))
    assert extensions(tmp_path, "install", path) == 2
    assert "far too large" in capsys.readouterr().err


@pytest.mark.skipif(shutil.which("git") is None, reason="Git is not installed")
def test_a_commit_is_pinned_and_an_update_found(tmp_path, written, capsys):
    def git(*words):
        who = ("-c", "user.name=A", "-c", "user.email=a@example.org")
        done = subprocess.run(
            ["git", "-C", str(written), *who, *words], capture_output=True, text=True, check=True
        )
        return done.stdout.strip()

    git("init", "-q", "-b", "main")
    git("add", ".")
    git("commit", "-q", "-m", "One")
    first = git("rev-parse", "HEAD")
    (written / "more.py").write_text("MORE = 1\n")
    git("add", ".")
    git("commit", "-q", "-m", "Two")
    second = git("rev-parse", "HEAD")
    address = f"file://{written}"
    assert extensions(tmp_path, "install", address, "--commit", first) == 0
    folder = tmp_path / "extensions" / "sunny"
    assert not (folder / "more.py").exists()
    capsys.readouterr()
    assert extensions(tmp_path, "check", "sunny", "--json") == 0
    assert json.loads(capsys.readouterr().out)[0]["commit"] == second
    assert extensions(tmp_path, "update", "sunny", "--commit", second) == 0
    assert (folder / "more.py").exists()
