"""Faces and descriptions, from files in the usual folders to pictures and words over REST."""

import base64
import io
import shutil

import numpy as np
import pytest
from PIL import Image

from modules.engine.local import LocalEngine
from modules.errors import ModelError, NotFound
from modules.paths import Paths
from modules.schema.cancel import Cancel
from modules.schema.event import Described, FacesFound, ImageReady
from modules.schema.faces import Faces
from modules.schema.inputs import ImageData
from modules.schema.picture_tasks import (
    DEEPBOORU,
    Describe,
    FindFaces,
    RestoreFaces,
    TagOptions,
)
from modules.schema.request import GenerationRequest, Models, Sampling, Seeds, Size
from modules.settings.launch import Launch
from tests.conftest import GOLDEN, serve
from tests.model.face_checkpoints import always_a_face, save_codeformer, save_detector
from tests.model.test_captioner import save_danbooru

PIXELS = np.random.default_rng(2).integers(0, 256, (96, 128, 3), dtype=np.uint8)
PICTURE = ImageData(128, 96, "RGB", PIXELS.tobytes())
DRAWN = {
    "prompt": "a cat", "steps": 1, "width": 64, "height": 64, "seed": 3, "sampler_name": "Euler",
    "cfg_scale": 1,
}  # fmt: skip


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    data = tmp_path_factory.mktemp("faces")
    shutil.copytree(GOLDEN / "data" / "Stable-diffusion", data / "models" / "Stable-diffusion")
    save_codeformer(data / "models" / "Codeformer" / "codeformer-v0.1.0.pth")
    detector = data / "models" / "GFPGAN" / "detection_Resnet50_Final.pth"
    save_detector(detector, always_a_face())
    (data / "models" / "torch_deepdanbooru").mkdir()
    save_danbooru(data / "models" / "torch_deepdanbooru" / "x.pt", shortcut_first=True)
    return data


@pytest.fixture(scope="module")
def engine(data):
    engine = LocalEngine(Paths(data=data), device="cpu")
    yield engine
    engine.close()


@pytest.fixture(scope="module")
def place(data, engine):
    yield from serve(data, engine, Launch(data_dir=str(data)))


def answer(engine, task):
    *_, event = engine.run(task, Cancel())
    return event


def as_base64(pixels=PIXELS):
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG")
    return base64.b64encode(out.getvalue()).decode()


def pixels_of(text):
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(text))).convert("RGB"))


def test_the_catalogue_lists_what_is_there_for_faces(engine, data):
    catalogue = engine.catalogue(refresh=True)
    path = data / "models" / "Codeformer" / "codeformer-v0.1.0.pth"
    assert catalogue.restorers == (("CodeFormer", str(path)),)
    assert catalogue.face_detector.endswith("detection_Resnet50_Final.pth")


def test_a_task_restores_faces_and_another_only_finds_them(engine):
    event = answer(engine, RestoreFaces(image=PICTURE, restorer="CodeFormer", weight=0))
    assert isinstance(event, ImageReady)
    assert event.image.image.data != PICTURE.data
    found = answer(engine, FindFaces(image=PICTURE))
    assert isinstance(found, FacesFound)
    left, top, right, bottom = found.boxes[0]
    assert right - left == bottom - top == 256


def test_visibility_0_changes_nothing(engine):
    task = RestoreFaces(image=PICTURE, restorer="CodeFormer", visibility=0)
    assert answer(engine, task).image.image == PICTURE


def drawn(engine, **faces):
    request = GenerationRequest(
        prompt="a cat",
        sampling=Sampling(sampler="Euler", schedule="Automatic", steps=1, cfg_scale=1),
        seeds=Seeds(seed=3, subseed=1),
        size=Size(width=64, height=64),
        models=Models(checkpoint=engine.catalogue().checkpoints[0].title),
        faces=Faces(**faces),
    )
    (event,) = [one for one in engine.run(request, Cancel()) if isinstance(one, ImageReady)]
    return event.image.image


def test_faces_of_drawn_pictures_are_restored_and_memory_is_given_back(engine):
    plain = drawn(engine)
    assert drawn(engine) == plain
    mended = drawn(engine, restorer="CodeFormer", weight=0.0)
    assert mended != plain
    shelf = engine._picture_desk._face_shelf
    assert not shelf.is_empty
    assert drawn(engine, restorer="CodeFormer", weight=0.0, unload=True) == mended
    assert shelf.is_empty
    drawn(engine, restorer="CodeFormer")
    engine.unload()
    assert shelf.is_empty


def test_restoring_a_drawn_picture_equals_restoring_it_afterwards(engine):
    task = RestoreFaces(image=drawn(engine), restorer="CodeFormer", weight=0.25)
    assert answer(engine, task).image.image == drawn(engine, restorer="CodeFormer", weight=0.25)


def test_tags_are_told_as_the_options_say(engine):
    def told(**options):
        tags = TagOptions(**{"threshold": 0.0, **options})
        event = answer(engine, Describe(image=PICTURE, by=DEEPBOORU, tags=tags))
        assert isinstance(event, Described)
        return event.text

    assert told() == "long hair, smile \\(medium\\)"
    assert told(spaces=False, escape=False) == "long_hair, smile_(medium)"
    assert told(dropped="Long hair") == "smile \\(medium\\)"
    assert told(threshold=1.0) == ""


def test_a_describer_that_is_not_there_says_which_file_it_wants(engine, data):
    with pytest.raises(ModelError, match=r"model_base_caption_capfilt_large\.pth into .*BLIP"):
        answer(engine, Describe(image=PICTURE))
    with pytest.raises(NotFound, match="clip"):
        answer(engine, Describe(image=PICTURE, by="clop"))


# Over REST


def test_clients_restore_faces_by_saying_yes(place):
    listed = place.client.get("/sdapi/v1/face-restorers").json()
    assert [one["name"] for one in listed] == ["CodeFormer"]
    assert listed[0]["cmd_dir"].endswith("Codeformer")
    plain = place.client.post("/sdapi/v1/txt2img", json=DRAWN).json()
    mended = place.client.post("/sdapi/v1/txt2img", json={**DRAWN, "restore_faces": True}).json()
    assert "Face restoration: CodeFormer" in mended["info"]
    assert "Face restoration" not in plain["info"]
    assert not np.array_equal(pixels_of(mended["images"][0]), pixels_of(plain["images"][0]))
    weighted = {**DRAWN, "restore_faces": True, "override_settings": {"code_former_weight": 1}}
    other = place.client.post("/sdapi/v1/txt2img", json=weighted).json()
    assert not np.array_equal(pixels_of(mended["images"][0]), pixels_of(other["images"][0]))


def test_a_network_that_is_missing_is_refused_before_anything_is_drawn(place):
    body = {**DRAWN, "restore_faces": True}
    body["override_settings"] = {"face_restoration_model": "GFPGAN"}
    answer = place.client.post("/sdapi/v1/txt2img", json=body)
    assert answer.status_code == 422
    assert "GFPGANv1.4.pth into models/GFPGAN" in answer.text


def test_extras_restore_faces_too(place):
    body = {"image": as_base64(), "codeformer_visibility": 1, "codeformer_weight": 0}
    answer = place.client.post("/sdapi/v1/extra-single-image", json=body).json()
    assert "Postprocess CodeFormer visibility: 1" in answer["html_info"]
    whole = pixels_of(answer["image"]).astype(int)
    body["codeformer_visibility"] = 0.5
    half = pixels_of(place.client.post("/sdapi/v1/extra-single-image", json=body).json()["image"])
    assert np.abs(half - (whole + PIXELS) / 2).max() <= 1
    body["codeformer_visibility"] = 0
    same = place.client.post("/sdapi/v1/extra-single-image", json=body).json()
    assert np.array_equal(pixels_of(same["image"]), PIXELS)


def test_interrogate_answers_with_a_caption(place):
    body = {"image": as_base64(), "model": "deepdanbooru"}
    place.client.post(
        "/sdapi/v1/options", json={"interrogate_deepbooru_score_threshold": 0}
    ).raise_for_status()
    answer = place.client.post("/sdapi/v1/interrogate", json=body)
    assert answer.json() == {"caption": "long hair, smile \\(medium\\)"}


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        ({"image": None}, 404, "Image not found"),
        ({"image": "x", "model": "clop"}, 404, "Model not found"),
        ({"image": as_base64()}, 500, "model_base_caption_capfilt_large.pth"),
    ],
)
def test_what_cannot_be_described_is_told(place, body, status, words):
    answer = place.client.post("/sdapi/v1/interrogate", json=body)
    assert answer.status_code == status
    assert words in answer.text


def test_a_drawn_picture_is_enlarged_afterwards_and_the_recipe_says_so(place):
    recipe = "a cat\nSteps: 1, Sampler: Euler, CFG scale: 1, Seed: 3, Size: 64x64"
    told = ", Postprocess upscale by: 2.5, Postprocess upscaler: Nearest"
    body = {"infotext": recipe + told, "scheduler": "automatic"}
    large = place.client.post("/sdapi/v1/txt2img", json=body).json()
    small = place.client.post("/sdapi/v1/txt2img", json={**body, "infotext": recipe}).json()
    pixels = pixels_of(large["images"][0])
    assert pixels.shape == (160, 160, 3)
    assert told.removeprefix(", ") in large["info"]
    assert "Postprocess" not in small["info"]
    wanted = Image.fromarray(pixels_of(small["images"][0])).resize((160, 160), Image.NEAREST)
    assert np.array_equal(pixels, np.asarray(wanted))
    wrong = {**body, "infotext": f"{recipe}, Postprocess upscaler: Nearst"}
    answer = place.client.post("/sdapi/v1/txt2img", json=wrong)
    assert answer.status_code == 404
    assert "Nearest" in answer.text
