"""What A1111's page asks: progress of named tasks, the line, the system."""

import threading
import time

import pytest

from modules.service.sysinfo import shown


def progress(server, task, **more):
    return server.client.post("/internal/progress", json={"id_task": task} | more).json()


def draw(server, task, steps=5):
    body = {"force_task_id": task, "steps": steps, "width": 64, "height": 64}
    call = {"json": body, "timeout": 60}
    thread = threading.Thread(target=server.client.post, args=["/sdapi/v1/txt2img"], kwargs=call)
    thread.start()
    return thread


def until(server, task, **wanted):
    for _ in range(2000):
        state = progress(server, task)
        if all(state[key] == value for key, value in wanted.items()):
            return state
        time.sleep(0.005)
    raise AssertionError(f"{task} never got to {wanted}: {state}")


def test_named_tasks_are_followed_from_the_line_to_the_end(server):
    first = draw(server, "task(one)", steps=900)
    state = until(server, "task(one)", active=True)
    assert 0 <= state["progress"] <= 1
    second = draw(server, "task(two)")
    state = until(server, "task(two)", queued=True)
    assert state["textinfo"] == "In queue: 1/1"
    assert server.client.get("/internal/pending-tasks").json() == {
        "size": 1,
        "tasks": ["task(two)"],
    }
    server.client.post("/sdapi/v1/interrupt")
    until(server, "task(two)", completed=True, active=False, queued=False)
    assert progress(server, "task(one)")["completed"]
    first.join(30)
    second.join(30)
    assert server.client.get("/internal/pending-tasks").json() == {"size": 0, "tasks": []}


def test_previews_come_once_each(server):
    thread = draw(server, "task(seen)", steps=900)
    state = {"live_preview": None}
    while not state["live_preview"]:
        state = progress(server, "task(seen)")
    assert state["live_preview"].startswith("data:image/jpeg;base64,")
    number = state["id_live_preview"]
    again = progress(server, "task(seen)", id_live_preview=number + 10_000)
    assert again["live_preview"] is None
    server.client.post("/sdapi/v1/interrupt")
    thread.join(30)


def test_an_unknown_task_is_waited_for(server):
    state = progress(server, "task(nobody)")
    assert (state["active"], state["queued"], state["completed"]) == (False, False, False)
    assert state["textinfo"] == "Waiting..."
    assert state["id_live_preview"] == -1


def test_small_routes_answer(server):
    get = server.client.get
    assert get("/internal/ping").json() == {}
    hints = get("/internal/quicksettings-hint").json()
    assert {"name", "label"} == set(hints[0])
    assert "samples_format" in [hint["name"] for hint in hints]
    assert get("/internal/profile-startup").json()["total"] > 0
    info = get("/internal/sysinfo").json()
    assert {"Platform", "Python", "Packages", "Checksum"} <= set(info)
    download = get("/internal/sysinfo-download")
    assert "attachment" in download.headers["content-disposition"]


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("--api-auth a:b --port 1", "--api-auth (hidden) --port 1"),
        ("--gradio-auth=a:b x", "--gradio-auth=(hidden) x"),
        ("--ngrok token --listen", "--ngrok (hidden) --listen"),
    ],
)
def test_passwords_are_left_out_of_command_lines(line, wanted):
    assert " ".join(shown(line.split())) == wanted
