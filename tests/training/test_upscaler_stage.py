"""The small upscaler: it learns, anybody's loader reads its file, and the shipped one is good."""

import torch
from PIL import Image

from modules.model.upscaler import load_upscaler
from modules.paths import ROOT
from modules.pipeline.tiles import WHOLE, Tiling, enlarge
from modules.training.loop import Clock, Trainer, train
from modules.training.pictures import to_pictures
from modules.training.team import Team
from modules.training.upscaler_stage import (
    LARGE,
    SCALE,
    CompactUpscaler,
    UpscalerStage,
    UpscalerTask,
    draw_scene,
    gain_over_lanczos,
    psnr,
    scene_of,
    unit,
    upscaler_plan,
    write_upscaler,
)

SHIPPED = ROOT / "models" / "RealESRGAN" / "easel-2x.safetensors"
AIM_DB = 2.0


def test_a_few_steps_make_the_error_smaller(tmp_path):
    task = UpscalerTask(plan=upscaler_plan(25), batch=4)
    trainer = Trainer(UpscalerStage(task), task.plan, tmp_path / "upscaler.pt")
    first = trainer.stage.loss(0, Team())[1]["mse"]
    assert train("upscaler", trainer, Team(), Clock())
    assert trainer.stage.loss(0, Team())[1]["mse"] < first


def test_the_file_is_read_as_the_family_it_belongs_to(tmp_path):
    torch.manual_seed(2)
    network = CompactUpscaler(8, 2)
    write_upscaler(network.state_dict(), tmp_path / "x.safetensors", {"steps": "0"})
    upscaler = load_upscaler(tmp_path / "x.safetensors")
    assert (upscaler.architecture, upscaler.scale) == ("RealESRGAN Compact", SCALE)
    small = torch.rand(1, 3, 9, 7)
    with torch.inference_mode():
        assert torch.allclose(upscaler(small), network.half().float()(small).clamp(0, 1), atol=1e-5)


def test_the_shipped_upscaler_beats_lanczos_on_pictures_it_never_saw():
    upscaler = load_upscaler(SHIPPED)
    own, lanczos = gain_over_lanczos(upscaler, count=10)
    assert own > lanczos + AIM_DB


def test_the_shipped_upscaler_does_as_well_in_tiles_and_with_colours_exchanged():
    upscaler = load_upscaler(SHIPPED)
    large = draw_scene(scene_of(3, 900, held_out=True), LARGE, LARGE)
    small = large.resize((LARGE // SCALE, LARGE // SCALE), Image.Resampling.BICUBIC)
    plain = to_pictures(upscaler(unit(small)[None]) * 2 - 1)[0]
    true = unit(large)
    scores = [
        psnr(unit(picture), true)
        for picture in (
            plain,
            enlarge(small, upscaler, WHOLE),
            enlarge(small, upscaler, Tiling(48, 8)),
        )
    ]
    assert max(scores) - min(scores) < 0.5
