"""A client written for A1111, unchanged, finds everything where it looks for it."""

import io
import threading
import time

import pytest
import webuiapi
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from modules.engine.fake import FAKE_CHECKPOINT, FakeEngine
from modules.schema.catalogue import Catalogue, CheckpointInfo
from modules.service.users import Users
from modules.settings.launch import Launch
from tests.conftest import serve

OTHER = CheckpointInfo(
    title="other.safetensors [abcdefabcd]",
    name="other.safetensors",
    path="other.safetensors",
    stem="other",
    sha256="abcdefabcd" + "0" * 54,
    native_size=(64, 64),
)
SMALL = {"width": 64, "height": 64, "steps": 3}


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    data = tmp_path_factory.mktemp("client")
    engine = FakeEngine(step_s=0.001, catalogue=Catalogue(checkpoints=(FAKE_CHECKPOINT, OTHER)))
    yield from serve(data, engine, Launch(data_dir=str(data)))


def client_of(served, **options):
    port = int(served.url.rpartition(":")[2])
    return webuiapi.WebUIApi(host="127.0.0.1", port=port, **options)


@pytest.fixture
def client(served):
    found = client_of(served)
    yield found
    found.session.close()


def test_it_draws_from_text(client):
    result = client.txt2img(prompt="a cat", seed=7, batch_size=2, cfg_scale=5, **SMALL)
    assert [image.size for image in result.images] == [(64, 64), (64, 64)]
    assert result.info["all_seeds"] == [7, 8]
    assert result.info["sampler_name"] == "Euler a"
    assert result.parameters["cfg_scale"] == 5


def test_it_draws_a_second_pass(client):
    result = client.txt2img(
        prompt="a cat",
        enable_hr=True,
        hr_scale=2,
        hr_upscaler=webuiapi.HiResUpscaler.Latent,
        **SMALL,
    )
    assert len(result.images) == 1
    assert result.info["denoising_strength"] is not None


def test_it_draws_from_pictures(client):
    picture = Image.new("RGB", (64, 64), "teal")
    mask = Image.new("L", (64, 64), 255)
    result = client.img2img(
        images=[picture], mask_image=mask, prompt="a dog", denoising_strength=0.5, seed=3, **SMALL
    )
    assert result.image.size == (64, 64)
    assert result.info["all_seeds"] == [3]


def test_it_reads_what_a_picture_says(client):
    drawn = client.txt2img(prompt="a green hill", seed=5, **SMALL)
    content = io.BytesIO()
    kept = PngInfo()
    kept.add_text("parameters", drawn.info["infotexts"][0])
    drawn.image.save(content, "PNG", pnginfo=kept)
    read = client.png_info(Image.open(content))
    assert read.info.startswith("a green hill")
    assert read.parameters["Seed"] == "5"


def test_it_changes_options_and_the_model(client, served):
    before = client.get_options()
    assert client.set_options({"send_seed": False, "samples_format": "jpg"}) is None
    assert client.get_options()["samples_format"] == "jpg"
    assert client.get_options()["send_seed"] is False
    client.set_options(before)
    assert client.get_options() == before
    client.util_set_model("other")
    assert client.util_get_current_model() == OTHER.title
    client.txt2img(prompt="x", **SMALL)
    assert served.app.jobs(1)[0].task.models.checkpoint == OTHER.title
    client.util_set_model("fake")
    assert client.util_get_current_model() == FAKE_CHECKPOINT.title


def test_it_watches_and_interrupts(client, served):
    watcher, drawn = client_of(served), []
    work = {"prompt": "slow", "width": 64, "height": 64, "steps": 900, "n_iter": 4}
    thread = threading.Thread(target=lambda: drawn.append(client.txt2img(**work)))
    thread.start()
    state = watcher.get_progress()
    while not state["progress"]:
        time.sleep(0.005)
        state = watcher.get_progress()
    assert state["state"]["job_count"] == 4
    assert watcher.skip() is None
    assert watcher.interrupt() == {}
    thread.join(30)
    assert len(drawn) == 1
    watcher.util_wait_for_ready(check_interval=0.01)
    watcher.session.close()


def test_every_list_is_there(client):
    lists = {
        "samplers": client.get_samplers,
        "schedulers": client.get_schedulers,
        "upscalers": client.get_upscalers,
        "latent modes": client.get_latent_upscale_modes,
        "models": client.get_sd_models,
        "vae": client.get_sd_vae,
        "loras": client.get_loras,
        "hypernetworks": client.get_hypernetworks,
        "face restorers": client.get_face_restorers,
        "realesrgan": client.get_realesrgan_models,
        "styles": client.get_prompt_styles,
    }
    assert {name for name, read in lists.items() if not isinstance(read(), list)} == set()
    assert "Euler a" in client.util_get_sampler_names()
    assert "karras" in client.util_get_scheduler_names()
    assert set(client.get_embeddings()) == {"loaded", "skipped"}
    assert set(client.get_scripts()) == {"txt2img", "img2img"}
    assert set(client.get_memory()) == {"ram", "cuda"}
    assert client.get_cmd_flags()["api"] is True
    assert client.refresh_checkpoints() is None


def test_errors_are_told(client):
    with pytest.raises(RuntimeError, match="Sampler not found"):
        client.txt2img(sampler_name="Huler", **SMALL)


def test_it_logs_in(tmp_path):
    Users(tmp_path / "users.json").add("anna", "right horse")
    for served in serve(tmp_path, FakeEngine(), Launch(data_dir=str(tmp_path))):
        client = client_of(served)
        assert client.get_options()["detail"] == "Not authenticated"
        client.set_auth("anna", "right horse")
        assert "samples_format" in client.get_options()
        assert client.txt2img(prompt="x", **SMALL).image.size == (64, 64)
        client.session.close()
