"""Our own routes over real HTTP: submit, look, follow, fetch."""

import base64
import io
import json
import time

import pytest
from PIL import Image

REQUEST = {
    "prompt": "a cat",
    "seeds": {"seed": 11},
    "sampling": {"steps": 3, "sampler": "Euler"},
    "size": {"width": 48, "height": 32},
}


def submit(server, save=True, **changes):
    answer = server.client.post("/api/v1/jobs", json={"request": REQUEST | changes, "save": save})
    assert answer.status_code == 201, answer.text
    return answer.json()["id"]


def lines_of(answer):
    """The events of a stream: (id, kind, data)."""
    found, current = [], {}
    for line in answer.iter_lines():
        if line:
            name, _, value = line.partition(": ")
            current[name] = value
        elif "data" in current:
            found.append((int(current["id"]), current["event"], json.loads(current["data"])))
            current = {}
        else:
            current = {}
    return found


def test_a_job_is_submitted_finished_and_fetched(server):
    job = server.finished(submit(server))
    assert job["status"] == "finished"
    assert job["fraction"] == 1
    assert job["request"]["size"] == {"width": 48, "height": 32}
    [image] = job["images"]
    answer = server.client.get(image["url"])
    assert answer.headers["content-type"] == "image/png"
    assert answer.content == server.app.image_file(image["id"]).read_bytes()
    with Image.open(io.BytesIO(answer.content)) as picture:
        assert picture.text["parameters"] == image["infotext"]
    again = server.client.get(image["url"], headers={"If-None-Match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert server.client.get(image["thumb"]).headers["content-type"] == "image/webp"
    download = server.client.get(image["url"], params={"download": True})
    assert download.headers["content-disposition"].startswith("attachment")


def test_the_size_of_the_model_is_the_default(server):
    answer = server.client.post("/api/v1/jobs", json={"request": {"prompt": "x"}})
    job = server.finished(answer.json()["id"])
    assert job["request"]["size"] == {"width": 64, "height": 64}


def test_the_stream_tells_everything_in_order_and_then_ends(server):
    job_id = submit(server, sampling={"steps": 100})
    with server.client.stream("GET", f"/api/v1/jobs/{job_id}/events") as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        events = lines_of(answer)
    kinds = [kind for _, kind, _ in events]
    assert kinds[0] == "Queued"
    assert kinds[-1] == "Finished"
    assert {"Started", "Progress", "Preview", "ImageReady"} <= set(kinds)
    numbers = [number for number, _, _ in events]
    assert numbers == sorted(set(numbers))


def test_a_reconnecting_browser_gets_only_what_it_missed_and_then_a_204(server):
    job_id = submit(server)
    server.finished(job_id)
    url = f"/api/v1/jobs/{job_id}/events"
    with server.client.stream("GET", url) as answer:
        events = lines_of(answer)
    middle, last = events[1][0], events[-1][0]
    with server.client.stream("GET", url, headers={"Last-Event-ID": str(middle)}) as answer:
        assert [number for number, _, _ in lines_of(answer)] == [n for n, _, _ in events[2:]]
    answer = server.client.get(url, headers={"Last-Event-ID": str(last)})
    assert answer.status_code == 204


def test_long_polling_does_the_same_without_streams(server):
    job_id = submit(server)
    after, kinds = 0, []
    while "Finished" not in kinds:
        answer = server.client.get(
            f"/api/v1/jobs/{job_id}/events", params={"format": "json", "wait": 5, "after": after}
        ).json()
        kinds += [event["kind"] for event in answer["events"]]
        after = answer["last_event"]
    assert answer["ended"]
    assert "ImageReady" in kinds


def test_other_tabs_hear_of_every_job(server):
    with server.client.stream("GET", "/api/v1/events") as answer:
        job_id = submit(server)
        states = []
        for line in answer.iter_lines():
            if line.startswith("data: "):
                body = json.loads(line[6:])
                states += [body["status"]] if body["id"] == job_id else []
            if states and states[-1] == "finished":
                break
    assert states[-1] == "finished"


def test_previews_are_pictures_at_their_own_address(server):
    job_id = submit(server, sampling={"steps": 400})
    seen = None
    while seen is None:
        seen = server.client.get(f"/api/v1/jobs/{job_id}").json()["preview"]
    answer = server.client.get(seen)
    assert answer.headers["content-type"] == "image/jpeg"
    assert answer.content.startswith(b"\xff\xd8")
    server.client.post(f"/api/v1/jobs/{job_id}/stop")
    assert server.finished(job_id)["status"] == "stopped"
    assert server.client.get(seen).status_code == 404


def test_stop_and_skip_are_routes(server):
    job_id = submit(server, sampling={"steps": 300}, batch={"n_iter": 3})
    while server.client.get(f"/api/v1/jobs/{job_id}").json()["status"] != "running":
        time.sleep(0.01)
    assert server.client.post(f"/api/v1/jobs/{job_id}/skip").status_code == 200
    assert server.client.post(f"/api/v1/jobs/{job_id}/stop").status_code == 200
    assert server.finished(job_id)["images"] == []


@pytest.mark.parametrize(
    ("request_json", "words"),
    [
        ({"sampling": {"sampler": "Huler"}}, "Did you mean 'Euler'"),
        ({"sampling": {"steps": 0}}, "at least 1"),
        ({"sampling": {"steps": "many"}}, "must be a whole number"),
        ({"sampling": {"steps": 2.5}}, "must be a whole number"),
        ({"sampling": 5}, "must be a JSON object"),
        ({"smapling": {"steps": 5}}, "Did you mean"),
        ({"prompt": 5}, "must be text"),
        ({"prompt": "x" * 1_000_000}, "at most 100,000"),
        ({"size": {"width": 7}}, "at least 16"),
        ({"models": {"checkpoint": "fakr"}}, "Did you mean 'fake'"),
    ],
)
def test_bad_requests_say_what_is_wrong(server, request_json, words):
    answer = server.client.post("/api/v1/jobs", json={"request": request_json})
    assert answer.status_code in (404, 422)
    assert words in answer.json()["detail"]


def test_not_a_number_is_refused_in_words(server):
    body = '{"request": {"sampling": {"cfg_scale": NaN}}}'
    answer = server.client.post(
        "/api/v1/jobs", content=body, headers={"content-type": "application/json"}
    )
    assert answer.status_code == 422
    assert "ordinary number" in answer.json()["detail"]


@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/jobs/nobody",
        "/api/v1/jobs/nobody/events",
        "/api/v1/images/nobody",
        "/api/v1/images/nobody/thumb.webp",
        "/api/v1/images/..%2f..%2feasel.db",
        "/api/v1/images/....//....//etc/passwd",
        "/api/v1/jobs/%00/preview.jpg",
    ],
)
def test_what_is_not_there_is_a_404(server, path):
    assert server.client.get(path).status_code == 404


def test_a_recipe_is_read_from_a_picture_however_it_comes(server):
    job = server.finished(submit(server))
    [image] = job["images"]
    data = server.client.get(image["url"]).content
    post = server.client.post
    answers = [
        post("/api/v1/images/read", files={"file": ("a.png", data)}),
        post("/api/v1/images/read", content=data, headers={"content-type": "image/png"}),
        post("/api/v1/images/read", json={"image": base64.b64encode(data).decode()}),
        post("/api/v1/images/read", json={"text": image["infotext"]}),
    ]
    for answer in answers:
        body = answer.json()
        assert body["infotext"] == image["infotext"]
        assert body["size_given"]
        for part in ("prompt", "sampling", "size"):
            assert body["request"][part] == job["request"][part]
        assert body["request"]["seeds"]["seed"] == 11


def test_a_recipe_drawn_again_gives_the_same_pixels(server):
    job = server.finished(submit(server))
    text = job["images"][0]["infotext"]
    request = server.client.post("/api/v1/images/read", json={"text": text}).json()["request"]
    answer = server.client.post("/api/v1/jobs", json={"request": request})
    again = server.finished(answer.json()["id"])
    first, second = (
        Image.open(server.app.image_file(one["images"][0]["id"])).tobytes() for one in (job, again)
    )
    assert first == second


@pytest.mark.parametrize(
    ("content", "kind", "status"),
    [
        (b"\x00\x01 no picture", "application/octet-stream", 422),
        (b"", "image/png", 422),
        (b"{broken", "application/json", 422),
        (b'{"image": "%%%"}', "application/json", 422),
        (b"[]", "application/json", 422),
    ],
)
def test_what_is_no_picture_is_refused(server, content, kind, status):
    answer = server.client.post(
        "/api/v1/images/read", content=content, headers={"content-type": kind}
    )
    assert answer.status_code == status
    assert answer.json()["detail"]


def test_lists_and_counts(server):
    get = server.client.get
    assert "Euler a" in [one["name"] for one in get("/api/v1/samplers").json()]
    assert get("/api/v1/schedules").json()[0]["name"] == "Automatic"
    models = get("/api/v1/models", params={"refresh": True}).json()
    assert models["chosen"] == "fake.safetensors [0123456789]"
    assert models["checkpoints"][0]["native_size"] == [64, 64]
    count = server.client.post("/api/v1/tokens", json={"text": "a cat"}).json()
    assert count == {"count": 2, "limit": 75}
    assert get("/api/v1/status").json()["engine"]["state"] in ("ready", "busy")
    assert isinstance(get("/api/v1/jobs").json(), list)
    assert get("/api/v1/images", params={"limit": 1}).json()
    assert get("/openapi.json").status_code == 200
