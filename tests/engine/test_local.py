"""The engine that really draws: what it loads, when it loads again, and how it fails."""

import hashlib
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from modules.engine.local import LocalEngine
from modules.errors import ModelError, NotFound, OutOfMemory
from modules.model.files import read_weights
from modules.param import replace_at
from modules.paths import Paths
from modules.schema.cancel import Cancel
from modules.schema.event import ImageReady, Loading, Notice, Preview, Progress
from modules.schema.request import GenerationRequest, Models, Sampling, Seeds, Size

GOLDEN = Path(__file__).resolve().parents[1] / "golden" / "parity" / "data"
TINY = GOLDEN / "Stable-diffusion" / "tiny.safetensors"


def request(checkpoint="tiny", **sampling):
    return GenerationRequest(
        prompt="a cat",
        seeds=Seeds(seed=1, subseed=1),
        size=Size(width=64, height=64),
        sampling=Sampling(sampler="Euler", **{"steps": 2, **sampling}),
        models=Models(checkpoint=checkpoint),
    )


@pytest.fixture(scope="module")
def paths(tmp_path_factory):
    made = Paths(data=tmp_path_factory.mktemp("local"))
    made.checkpoints.mkdir(parents=True)
    for name in ("tiny.safetensors", "tiny.yaml"):
        (made.checkpoints / name).symlink_to(TINY.with_name(name))
    return made


@pytest.fixture(scope="module")
def engine(paths):
    made = LocalEngine(paths, device="cpu", preview_interval_s=0)
    yield made
    made.close()


def kinds(events):
    return [type(event) for event in events]


def picture(events):
    return next(event.image for event in events if isinstance(event, ImageReady))


def test_the_first_task_loads_and_the_second_does_not(engine):
    engine.unload()
    first = list(engine.run(request(), Cancel()))
    second = list(engine.run(request(), Cancel()))
    assert Loading in kinds(first)
    assert Loading not in kinds(second)
    assert {Progress, Preview, ImageReady} <= set(kinds(second))
    assert picture(first).image.data == picture(second).image.data
    assert dict(picture(first).facts)["Model hash"] == "fe1e97aec4"
    assert engine.status().loaded == "tiny.safetensors [fe1e97aec4]"


def test_warming_up_takes_the_loading_away_from_the_first_task(engine):
    engine.unload()
    engine.warm("tiny")
    assert engine.status().state == "ready"
    assert Loading not in kinds(engine.run(request(), Cancel()))


def test_unloading_lets_the_next_task_load_again(engine):
    engine.warm("tiny")
    engine.unload()
    assert engine.status().loaded == ""


def test_a_file_dropped_in_is_found_without_a_restart(engine, paths):
    list(engine.run(request(), Cancel()))
    for suffix in (".safetensors", ".yaml"):
        (paths.checkpoints / f"other{suffix}").symlink_to(TINY.with_suffix(suffix))
    events = list(engine.run(request("other"), Cancel()))
    assert dict(picture(events).facts)["Model"] == "other"


def test_a_file_that_was_replaced_is_read_again(engine, paths):
    target = paths.checkpoints / "changing.safetensors"
    shutil.copyfile(TINY.with_suffix(".yaml"), target.with_suffix(".yaml"))
    for size in (TINY.stat().st_size, 1_000_000):
        target.write_bytes(TINY.read_bytes()[:size])
        if size > 1_000_000:
            engine.warm("changing")
    with pytest.raises(ModelError, match="incomplete"):
        list(engine.run(request("changing"), Cancel()))


def test_broken_and_missing_checkpoints_are_named_and_the_next_task_runs(engine, paths):
    (paths.checkpoints / "half.safetensors").write_bytes(TINY.read_bytes()[:1_000_000])
    (paths.checkpoints / "junk.safetensors").write_bytes(b"junk" * 1000)
    with pytest.raises(ModelError, match="half"):
        list(engine.run(request("half"), Cancel()))
    with pytest.raises(ModelError, match="junk"):
        list(engine.run(request("junk"), Cancel()))
    with pytest.raises(NotFound, match="nowhere"):
        list(engine.run(request("nowhere"), Cancel()))
    assert picture(engine.run(request(), Cancel()))


def test_a_broken_embedding_is_a_notice_and_not_a_failure(engine, paths):
    paths.embeddings.mkdir()
    (paths.embeddings / "bad.safetensors").write_bytes(b"junk")
    events = list(engine.run(request(), Cancel()))
    assert any("bad" in event.message for event in events if isinstance(event, Notice))
    assert picture(events)


SHORTAGES = (
    MemoryError(),
    RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes"),
    RuntimeError("[enforce fail at alloc_cpu.cpp] not enough memory: you tried 9 bytes"),
    torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 9 GiB."),
)


@pytest.mark.parametrize("error", SHORTAGES, ids=str)
def test_every_way_of_running_out_of_memory_is_told_as_such(engine, monkeypatch, error):
    def fail(*arguments, **options):
        raise error

    with monkeypatch.context() as patch:
        patch.setattr("modules.pipeline.generate.generate", fail)
        with pytest.raises(OutOfMemory, match="not enough"):
            list(engine.run(request(), Cancel()))
    assert picture(engine.run(request(), Cancel()))


def test_other_errors_stay_what_they_are(engine, monkeypatch):
    def fail(*arguments, **options):
        raise RuntimeError("shapes do not match")

    monkeypatch.setattr("modules.pipeline.generate.generate", fail)
    with pytest.raises(RuntimeError, match="shapes"):
        list(engine.run(request(), Cancel()))


def test_a_vae_is_used_by_name_or_by_itself_and_written_into_the_recipe(engine, paths):
    own = picture(engine.run(request(), Cancel()))
    paths.vae.mkdir(parents=True, exist_ok=True)
    with read_weights(TINY) as weights:
        names = [name for name in weights if name.startswith("first_stage_model.")]
        save_file({name: weights[name] * 0.9 for name in names}, paths.vae / "soft.safetensors")
    named = replace_at(request(), "models.vae", "soft.safetensors")
    other = picture(engine.run(named, Cancel()))
    assert other.image.data != own.image.data
    digest = hashlib.sha256((paths.vae / "soft.safetensors").read_bytes()).hexdigest()
    assert dict(other.facts)["VAE"] == "soft.safetensors"
    assert dict(other.facts)["VAE hash"] == digest[:10]
    assert picture(engine.run(request(), Cancel())).image.data == own.image.data
    (paths.vae / "soft.safetensors").rename(paths.vae / "tiny.vae.safetensors")
    again = picture(engine.run(request(), Cancel()))
    assert again.image.data == other.image.data
    (paths.vae / "tiny.vae.safetensors").unlink()
    events = list(engine.run(replace_at(request(), "models.vae", "gone.pt"), Cancel()))
    assert picture(events).image.data == own.image.data
    assert any("gone.pt" in event.message for event in events if isinstance(event, Notice))


def test_prompts_are_encoded_once_for_all_jobs(engine):
    engine.unload()
    list(engine.run(request(), Cancel()))
    encoded, reused = engine.status().texts
    list(engine.run(request(), Cancel()))
    list(engine.run(request(steps=3), Cancel()))
    assert engine.status().texts == (encoded, reused + 4)  # the prompt and the negative, twice
