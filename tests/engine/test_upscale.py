"""Networks that enlarge, from a file in a folder to a picture over REST and in a second pass."""

import base64
import io
import shutil

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from modules.engine.local import LocalEngine
from modules.errors import Interrupted, InvalidRequest, ModelError, NotFound
from modules.paths import Paths
from modules.schema.cancel import Cancel
from modules.schema.event import ImageReady
from modules.schema.inputs import Hires, ImageData, Img2Img, PictureOptions
from modules.schema.request import GenerationRequest, Models, Sampling, Seeds, Size
from modules.schema.tasks import Upscale
from modules.settings.launch import Launch
from modules.training.upscaler_stage import CompactUpscaler
from tests.conftest import GOLDEN, serve

RED = ImageData(40, 24, "RGB", bytes((200, 30, 10)) * (40 * 24))


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """A folder with the tiny checkpoint and an upscaler that repeats pixels."""
    data = tmp_path_factory.mktemp("upscaling")
    shutil.copytree(GOLDEN / "data" / "Stable-diffusion", data / "models" / "Stable-diffusion")
    network = CompactUpscaler(4, 1)
    for parameter in network.parameters():
        torch.nn.init.zeros_(parameter)
    folder = data / "models" / "ESRGAN"
    folder.mkdir(parents=True)
    save_file(network.state_dict(), folder / "2x-repeat.safetensors")
    (folder / "broken.pth").write_bytes(b"no network")
    return data


@pytest.fixture(scope="module")
def engine(data):
    engine = LocalEngine(Paths(data=data), device="cpu")
    yield engine
    engine.close()


def upscaled(engine, **changes):
    *_, event = engine.run(
        Upscale(**{"image": RED, "upscaler": "2x-repeat", "factor": 2.0, **changes}), Cancel()
    )
    assert isinstance(event, ImageReady)
    return event.image.image


def test_the_engine_tells_how_many_tiles_are_done(engine):
    task = Upscale(image=RED, upscaler="2x-repeat", factor=2.0, tile=16, overlap=4)
    *told, _ = engine.run(task, Cancel())
    assert [(one.step, one.steps) for one in told] == [(tile, 6) for tile in range(7)]


def test_a_stopped_task_draws_no_more_tiles(engine):
    cancel = Cancel()
    cancel.stop()
    with pytest.raises(Interrupted):
        list(engine.run(Upscale(image=RED, upscaler="2x-repeat", factor=2.0), cancel))


def test_the_engine_enlarges_by_any_factor(engine):
    double = upscaled(engine)
    assert (double.width, double.height) == (80, 48)
    assert set(double.data[::3]) == {200}
    fourfold = upscaled(engine, factor=4.0)
    assert (fourfold.width, fourfold.height) == (160, 96)
    assert np.ptp(np.frombuffer(upscaled(engine, factor=3.0).data[1::3], dtype=np.uint8)) == 0


def test_what_cannot_be_enlarged_is_said(engine):
    with pytest.raises(NotFound, match="2x-repeat"):
        upscaled(engine, upscaler="2x-repaet")
    with pytest.raises(ModelError, match="broken"):
        upscaled(engine, upscaler="broken")
    with pytest.raises(InvalidRequest):
        upscaled(engine, factor=1000.0)
    assert upscaled(engine).width == 80


def test_catalogue_and_second_pass_know_the_file(engine):
    assert "2x-repeat" in [name for name, _ in engine.catalogue().upscalers]
    small = {
        "models": Models(checkpoint="tiny.safetensors"),
        "seeds": Seeds(seed=1, subseed=1),
        "sampling": Sampling(steps=1),
        "size": Size(width=64, height=64),
    }
    request = GenerationRequest(hires=Hires(upscaler="2x-repeat", scale=2.0), **small)
    *_, last = (one for one in engine.run(request, Cancel()) if isinstance(one, ImageReady))
    assert (last.image.width, last.image.height) == (128, 128)
    request = GenerationRequest(
        img2img=Img2Img(images=(RED,), denoising_strength=0.2),
        pictures=PictureOptions(upscaler="2x-repeat"),
        **small,
    )
    *_, last = (one for one in engine.run(request, Cancel()) if isinstance(one, ImageReady))
    assert (last.image.width, last.image.height) == (64, 64)


def test_over_rest_two_upscalers_are_blended(data):
    picture = Image.frombytes("RGB", (RED.width, RED.height), RED.data)
    file = io.BytesIO()
    picture.save(file, "PNG")
    body = {
        "image": base64.b64encode(file.getvalue()).decode(),
        "upscaling_resize": 2,
        "upscaler_1": "2x-repeat",
        "upscaler_2": "Lanczos",
        "extras_upscaler_2_visibility": 0.5,
    }
    for served in serve(data, launch=Launch(data_dir=str(data), device="cpu")):
        names = [one["name"] for one in served.client.get("/sdapi/v1/upscalers").json()]
        assert names[:3] == ["None", "Lanczos", "Nearest"]
        assert "2x-repeat" in names
        answer = served.client.post("/sdapi/v1/extra-single-image", json=body).json()
        drawn = Image.open(io.BytesIO(base64.b64decode(answer["image"])))
        assert drawn.size == (80, 48)
        assert "Postprocess upscaler 2: Lanczos" in answer["html_info"]
        wrong = served.client.post("/sdapi/v1/extra-single-image", json={**body, "upscaler_1": "x"})
        assert wrong.status_code >= 400
