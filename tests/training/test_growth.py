"""New words do not cost what was learnt."""

import json

import pytest
import torch

from modules.errors import WebUIError
from modules.training.facts import FIRST_QUESTIONS, QUESTIONS, SIZES
from modules.training.growth import carry_tower, fit_answers, grow_states, widened_answers
from modules.training.vocabulary import Vocabulary


def test_states_gain_rows_for_new_words(tmp_path):
    older, newer = Vocabulary((5, 9)), Vocabulary((5, 7, 9))
    name = "text.text_model.embeddings.token_embedding.weight"
    weights = {name: torch.arange(6.0).view(3, 2), "other": torch.ones(2)}
    state = {"network": dict(weights), "average": dict(weights), "optimiser": {}, "step": 7}
    torch.save(state, tmp_path / "unet.pt")
    grow_states(tmp_path, older)
    grow_states(tmp_path, older)
    assert torch.load(tmp_path / "unet.pt", weights_only=True)["network"][name].shape == (3, 2)
    grow_states(tmp_path, newer)
    grown = torch.load(tmp_path / "unet.pt", weights_only=True)
    assert grown["network"][name].tolist() == [[0, 1], [2, 3], [0, 1], [4, 5]]
    assert grown["average"]["other"].tolist() == [1, 1]
    assert grown["step"] == 7 and "optimiser" not in grown
    assert json.loads((tmp_path / "vocabulary.json").read_text()) == [5, 7, 9]


def test_answers_that_were_learnt_keep_their_rows_when_questions_come(tmp_path):
    count = sum(len(question.answers) for question in FIRST_QUESTIONS)
    small = torch.arange(1.0, count + 1)
    wide = widened_answers(small, FIRST_QUESTIONS)
    assert wide.shape == (sum(SIZES),)
    assert set(wide.tolist()) == {0.0, *small.tolist()}
    place = 0
    for question in QUESTIONS:
        if question.name == "colour of cat":
            older = next(q for q in FIRST_QUESTIONS if q.name == "colour of cat")
            start = sum(len(q.answers) for q in FIRST_QUESTIONS[: FIRST_QUESTIONS.index(older)])
            red, asked = older.answers.index("red"), question.answers.index("red")
            assert wide[place + asked] == small[start + red]
        place += len(question.answers)
    weights = {"answers.bias": small}
    state = {"network": dict(weights), "average": dict(weights), "optimiser": {}, "step": 7}
    torch.save(state, tmp_path / "text.pt")
    for _ in range(2):
        grow_states(tmp_path, Vocabulary((5,)))
        grown = torch.load(tmp_path / "text.pt", weights_only=True)
        assert grown["average"]["answers.bias"].equal(wide)


def test_a_state_that_was_grown_but_not_noted_is_not_grown_again(tmp_path):
    older, newer = Vocabulary((5, 9)), Vocabulary((5, 7, 9))
    name = "text.text_model.embeddings.token_embedding.weight"
    weights = {name: torch.arange(8.0).view(4, 2), "answers.bias": torch.ones(sum(SIZES))}
    torch.save({"network": weights, "average": dict(weights), "step": 7}, tmp_path / "text.pt")
    (tmp_path / "vocabulary.json").write_text(json.dumps(older.ids))
    grow_states(tmp_path, newer)
    grown = torch.load(tmp_path / "text.pt", weights_only=True)["network"]
    assert all(grown[key].equal(weights[key]) for key in weights)


def test_a_painter_gets_the_readers_answers_and_gives_them_back(tmp_path):
    reader, painter = tmp_path / "text.pt", tmp_path / "unet.pt"
    learnt = {"answers.weight": torch.ones(3, 2), "answers.bias": torch.ones(3)}
    torch.save({"network": learnt, "average": dict(learnt), "step": 1}, reader)
    fit_answers(painter, reader, asked=True)
    assert not painter.is_file()
    own = {"unet.weight": torch.ones(1)}
    torch.save({"network": own, "average": dict(own), "optimiser": {}, "step": 9}, painter)
    fit_answers(painter, reader, asked=False)
    assert "optimiser" in torch.load(painter, weights_only=True)
    fit_answers(painter, reader, asked=True)
    state = torch.load(painter, weights_only=True)
    assert set(state["network"]) == set(state["average"]) == {*own, *learnt}
    assert state["step"] == 9
    fit_answers(painter, reader, asked=False)
    assert set(torch.load(painter, weights_only=True)["network"]) == set(own)


def test_a_taught_tower_is_carried_from_one_state_to_the_other(tmp_path):
    def state(value, *others):
        return {name: torch.full((2,), value) for name in ("text.a", *others)}

    for name, value, other in (("text", 1.0, "answers.bias"), ("unet", 2.0, "unet.b")):
        weights = {"network": state(value, other), "average": state(value + 0.5, other)}
        torch.save({**weights, "optimiser": {}, "step": 5}, tmp_path / f"{name}.pt")
    carry_tower(tmp_path / "text.pt", tmp_path / "unet.pt")
    carried = torch.load(tmp_path / "unet.pt", weights_only=True)
    assert (
        carried["network"]["text.a"].tolist() == carried["average"]["text.a"].tolist() == [1.5] * 2
    )
    assert carried["network"]["unet.b"].tolist() == [2, 2]
    assert carried["step"] == 5 and "optimiser" not in carried
    with pytest.raises(WebUIError, match=r"nowhere\.pt"):
        carry_tower(tmp_path / "nowhere.pt", tmp_path / "unet.pt")
