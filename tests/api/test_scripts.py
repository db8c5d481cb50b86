"""Scripts over REST: listed, called by name and by place, refused with reasons."""

import base64
import io
import json

import pytest
from PIL import Image


def picture(size=(64, 64), colour="red"):
    buffer = io.BytesIO()
    Image.new("RGB", size, colour).save(buffer, "PNG")
    return base64.b64encode(buffer.getvalue()).decode()


def img2img(server, **body):
    small = {"steps": 2, "width": 64, "height": 64, "init_images": [picture()], "seed": 5}
    return server.client.post("/sdapi/v1/img2img", json=small | body)


def test_scripts_are_listed_with_their_fields(server):
    listed = server.client.get("/api/v1/scripts").json()
    loopback = next(one for one in listed["img2img"] if one["name"] == "Loopback")
    loops = loopback["fields"][0]
    assert (loops["name"], loops["value"], loops["minimum"], loops["maximum"]) == (
        "loops",
        4,
        1,
        32,
    )
    assert "Loopback" not in [one["name"] for one in listed["txt2img"]]


def test_clients_of_a1111_find_names_and_arguments(server):
    names = server.client.get("/sdapi/v1/scripts").json()
    assert {"soft inpainting", "loopback"} <= set(names["img2img"])
    rows = server.client.get("/sdapi/v1/script-info").json()
    loopback = next(row for row in rows if row["name"] == "loopback")
    assert (loopback["is_alwayson"], loopback["is_img2img"]) == (False, True)
    assert set(loopback["args"][0]) == {"label", "value", "minimum", "maximum", "step", "choices"}
    assert [one["label"] for one in loopback["args"]][:2] == ["Loops", "Final denoising strength"]


def test_a_script_is_called_by_name_with_positional_arguments(server):
    answer = img2img(server, script_name="LOOPBACK", script_args=["3", 0.2])
    assert answer.status_code == 200, answer.text
    info = json.loads(answer.json()["info"])
    assert len(answer.json()["images"]) == 4  # the steps side by side, then each
    assert info["all_seeds"] == [5, 6, 7]
    assert info["index_of_first_image"] == 1
    assert "Final denoising strength: 0.2, Denoising curve: Linear" in info["infotexts"][1]


def test_unknown_scripts_and_those_in_the_wrong_place_are_refused(server):
    answer = img2img(server, script_name="lopback")
    assert (answer.status_code, answer.json()["detail"]) == (422, "Script 'lopback' not found")
    answer = img2img(server, alwayson_scripts={"Loopback": {"args": [3]}})
    assert answer.status_code == 422
    assert "not allowed" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("script", "status"),
    [
        ({"name": "Loopback", "args": {"loops": -1}}, 422),
        ({"name": "Loopbck"}, 404),
        ({"nam": "Loopback"}, 422),
        ("Loopback", 422),
    ],
)
def test_what_cannot_be_played_is_refused_before_it_is_in_line(server, script, status):
    body = {"request": {"img2img": {"denoising_strength": 0.5}, "script": script}}
    assert server.client.post("/api/v1/jobs", json=body).status_code == status
