"""The line over HTTP: pause, order, hold, change, copy, repeat, stop."""

import json

import pytest

from modules.engine.fake import FakeEngine
from tests.conftest import serve

REQUEST = {
    "prompt": "a cat",
    "sampling": {"steps": 1},
    "size": {"width": 32, "height": 32},
    "seeds": {"seed": 5},
}


@pytest.fixture
def line(tmp_path):
    """A program whose line is paused, so that jobs stay where they are."""
    for served in serve(tmp_path, FakeEngine()):
        assert served.client.post("/api/v1/queue/pause", json={"reason": "tests"}).is_success
        yield served


def submit(line, **more):
    answer = line.client.post("/api/v1/jobs", json={"request": REQUEST, **more})
    assert answer.status_code == 201, answer.text
    return answer.json()["id"]


def waiting(line):
    return line.client.get("/api/v1/queue").json()["waiting"]


def test_a_pause_says_why_and_ends(line):
    job = submit(line)
    status = line.client.get("/api/v1/status").json()
    assert (status["paused"], status["trouble"], status["waiting"]) == ("tests", "", [job])
    assert line.client.post("/api/v1/queue/resume").json()["paused"] == ""
    assert line.finished(job)["status"] == "finished"


def test_a_pause_is_told_to_everybody_who_follows(line):
    before = line.app.journal.newest_change - 1
    with line.client.stream("GET", f"/api/v1/events?after={before}") as stream:
        lines = iter(stream.iter_lines())
        while next(lines) != "event: queue":
            pass
        assert json.loads(next(lines).removeprefix("data: "))["paused"] == "tests"


def test_jobs_are_moved_and_given_priorities(line):
    a, b, c = (submit(line) for _ in range(3))
    answer = line.client.post(f"/api/v1/jobs/{c}/move", json={"before": b})
    assert answer.json()["waiting"] == [a, c, b]
    line.client.post(f"/api/v1/jobs/{b}/move", json={"to": "front"})
    assert waiting(line) == [b, a, c]
    line.client.post(f"/api/v1/jobs/{b}/move", json={"to": "back"})
    line.client.patch(f"/api/v1/jobs/{c}", json={"priority": 3})
    assert waiting(line) == [c, a, b]
    assert line.client.get(f"/api/v1/jobs/{b}").json()["position"] == 2
    assert line.client.patch(f"/api/v1/jobs/{c}", json={"priority": 1000}).status_code == 422
    assert line.client.post(f"/api/v1/jobs/{c}/move", json={"before": c}).status_code == 422
    assert line.client.post(f"/api/v1/jobs/{c}/move", json={"before": "x"}).status_code == 404


def test_a_waiting_job_is_changed_in_part(line):
    job = submit(line)
    change = {"request": {"prompt": "a dog", "sampling": {"sampler": "heun"}}}
    body = line.client.patch(f"/api/v1/jobs/{job}", json=change).json()
    assert (body["request"]["prompt"], body["request"]["sampling"]["sampler"]) == ("a dog", "Heun")
    assert body["request"]["seeds"]["seed"] == 5
    wrong = {"request": {"sampling": {"sampler": "Huler"}}}
    assert line.client.patch(f"/api/v1/jobs/{job}", json=wrong).status_code == 404
    line.client.post("/api/v1/queue/resume")
    assert line.finished(job)["images"][0]["infotext"].startswith("a dog")
    assert line.client.patch(f"/api/v1/jobs/{job}", json=change).status_code == 422


def test_a_held_job_waits_behind_all_others(line):
    held, other = submit(line), submit(line)
    body = line.client.patch(f"/api/v1/jobs/{held}", json={"held": True}).json()
    assert body["held"] and waiting(line) == [other, held]
    line.client.post("/api/v1/queue/resume")
    assert line.finished(other)["status"] == "finished"
    assert line.client.get(f"/api/v1/jobs/{held}").json()["status"] == "waiting"
    line.client.patch(f"/api/v1/jobs/{held}", json={"held": False})
    assert line.finished(held)["status"] == "finished"


def test_a_copy_has_the_same_request_or_another_seed(line):
    job = submit(line)
    same = line.client.post(f"/api/v1/jobs/{job}/duplicate").json()["id"]
    other = line.client.post(
        f"/api/v1/jobs/{job}/duplicate", json={"new_seed": True, "request": {"prompt": "a dog"}}
    ).json()["id"]
    first, second, third = (
        line.client.get(f"/api/v1/jobs/{one}").json()["request"] for one in (job, same, other)
    )
    assert first == second
    assert third["prompt"] == "a dog" and third["seeds"]["seed"] != 5


def test_children_are_listed_and_stopped_with_their_parent(line):
    parent = submit(line)
    children = [submit(line, parent=parent) for _ in range(2)]
    listed = line.client.get("/api/v1/jobs", params={"parent": parent}).json()
    assert [one["id"] for one in listed] == children[::-1]
    line.client.post(f"/api/v1/jobs/{parent}/stop")
    assert waiting(line) == []
    nobody = line.client.post("/api/v1/jobs", json={"request": REQUEST, "parent": "nobody"})
    assert nobody.status_code == 404


def test_everything_is_stopped_at_once(line):
    for _ in range(3):
        submit(line)
    assert line.client.post("/api/v1/jobs/stop").json() == {"stopped": 3}
    assert waiting(line) == []


def test_a_job_for_ever_goes_on_until_it_is_stopped(line):
    job = submit(line, forever=True)
    assert line.client.get(f"/api/v1/jobs/{job}").json()["forever"]
    line.client.post("/api/v1/queue/resume")
    line.finished(job)
    while len(line.app.jobs(parent=job)) < 2:
        pass
    line.client.post(f"/api/v1/jobs/{job}/stop")
    assert waiting(line) == []
