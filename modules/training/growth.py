"""When the world's tables gain rows, states of earlier training gain rows for them.

Two notes lie beside the states: the words that captions could use (`vocabulary.json`) and the
questions that were asked (`questions.json`).
"""

import json
import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from modules.errors import WebUIError
from modules.training.facts import FIRST_QUESTIONS, QUESTIONS, Question
from modules.training.vocabulary import Vocabulary

log = logging.getLogger(__name__)

EMBEDDING = "token_embedding.weight"
ANSWERS = ("answers.weight", "answers.bias", "answer.weight", "answer.bias")
SILENT = -10.0
"""A finished probe gives no answer that it was never taught."""
READERS = ("text.pt", "unet.pt")
ANSWERERS = ("text.pt", "unet.pt", "probe.pt")

Change = Callable[[str, Tensor], Tensor]


def grow_states(folder: Path, vocabulary: Vocabulary) -> None:
    """Bring the states in `folder` to `vocabulary` and to the questions of today.

    New words begin as the unknown word, new answers as impossible as all others. The optimiser's
    memory is dropped, because its rows are those of the older tables; the next steps gather it
    again. A state that was grown before a kill, but not noted, is left as it is.
    """
    note = folder / "vocabulary.json"
    if note.is_file():
        older = Vocabulary(tuple(json.loads(note.read_text())))
        if older != vocabulary:

            def words(name: str, tensor: Tensor) -> Tensor:
                known = name.endswith(EMBEDDING) and len(tensor) == older.size
                return vocabulary.widened(tensor, older) if known else tensor

            _change(folder, READERS, words, f"{older.size} words became {vocabulary.size}")
    note.write_text(json.dumps(vocabulary.ids))
    grow_answers(folder)


def grow_answers(folder: Path) -> None:
    """Bring the answers of text encoders and probes in `folder` to the questions of today."""
    note = folder / "questions.json"
    older = FIRST_QUESTIONS
    if note.is_file():
        older = tuple(Question(name, tuple(a)) for name, a in json.loads(note.read_text()))
    if older != QUESTIONS:
        rows = sum(len(question.answers) for question in older)

        def answers(name: str, tensor: Tensor) -> Tensor:
            if name not in ANSWERS or len(tensor) != rows:
                return tensor
            unheard = SILENT if name == "answer.bias" else 0.0
            return widened_answers(tensor, older, unheard=unheard)

        _change(folder, ANSWERERS, answers, f"{len(older)} questions became {len(QUESTIONS)}")
    note.write_text(json.dumps([(question.name, question.answers) for question in QUESTIONS]))


def fit_answers(painter: Path, reader: Path, *, asked: bool) -> None:
    """Give a painter's state the layer that answers questions, from the reader's, or take it away.

    Does nothing where the state is already as wanted, or is not there.
    """
    if not painter.is_file():
        return
    state: dict[str, Any] = torch.load(painter, map_location="cpu", weights_only=True)
    has = "answers.weight" in state["network"]
    if has == asked:
        return
    read: dict[str, Any] = torch.load(reader, map_location="cpu", weights_only=True)
    for kind in ("network", "average"):
        for name in ("answers.weight", "answers.bias"):
            if asked:
                state[kind][name] = read[kind][name]
            else:
                del state[kind][name]
    _write(state, painter)


def carry_tower(source: Path, target: Path) -> None:
    """Put the averaged text encoder of one state into another, which may have more or other parts.

    Raises WebUIError where a state is missing.
    """
    for file in (source, target):
        if not file.is_file():
            raise WebUIError(f"There is no {file.name} yet.", "Train its stage first.")
    taught: dict[str, Any] = torch.load(source, map_location="cpu", weights_only=True)
    state: dict[str, Any] = torch.load(target, map_location="cpu", weights_only=True)
    tower = {n: t for n, t in taught["average"].items() if n.startswith("text.")}
    for kind in ("network", "average"):
        state[kind].update({name: tensor.clone() for name, tensor in tower.items()})
    _write(state, target)
    log.info("%s: has the text encoder of %s (step %d)", target.name, source.name, taught["step"])


def widened_answers(small: Tensor, older: tuple[Question, ...], *, unheard: float = 0.0) -> Tensor:
    """A layer's rows (or bias) for the answers of `older`, for the answers of today.

    Answers that are new to an older question get `unheard`; new questions get 0.
    """
    rows: dict[tuple[str, str], int] = {}
    for question in older:
        for answer in question.answers:
            rows[question.name, answer] = len(rows)
    wide = torch.zeros((sum(len(q.answers) for q in QUESTIONS), *small.shape[1:]))
    wanted = [(question.name, answer) for question in QUESTIONS for answer in question.answers]
    known = {question.name for question in older}
    for row, key in enumerate(wanted):
        if key in rows:
            wide[row] = small[rows[key]]
        elif key[0] in known:
            wide[row] = unheard
    return wide


def _change(folder: Path, names: tuple[str, ...], change: Change, what: str) -> None:
    """Change tensors in the states of these names by their own name, and say so."""
    for file in (folder / name for name in names):
        if not file.is_file():
            continue
        state: dict[str, Any] = torch.load(file, map_location="cpu", weights_only=True)
        changed = False
        for weights in (state["network"], state["average"]):
            for name, tensor in weights.items():
                weights[name] = change(name, tensor)
                changed |= weights[name] is not tensor
        if not changed:
            continue
        _write(state, file)
        log.info("%s: %s", file.name, what)


def _write(state: dict[str, Any], file: Path) -> None:
    """Write a changed state without its optimiser's memory, whose rows are those of the older."""
    state.pop("optimiser", None)
    part = file.with_suffix(".part")
    torch.save(state, part)
    os.replace(part, file)
