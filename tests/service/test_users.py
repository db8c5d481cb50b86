"""Accounts: kept as hashes, readable by nobody else, effective at once."""

import json
import os
import stat

import pytest

from modules.errors import InvalidRequest, NotFound, WebUIError
from modules.service.users import Users, check_exposure
from modules.service.visitor import OWNER, VISITOR, Forbidden, Visitor, require_admin
from modules.settings.launch import Launch

PASSWORD = "correct horse"


@pytest.fixture
def users(tmp_path):
    users = Users(tmp_path / "users.json")
    users.add("anna", PASSWORD)
    return users


def test_a_password_is_recognised_and_not_kept(users):
    assert users.check("anna", PASSWORD).role == "admin"
    assert users.check("anna", "wrong") is None
    assert users.check("nobody", PASSWORD) is None
    text = users.path.read_text(encoding="utf-8")
    assert PASSWORD not in text
    assert "$argon2id$" in text


@pytest.mark.skipif(os.name == "nt", reason="other rights there")
def test_only_the_owner_may_read_the_file(users):
    assert stat.S_IMODE(users.path.stat().st_mode) == 0o600


def test_changes_are_seen_by_others_at_once(users):
    other = Users(users.path)
    users.add("ben", PASSWORD, "user")
    assert other.visitor("ben") == Visitor("ben", "user")
    users.remove("ben")
    assert other.visitor("ben") is None


def test_a_signature_ends_with_the_password(users):
    before = users.sign("anna", "x")
    assert Users(users.path).sign("anna", "x") == before
    users.add("anna", "another password")
    assert users.sign("anna", "x") != before
    assert users.sign("nobody", "x") == ""


def test_the_last_administrator_stays(users):
    users.add("ben", PASSWORD, "user")
    with pytest.raises(InvalidRequest, match="last administrator"):
        users.remove("anna")
    users.remove("ben")
    users.remove("anna")
    assert users.accounts == {}
    with pytest.raises(NotFound):
        users.remove("anna")


@pytest.mark.parametrize("name", ["", "a b", "a:b", "a,b", "a/b", "..\\x", "a\n", "x" * 65])
def test_names_that_would_confuse_are_refused(users, name):
    with pytest.raises(InvalidRequest):
        users.add(name, PASSWORD)


@pytest.mark.parametrize("password", ["", "short", "x" * 2000])
def test_passwords_have_a_reasonable_length(users, password):
    with pytest.raises(InvalidRequest, match="password"):
        users.add("ben", password)


def test_roles_are_two(users):
    with pytest.raises(NotFound, match="'admin'"):
        users.add("ben", PASSWORD, "amin")


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", '{"users": []}', '{"users": [{"name": "a"}], "secret": "00"}',
     '{"users": [{"name": "a", "role": "god", "hash": ""}], "secret": "00"}'],
)  # fmt: skip
def test_a_broken_list_is_never_taken_for_an_empty_one(users, text):
    users.path.write_text(text, encoding="utf-8")
    assert set(users.accounts) == {"anna"}
    with pytest.raises(WebUIError, match="cannot be read"):
        Users(users.path)


def test_a_damaged_hash_fits_no_password(users):
    content = json.loads(users.path.read_text(encoding="utf-8"))
    content["users"][0]["hash"] = "plain"
    users.path.write_text(json.dumps(content), encoding="utf-8")
    assert users.check("anna", "plain") is None


def test_people_given_by_flags_are_administrators_for_this_start(tmp_path):
    users = Users(tmp_path / "users.json", {"cleo": "x"})
    assert users.check("cleo", "x").role == "admin"
    assert not users.path.exists()


def test_serving_others_without_a_password_is_refused(tmp_path, users):
    nobody = Users(tmp_path / "none.json")
    with pytest.raises(InvalidRequest, match="Without a password"):
        check_exposure(Launch(listen=True), nobody)
    with pytest.raises(InvalidRequest, match="Without a password"):
        check_exposure(Launch(share=True), nobody)
    check_exposure(Launch(), nobody)
    check_exposure(Launch(listen=True), users)


def test_some_things_are_for_administrators():
    require_admin("do it")
    mark = VISITOR.set(Visitor("ben", "user"))
    try:
        with pytest.raises(Forbidden, match="Only an administrator may do it"):
            require_admin("do it")
    finally:
        VISITOR.reset(mark)
    assert VISITOR.get() is OWNER
