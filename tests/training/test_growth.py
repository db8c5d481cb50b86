"""New words do not cost what was learnt."""

import json

import torch

from modules.training.growth import grow_states
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
