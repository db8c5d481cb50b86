"""Units of control in the loop: what they change, when, and for whom."""

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
import torch

from modules.conditioning.conditioner import Conditioner
from modules.conditioning.reader import reader_for
from modules.errors import InvalidRequest, ModelError, NotFound
from modules.model.loader import load_model
from modules.model.memory import MemoryPlan
from modules.model.patch.hypernetwork import HypernetworkFolder
from modules.model.patch.network_files import NetworkFolder
from modules.model.patch.patcher import Patcher
from modules.pipeline.attachments.control_work import Order, at_work, hint_of
from modules.pipeline.control import JobControl
from modules.pipeline.control_shelf import ControlShelf
from modules.pipeline.generate import generate
from modules.pipeline.points import Call
from modules.pipeline.preprocessors.prepare import ControlMaps
from modules.pipeline.ready import Ready
from modules.schema.cancel import Cancel
from modules.schema.control import CONTROL_MODES, HR_OPTIONS, ControlUnit
from modules.schema.event import ImageReady, Notice, Progress
from modules.schema.inputs import Hires, ImageData
from modules.schema.request import Batch, GenerationRequest, Refiner, Sampling, Seeds, Size
from tests.model import tiny_checkpoints
from tests.model.control_checkpoints import save, write_controlnet


def photo(width=64, height=64, seed=3):
    """A random picture."""
    levels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)
    return ImageData(width, height, "RGB", levels.tobytes())


UNIT = ControlUnit(model="net", image=photo())
PLAIN = GenerationRequest(
    prompt="a red cat",
    negative_prompt="dog",
    sampling=Sampling(sampler="Euler", steps=4, cfg_scale=3.0),
    seeds=Seeds(seed=1, subseed=1),
    size=Size(width=64, height=64),
)


@pytest.fixture(scope="module")
def studio(tmp_path_factory):
    """Draws requests with a tiny model and networks for control."""
    return Studio(tmp_path_factory.mktemp("control"), "sd1")


class Studio:
    """A tiny model, a folder of networks, and what draws with both."""

    def __init__(self, folder, family, **load):
        self.folder = folder / "ControlNet"
        write_controlnet(self.folder, family)
        self.model = load_model(tiny_checkpoints.write(family, folder), **load)
        self.conditioner = Conditioner(reader_for(self.model), family=self.model.family)
        self.encoders = folder / "clip_vision"
        self.shelf = ControlShelf([self.folder], self.encoders)

    def events(self, *units, request=PLAIN, **more):
        """Everything that happens while `request` is drawn with `units`."""
        request = replace(request, control=units)
        control = JobControl(ControlMaps(request), self.shelf) if units else None
        return list(
            generate(
                request, self.model, self.conditioner, Cancel(),
                preview_interval_s=None, control=control, **more,
            )
        )  # fmt: skip

    def draw(self, *units, request=PLAIN, **more):
        """The pictures as one array (pictures, height, width, 3)."""
        events = self.events(*units, request=request, **more)
        found = [one.image for one in events if isinstance(one, ImageReady)]
        found = [one for one in found if one.kind == "image"]
        return np.stack(
            [
                np.frombuffer(one.image.data, np.uint8).reshape(one.height, one.width, 3)
                for one in found
            ]
        )


def test_a_unit_changes_the_picture_and_so_does_its_map(studio):
    plain, first = studio.draw(), studio.draw(UNIT)
    assert not np.array_equal(plain, first)
    assert not np.array_equal(first, studio.draw(replace(UNIT, image=photo(seed=4))))
    assert np.array_equal(first, studio.draw(UNIT))


@pytest.mark.parametrize(
    "unit",
    [
        replace(UNIT, weight=0.0),
        replace(UNIT, enabled=False),
        replace(UNIT, guidance_start=0.8, guidance_end=0.9),  # between the last step and the end
    ],
)
def test_a_unit_that_takes_no_part_leaves_every_bit_as_it_is(studio, unit):
    assert np.array_equal(studio.draw(), studio.draw(unit))


def test_a_unit_takes_part_in_the_steps_between_its_start_and_its_end(studio):
    calls = []

    class Spy(ControlShelf):
        def find(self, name, model):
            control = super().find(name, model)
            control.network.register_forward_hook(lambda *_: calls.append(step))
            return control

    step, seen = 0, []
    unit = replace(UNIT, guidance_start=0.25, guidance_end=0.5)
    request = replace(PLAIN, control=(unit,))
    control = JobControl(ControlMaps(request), Spy([studio.folder], studio.folder))
    for event in generate(
        request, studio.model, studio.conditioner, Cancel(), preview_interval_s=None,
        control=control,
    ):  # fmt: skip
        if isinstance(event, Progress):
            seen.append(step)
            step = event.step
    assert seen == [0, 1, 2, 3]
    assert calls == [1, 2]  # of the steps 0 to 3: 1/4 and 2/4 of the pass


def test_pictures_of_a_batch_equal_those_drawn_alone(studio):
    both = studio.draw(UNIT, request=replace(PLAIN, batch=Batch(batch_size=2)))
    for place, picture in enumerate(both):
        alone = studio.draw(UNIT, request=replace(PLAIN, seeds=Seeds(seed=1 + place)))
        assert np.abs(picture.astype(int) - alone[0]).max() <= 1


def test_the_second_batch_begins_like_the_first(studio):
    unit = replace(UNIT, guidance_end=0.3)
    pictures = studio.draw(unit, request=replace(PLAIN, batch=Batch(n_iter=2)))
    alone = studio.draw(unit, request=replace(PLAIN, seeds=Seeds(seed=2)))
    assert np.array_equal(pictures[1], alone[0])


@pytest.mark.parametrize("mode", CONTROL_MODES)
def test_prompt_and_negative_may_be_told_apart_or_together(studio, mode):
    unit = replace(UNIT, control_mode=mode)
    together = studio.draw(unit)
    apart = replace(PLAIN, options=replace(PLAIN.options, batch_cond_uncond=False))
    assert np.abs(together.astype(int) - studio.draw(unit, request=apart)).max() <= 1


def test_each_control_mode_gives_another_picture(studio):
    pictures = [studio.draw(replace(UNIT, control_mode=mode)) for mode in CONTROL_MODES]
    for one, other in combinations(pictures, 2):
        assert not np.array_equal(one, other)


def test_units_add_up(studio):
    halves = [replace(UNIT, weight=0.5)] * 2
    assert np.abs(studio.draw(*halves).astype(int) - studio.draw(UNIT)).max() <= 1


def test_prompts_joined_by_and_are_controlled_each(studio):
    request = replace(PLAIN, prompt="a red cat AND a dog :0.5")
    assert not np.array_equal(studio.draw(UNIT, request=request), studio.draw(request=request))


def test_the_second_pass_is_controlled_at_its_own_size(studio):
    hires = Hires(scale=2.0, upscaler="Latent", steps=2, denoising_strength=0.7)
    request = replace(PLAIN, hires=hires)
    pictures = {
        option: studio.draw(replace(UNIT, hr_option=option), request=request)
        for option in HR_OPTIONS
    }
    plain = studio.draw(request=request)
    assert plain.shape == (1, 128, 128, 3)
    for one, other in combinations([plain, *pictures.values()], 2):
        assert not np.array_equal(one, other)


@pytest.mark.parametrize("hint", ["one", "layers"])
def test_sparing_memory_changes_no_pixel(studio, tmp_path, hint):
    plan = MemoryPlan(torch.device("cpu"), torch.float32, hint=hint)
    spare = Studio(tmp_path, "sd1", plan=plan)
    expected = studio.draw(UNIT)
    assert np.array_equal(expected, spare.draw(UNIT))
    assert np.array_equal(expected, spare.draw(replace(UNIT, low_vram=True)))


def test_a_model_for_inpainting_can_be_controlled(tmp_path):
    inpainting = Studio(tmp_path, "sd1-inpainting")
    assert not np.array_equal(inpainting.draw(), inpainting.draw(UNIT))


def test_sdxl_can_be_controlled(tmp_path):
    sdxl = Studio(tmp_path, "sdxl")
    assert not np.array_equal(sdxl.draw(), sdxl.draw(UNIT))


def test_a_network_of_another_family_is_refused_before_anything_is_drawn(studio, tmp_path):
    write_controlnet(studio.folder, "sdxl", "other")
    with pytest.raises(ModelError, match="prompts of 128 channels"):
        studio.events(replace(UNIT, model="other"))


def test_an_unknown_network_is_answered_with_the_nearest(studio):
    with pytest.raises(NotFound, match="net"):
        studio.events(replace(UNIT, model="nett"))


def test_a_unit_without_a_network_is_refused(studio):
    with pytest.raises(InvalidRequest, match="no model"):
        studio.events(replace(UNIT, model="None"))


def test_a_refiner_of_another_shape_goes_on_alone_and_says_so(studio, tmp_path):
    other = load_model(tiny_checkpoints.write("sdxl", tmp_path))
    ready = Ready(other, Conditioner(reader_for(other), family=other.family), None, None)
    request = replace(PLAIN, refiner=Refiner(checkpoint="other", switch_at=0.5))
    events = studio.events(UNIT, request=request, other=lambda name: ready)
    (notice,) = [event.message for event in events if isinstance(event, Notice)]
    assert "left out" in notice and "sdxl" in notice
    assert any(isinstance(event, ImageReady) for event in events)


def order(unit, **more):
    """A unit with some network, to be asked for its weights."""
    return Order(unit=unit, control=None, model=None, **more)


SOFT = [
    *(0.09941, 0.12050, 0.14606, 0.17705, 0.21460, 0.26012, 0.31530),
    *(0.38218, 0.46325, 0.56152, 0.68063, 0.825, 1.0),
]


@pytest.mark.parametrize("mode", CONTROL_MODES[1:])
def test_outputs_count_less_the_finer_they_are_unless_the_modes_are_balanced(mode):
    softer = order(replace(UNIT, control_mode=mode, weight=2.0))
    assert softer.scales(13) == pytest.approx([2 * one for one in SOFT], rel=1e-4)
    assert softer.scales(10)[-1] == pytest.approx(2 * 0.56152, rel=1e-4)  # SDXL's middle
    assert softer.level_scales(4) == pytest.approx([0.5, 1.24, 1.65, 2.0])
    assert order(replace(UNIT, weight=0.7)).scales(13) == [0.7] * 13


def test_thin_lines_are_followed_softly_in_the_second_pass():
    lines = replace(UNIT, module="canny")
    assert order(lines).scales(13) == [1.0] * 13
    softer = order(lines, second_pass=True).scales(13)
    assert softer == pytest.approx(SOFT, rel=1e-4)
    assert order(replace(UNIT, module="depth"), second_pass=True).scales(13) == [1.0] * 13


def test_weights_of_ones_own_replace_the_modes(studio):
    control = studio.shelf.find("net", studio.model)
    own = replace(UNIT, weight=2.0, control_mode=CONTROL_MODES[1], advanced_weighting=(1.0, 0.5))
    assert Order(unit=own, control=control, model=studio.model).scales(2) == [2.0, 1.0]
    with pytest.raises(InvalidRequest, match="2 weights were given for the 13 outputs"):
        Order(unit=own, control=control, model=studio.model).scales(13)


def call_of(model, negative, context=64):
    """A call of the network with a row for each entry of `negative`."""
    generator = torch.Generator().manual_seed(5)
    rows = len(negative)
    return Call(
        model=model,
        x=torch.randn(rows, 4, 8, 8, generator=generator),
        timesteps=torch.full((rows,), 500.0),
        text=torch.randn(rows, 7, context, generator=generator),
        vectors=None,
        negative=negative,
    )


def additions(studio, unit, negative=(False, True), **more):
    """What a unit adds to a call."""
    control = studio.shelf.find(unit.model, studio.model)
    work = at_work(Order(unit=unit, control=control, model=studio.model, **more))
    with torch.no_grad(), work.around(call_of(studio.model, negative)) as added:
        return added


def test_negatives_get_nothing_where_control_goes_first(studio):
    balanced, prompt, control = (
        additions(studio, replace(UNIT, control_mode=mode)) for mode in CONTROL_MODES
    )
    for place, one in balanced.skips.items():
        scale = 0.825 ** (12 - place)
        assert torch.allclose(prompt.skips[place], one * scale, atol=1e-6)
        assert torch.allclose(control.skips[place][0], one[0] * scale, atol=1e-6)
        assert not control.skips[place][1].any()
        assert one[1].any()
    assert not control.middle[1].any() and control.middle[0].any()


def test_shuffled_maps_are_told_as_averages_and_to_the_prompt_alone(studio):
    write_controlnet(studio.folder, "sd1", "control_v11e_sd15_shuffle")
    plain = additions(studio, UNIT)
    pooled = additions(studio, replace(UNIT, model="control_v11e_sd15_shuffle"))
    for place, one in plain.skips.items():
        mean = one[:1].mean(dim=(2, 3), keepdim=True)
        assert torch.allclose(pooled.skips[place][:1], mean, atol=1e-6)
        assert not pooled.skips[place][1].any()


def test_what_is_inpainted_is_told_as_minus_one():
    mask = np.zeros((64, 64), np.uint8)
    mask[16:32, 8:24] = 255
    unit = replace(UNIT, mask=ImageData(64, 64, "L", mask.tobytes()))
    inpainting = hint_of(replace(unit, module="inpaint_only"))
    whole = hint_of(replace(unit, module="canny"))
    hole = torch.from_numpy(mask > 0).expand(1, 3, -1, -1)
    assert (inpainting[hole] == -1).all()
    assert torch.equal(inpainting[~hole], whole[~hole]) and whole.min() >= 0


@pytest.mark.parametrize("sampler", ["Euler", "DDIM"])
def test_inpaint_only_keeps_what_its_mask_does_not_cover(studio, sampler, monkeypatch):
    mask = np.zeros((64, 64), np.uint8)
    mask[:, 32:] = 255
    flat = ImageData(64, 64, "RGB", bytes((90, 120, 200)) * 64 * 64)
    unit = replace(UNIT, image=flat, mask=ImageData(64, 64, "L", mask.tobytes()))
    request = replace(PLAIN, sampling=replace(PLAIN.sampling, sampler=sampler, steps=2))
    decode, seen = studio.model.decode_latent, []

    def decode_and_tell(latent):
        seen.append(latent)
        return decode(latent)

    monkeypatch.setattr(studio.model, "decode_latent", decode_and_tell)
    for module in ("inpaint_only", "inpaint"):
        studio.draw(replace(unit, module=module), request=request)
    kept, free = seen[-2:]
    levels = torch.from_numpy(np.frombuffer(flat.data, np.uint8).reshape(64, 64, 3).copy())
    whole = levels.permute(2, 0, 1)[None] / 127.5 - 1
    wanted = studio.model.encode_image(whole, torch.zeros(()))
    assert torch.allclose(kept[..., :3], wanted[..., :3], atol=1e-5)
    assert not torch.allclose(kept[..., 5:], wanted[..., 5:], atol=0.1)
    assert not torch.allclose(free[..., :3], wanted[..., :3], atol=0.1)


def test_networks_of_the_prompt_and_units_work_together(studio, tmp_path):
    generator = torch.Generator().manual_seed(6)
    name = "lora_unet_mid_block_attentions_0_proj_in"
    lora = {
        f"{name}.lora_up.weight": torch.randn(64, 2, 1, 1, generator=generator),
        f"{name}.lora_down.weight": torch.randn(2, 64, 1, 1, generator=generator),
    }
    save(tmp_path, "paint", lora)
    folders = NetworkFolder(tmp_path), HypernetworkFolder(tmp_path)
    patcher = Patcher(studio.model, *folders)
    painted = replace(PLAIN, prompt="a red cat<lora:paint:1>")
    pictures = [
        studio.draw(*units, request=request, patcher=patcher)
        for request in (painted, PLAIN)
        for units in ((UNIT,), ())
    ]
    for one, other in combinations(pictures, 2):
        assert not np.array_equal(one, other)
    assert np.array_equal(pictures[2], studio.draw(UNIT))
    assert np.array_equal(pictures[3], studio.draw())
