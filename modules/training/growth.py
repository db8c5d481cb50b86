"""When the world's tables gain words, states of earlier training gain rows for them."""

import json
import logging
import os
from pathlib import Path
from typing import Any

import torch

from modules.training.vocabulary import Vocabulary

log = logging.getLogger(__name__)

EMBEDDING = "token_embedding.weight"
STATES = ("text.pt", "unet.pt")


def grow_states(folder: Path, vocabulary: Vocabulary) -> None:
    """Bring the states in `folder` to `vocabulary`, if they were made with an older one.

    New words begin as the unknown word. The optimiser's memory is dropped, because its rows are
    those of the older table; the next steps gather it again.
    """
    note = folder / "vocabulary.json"
    if note.is_file():
        older = Vocabulary(tuple(json.loads(note.read_text())))
        if older == vocabulary:
            return
        for name in STATES:
            if (folder / name).is_file():
                _grow(folder / name, older, vocabulary)
                log.info("%s: %d words became %d", name, older.size, vocabulary.size)
    note.write_text(json.dumps(vocabulary.ids))


def _grow(file: Path, older: Vocabulary, newer: Vocabulary) -> None:
    state: dict[str, Any] = torch.load(file, map_location="cpu", weights_only=True)
    for weights in (state["network"], state["average"]):
        for name, tensor in weights.items():
            if name.endswith(EMBEDDING):
                weights[name] = newer.widened(tensor, older)
    state.pop("optimiser", None)
    part = file.with_suffix(".part")
    torch.save(state, part)
    os.replace(part, file)
