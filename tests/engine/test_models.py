"""The list of model files: quick, and richer as hashes become known."""

import time
from pathlib import Path

from modules.engine.models import ModelList
from modules.paths import Paths

TINY = (
    Path(__file__).resolve().parents[1]
    / "golden"
    / "parity"
    / "data"
    / "Stable-diffusion"
    / "tiny.safetensors"
)


def test_a_title_gains_its_hash_in_the_background(tmp_path):
    paths = Paths(data=tmp_path)
    paths.checkpoints.mkdir(parents=True)
    (paths.checkpoints / "tiny.safetensors").symlink_to(TINY)
    models = ModelList(paths)
    [first] = models().checkpoints
    assert first.title in ("tiny.safetensors", "tiny.safetensors [fe1e97aec4]")
    end = time.monotonic() + 20
    while not models().checkpoints[0].sha256 and time.monotonic() < end:
        time.sleep(0.02)
    assert models().checkpoints[0].title == "tiny.safetensors [fe1e97aec4]"
    assert ModelList(paths)().checkpoints[0].sha256  # remembered


def test_new_files_appear_after_a_refresh(tmp_path):
    paths = Paths(data=tmp_path)
    models = ModelList(paths)
    assert models().checkpoints == ()
    for folder in (paths.lora / "sub", paths.embeddings, paths.vae, paths.checkpoints):
        folder.mkdir(parents=True)
    (paths.lora / "sub" / "a.safetensors").write_bytes(b"x")
    (paths.embeddings / "b.pt").write_bytes(b"x")
    (paths.embeddings / "readme.txt").write_bytes(b"x")
    (paths.checkpoints / "c.safetensors").write_bytes(b"x")
    assert models().loras == ()
    found = models(refresh=True)
    assert (found.loras, found.embeddings, found.vaes) == (("sub/a.safetensors",), ("b.pt",), ())
    assert found.checkpoints[0].note
    assert "c.safetensors" in found.problems[0]


def test_vaes_in_folders_within_are_listed_where_they_lie(tmp_path):
    paths = Paths(data=tmp_path)
    (paths.vae / "sub").mkdir(parents=True)
    (paths.vae / "sub" / "sharp.safetensors").write_bytes(b"x")
    found = ModelList(paths)()
    assert found.vaes == ("sharp.safetensors",)
    assert found.vae_paths == (str(paths.vae / "sub" / "sharp.safetensors"),)
