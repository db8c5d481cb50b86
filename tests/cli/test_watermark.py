"""`webui.py watermark`: what is found in files, in words and as JSON."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from modules.cli.main import main
from modules.pipeline.watermark import marked


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    """A picture with the mark and one without."""
    coarse = np.random.default_rng(1).integers(40, 210, (32, 32, 3), np.uint8)
    plain = np.asarray(Image.fromarray(coarse).resize((256, 256), Image.Resampling.BICUBIC))
    for name, pixels in (("marked.png", marked(plain)), ("plain.png", plain)):
        Image.fromarray(pixels).save(tmp_path / name)
    return tmp_path / "marked.png", tmp_path / "plain.png"


def test_every_file_gets_a_sentence(
    files: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["watermark", *map(str, files)]) == 0
    first, second = capsys.readouterr().out.strip().split("\n")
    assert "is in this picture" in first and "of 136 bits" in first
    assert "was not found" in second


def test_json_and_missing_files(
    files: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["watermark", "--json", str(files[0])]) == 0
    (found,) = json.loads(capsys.readouterr().out).values()
    assert found["found"] is True
    assert main(["watermark", "nowhere.png"]) == 2
    assert "nowhere.png" in capsys.readouterr().err


def test_reading_the_mark_loads_no_torch() -> None:
    code = "import sys, modules.service.watermark; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.strip() == "False", done.stderr
