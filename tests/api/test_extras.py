"""Extras over our own routes: hand in, watch, stop; what is on disk afterwards."""

import io
import json
import time
import zlib
from dataclasses import replace

import pytest
from PIL import Image, PngImagePlugin

from modules.engine.fake import FakeEngine
from modules.errors import Interrupted
from modules.schema.catalogue import Catalogue
from modules.schema.event import Progress
from modules.schema.tasks import Upscale
from modules.service.credentials import is_available, read_manifest, signed
from modules.service.read_picture import read_infotext_from
from tests.conftest import serve

RECIPE = "a cat\nSteps: 4, Sampler: Euler, CFG scale: 7, Seed: 5, Size: 24x16"
LANCZOS = {"upscaler": "Lanczos", "factor": 2}


class SlowUpscaler(FakeEngine):
    """Knows one network, which works on tiles until it is stopped if it is to enlarge by three."""

    def __init__(self):
        super().__init__(catalogue=Catalogue(upscalers=(("2x-net", "2x-net.pth"),)))
        self.tilings = []
        self.slow_from = 10**9
        """Networks work on tiles from this picture on, however much is to be enlarged."""

    def run(self, task, cancel, start_image=0):
        if isinstance(task, Upscale):
            self.tilings.append((task.tile, task.overlap))
        slow = isinstance(task, Upscale) and (
            task.factor == 3 or len(self.tilings) >= self.slow_from
        )
        if not slow:
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


def wait_for(place, run, what):
    """Watch a run until `what` says so of its state."""
    with place.client.stream("GET", f"/api/v1/extras/{run['id']}/events") as lines:
        for line in lines.iter_lines():
            if line.startswith("data: ") and what(json.loads(line[6:])):
                return
    assert what(place.client.get(f"/api/v1/extras/{run['id']}").json())


SLOW = {"upscaler": "2x-net", "factor": 3}


def test_a_picture_is_skipped_and_the_next_ones_are_worked_on(place):
    pictures = [upload(place, png((24 + 8 * at, 16)), f"{at}.png") for at in range(2)]
    run = begin(place, *pictures, upscale=SLOW).json()
    for done in (0, 1):
        wait_for(place, run, lambda state, at=done: state["done"] == at and state["tiles"])
        place.client.post(f"/api/v1/extras/{run['id']}/skip").raise_for_status()
    wait_for(place, run, lambda state: state["status"] == "failed")
    run = place.client.get(f"/api/v1/extras/{run['id']}").json()
    assert run["notices"] == ["0.png was skipped.", "1.png was skipped."]


def test_a_run_goes_on_after_the_program_ended_in_its_middle(tmp_path):
    """The first process is closed while it works on the second of three pictures."""
    serving = serve(tmp_path, SlowUpscaler())
    server = next(serving)
    pictures = [upload(server, png((24 + 8 * at, 16)), f"{at}.png") for at in range(3)]
    ended(server, begin(server, pictures[0], upscale=LANCZOS))
    body = {"upscale": {"upscaler": "2x-net", "factor": 2}, "flips": {}, "batch": True}
    server.app.engine.inner.slow_from = 2
    run = begin(server, *pictures, **body).json()
    wait_for(server, run, lambda state: state["done"] == 1 and state["tiles"])
    serving.close()
    for server in serve(tmp_path, SlowUpscaler()):
        wait_for(server, run, lambda state: state["status"] == "finished")
        found = server.client.get(f"/api/v1/extras/{run['id']}").json()
        assert found["done"] == 3
        names = [image["name"] for image in found["images"]]
        assert names == [f"{at}{end}.png" for at in range(3) for end in ("", "-1")]
        others = server.client.get("/api/v1/extras").json()["runs"]
        assert [one["status"] for one in others] == ["finished", "finished"]
        break


def test_results_that_are_on_disk_are_not_made_again(place):
    """One of the two results was kept when the program ended."""
    picture = upload(place, png((24, 16)), "half.png")
    run = ended(place, begin(place, picture, flips={}, batch=True))
    store, database = place.app.extras._store, place.app._database
    database.write(("UPDATE extras_runs SET status = 'running', done = 0, kept = 1", ()))
    (again, work) = next(pair for pair in store.load(50) if pair[0].id == run["id"])
    assert (again.status, again.done, work.kept) == ("waiting", 0, 1)
    assert [one.path.name for one in again.pictures] == ["half.png", "half-1.png"]
    made = list(
        place.app.extras._keeper.work(
            work.sources[0],
            work.wish,
            place.app.extras._tools(work, work.cancel),
            replace(work.place, settings=place.app.settings.settings),
            kept=work.kept,
        )
    )
    assert [None if one is None else one.path.name for one in made] == [None, "half-2.png"]
    database.write(("UPDATE extras_runs SET status = 'finished'", ()))


def test_a_caption_is_written_beside_the_result(place, tmp_path):
    source = tmp_path / "in"
    source.mkdir()
    (source / "a.png").write_bytes(png())
    (source / "a.txt").write_text("my own words")
    expected = {
        "Ignore": "a plain colour",
        "Keep": "my own words",
        "Prepend": "my own words a plain colour",
        "Append": "a plain colour my own words",
    }
    for action, words in expected.items():
        place.client.post(
            "/sdapi/v1/options", json={"postprocessing_existing_caption_action": action}
        )
        out = tmp_path / action
        ended(place, begin(place, folder=str(source), output=str(out), caption={}))
        assert (out / "a.txt").read_text() == words
    place.client.post(
        "/sdapi/v1/options", json={"postprocessing_existing_caption_action": "Ignore"}
    )


def test_operations_are_done_in_the_order_of_the_settings(place):
    picture = upload(place, png((40, 16)))
    body = {"upscale": LANCZOS, "split": {"overlap": 0}, "focal": {"width": 64, "height": 64}}
    for order, told in (
        ([], "upscale by: 2, Postprocess upscaler: Lanczos, Postprocess split: 1 of 3, "),
        (["split oversized images"], "split: 1 of 3, Postprocess upscale by: 2"),
    ):
        place.client.post("/sdapi/v1/options", json={"postprocessing_operation_order": order})
        run = ended(place, begin(place, picture, **body))
        _, texts = look(place.app.image_file(run["images"][0]["id"]))
        assert texts["extras"].startswith(f"Postprocess {told}")
        assert texts["extras"].endswith("Postprocess focal crop: 64x64")
    place.client.post("/sdapi/v1/options", json={"postprocessing_operation_order": []})


def test_another_blend_of_two_upscalers_need_not_enlarge_again(place):
    picture = upload(place, png((24, 16)))
    tilings = place.app.engine.inner.tilings
    for share in (0.25, 0.5, 0.75):
        wish = {"upscaler": "2x-net", "factor": 2, "second": "Nearest", "share": share}
        ended(place, begin(place, picture, upscale=wish))
    count = len(tilings)
    ended(place, begin(place, picture, upscale={**wish, "factor": 4}))
    assert len(tilings) == count + 1
    place.client.post("/sdapi/v1/options", json={"upscaling_max_images_in_cache": 0})
    for _ in range(2):
        ended(place, begin(place, picture, upscale=wish))
    place.client.post("/sdapi/v1/options", json={"upscaling_max_images_in_cache": 5})
    assert len(tilings) == count + 3


def test_a_picture_is_described_on_the_page(place):
    answer = place.client.post(
        "/api/v1/images/describe?by=clip", files={"file": ("cat.png", png())}
    )
    assert answer.json() == {"text": "a plain colour"}
    wrong = place.client.post("/api/v1/images/describe?by=clop", files={"file": ("c.png", png())})
    assert wrong.status_code == 404


def test_credentials_that_results_lose_are_told(place):
    body = b"caBXjumb____jumdc2pa"  # where a manifest lies, with one that nothing can read
    chunk = (len(body) - 4).to_bytes(4, "big") + body + zlib.crc32(body).to_bytes(4, "big")
    content = png()
    signed = content[:33] + chunk + content[33:]
    wish = {"upscaler": "Lanczos", "factor": 2}
    run = ended(place, begin(place, upload(place, signed, "signed.png"), upscale=wish))
    assert run["notices"] == [
        "signed.png carries Content Credentials, which its results do not have."
    ]
    assert ended(place, begin(place, upload(place, content), upscale=wish))["notices"] == []


@pytest.mark.skipif(not is_available(), reason="c2pa-python is not installed")
def test_signed_results_keep_the_credentials_of_what_they_were_made_of(place, tmp_path):
    signature = signed(png(), "image/png", "digitalCapture", tmp_path / "camera", None)
    place.client.post("/sdapi/v1/options", json={"sign_pictures": True})
    try:
        wish = {"upscaler": "Lanczos", "factor": 2}
        run = ended(place, begin(place, upload(place, signature), upscale=wish))
    finally:
        place.client.post("/sdapi/v1/options", json={"sign_pictures": False})
    assert run["notices"] == []
    saved = place.app.image_file(run["images"][0]["id"])
    found = read_manifest(saved.read_bytes(), "image/png")
    assert found is not None
    assert (found.state, found.ingredients) == ("Valid", ("start",))
