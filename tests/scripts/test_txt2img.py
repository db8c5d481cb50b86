"""The CompVis command line: its flags, its folders, its arithmetic."""

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

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
    """Draw four steps of 64x64 with the test checkpoint; return the exit code."""
    usual = ["--ckpt", str(TINY), "--outdir", str(tmp_path / "out"), "--ddim_steps", "4"]
    return script.main([*usual, "--W", "64", "--H", "64", "--n_samples", "2", *flags])


def pixels(path):
    return np.asarray(Image.open(path))


def test_the_flags_and_defaults_are_those_of_the_first_script():
    given = vars(script.parser().parse_args([]))
    assert {name: given[name] for name in given if name not in {"H", "W", "C", "f", "rng"}} == {
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
        (["--laion400m"], 2, "not supported yet"),
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


def test_the_watermark_can_be_read_back_from_256_pixels_on():
    decoder = pytest.importorskip("imwatermark").WatermarkDecoder
    coarse = np.random.default_rng(0).integers(40, 210, (32, 32, 3), np.uint8)
    picture = np.asarray(Image.fromarray(coarse).resize((256, 256), Image.Resampling.BICUBIC))
    bits = np.unpackbits(np.frombuffer(script.WATERMARK.encode(), np.uint8))
    read = decoder("bits", len(bits)).decode(script.marked(picture)[:, :, ::-1].copy(), "dwtDct")
    assert np.mean(np.asarray(read) == bits) > 0.75


def test_small_pictures_stay_unmarked():
    picture = np.full((128, 128, 3), 90, np.uint8)
    assert script.marked(picture) is picture


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
