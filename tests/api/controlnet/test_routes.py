"""ControlNet over HTTP: the extension's routes, units in bodies, and a client written for A1111."""

import base64
import io
import json
from dataclasses import replace

import numpy as np
import pytest
import webuiapi
from PIL import Image

from modules.engine.fake import FAKE_CHECKPOINT, FakeEngine, plain_picture
from modules.pipeline.preprocessors.run import make_map, rgb_pixels
from modules.schema.catalogue import Catalogue
from modules.schema.control import ControlUnit
from modules.schema.event import ImageReady
from modules.schema.infotext_read import read_infotext
from modules.schema.inputs import ImageData
from modules.schema.request import GenerationRequest, Size
from modules.schema.result import GeneratedImage
from modules.settings.launch import Launch
from tests.conftest import serve

CANNY = "control_v11p_sd15_canny [d14c016b]"
MODELS = (CANNY, "control_v11p_sd15_inpaint [ebff9138]", "ip-adapter_sd15 [6a3f6166]")
SMALL = {"width": 64, "height": 64, "steps": 1}


@pytest.fixture(scope="module")
def engine():
    return FakeEngine(catalogue=Catalogue(checkpoints=(FAKE_CHECKPOINT,), control_models=MODELS))


@pytest.fixture(scope="module")
def served(tmp_path_factory, engine):
    data = tmp_path_factory.mktemp("control")
    yield from serve(data, engine, Launch(data_dir=str(data)))


@pytest.fixture(scope="module")
def scene():
    """A bright square on a dark ground."""
    pixels = np.zeros((64, 96, 3), np.uint8)
    pixels[16:48, 24:72] = (250, 200, 90)
    return Image.fromarray(pixels)


def data_of(picture):
    return ImageData(picture.width, picture.height, picture.mode, picture.tobytes())


def encoded(picture, prefix=""):
    content = io.BytesIO()
    picture.save(content, "PNG")
    return prefix + base64.b64encode(content.getvalue()).decode()


def decoded(text):
    return Image.open(io.BytesIO(base64.b64decode(text, validate=True)))


def drawn(served, engine, *units, door="txt2img", name="ControlNet", **body):
    """The units of the task that the engine got for a call."""
    scripts = {"alwayson_scripts": {name: {"args": list(units)}}}
    answer = served.client.post(f"/sdapi/v1/{door}", json=SMALL | scripts | body)
    assert answer.status_code == 200, answer.text
    return engine.tasks[-1][0].control


def refusal(served, *units, **body):
    """What a call is answered that cannot be carried out."""
    scripts = {"alwayson_scripts": {"ControlNet": {"args": list(units)}}}
    answer = served.client.post("/sdapi/v1/txt2img", json=SMALL | scripts | body)
    assert answer.status_code in (404, 422, 500), answer.text
    return answer.json()["detail"]


def get(served, path):
    answer = served.client.get(f"/controlnet/{path}")
    assert answer.status_code == 200
    return answer.json()


def test_version_settings_and_models(served):
    assert get(served, "version") == {"version": 2}
    assert get(served, "settings") == {"control_net_unit_count": 3}
    assert get(served, "model_list?update=true") == {"model_list": list(MODELS)}


def test_modules_come_with_their_sliders(served):
    found = get(served, "module_list")
    assert found["module_list"][:3] == ["none", "invert", "canny"]
    assert found["module_detail"]["none"] == {"model_free": False, "sliders": []}
    resolution = {
        "name": "Preprocessor Resolution",
        "value": 512,
        "min": 64,
        "max": 2048,
        "step": 8,
    }
    canny = found["module_detail"]["canny"]["sliders"]
    assert canny[0] == resolution
    assert [(one["value"], one["min"], one["max"]) for one in canny[1:]] == [
        (100, 1, 255),
        (200, 1, 255),
    ]
    assert found["module_detail"]["tile_resample"]["sliders"][0] is None
    assert found["module_detail"]["reference_only"]["model_free"] is True
    shown = get(served, "module_list?alias_names=true")["module_list"]
    assert "softedge_hed" in shown
    assert "hed" not in shown


def test_kinds_of_control_name_what_they_begin_with(served):
    kinds = get(served, "control_types")["control_types"]
    assert kinds["Canny"] == {
        "module_list": ["none", "invert", "canny"],
        "model_list": ["None", CANNY],
        "default_option": "canny",
        "default_model": CANNY,
    }
    assert kinds["All"]["model_list"] == ["None", *MODELS]
    assert kinds["All"]["default_model"] == "None"


@pytest.mark.parametrize("field", ["controlnet_input_images", "controlnet_images"])
def test_detect_makes_maps_under_either_field_name(served, scene, field):
    body = {
        "controlnet_module": "canny",
        field: [encoded(scene), encoded(scene, "data:image/png;base64,")],
        "controlnet_processor_res": 64,
        "controlnet_threshold_a": 50,
    }
    answer = served.client.post("/controlnet/detect", json=body).json()
    assert answer["info"] == "Success"
    expected = make_map(rgb_pixels(data_of(scene)), "canny", resolution=64, threshold_a=50)
    for text in answer["images"]:
        assert (np.asarray(decoded(text)) == expected).all()


def test_detect_paints_what_is_inpainted_black(served, scene):
    mask = Image.new("L", scene.size)
    mask.paste(255, (30, 20, 50, 40))
    body = {
        "controlnet_module": "inpaint_only",
        "controlnet_input_images": [encoded(scene)],
        "controlnet_masks": [encoded(mask)],
    }
    (text,) = served.client.post("/controlnet/detect", json=body).json()["images"]
    pixels = np.asarray(decoded(text))
    assert (pixels[20:40, 30:50] == 0).all()
    assert (pixels[17, 25] == (250, 200, 90)).all()


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        ({"controlnet_module": "cany"}, "Module not available"),
        ({"controlnet_module": "ip-adapter-auto"}, "Module not supported"),
        ({"controlnet_module": "canny"}, "No image selected"),
        ({"controlnet_module": "hed", "controlnet_input_images": "one"}, "Module not available"),
        ({"controlnet_module": "inpaint", "controlnet_input_images": "one"}, "requires a mask"),
    ],
)
def test_detect_refuses_in_the_words_clients_know(served, scene, body, detail):
    if body.get("controlnet_input_images"):
        body = body | {"controlnet_input_images": [encoded(scene)]}
    answer = served.client.post("/controlnet/detect", json=body)
    assert answer.status_code == 422
    assert detail in answer.json()["detail"]


def test_a_unit_arrives_with_every_value(served, engine, scene):
    mask = Image.new("L", scene.size, 255)
    (unit,) = drawn(
        served,
        engine,
        {
            "enabled": True,
            "module": "Canny",
            "model": "control_v11p_sd15_canny",
            "weight": 0.8,
            "image": {"image": encoded(scene), "mask": encoded(mask)},
            "resize_mode": 2,
            "low_vram": True,
            "processor_res": 256,
            "threshold_a": 64,
            "threshold_b": 64,
            "guidance_start": 0.1,
            "guidance_end": 0.9,
            "control_mode": 1,
            "pixel_perfect": True,
            "hr_option": "High res only",
            "save_detected_map": False,
            "advanced_weighting": [0.5, 1],
            "nobody knows this": 1,
        },
    )
    assert unit == ControlUnit(
        module="canny",
        model=CANNY,
        weight=0.8,
        image=data_of(scene),
        mask=data_of(mask.convert("RGB")),
        resize_mode="Resize and Fill",
        low_vram=True,
        processor_res=256,
        threshold_a=64,
        threshold_b=64,
        guidance_start=0.1,
        guidance_end=0.9,
        control_mode="My prompt is more important",
        pixel_perfect=True,
        hr_option="High res only",
        save_detected_map=False,
        advanced_weighting=(0.5, 1.0),
    )


def test_old_names_and_old_words_mean_the_same(served, engine, scene):
    (unit,) = drawn(
        served,
        engine,
        {
            "input_image": encoded(scene),
            "model": "d14c016b",
            "lowvram": True,
            "guidance": 0.5,
            "guessmode": True,
            "resize_mode": "Envelope (Outer Fit)",
            "control_mode": "ControlNet is more important",
        },
        name="controlnet",
    )
    assert unit == ControlUnit(
        model=CANNY,
        image=data_of(scene),
        low_vram=True,
        guidance_end=0.5,
        resize_mode="Resize and Fill",
        control_mode="ControlNet is more important",
    )


def test_a_latent_resize_mode_counts_as_the_first(served, engine, scene):
    (unit,) = drawn(served, engine, {"image": encoded(scene), "model": CANNY, "resize_mode": 3})
    assert unit.resize_mode == "Just Resize"


@pytest.mark.parametrize("units", [(), (None, False), ({"enabled": False, "model": "gone"},)])
def test_units_that_are_off_leave_nothing_behind(served, engine, units):
    assert drawn(served, engine, *units) == ()


def test_units_keep_their_places(served, engine, scene):
    first, second = drawn(
        served, engine, None, {"image": encoded(scene), "model": CANNY, "module": "canny"}
    )
    assert not first.enabled
    assert second.enabled


def test_img2img_needs_no_control_picture(served, engine, scene):
    unit = {"model": CANNY, "module": "canny"}
    (unit,) = drawn(served, engine, unit, door="img2img", init_images=[encoded(scene)])
    assert unit.image is None


def test_the_recipe_tells_of_the_unit(served, scene):
    body = {"ControlNet": {"args": [{"image": encoded(scene), "model": CANNY, "module": "canny"}]}}
    answer = served.client.post(
        "/sdapi/v1/txt2img", json=SMALL | {"prompt": "a", "alwayson_scripts": body}
    ).json()
    text = json.loads(answer["info"])["infotexts"][0]
    assert f'ControlNet 0: "Module: canny, Model: {CANNY}, Weight: 1.0' in text
    (unit,) = read_infotext(text, GenerationRequest())[0].control
    assert unit == ControlUnit(module="canny", model=CANNY)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"model": "control_v11p_sd15_cany"}, ["ControlNet unit 0", CANNY]),
        ({"module": "cany"}, ["preprocessor for ControlNet unit 0", "'canny'"]),
        ({"model": None}, ["ControlNet unit 0", "no model"]),
        ({"image": None}, ["ControlNet unit 0", "no picture"]),
        ({"image": "!!"}, ["encoded"]),
        ({"image": 5}, ["ControlNet unit 0", "base64"]),
        ({"weight": "much"}, ["unit 0, weight", "a number"]),
        ({"weight": 99}, ["Control weight", "10"]),
        ({"control_mode": 7}, ["unit 0, control_mode", "0 to 2"]),
        ({"resize_mode": "Crop"}, ["resize_mode", "Crop and Resize"]),
        ({"module": "inpaint_only"}, ["needs a mask"]),
        ({"module": "hed"}, ["ControlNetHED.pth", "ControlNetPreprocessor"]),
        ({"guidance_start": 0.8, "guidance_end": 0.2}, ["0.2", "0.8"]),
        ({"advanced_weighting": "all"}, ["list of numbers"]),
    ],
)
def test_mistakes_are_named_with_unit_and_cure(served, scene, changes, words):
    unit = {"image": encoded(scene), "model": CANNY, "module": "canny"} | changes
    detail = refusal(served, unit)
    assert all(word in detail for word in words), detail


def test_too_many_units_are_refused(served, scene):
    unit = {"image": encoded(scene), "model": CANNY}
    assert "At most 10" in refusal(served, *[unit] * 11)


def test_own_jobs_take_units_too(served, engine, scene):
    unit = {"image": encoded(scene), "model": CANNY, "module": "canny"}
    body = {"request": {"prompt": "a", "size": {"width": 64, "height": 64}, "control": [unit]}}
    job = served.client.post("/api/v1/jobs", json=body).json()
    served.finished(job["id"])
    (kept,) = engine.tasks[-1][0].control
    assert (kept.module, kept.image) == ("canny", data_of(scene))


def test_scripts_list_it_as_always_on(served):
    listed = served.client.get("/sdapi/v1/scripts").json()
    assert "controlnet" in listed["txt2img"]
    assert "controlnet" in listed["img2img"]
    rows = served.client.get("/sdapi/v1/script-info").json()
    row = next(one for one in rows if one["name"] == "controlnet")
    assert row["is_alwayson"]


def test_a_client_written_for_a1111_controls_and_detects(served, engine, scene):
    client = webuiapi.WebUIApi(host="127.0.0.1", port=int(served.url.rpartition(":")[2]))
    try:
        assert client.controlnet_version() == 2
        assert client.controlnet_model_list() == list(MODELS)
        assert "canny" in client.controlnet_module_list()
        unit = webuiapi.ControlNetUnit(image=scene, module="canny", model=CANNY)
        # without a dictionary of its own, the client keeps the unit for everybody's next call
        result = client.txt2img(prompt="a", controlnet_units=[unit], alwayson_scripts={}, **SMALL)
        assert len(result.images) >= 1
        (unit,) = engine.tasks[-1][0].control
        assert (unit.module, unit.resize_mode) == ("canny", "Resize and Fill")
        detected = client.controlnet_detect([scene], module="canny", processor_res=64)
        assert detected.images[0].size == (96, 64)
    finally:
        client.session.close()


def test_pictures_of_the_page_are_kept_and_mapped(served, scene):
    content = base64.b64decode(encoded(scene))
    kept = served.client.post("/api/v1/control/pictures", files={"file": ("a.png", content)})
    assert kept.json() | {"picture": ""} == {"picture": "", "width": 96, "height": 64}
    token = kept.json()["picture"]
    again = served.client.post("/api/v1/control/pictures", content=content).json()
    assert again["picture"] == token
    body = {"module": "canny", "resolution": 64}
    made = served.client.post(f"/api/v1/control/pictures/{token}/map", json=body).json()
    file = served.client.get(f"/api/v1/control/pictures/{made['picture']}.png")
    assert file.headers["content-type"] == "image/png"
    expected = make_map(rgb_pixels(data_of(scene)), "canny", resolution=64)
    assert (np.asarray(Image.open(io.BytesIO(file.content))) == expected).all()
    assert served.client.get(f"/api/v1/control/pictures/{'0' * 32}.png").status_code == 404
    assert served.client.get("/api/v1/control/pictures/..%2Fa.png").status_code == 404


def test_a_finished_picture_becomes_a_control_picture(served):
    job = served.client.post(
        "/api/v1/jobs", json={"request": {"size": {"width": 64, "height": 64}}}
    ).json()
    image = served.finished(job["id"])["images"][0]
    kept = served.client.post(f"/api/v1/control/pictures/of-image/{image['id']}")
    assert kept.json()["width"] == 64


def test_these_routes_pass_the_same_guard_as_all_others(tmp_path):
    launch = Launch(data_dir=str(tmp_path), api_auth="ann:secret")
    for served in serve(tmp_path, FakeEngine(), launch):
        for path in ("controlnet/version", "controlnet/module_list", "controlnet/settings"):
            assert served.client.get(f"/{path}").status_code == 401
            assert served.client.get(f"/{path}", auth=("ann", "secret")).status_code == 200
        assert served.client.post("/controlnet/detect", json={}).status_code == 401


@pytest.mark.parametrize("saved", [False, True])
def test_maps_come_behind_the_pictures_and_are_saved_only_on_request(tmp_path, scene, saved):
    request = GenerationRequest(size=Size(width=64, height=64))
    picture = plain_picture(request, 0)
    shown = replace(GeneratedImage.of(data_of(scene)), index=1, kind="map")
    engine = FakeEngine([ImageReady(image=picture), ImageReady(image=shown)])
    body = SMALL | {
        "save_images": True,
        "override_settings": {"control_net_detectmap_autosaving": saved},
    }
    for served in serve(tmp_path, engine):
        answer = served.client.post("/sdapi/v1/txt2img", json=body).json()
        assert [decoded(text).size for text in answer["images"]] == [(64, 64), (96, 64)]
        assert "parameters" not in decoded(answer["images"][1]).text
        info = json.loads(answer["info"])
        assert len(info["all_seeds"]) == 1
        assert len(info["infotexts"]) == 2
        assert len(list((tmp_path / "outputs").rglob("*.png"))) == 1 + saved


def test_poses_are_drawn_from_their_joints(served):
    joints = [0.0] * 54
    joints[3:9] = [20, 10, 1, 44, 10, 1]  # neck and right shoulder
    canvas = {"people": [{"pose_keypoints_2d": joints}], "canvas_width": 64, "canvas_height": 32}
    address = "/controlnet/render_openpose_json"
    answer = served.client.post(address, json=[canvas]).json()
    pixels = np.asarray(decoded(answer["images"][0]))
    assert pixels.shape == (32, 64, 3)
    assert pixels[10, 32].tolist() == [153, 0, 0]
    short = canvas | {"people": [{"pose_keypoints_2d": [1, 2]}]}
    for wrong in ([], [short], [canvas | {"canvas_width": 10**9}], [canvas | {"canvas_width": 0}]):
        assert served.client.post(address, json=wrong).status_code == 422
