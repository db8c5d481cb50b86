"""The CompVis command line: its flags, its folders, its arithmetic."""

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from modules.model.device import pick_device
from modules.paths import Paths
from modules.pipeline.watermark_reader import is_marked
from tests.model import word_checkpoints
from tests.model.test_safety import write_checker

ROOT = Path(__file__).resolve().parents[2]
TINY = ROOT / "tests/golden/parity/data/Stable-diffusion/tiny.safetensors"


def load_script():
    spec = importlib.util.spec_from_file_location("txt2img_script", ROOT / "scripts/txt2img.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


script = load_script()


def run(tmp_path, *flags):
    """Draw two steps of 64x64 with the test checkpoint; return the exit code."""
    usual = ["--ckpt", str(TINY), "--outdir", str(tmp_path / "out"), "--ddim_steps", "2"]
    return script.main([*usual, "--W", "64", "--H", "64", "--n_samples", "2", *flags])


def pixels(path):
    return np.asarray(Image.open(path))


def test_the_flags_and_defaults_are_those_of_the_first_script():
    given = vars(script.parser().parse_args([]))
    ours = {"H", "W", "C", "f", "rng", "no_watermark", "no_safety_check"}
    assert {name: given[name] for name in given if name not in ours} == {
        "prompt": "a painting of a virus monster playing guitar",
        "outdir": "outputs/txt2img-samples",
        "skip_grid": False,
        "skip_save": False,
        "ddim_steps": 50,
        "plms": False,
        "laion400m": False,
        "fixed_code": False,
        "ddim_eta": 0.0,
        "n_iter": 2,
        "n_samples": 3,
        "n_rows": 0,
        "scale": 7.5,
        "from_file": None,
        "config": "configs/stable-diffusion/v1-inference.yaml",
        "ckpt": "models/ldm/stable-diffusion-v1/model.ckpt",
        "seed": 42,
        "precision": "autocast",
    }


def test_pictures_and_grids_are_numbered_by_what_is_there(tmp_path):
    assert run(tmp_path) == 0
    assert run(tmp_path, "--plms", "--n_iter", "1") == 0
    out = tmp_path / "out"
    assert sorted(path.name for path in out.glob("samples/*")) == [
        f"{number:05}.png" for number in range(6)
    ]
    assert sorted(path.name for path in out.glob("*.png")) == ["grid-0000.png", "grid-0001.png"]
    assert pixels(out / "grid-0000.png").shape == (2 * 66 + 2, 2 * 66 + 2, 3)
    assert pixels(out / "grid-0001.png").shape == (66 + 2, 2 * 66 + 2, 3)


def test_the_same_seed_draws_the_same_and_another_seed_does_not(tmp_path):
    for seed in ("42", "42", "43"):
        assert run(tmp_path, "--seed", seed, "--n_iter", "1", "--skip_grid") == 0
    first, _, again, _, other, _ = map(pixels, sorted((tmp_path / "out/samples").iterdir()))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_a_fixed_code_starts_every_batch_alike(tmp_path):
    assert run(tmp_path, "--fixed_code", "--skip_grid") == 0
    assert run(tmp_path, "--skip_grid") == 0
    shown = [pixels(path) for path in sorted((tmp_path / "out/samples").iterdir())]
    assert np.array_equal(shown[0], shown[2])
    assert not np.array_equal(shown[4], shown[6])


def test_nothing_is_written_that_was_to_be_skipped(tmp_path):
    assert run(tmp_path, "--skip_save", "--skip_grid", "--n_iter", "1") == 0
    assert [path.name for path in (tmp_path / "out").rglob("*")] == ["samples"]


def test_a_file_of_prompts_is_drawn_line_by_line(tmp_path):
    prompts = tmp_path / "prompts.txt"
    prompts.write_text("a cat\na dog\na cow\n", encoding="utf-8")
    chosen = script.parser().parse_args(["--from-file", str(prompts), "--n_samples", "2"])
    assert script.prompt_batches(chosen) == [["a cat", "a dog"], ["a cow"]]


def test_without_the_default_checkpoint_the_embedded_model_draws_at_its_own_size(
    tmp_path, monkeypatch, capsys
):
    (tmp_path / "Stable-diffusion").mkdir()
    embedded = tmp_path / "Stable-diffusion" / script.EMBEDDED
    embedded.symlink_to(TINY)
    embedded.with_suffix(".yaml").symlink_to(TINY.with_suffix(".yaml"))
    monkeypatch.setattr("modules.paths.Paths.models", property(lambda _: tmp_path))
    monkeypatch.chdir(tmp_path)
    setting = script.prepare(script.parser().parse_args([]))
    assert (setting.width, setting.height) == setting.model.native_size
    assert "drawing with the model that comes with Easel" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("flags", "code", "words"),
    [
        (["--f", "0"], 2, "Try 8"),
        (["--ckpt", "nowhere.ckpt"], 1, "no checkpoint at nowhere.ckpt"),
        (["--ddim_steps", "0"], 2, "Try 1"),
        (["--W", "70"], 2, "Try 72"),
        (["--C", "16"], 2, "Try 4"),
        (["--plms", "--ddim_eta", "1"], 2, "PLMS"),
        (["--from-file", "nowhere.txt"], 2, "Cannot read nowhere.txt"),
        (["--config", "nowhere.yaml"], 1, "no description at nowhere.yaml"),
    ],
)
def test_what_cannot_work_is_refused_in_words(tmp_path, capsys, flags, code, words):
    assert run(tmp_path, *flags) == code
    assert words in capsys.readouterr().err


@pytest.mark.slow
def test_the_watermark_is_hidden_in_pictures_and_grids_unless_unwanted(tmp_path):
    sizes = ["--W", "256", "--H", "256", "--ddim_steps", "1", "--n_iter", "1"]
    sizes += ["--n_samples", "1"]
    assert run(tmp_path, *sizes) == 0
    assert run(tmp_path, *sizes, "--no_watermark") == 0
    shown = [pixels(path) for path in sorted((tmp_path / "out").rglob("*.png"))]
    assert [is_marked(one) for one in shown] == [True, False, True, False]


def test_unsafe_pictures_are_left_black_where_the_checker_is(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("modules.paths.Paths.models", property(lambda _: tmp_path))
    flags = ["--n_iter", "1", "--skip_grid"]
    assert run(tmp_path, *flags) == 0
    assert "There is no safety checker" in capsys.readouterr().out
    write_checker(tmp_path / "safety-checker", thresholds=(-9.0, -9.0))  # everything is unsafe
    assert run(tmp_path, *flags) == 0
    assert "2 of 2 pictures may be unsafe" in capsys.readouterr().out
    assert run(tmp_path, *flags, "--no_safety_check") == 0
    shown = [pixels(path).any() for path in sorted((tmp_path / "out/samples").iterdir())]
    assert shown == [True, True, False, False, True, True]


@pytest.fixture(scope="module")
def usual(tmp_path_factory):
    """The first of two pictures drawn without further flags."""
    folder = tmp_path_factory.mktemp("usual")
    assert run(folder, "--n_iter", "1", "--skip_grid") == 0
    return pixels(folder / "out/samples/00000.png")


@pytest.mark.parametrize(
    "flags",
    [
        ["--plms"],
        ["--ddim_eta", "1"],
        ["--ddim_steps", "3"],
        ["--scale", "3"],
        ["--scale", "1"],
        ["--prompt", "something else"],
        ["--rng", "nv"],
    ],
    ids=" ".join,
)
def test_a_flag_changes_the_picture(tmp_path, usual, flags):
    assert run(tmp_path, "--n_iter", "1", "--skip_grid", "--n_samples", "1", *flags) == 0
    difference = pixels(tmp_path / "out/samples/00000.png").astype(int) - usual
    assert np.abs(difference).max() > 2


def test_fewer_samples_begin_with_the_same_picture(tmp_path, usual):
    assert run(tmp_path, "--n_iter", "1", "--skip_grid", "--n_samples", "1") == 0
    (path,) = (tmp_path / "out/samples").iterdir()
    assert np.abs(pixels(path).astype(int) - usual).max() <= 1  # batches are rounded differently


def test_the_columns_of_a_grid_can_be_chosen(tmp_path):
    assert run(tmp_path, "--n_rows", "1", "--n_iter", "1") == 0
    assert pixels(tmp_path / "out/grid-0000.png").shape == (2 * 66 + 2, 66 + 2, 3)


def test_only_the_grid_is_written_without_single_pictures(tmp_path):
    assert run(tmp_path, "--skip_save", "--n_iter", "1") == 0
    assert [path.name for path in (tmp_path / "out").rglob("*.png")] == ["grid-0000.png"]


def test_another_divisor_changes_the_size_of_pictures(tmp_path, capsys):
    assert run(tmp_path, "--f", "16", "--n_iter", "1", "--skip_grid") == 0
    assert pixels(tmp_path / "out/samples/00000.png").shape == (32, 32, 3)
    assert "sizes change" in capsys.readouterr().out


def test_precision_is_about_graphics_cards(monkeypatch):
    asked = []

    def pick(name, *, half):
        asked.append(half)
        return pick_device("cpu")

    monkeypatch.setattr("modules.model.device.pick_device", pick)
    for precision in ("autocast", "full"):
        flags = ["--ckpt", str(TINY), "--precision", precision]
        script.prepare(script.parser().parse_args(flags))
    assert asked == [True, False]


def test_a_description_may_be_named(tmp_path, usual):
    described = tmp_path / "mine.yaml"
    text = TINY.with_suffix(".yaml").read_text(encoding="utf-8")
    described.write_text(text.replace("scale_factor: 0.18215", "scale_factor: 0.5"), "utf-8")
    flags = ["--n_iter", "1", "--skip_grid", "--n_samples", "1"]
    assert run(tmp_path, *flags, "--config", str(described)) == 0
    (path,) = (tmp_path / "out/samples").iterdir()
    assert np.abs(pixels(path).astype(int) - usual).max() > 2


@pytest.mark.parametrize("name", ["ldm", "ldm-vq"])
def test_the_model_of_the_latent_diffusion_paper_draws(tmp_path, monkeypatch, name):
    monkeypatch.setattr("modules.paths.Paths.models", property(lambda _: tmp_path))
    monkeypatch.chdir(tmp_path)
    word_checkpoints.write_vocabularies(Paths())
    path = word_checkpoints.write(name, tmp_path)
    usual = ["--laion400m", "--ckpt", str(path), "--W", "64", "--H", "64", "--ddim_steps", "2"]
    assert script.main([*usual, "--n_iter", "1", "--prompt", "a red cat"]) == 0
    assert script.main([*usual, "--n_iter", "1", "--prompt", "two blue dogs", "--plms"]) == 0
    out = tmp_path / script.LAION_OUTDIR
    shown = [pixels(path) for path in sorted(out.glob("samples/*"))]
    assert len(shown) == 6 and not np.array_equal(shown[0], shown[3])
    assert len(list(out.glob("grid-*.png"))) == 2


def test_the_latent_diffusion_model_has_places_of_its_own(capsys):
    assert script.main(["--laion400m"]) == 1
    assert "no checkpoint at models/ldm/text2img-large/model.ckpt" in capsys.readouterr().err
    chosen = script.parser().parse_args(["--laion400m", "--outdir", "mine"])
    script.take_laion(chosen)
    assert chosen.config == "configs/latent-diffusion/txt2img-1p4B-eval.yaml"
    assert chosen.outdir == "mine"


def test_families_of_later_years_are_refused_in_words(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("modules.paths.Paths.models", property(lambda _: tmp_path))
    path = word_checkpoints.write("flux-dev", tmp_path)
    assert run(tmp_path, "--ckpt", str(path)) == 2
    assert "did not exist then" in capsys.readouterr().err


def test_a_single_picture_is_its_own_grid():
    picture = np.full((8, 8, 3), 90, np.uint8)
    assert script.grid_of([picture], 3) is picture


def test_grids_leave_two_black_pixels_around_each_picture():
    grid = script.grid_of([np.full((4, 4, 3), 9, np.uint8)] * 3, 2)
    assert grid.shape == (14, 14, 3)
    assert grid[2:6, 2:6].min() == grid[8:12, 2:6].min() == 9
    assert grid[8:12, 8:12].max() == grid[6:8].max() == 0


def test_more_rows_of_noise_follow_the_first_in_one_stream():
    import torch

    from modules.sampling.noise import new_generator

    stream = new_generator(42, "CPU")
    torch.manual_seed(42)
    assert torch.equal(stream.randn((3, 4, 8, 8)), torch.randn(3, 4, 8, 8))
    assert torch.equal(stream.randn((3, 4, 8, 8)), torch.randn(3, 4, 8, 8))
