"""Extras over our own routes: hand in, watch, stop; what is on disk afterwards."""

import io
import json
import time

import pytest
from PIL import Image, PngImagePlugin

from modules.engine.fake import FakeEngine
from modules.errors import Interrupted
from modules.schema.catalogue import Catalogue
from modules.schema.event import Progress
from modules.schema.tasks import Upscale
from modules.service.read_picture import read_infotext_from
from tests.conftest import serve

RECIPE = "a cat\nSteps: 4, Sampler: Euler, CFG scale: 7, Seed: 5, Size: 24x16"
LANCZOS = {"upscaler": "Lanczos", "factor": 2}


class SlowUpscaler(FakeEngine):
    """Knows one network, which works on tiles until it is stopped if it is to enlarge by three."""

    def __init__(self):
        super().__init__(catalogue=Catalogue(upscalers=(("2x-net", "2x-net.pth"),)))
        self.tilings = []

    def run(self, task, cancel, start_image=0):
        if isinstance(task, Upscale):
            self.tilings.append((task.tile, task.overlap))
        if not isinstance(task, Upscale) or task.factor != 3:
            yield from super().run(task, cancel, start_image)
            return
        for tile in range(10_000):
            time.sleep(0.001)
            yield Progress(step=tile, steps=10_000, batch=0, batches=1)
            if cancel.stopped:
                raise Interrupted("Stopped.")
        raise AssertionError("nobody stopped it")


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    yield from serve(tmp_path_factory.mktemp("extras"), SlowUpscaler())


def png(size=(24, 16), **texts):
    info = PngImagePlugin.PngInfo()
    for key, text in texts.items():
        info.add_text(key, text)
    out = io.BytesIO()
    Image.new("RGB", size, (200, 30, 10)).save(out, "PNG", pnginfo=info)
    return out.getvalue()


def look(path):
    """A file's size in pixels, and its texts without the packet that says it was made here."""
    with Image.open(path) as picture:
        texts = {key: text for key, text in picture.info.items() if not key.lower().endswith("xmp")}
        return picture.size, texts


def upload(place, content, name="cat.png"):
    answer = place.client.post("/api/v1/extras/pictures", files={"file": (name, content)})
    assert answer.status_code == 200, answer.text
    return answer.json()


def begin(place, *pictures, **body):
    return place.client.post("/api/v1/extras", json={"pictures": list(pictures), **body})


def ended(place, answer):
    assert answer.status_code == 200, answer.text
    run = answer.json()
    with place.client.stream("GET", f"/api/v1/extras/{run['id']}/events") as lines:
        for line in lines.iter_lines():
            if line.startswith("data: "):
                run = json.loads(line.removeprefix("data: "))
    return place.client.get(f"/api/v1/extras/{run['id']}").json()


def test_a_result_is_numbered_keeps_its_texts_and_is_in_the_gallery(place):
    picture = upload(place, png(parameters=RECIPE, author="me"))
    run = ended(place, begin(place, picture, upscale=LANCZOS))
    assert (run["status"], run["done"], run["fraction"]) == ("finished", 1, 1.0)
    [image] = run["images"]
    assert (image["width"], image["height"], image["kind"]) == (48, 32, "extras")
    assert image["name"] == "00000.png"
    path = place.app.image_file(image["id"])
    assert path.parent == place.app.paths.data.resolve() / "outputs" / "extras-images"
    told = "Postprocess upscale by: 2, Postprocess upscaler: Lanczos"
    wanted = {"parameters": RECIPE, "author": "me", "postprocessing": told, "extras": told}
    assert look(path) == ((48, 32), wanted)
    place.app.indexer.look()
    found = place.client.get("/api/v1/images", params={"kind": "extras"}).json()
    assert [one["id"] for one in found if one["name"] == "00000.png"] == [image["id"]]
    again = ended(place, begin(place, {"image": image["id"]}, upscale=LANCZOS))
    assert again["images"][0]["width"] == 96
    assert again["images"][0]["name"] == "00001.png"


def test_a_batch_keeps_names_and_goes_on_past_what_is_no_picture(place):
    good = upload(place, png(), "one.png")
    bad = upload(place, b"no picture at all" * 3000, "two.png")
    run = ended(place, begin(place, good, bad, good, upscale=LANCZOS))
    assert run["status"] == "finished"
    assert [image["name"] for image in run["images"]] == ["one.png", "one-1.png"]
    assert run["notices"][0].startswith("two.png: ")
    alone = ended(place, begin(place, bad, upscale=LANCZOS))
    assert (alone["status"], alone["images"]) == ("failed", [])
    assert "two.png" in alone["error"]["message"]


def test_a_folder_of_the_server_goes_into_another_one(place, tmp_path):
    source = tmp_path / "in"
    source.mkdir()
    (source / "deep").mkdir()
    (source / "a.png").write_bytes(png())
    (source / "deep" / "b.jpg").write_bytes(png())
    body = {"folder": str(source), "output": str(tmp_path / "out"), "shown": False}
    run = ended(place, begin(place, upscale={**LANCZOS, "longest": 32}, **body))
    assert (run["done"], run["images"]) == (2, [])
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["a.png", "b.png"]
    assert look(tmp_path / "out" / "a.png")[0] == (32, 16)


def test_one_picture_may_become_many(place):
    picture = upload(place, png((40, 16)))
    body = {"split": {"overlap": 0}, "flips": {"horizontal": True}}
    run = ended(place, begin(place, picture, **body))
    assert [image["width"] for image in run["images"]] == [16] * 6
    _, texts = look(place.app.image_file(run["images"][1]["id"]))
    assert texts["extras"] == "Postprocess split: 1 of 3, Postprocess flip: yes"


def test_a_run_is_stopped_in_the_middle_of_its_tiles(place):
    picture = upload(place, png())
    slow = begin(place, picture, upscale={"upscaler": "2x-net", "factor": 3}).json()
    waiting = begin(place, picture, upscale=LANCZOS).json()
    address = f"/api/v1/extras/{slow['id']}"
    with place.client.stream("GET", f"{address}/events") as lines:
        for line in lines.iter_lines():
            if line.startswith("data: ") and json.loads(line[6:])["tiles"] == 10_000:
                place.client.post(f"/api/v1/extras/{waiting['id']}/stop")
                place.client.post(f"{address}/stop")
    states = [place.client.get(f"/api/v1/extras/{one['id']}").json() for one in (slow, waiting)]
    assert [state["status"] for state in states] == ["stopped", "stopped"]
    assert place.client.get(f"{address}/events").status_code == 204


REFUSED = [
    ({"upscale": {"upscaler": "Lanczo"}}, 404, "Did you mean 'Lanczos'"),
    ({"upscale": {"upscaler": "None"}}, 422, "nothing to do"),
    ({"upscale": {"upscaler": "Lanczos", "factor": 99}}, 422, "at most 8"),
    ({"upscale": {"upscaler": "Lanczos", "faktor": 2}}, 422, "no field 'faktor'"),
    ({"upscale": LANCZOS, "gfpgan_visibility": 1}, 422, "Faces cannot be restored"),
    ({"upscale": LANCZOS, "pictures": [{"upload": "../../secret"}]}, 404, "uploaded picture"),
    ({"upscale": LANCZOS, "pictures": []}, 422, "no picture"),
    ({"upscale": LANCZOS, "folder": "/nowhere/at/all"}, 422, "no folder"),
]


@pytest.mark.parametrize(("body", "status", "words"), REFUSED)
def test_what_cannot_be_done_is_said_at_once(place, body, status, words):
    picture = upload(place, png())
    answer = begin(place, **{"pictures": [picture], **body})
    assert words in answer.text
    assert answer.status_code == status


def test_the_menu_of_upscalers_is_told(place):
    told = place.client.get("/api/v1/extras").json()
    assert told["upscalers"] == ["None", "Lanczos", "Nearest", "2x-net"]
    assert all(run["status"] != "waiting" for run in told["runs"])


def test_settings_choose_names_formats_and_whether_texts_are_kept(place, tmp_path):
    options = {"use_upscaler_name_as_suffix": True, "outdir_extras_samples": str(tmp_path)}
    before = place.client.get("/sdapi/v1/options").json()
    usual = {name: before[name] for name in (*options, "use_original_name_batch")}
    usual |= {"samples_format": "png", "enable_pnginfo": True}
    try:
        place.client.post("/sdapi/v1/options", json=options)
        picture = upload(place, png(parameters=RECIPE, author="me"))
        ended(place, begin(place, picture, upscale=LANCZOS))
        ended(place, begin(place, picture, upscale=LANCZOS, batch=True))
        more = {"samples_format": "jpg", "use_original_name_batch": False}
        place.client.post("/sdapi/v1/options", json=more)
        ended(place, begin(place, picture, upscale=LANCZOS, batch=True))
        more = {"samples_format": "png", "enable_pnginfo": False}
        place.client.post("/sdapi/v1/options", json=more)
        ended(place, begin(place, picture, upscale=LANCZOS))
    finally:
        place.client.post("/sdapi/v1/options", json=usual)
    names = ["00000-Lanczos.png", "00001-Lanczos.jpg", "00002-Lanczos.png", "cat-Lanczos.png"]
    assert sorted(path.name for path in tmp_path.iterdir()) == names
    assert read_infotext_from(tmp_path / "00001-Lanczos.jpg") == RECIPE
    assert look(tmp_path / "00002-Lanczos.png")[1] == {}


def test_tiles_are_as_large_as_the_settings_say(place):
    place.client.post("/sdapi/v1/options", json={"ESRGAN_tile": 64, "ESRGAN_tile_overlap": 16})
    try:
        net = {"upscaler": "2x-net", "factor": 2}
        ended(place, begin(place, upload(place, png()), upscale=net))
    finally:
        place.client.post("/sdapi/v1/options", json={"ESRGAN_tile": 192, "ESRGAN_tile_overlap": 8})
    assert place.app.engine.inner.tilings[-1] == (64, 16)
