"""Compiled networks: the same answers, for any weights, and no reason for a picture to fail."""

import json
import subprocess
import sys
from dataclasses import replace

import pytest
import torch

from modules.model.compiling import MOST_SHAPES, Compiler, Forms, forms_for, is_plain
from modules.model.form import Form, FormRecipe, recipe_for, small_parameters
from modules.model.networks.unet import CrossAttention, UNet, UNetConfig
from modules.model.token_merging import merged_tokens
from modules.paths import ROOT
from tests.model.tiny import UNET, random_network

SMALLEST = UNetConfig(
    model_channels=8, channel_mult=(1,), num_res_blocks=1, attention_resolutions=(),
    middle_depth=0, context_dim=4, num_heads=2, norm_groups=2,
)  # fmt: skip


def inputs(rows=2, side=4, width=4):
    generator = torch.Generator().manual_seed(rows + side)
    x = torch.randn(rows, 4, side, side, generator=generator)
    context = torch.randn(rows, 7, width, generator=generator)
    return x, torch.full((rows,), 500.0), context


@pytest.fixture(scope="module")
def network():
    return random_network(UNet(SMALLEST), 1)


class Waiting(Compiler):
    """Takes down what would be compiled."""

    def look(self):
        """Nothing begins."""

    @property
    def wished(self):
        """How many forms are waited for."""
        return len(self._waiting)


def test_a_recipe_survives_the_way_to_the_process_that_compiles(network):
    recipe = recipe_for(network, inputs())
    assert FormRecipe.from_json(recipe.to_json()) == recipe
    assert FormRecipe.from_json(recipe.to_json()).name == recipe.name


def test_whatever_machine_code_depends_on_gives_another_file(network):
    usual = recipe_for(network, inputs())
    names = {
        usual.name,
        recipe_for(network, inputs(rows=1)).name,
        recipe_for(network, inputs(side=6)).name,
        recipe_for(random_network(UNet(replace(SMALLEST, norm_groups=4)), 1), inputs()).name,
        recipe_for(random_network(UNet(SMALLEST), 1).bfloat16(), inputs()).name,
        replace(usual, machine="another").name,
    }
    assert len(names) == 6


def test_other_weights_share_the_file(network):
    other = random_network(UNet(SMALLEST), 2)
    assert recipe_for(other, inputs()).name == recipe_for(network, inputs()).name


def test_a_shape_that_is_not_ready_is_wished_for_once_and_left_to_the_network(network, tmp_path):
    compiler = Waiting(tmp_path)
    forms = Forms(network, compiler)
    for _ in range(3):
        forms.begin()
        assert forms.answer(*inputs()) is None
    assert (compiler.wished, forms.used) == (1, False)


def test_no_more_than_a_few_shapes_are_compiled(network, tmp_path):
    compiler = Waiting(tmp_path)
    forms = Forms(network, compiler)
    for rows in range(1, MOST_SHAPES + 5):
        assert forms.answer(*inputs(rows)) is None
    assert compiler.wished == MOST_SHAPES


def test_a_file_of_no_use_costs_a_notice_and_is_removed(network, tmp_path):
    compiler = Waiting(tmp_path)
    path = tmp_path / recipe_for(network, inputs()).name
    path.write_bytes(b"no machine code")
    forms = Forms(network, compiler)
    assert forms.answer(*inputs()) is None
    assert not path.exists()
    assert "Pictures are drawn without it" in compiler.news[0]
    forms.begin()
    assert forms.answer(*inputs()) is None
    assert (compiler.wished, len(compiler.news)) == (0, 1)


def test_without_a_compiler_people_are_told_in_words(network, tmp_path, monkeypatch):
    monkeypatch.setenv("CXX", "no-such-compiler")
    compiler = Compiler(tmp_path / "compiled")
    forms = Forms(network, compiler)
    assert forms.answer(*inputs()) is None
    assert compiler.news == [
        "Networks cannot be compiled here: there is no C++ compiler (no-such-compiler)."
    ]
    assert forms.answer(*inputs(rows=3)) is None
    assert len(compiler.news) == 1


def test_only_u_nets_that_stay_where_they_are_can_be_compiled(network, tmp_path):
    compiler = Waiting(tmp_path)
    assert forms_for(network, compiler, "all") is not None
    assert forms_for(network, compiler, "one") is None
    assert forms_for(torch.nn.Linear(2, 2), compiler, "all") is None
    distilled = UNet(replace(SMALLEST, scale_embedding=8))
    assert forms_for(distilled, compiler, "all") is None


def test_a_network_that_something_joins_is_not_plain():
    network = random_network(UNet(UNET), 1)
    assert is_plain(network)
    with merged_tokens(network, 0.5, 4, 4):
        assert not is_plain(network)
    attention = next(one for one in network.modules() if isinstance(one, CrossAttention))
    attention.beside = lambda q: q
    assert not is_plain(network)
    attention.beside = None
    network.out[2].padding_mode = "circular"
    assert not is_plain(network)


def test_the_process_ends_when_nobody_waits_for_it(network, tmp_path):
    source = tmp_path / "recipe.json"
    source.write_text(recipe_for(network, inputs()).to_json(), encoding="utf-8")
    ended = subprocess.run(
        [sys.executable, "-m", "modules.model.form", source, tmp_path / "made.pt2"],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        check=False,
    )
    assert ended.returncode == 1
    assert not (tmp_path / "made.pt2").exists()


@pytest.mark.slow
@torch.no_grad()
def test_a_compiled_network_follows_its_weights_and_serves_others(network, tmp_path):
    compiler = Compiler(tmp_path)
    forms = Forms(network, compiler)
    given = inputs()
    assert forms.answer(*given) is None
    compiler.wait()
    assert not compiler.news
    assert forms.answer(*given) is None  # the pass that has begun without it goes on so
    forms.begin()
    assert torch.allclose(forms.answer(*given), network(*given), rtol=1e-4, atol=1e-5)
    assert forms.used
    before = network(*given)
    for parameter in network.parameters():  # in place, as networks of the prompt do it
        parameter.mul_(1.1)
    assert not torch.allclose(network(*given), before)
    assert torch.allclose(forms.answer(*given), network(*given), rtol=1e-4, atol=1e-5)
    assert any(small_parameters(network))  # those that are given with each call changed too

    other = random_network(UNet(SMALLEST), 5)
    second = Forms(other, compiler)
    assert torch.allclose(second.answer(*given), other(*given), rtol=1e-4, atol=1e-5)
    path = compiler.ready(recipe_for(network, given))
    for parameter in other.parameters():  # elsewhere in memory, as after a visit to a device
        parameter.data = parameter.data * 1.1
    form = Form(path, other, 3)
    form.bind()
    assert torch.allclose(form(given), other(*given), rtol=1e-4, atol=1e-5)
    assert json.loads(recipe_for(other, given).to_json())["format"] == 1
