"""Merging over our own routes: models by name, progress, the new file in the menu, refusals."""

import shutil
import time

import pytest
from safetensors.torch import load_file, save_file

from modules.engine.fake import FakeEngine
from modules.engine.local import LocalEngine
from modules.errors import Interrupted
from modules.schema.event import Progress
from modules.schema.tasks import Merge
from modules.settings.launch import Launch
from tests.conftest import GOLDEN, serve


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Two tiny checkpoints; the second is twice the first."""
    data = tmp_path_factory.mktemp("merges")
    folder = data / "models" / "Stable-diffusion"
    folder.mkdir(parents=True)
    for name in ("tiny.safetensors", "tiny.yaml"):
        shutil.copy(GOLDEN / "data" / "Stable-diffusion" / name, folder)
    shutil.copy(folder / "tiny.yaml", folder / "double.yaml")
    first = load_file(folder / "tiny.safetensors")
    save_file({name: value * 2 for name, value in first.items()}, folder / "double.safetensors")
    launch = Launch(data_dir=str(data))
    yield from serve(data, LocalEngine(launch.paths(), device="cpu"), launch)


def ended(place, answer):
    assert answer.status_code == 200, answer.text
    address = f"/api/v1/merges/{answer.json()['id']}"
    end = time.monotonic() + 60
    while (run := place.client.get(address).json())["status"] in ("waiting", "running"):
        assert time.monotonic() < end
        time.sleep(0.02)
    return run


def test_a_merge_is_made_told_and_in_the_menu(place):
    wish = {"a": "tiny", "b": "double", "multiplier": 0.25, "discard": "^first_stage_model"}
    run = ended(place, place.client.post("/api/v1/merges", json=wish))
    assert (run["status"], run["fraction"], run["error"]) == ("finished", 1.0, None)
    assert run["name"] == "0.75(tiny) + 0.25(double).safetensors"
    folder = place.app.paths.checkpoints
    made, first = load_file(folder / run["name"]), load_file(folder / "tiny.safetensors")
    name = "model.diffusion_model.out.2.bias"
    assert (made[name] - first[name] * 1.25).abs().max() < 1e-6
    assert run["done"] == len(made) < len(first)
    titles = [one["title"] for one in place.client.get("/sdapi/v1/sd-models").json()]
    assert any(title.startswith("0.75(tiny) + 0.25(double)") for title in titles)
    assert place.client.get("/api/v1/merges").json()["runs"][0]["id"] == run["id"]


def test_trouble_of_the_files_ends_the_merge_and_leaves_nothing(place):
    wish = {"a": "tiny", "b": "double", "name": "odd", "blocks": "1,2,3"}
    run = ended(place, place.client.post("/api/v1/merges", json=wish))
    assert run["status"] == "failed"
    assert "block weights" in run["error"]["message"]
    assert not list(place.app.paths.checkpoints.glob("*odd*"))


REFUSED = [
    ({"a": "tiny"}, "needs model B"),
    ({"a": "tiny", "b": "tiny", "method": "Add difference"}, "needs model C"),
    ({"a": "tiny", "b": "dubble"}, "double"),
    ({"a": "tiny", "b": "double", "multiplier": 2}, "at most 1"),
    ({"a": "tiny", "b": "double", "name": "../x"}, "cannot be a file's name"),
    ({"a": "tiny", "b": "double", "name": "double"}, "already"),
    ({"a": "tiny", "b": "double", "name": "double", "overwrite": True}, "cannot be replaced"),
    ({"a": "tiny", "b": "double", "discard": "("}, "regular expression"),
    ({"a": "tiny", "b": "double", "vae": "none.pt"}, "VAE"),
    ({"a": "tiny", "b": "double", "metod": "x"}, "method"),
]


@pytest.mark.parametrize(("wish", "words"), REFUSED)
def test_what_cannot_be_meant_is_said_at_once(place, wish, words):
    answer = place.client.post("/api/v1/merges", json=wish)
    assert answer.status_code in (404, 422)
    assert words in answer.text


class Slow(FakeEngine):
    """Merges until it is stopped."""

    def run(self, task, cancel, start_image=0):
        assert isinstance(task, Merge)
        for step in range(10_000):
            time.sleep(0.001)
            yield Progress(step=step, steps=10_000, batch=0, batches=1)
            if cancel.stopped:
                raise Interrupted("Stopped.")


def test_a_running_and_a_waiting_merge_are_stopped(tmp_path):
    for place in serve(tmp_path, Slow()):
        wish = {"a": "fake", "method": "No interpolation"}
        runs = [place.client.post("/api/v1/merges", json=wish | {"name": n}).json() for n in "xy"]
        for run in runs[::-1]:
            place.client.post(f"/api/v1/merges/{run['id']}/stop")
        for run in runs:
            answer = place.client.get(f"/api/v1/merges/{run['id']}")
            assert ended(place, answer)["status"] == "stopped"
        assert not list(place.app.paths.checkpoints.glob("*"))
