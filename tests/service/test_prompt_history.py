"""Prompts of before: each once, found by words, everybody's own."""

import pytest

from modules.errors import NotFound
from modules.schema.request import GenerationRequest
from modules.service import prompt_history
from modules.service.database import Database
from modules.service.prompt_history import PromptHistory


@pytest.fixture
def history():
    database = Database(None)
    yield PromptHistory(database)
    database.close()


def drew(history, *prompts, person=""):
    for prompt in prompts:
        history.remember(GenerationRequest(prompt=prompt, negative_prompt="bad"), person)


def found(history, text="", person=""):
    return [one.prompt for one in history.search(text, person)]


def test_a_prompt_is_listed_once_the_newest_first(history):
    drew(history, "a cat", "a dog", "a cat", "  ")
    assert found(history) == ["a cat", "a dog"]
    assert [one.times for one in history.search("", "")] == [2, 1]


def test_all_words_must_be_in_it(history):
    drew(history, "a red cat", "a red dog")
    assert found(history, "RED cat") == ["a red cat"]
    assert found(history, "bad dog") == ["a red dog"]


def test_pinned_ones_stay_on_top_and_are_never_dropped(history, monkeypatch):
    monkeypatch.setattr(prompt_history, "MOST_KEPT", 3)
    drew(history, "first")
    history.pin(history.search("", "")[0].id, "", True)
    drew(history, "a", "b", "c", "d", "e")
    assert found(history) == ["first", "e", "d", "c"]
    history.forget_all("")
    assert found(history) == ["first"]


def test_nobody_sees_or_changes_those_of_others(history):
    drew(history, "mine", person="ann")
    assert found(history, person="bob") == []
    own = history.search("", "ann")[0].id
    for change in (lambda: history.pin(own, "bob", True), lambda: history.forget(own, "bob")):
        with pytest.raises(NotFound):
            change()
    history.forget(own, "ann")
    assert found(history, person="ann") == []
