"""What the doctor says of a machine and of folders that are as they should be, and that are not."""

import sqlite3

import pytest

from modules.paths import ROOT, Paths
from modules.service.database import Database
from modules.service.doctor.finding import BAD, DOUBTFUL, GOOD
from modules.service.doctor.folders import look_at_folders
from modules.service.doctor.machine import look_at_machine, packages
from modules.service.doctor.models import look_at_models


def states(findings):
    return {finding.subject: finding.state for finding in findings}


def test_the_environment_of_the_tests_is_sound():
    found = states(look_at_machine(ROOT))
    assert found["Python"] == GOOD
    assert found["Packages"] == GOOD


def test_a_missing_and_a_wrong_package_are_named(tmp_path):
    (tmp_path / "requirements.txt").write_text("numpy==0.0.1\nno-such-package==2.0\n")
    (tmp_path / "requirements-nodeps.txt").write_text("")
    found = packages(tmp_path)
    assert found.state == BAD
    assert "instead of 0.0.1" in found.seen
    assert "no-such-package missing instead of 2.0" in found.seen


def test_an_empty_folder_is_fine_and_stays_empty(tmp_path):
    (tmp_path / "models").mkdir()
    found = states(look_at_folders(Paths(data=tmp_path), tmp_path / "config.json"))
    assert set(found.values()) <= {GOOD, DOUBTFUL}
    assert [one.name for one in tmp_path.iterdir()] == ["models"]


def test_damaged_files_are_found_and_left_alone(tmp_path):
    paths = Paths(data=tmp_path)
    Database(paths.database).close()
    with paths.database.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * 20_000)
    paths.settings.write_text("{ broken")
    before = paths.database.read_bytes()
    found = states(look_at_folders(paths, paths.settings))
    assert found["Jobs and gallery"] == BAD
    assert found["Settings"] == BAD
    assert found["Models"] == BAD
    assert paths.database.read_bytes() == before
    assert paths.settings.read_text() == "{ broken"


def test_a_database_of_jobs_is_counted(tmp_path):
    paths = Paths(data=tmp_path)
    database = Database(paths.database)
    try:
        found = {one.subject: one for one in look_at_folders(paths, paths.settings)}
    finally:
        database.close()
    assert found["Jobs and gallery"].seen == "0 jobs, 0 pictures"
    with sqlite3.connect(paths.database) as connection:
        assert connection.execute("PRAGMA quick_check").fetchone()[0] == "ok"


def test_a_folder_without_checkpoints_and_half_a_checkpoint(tmp_path):
    paths = Paths(data=tmp_path)
    assert states(look_at_models(paths))["Checkpoints"] == BAD
    whole = (ROOT / "models" / "Stable-diffusion" / "easel-mini.safetensors").read_bytes()
    paths.checkpoints.mkdir(parents=True)
    (paths.checkpoints / "half.safetensors").write_bytes(whole[: len(whole) // 2])
    found = {one.subject: one for one in look_at_models(paths)}
    assert found["Checkpoint half.safetensors"].state == DOUBTFUL
    assert "incomplete" in found["Checkpoint half.safetensors"].seen
    (paths.checkpoints / "whole.safetensors").write_bytes(whole)
    assert states(look_at_models(paths))["Checkpoints"] == GOOD


@pytest.mark.parametrize("kind", ["data", "outputs"])
def test_a_file_where_a_folder_should_be(tmp_path, kind):
    paths = Paths(data=tmp_path / "mine")
    paths.data.mkdir()
    if kind == "outputs":
        paths.outputs.write_text("in the way")
    else:
        paths.data.rmdir()
        paths.data.write_text("in the way")
    found = states(look_at_folders(paths, paths.settings))
    assert found["Pictures" if kind == "outputs" else "Your files"] == BAD
