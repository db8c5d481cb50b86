"""X/Y/Z plots: every axis, every way to write values, the order of drawing and the table."""

import pytest
from PIL import Image

from modules.errors import InvalidRequest, NotFound, WebUIError
from modules.param import get_at, replace_at
from modules.prompt.styles import Style, StyleBook
from modules.schema.catalogue import Catalogue, CheckpointInfo
from modules.schema.inputs import Hires
from modules.service.scripts.axis_values import join_list, numbers, split_list, whole_numbers
from modules.service.scripts.legend import Label, Layout, table, with_legend
from modules.service.scripts.script import TABS
from modules.service.scripts.xyz_axes import AXES, Values, axes_of
from modules.service.scripts.xyz_plot import XYZ_PLOT
from modules.settings.sections.saving import Grids
from tests.service.scripts.stage import CATALOGUE, call, drawn, gradient, play


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("1-5", [1, 2, 3, 4, 5]),
        ("1-10 (+3)", [1, 4, 7, 10]),
        ("10-1 (-3)", [10, 7, 4, 1]),
        ("1-10 [5]", [1, 3, 5, 7, 10]),
        ("-5 - -1", [-5, -4, -3, -2, -1]),
        ("5-1", [5, 4, 3, 2, 1]),
        ("1, 2 ,, 3\n7", [1, 2, 3, 7]),
        ("4, 1-3, 10-20 [2]", [4, 1, 2, 3, 10, 20]),
        ("+ 3", None),
        ("1.5", None),
        ("1-10 (3)", None),
        ("1-10 (-3)", None),
        ("1-10 (+0)", None),
        ("1-999999999", None),
        ("cat", None),
    ],
)
def test_whole_numbers_are_listed_ranged_and_counted(text, values):
    if values is None:
        with pytest.raises(InvalidRequest):
            whole_numbers("Steps", text)
    else:
        assert whole_numbers("Steps", text) == values


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("0-1 (+0.25)", [0, 0.25, 0.5, 0.75, 1]),
        ("0.3-0.9 [4]", [0.3, 0.5, 0.7, 0.9]),
        ("0.1-0.3 (+0.1)", [0.1, 0.2, 0.3]),
        ("0-1 (+0.3)", [0, 0.3, 0.6, 0.9]),
        ("1-3", [1, 2, 3]),
        ("7, 7.5 , -1", [7, 7.5, -1]),
        ("1-0 (-0.5)", [1, 0.5, 0]),
        ("many", None),
    ],
)
def test_numbers_are_listed_ranged_and_counted(text, values):
    if values is None:
        with pytest.raises(InvalidRequest):
            numbers("CFG Scale", text)
    else:
        assert numbers("CFG Scale", text) == values


@pytest.mark.parametrize("values", [["a, b", "c"], ['say "x"', ""], ["a\nb", "c"], ["日本", "é"]])
def test_lists_survive_being_written_and_read(values):
    assert split_list(join_list(values)) == values


def test_quotes_may_follow_a_space():
    assert split_list('a, "b, c"\nd') == ["a", "b, c", "d"]


OTHER = CheckpointInfo(title="other.ckpt [abc]", name="other.ckpt", path="", stem="other")
WIDE = Catalogue(checkpoints=(*CATALOGUE.checkpoints, OTHER), vaes=("fine.safetensors", "f.pt"))
STYLES = StyleBook([Style("oil", "oil painting", "photo"), Style("ink", "{prompt} in ink", "")])

AXIS_CASES = {
    "Nothing": ("", "", None, None),
    "Seed": ("3", "Seed: 3", "seeds.seed", 3),
    "Var. seed": ("4", "Var. seed: 4", "seeds.subseed", 4),
    "Var. strength": ("0.5", "Var. strength: 0.5", "seeds.subseed_strength", 0.5),
    "Steps": ("9", "Steps: 9", "sampling.steps", 9),
    "Hires steps": ("7", "Hires steps: 7", "hires.steps", 7),
    "CFG Scale": ("7.5", "CFG Scale: 7.5", "sampling.cfg_scale", 7.5),
    "Image CFG Scale": ("1.2", "Image CFG Scale: 1.2", "img2img.image_cfg_scale", 1.2),
    "Prompt S/R": ("cat", "cat", "prompt", "a cat"),
    "Prompt order": ("cat", "cat", "prompt", "a cat"),
    "Sampler": ("k_heun", "Heun", "sampling.sampler", "Heun"),
    "Hires sampler": ("euler A", "Euler a", "hires.sampler", "Euler a"),
    "Checkpoint name": ("oth", "other", "models.checkpoint", "other.ckpt [abc]"),
    "Negative Guidance minimum sigma": ("1", None, "options.s_min_uncond", 1),
    "Sigma Churn": ("2", "Sigma Churn: 2.0", "options.s_churn", 2),
    "Sigma min": ("0.1", "Sigma min: 0.1", "options.s_tmin", 0.1),
    "Sigma max": ("9", "Sigma max: 9.0", "options.s_tmax", 9),
    "Sigma noise": ("1.1", "Sigma noise: 1.1", "options.s_noise", 1.1),
    "Schedule type": ("karras", "Schedule type: Karras", "sampling.schedule", "Karras"),
    "Schedule min sigma": ("0.03", None, "options.sigma_min", 0.03),
    "Schedule max sigma": ("14", None, "options.sigma_max", 14),
    "Schedule rho": ("5", None, "options.rho", 5),
    "Eta": ("0.7", "Eta: 0.7", "options.eta", 0.7),
    "Clip skip": ("2", "Clip skip: 2", "text.clip_skip", 2),
    "Denoising": ("0.4", "Denoising: 0.4", "hires.denoising_strength", 0.4),
    "Initial noise multiplier": ("1.1", None, "pictures.noise_multiplier", 1.1),
    "Extra noise": ("0.1", "Extra noise: 0.1", "pictures.extra_noise", 0.1),
    "Hires upscaler": ("nearest", "Hires upscaler: Nearest", "hires.upscaler", "Nearest"),
    "Cond. Image Mask Weight": ("0.5", None, "pictures.mask_weight", 0.5),
    "VAE": ("fin", "VAE: fine.safetensors", "models.vae", "fine.safetensors"),
    "Styles": ('"oil,ink"', None, "prompt", "a cat, oil painting in ink"),
    "UniPC Order": ("5", "UniPC Order: 5", "options.uni_pc_order", 1),
    "Always discard next-to-last sigma": ("True", None, "options.discard_penultimate", True),
    "SGM noise multiplier": ("true", None, "options.sgm_noise_multiplier", True),
    "Refiner checkpoint": ("oth", "Refiner checkpoint: other", "refiner.checkpoint", OTHER.title),
    "Refiner switch at": ("0.6", "Refiner switch at: 0.6", "refiner.switch_at", 0.6),
    "RNG source": ("cpu", "RNG source: CPU", "seeds.source", "CPU"),
    "Skip Early CFG": ("0.2", None, "options.skip_early_cond", 0.2),
    "Beta schedule alpha": ("0.5", None, "options.beta_alpha", 0.5),
    "Beta schedule beta": ("0.5", None, "options.beta_beta", 0.5),
    "Token merging ratio": ("0.5", None, "options.token_merging", 0.5),
    "Token merging ratio high-res": ("0.5", None, "options.token_merging_hr", 0.5),
    "Speed": ("fast", "Speed: Fast", "options.speed", "Fast"),
    "Step cache interval": ("3", None, "options.step_cache", 3),
    "Step cache depth": ("2", None, "options.step_cache_depth", 2),
    "Step cache start": ("0.2", None, "options.step_cache_start", 0.2),
    "Int8 convolutions": ("yes", None, "options.int8", True),
    "Size": ("64x128", "Size: 64x128", "size.height", 128),
}
WITHOUT_EFFECT_YET = (
    "Face restore",
    "FP8 mode",
)


def plotted(label, **changes):
    picture = gradient(8, 8) if "txt2img" not in find_label(label).tabs else None
    called = call(XYZ_PLOT, {}, picture, **changes)
    called = type(called)(**{**vars(called), "catalogue": WIDE, "styles": STYLES})
    if picture is None:
        request = replace_at(called.request, "hires", Hires())
        request = replace_at(request, "refiner.switch_at", 0.8)
        called = type(called)(**{**vars(called), "request": request})
    return called


def find_label(label):
    return next(axis for axis in AXES if axis.label == label)


@pytest.mark.parametrize("label", AXIS_CASES)
def test_an_axis_reads_its_value_shows_it_and_sets_it(label):
    text, shown, path, value = AXIS_CASES[label]
    called, axis = plotted(label), find_label(label)
    (read,) = axis.values(text, called)
    request = axis.applied(called.request, read, Values([read], STYLES))
    if path is not None:
        assert get_at(request, path) == value
    if shown is not None:
        assert axis.shown(read) == shown


@pytest.mark.parametrize("label", [axis.label for axis in AXES])
def test_every_axis_is_tested_or_says_that_it_changes_nothing(label):
    if label in AXIS_CASES or label.startswith("[ControlNet]"):  # see test_control_axes
        return
    assert label in WITHOUT_EFFECT_YET
    axis = find_label(label)
    try:
        axis.values("1", plotted(label))
    except WebUIError:
        return
    pytest.fail(f"{label} works by now; give it a case")


def test_clients_count_axes_as_in_a1111():
    txt2img, img2img = ([axis.label for axis in axes_of(tab)] for tab in TABS)
    assert txt2img[:12] == [
        "Nothing", "Seed", "Var. seed", "Var. strength", "Steps", "Hires steps", "CFG Scale",
        "Prompt S/R", "Prompt order", "Sampler", "Hires sampler", "Checkpoint name",
    ]  # fmt: skip
    assert img2img[:9] == [
        "Nothing", "Seed", "Var. seed", "Var. strength", "Steps", "CFG Scale", "Image CFG Scale",
        "Prompt S/R", "Prompt order",
    ]  # fmt: skip
    cache = ["Step cache interval", "Step cache depth", "Step cache start"]
    ours = ["Speed", *cache, "Int8 convolutions"]
    assert txt2img[-5:] == img2img[-5:] == ours  # after all that A1111 has
    assert (len(txt2img), len(img2img)) == (59, 58)


@pytest.mark.parametrize(
    ("axis", "text", "error", "words"),
    [
        ("Prompt S/R", "dog, cat", InvalidRequest, "did not find 'dog'"),
        ("Prompt order", "a, dog", InvalidRequest, "did not find 'dog'"),
        ("Prompt order", "a,b,c,d,e,f,g,h,i", InvalidRequest, "too many orders"),
        ("Sampler", "Hune", NotFound, "Heun"),
        ("Schedule type", "Karas", NotFound, "Karas"),
        ("Checkpoint name", "nobody", InvalidRequest, "nobody"),
        ("Steps", "0", InvalidRequest, "at least 1"),
        ("Steps", "", InvalidRequest, "no values"),
        ("Size", "64", InvalidRequest, "512x768"),
        ("Styles", "oill", InvalidRequest, "oill"),
        ("Face restore", "GFPGAN", InvalidRequest, "there is no GFPGAN here"),
        ("Seed", "1-200", InvalidRequest, "megapixels"),
    ],
)
def test_plots_that_cannot_work_are_refused_before_they_begin(axis, text, error, words):
    large = {"size.width": 1024, "size.height": 1024} if words == "megapixels" else {}
    called = call(XYZ_PLOT, {"x_type": axis, "x_values": text}, **large)
    with pytest.raises(error, match=words):
        XYZ_PLOT.check(called)


def requests_of(args, **changes):
    called = call(XYZ_PLOT, args, **changes)
    return [cell.request for cell in next(XYZ_PLOT.play(called))]


def test_the_first_axis_changes_most_often_and_models_least():
    args = {
        "x_type": "Checkpoint name", "x_values": "fake, fake",
        "y_type": "Steps", "y_values": "1,2", "z_type": "CFG Scale", "z_values": "5,6",
    }  # fmt: skip
    found = [(one.sampling.cfg_scale, one.sampling.steps) for one in requests_of(args)]
    assert found == [(5, 1), (5, 2), (6, 1), (6, 2)] * 2


def test_seeds_may_differ_from_cell_to_cell():
    args = {
        "x_type": "Steps", "x_values": "1,2,3", "y_type": "CFG Scale", "y_values": "5,6",
        "vary_seeds_x": True, "vary_seeds_y": True,
    }  # fmt: skip
    assert [one.seeds.seed for one in requests_of(args)] == [5, 6, 7, 8, 9, 10]
    only_y = {**args, "vary_seeds_x": False}
    assert [one.seeds.seed for one in requests_of(only_y)] == [5, 5, 5, 6, 6, 6]


def test_random_seeds_are_chosen_once_unless_they_are_to_stay_random():
    args = {"x_type": "Steps", "x_values": "1-4"}
    fixed = [one.seeds.seed for one in requests_of(args, **{"seeds.seed": -1})]
    assert len(set(fixed)) == 1 and fixed[0] >= 0
    free = requests_of({**args, "no_fixed_seeds": True}, **{"seeds.seed": -1})
    assert len({one.seeds.seed for one in free}) == 4
    axis = requests_of({"x_type": "Seed", "x_values": "-1,-1,7"})
    assert len({one.seeds.seed for one in axis}) == 3 and axis[2].seeds.seed == 7
    assert requests_of(args) == requests_of(args)


def test_search_and_replace_changes_every_place_in_both_prompts():
    args = {"x_type": "Prompt S/R", "x_values": 'cat, "dog, sitting"'}
    changes = {"prompt": "a cat, cat eyes", "negative_prompt": "bad cat"}
    second = requests_of(args, **changes)[1]
    assert second.prompt == "a dog, sitting, dog, sitting eyes"
    assert second.negative_prompt == "bad dog, sitting"


def test_words_take_each_others_places():
    args = {"x_type": "Prompt order", "x_values": "red, big, cat"}
    found = [one.prompt for one in requests_of(args, prompt="a red and big cat")]
    assert len(set(found)) == 6
    assert found[0] == "a red and big cat"
    assert "a cat and big red" in found


def test_the_table_shows_cells_in_their_places_and_empty_ones_black(tmp_path):
    args = {
        "x_type": "Steps", "x_values": "1,2", "y_type": "CFG Scale", "y_values": "5,6",
        "draw_legend": False, "margin_size": 4, "include_lone_images": True,
    }  # fmt: skip
    called = call(XYZ_PLOT, args)
    colours = {(1, 5): "red", (2, 5): "lime", (1, 6): "blue", (2, 6): "yellow"}

    def paint(cell, index):
        sampling = cell.request.sampling
        return Image.new("RGB", (64, 64), colours[sampling.steps, sampling.cfg_scale])

    _, (sheet,) = play(XYZ_PLOT, called, tmp_path, paint)
    assert sheet.picture.size == (132, 132)
    assert sheet.picture.getpixel((65, 65)) == (255, 255, 255)
    for (x, y), colour in {(10, 10): (255, 0, 0), (100, 10): (0, 255, 0),
                           (10, 100): (0, 0, 255), (100, 100): (255, 255, 0)}.items():  # fmt: skip
        assert sheet.picture.getpixel((x, y)) == colour
    assert dict(sheet.facts) == {
        "Script": "X/Y/Z plot", "X Type": "Steps", "X Values": "1,2",
        "Y Type": "CFG Scale", "Y Values": "5,6",
    }  # fmt: skip


def test_layers_stand_side_by_side_and_come_alone_if_wanted(tmp_path):
    args = {
        "x_type": "Seed", "x_values": "1-3", "z_type": "Steps", "z_values": "1,2",
        "include_sub_grids": True,
    }  # fmt: skip
    asked, sheets = play(XYZ_PLOT, call(XYZ_PLOT, args), tmp_path)
    assert len(asked[0]) == 6 and not asked[0][0].shown
    whole, first, second = (sheet.picture for sheet in sheets)
    assert first.size == second.size
    assert whole.width == 2 * first.width and whole.height > first.height
    assert dict(sheets[0].facts)["Fixed X Values"] == "1, 2, 3"


def test_a_legend_takes_room_only_where_there_are_words():
    layout = Layout(2, 2, 100, 100)
    sheet = table(layout, lambda x, y: None, "#ffffff")
    words, none = [[Label("a")], [Label("b")]], [[Label("")], [Label("")]]
    assert with_legend(sheet, layout, none, none, Grids()).size == (200, 200)
    assert with_legend(sheet, layout, none, words, Grids()).size == (275, 200)
    wide, high = with_legend(sheet, layout, words, none, Grids()).size
    assert wide == 200 and 200 < high < 230


def test_long_words_shrink_until_they_fit():
    layout = Layout(1, 1, 60, 60)
    sheet = table(layout, lambda x, y: None, "#ffffff")
    long = [[Label("incomprehensibility")]]
    result = with_legend(sheet, layout, long, [[Label("")]], Grids())
    legend = result.crop((0, 0, 60, result.height - 60)).convert("L").point(lambda v: 255 - v)
    left, _, right, _ = legend.getbbox()
    assert left > 0 and right < 60


def test_a_cell_whose_file_was_taken_away_is_empty(tmp_path):
    args = {"x_type": "Steps", "x_values": "1,2", "draw_legend": False}
    acting = XYZ_PLOT.play(call(XYZ_PLOT, args))
    results = [drawn(cell, tmp_path, number) for number, cell in enumerate(next(acting))]
    results[0].files[0].unlink()
    with pytest.raises(StopIteration) as ending:
        acting.send(results)
    (sheet,) = ending.value.value
    assert sheet.picture.getpixel((5, 5)) == (0, 0, 0)
    assert sheet.picture.getpixel((70, 5)) != (0, 0, 0)
