"""The extensions that come with the program: off at first, and doing what they say."""

import pytest
import torch

from modules.engine.extending import offer_all
from modules.extension.loader import Extensions
from modules.extension.plan import ALL, Plan
from modules.param import replace_at
from modules.paths import Paths
from modules.sampling.catalogue import offer_samplers, resolve_sampler, sampler_names
from modules.sampling.plan import load_sampler
from modules.sampling.step import Options
from modules.schema.event import ImageReady
from modules.schema.request import GenerationRequest
from tests.extension.door import plain_draw


def shipped(data, *names):
    """The program's own extensions, with some switched on."""
    plan = Plan(paths=Paths(data=data), which=ALL, on=frozenset(names))
    extensions = Extensions(plan, "engine")
    extensions.load()
    return extensions


def test_they_wait_to_be_switched_on(tmp_path):
    reports = {one.folder.name: one for one in shipped(tmp_path).reports()}
    assert {reports[name].state for name in ("contact-sheet", "lazy-euler")} == {"off"}
    for one in reports.values():
        assert one.folder.manifest.license and one.folder.manifest.description
        assert (one.folder.path / "README.md").is_file()


def test_a_contact_sheet_follows_the_pictures_of_a_job(tmp_path):
    extensions = shipped(tmp_path, "contact-sheet")
    request = replace_at(GenerationRequest(prompt="a cat"), "batch.n_iter", 5)
    events = list(extensions.draw(request, plain_draw, 0))
    images = [event.image for event in events if isinstance(event, ImageReady)]
    assert [one.kind for one in images] == ["image"] * 5 + ["grid"]
    sheet = images[-1]
    assert (sheet.width, sheet.height) == (3 * 168 + 8, 2 * 186 + 8)
    assert ("Contact sheet", 5) in sheet.facts


def test_one_picture_needs_no_sheet(tmp_path):
    extensions = shipped(tmp_path, "contact-sheet")
    events = list(extensions.draw(GenerationRequest(prompt="a cat"), plain_draw, 0))
    assert len(events) == 1


@pytest.fixture
def lazy(tmp_path):
    extensions = shipped(tmp_path, "lazy-euler")
    offer_all(extensions)
    yield resolve_sampler("k_lazy_euler").sampler
    offer_samplers(())
    extensions.unload()


def test_an_offered_sampler_is_in_the_menu_until_it_is_taken_back(lazy):
    assert sampler_names()[-1] == "Lazy Euler"
    offer_samplers(())
    assert "Lazy Euler" not in sampler_names()


def test_lazy_euler_asks_13_times_in_20_steps_and_arrives_near_the_truth(lazy):
    calls = []

    def gaussian(x, sigma):
        """The perfect denoiser for numbers drawn from N(0, 1)."""
        calls.append(float(sigma))
        return x / (1 + sigma**2)

    sigmas = torch.linspace(10, 1, 21, dtype=torch.float64)
    x = torch.tensor([[[[3.0]]]], dtype=torch.float64)
    steps = list(load_sampler(lazy)(gaussian, x, sigmas, None, Options()))
    exact = x * ((1 + sigmas[-1] ** 2) / (1 + sigmas[0] ** 2)).sqrt()
    assert len(steps) == 20 and len(calls) == 13
    euler = resolve_sampler("Euler").sampler
    *_, plain = load_sampler(euler)(gaussian, x, sigmas, None, Options())
    ours = (steps[-1].x - exact).abs().item()
    assert ours < 1.2 * (plain.x - exact).abs().item()


def test_a_sampler_that_takes_a_name_of_ours_is_refused(tmp_path, lazy):
    folder = tmp_path / "extensions" / "thief"
    folder.mkdir(parents=True)
    (folder / "extension.toml").write_text('name = "thief"\nhooks = ["register_samplers"]')
    (folder / "extension.py").write_text(
        "from modules.extension.hooks import hook\n\n@hook\n"
        "def register_samplers(register):\n    register('Other', 'x:y', aliases=('k_euler',))\n"
    )
    extensions = shipped(tmp_path)
    offer_all(extensions)
    [thief] = [one for one in extensions.reports() if one.folder.name == "thief"]
    assert thief.state == "broken" and "k_euler" in str(thief.trouble)
