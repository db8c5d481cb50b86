"""Small files learn beside a checkpoint, and the program reads them."""

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from modules.conditioning.textual_inversion import read_embedding
from modules.model.control.load import load_control
from modules.model.loader import load_model
from modules.model.patch.layer_names import places
from modules.training.companions.edges_stage import EdgesStage, EdgesTask, write_edges
from modules.training.companions.print_style import draw_print
from modules.training.companions.style_stage import LowRank, StyleStage, StyleTask, write_style
from modules.training.companions.teacher import load_teacher, token_rows
from modules.training.companions.word_stage import VECTORS, WordStage, WordTask, write_word
from modules.training.embedded import Run, train_embedded
from modules.training.loop import Clock, Plan, Trainer, train
from modules.training.recipe import Recipe
from modules.training.team import Team
from modules.training.world.scene import SIMPLE, scene_at

PLAN = Plan(steps=3, rate=1e-3, warm_up=1)
TINY = Recipe(
    size=32,
    channel_mult=(1, 1, 1, 1),
    model_channels=16,
    unet_mult=(1, 2),
    text_width=64,
    text_layers=1,
    latents=64,
    autoencoder_steps=1,
    autoencoder_batch=2,
    text_steps=1,
    text_batch=2,
    unet_steps=1,
    unet_batch=2,
    decoder_steps=1,
)


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    """A checkpoint that has learnt nothing."""
    folder = tmp_path_factory.mktemp("taught")
    out = folder / "tiny.safetensors"
    train_embedded(Run(out=out, state=folder, recipe=TINY, processes=1, sheets=False))
    return out


def taught(stage, folder, name):
    trainer = Trainer(stage, PLAN, folder / f"{name}.pt")
    before = {key: tensor.clone() for key, tensor in stage.network.state_dict().items()}
    assert train(name, trainer, Team(), Clock())
    after = trainer.averaged()
    assert any(not after[key].equal(before[key]) for key in before)
    return after


def test_a_style_becomes_a_lora_whose_every_layer_is_known(checkpoint, tmp_path):
    teacher = load_teacher(checkpoint)
    frozen = {n: p.clone() for n, p in teacher.unet.named_parameters()}
    stage = StyleStage(StyleTask(plan=PLAN, batch=2, rank=2, scenes=4), teacher)
    weights = taught(stage, tmp_path, "style")
    bases = {n.replace(".base.", "."): p for n, p in teacher.unet.named_parameters()}
    assert all(bases[name].equal(tensor) for name, tensor in frozen.items())
    write_style(weights, tmp_path / "style.safetensors", {"title": "style"})
    names = {key.split(".")[0] for key in load_file(tmp_path / "style.safetensors")}
    model = load_model(checkpoint)
    shapes = {n: tuple(p.shape) for n, p in model.unet.named_parameters()}
    assert names <= set(places(shapes, []))
    assert len(names) == len(stage.changes)


def test_a_change_adds_nothing_before_it_has_learnt():
    layer = torch.nn.Conv2d(12, 16, 3, stride=2, padding=1)
    x = torch.randn(1, 12, 9, 9)
    assert LowRank(layer, 4)(x).equal(layer(x))


def test_a_word_becomes_an_embedding_that_is_read(checkpoint, tmp_path):
    teacher = load_teacher(checkpoint)
    for parameter in teacher.unet.parameters():  # layers that begin as zeros would hear nothing
        if not parameter.any():
            torch.nn.init.normal_(parameter, std=0.1)
    stage = WordStage(WordTask(plan=PLAN, batch=2, scenes=4), teacher)
    plain = teacher.vectors(token_rows(["a blue ball"]))
    told = stage.vectors(["a blue ball"])
    assert told.shape == plain.shape
    assert told[0, 2].equal(told[0, 3]) and told[0, 2].equal(plain[0, 2])  # it begins as "blue"
    assert told[0, 4:].equal(plain[0, 3:-1])
    write_word(taught(stage, tmp_path, "word"), tmp_path / "word.safetensors", {})
    embedding = read_embedding(tmp_path / "word.safetensors")
    assert embedding is not None and embedding.count == VECTORS
    assert embedding.fits({"clip_l": TINY.text_width})


def test_edges_become_a_controlnet_that_is_read(checkpoint, tmp_path):
    teacher = load_teacher(checkpoint)
    stage = EdgesStage(EdgesTask(plan=PLAN, batch=2, scenes=4), teacher)
    assert set(stage.edges.flatten()) == {0, 255}
    write_edges(taught(stage, tmp_path, "edges"), tmp_path / "edges.safetensors", {})
    load_control(tmp_path / "edges.safetensors", load_model(checkpoint))


def test_a_print_is_blue_and_white_and_its_things_stand_out():
    for n in range(6):
        picture = np.asarray(draw_print(scene_at(SIMPLE, n), 64), int)
        red, green, blue = (picture[..., channel] for channel in range(3))
        assert ((red <= green) & (green <= blue)).all()
        things = red > 90
        assert 0.03 < things.mean() < 0.6
        assert picture[things].mean() - picture[~things].mean() > 60
