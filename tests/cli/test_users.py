"""`webui.py users`, and what happens without them."""

import io

import pytest

from modules.cli.main import main

PASSWORD = "correct horse\n"


@pytest.fixture
def users(tmp_path, monkeypatch):
    def command(*words, password=PASSWORD):
        monkeypatch.setattr("sys.stdin", io.StringIO(password))
        return main(["users", *words, "--data-dir", str(tmp_path)])

    return command


def test_users_come_and_go(users, capsys):
    assert users("add", "anna") == 0
    assert users("add", "ben", "--role", "user") == 0
    capsys.readouterr()
    assert users("list") == 0
    assert capsys.readouterr().out == "anna\tadmin\nben\tuser\n"
    assert users("remove", "ben") == 0
    assert users("remove", "ben") == 2
    assert "No user called 'ben'" in capsys.readouterr().err


def test_bad_passwords_and_names_are_refused_in_words(users, capsys):
    assert users("add", "anna", password="x\n") == 2
    assert users("add", "a/b") == 2
    assert "cannot be a user's name" in capsys.readouterr().err


@pytest.mark.parametrize("flag", [["--listen"], ["--share"], ["--server-name", "0.0.0.0"]])
def test_the_server_does_not_start_for_others_without_a_password(tmp_path, capsys, flag):
    assert main(["serve", "--port", "1", "--data-dir", str(tmp_path), *flag]) == 2
    assert "users add" in capsys.readouterr().err
