"""The drawing process is killed at random moments while it really draws.

A few times here; `python -m benchmarks kills` does as many as asked for.
"""

import os
import random
import signal
import time

import pytest

KILLS = 5
BODY = {
    "request": {
        "prompt": "a cat",
        "sampling": {"sampler": "Euler a", "steps": 12},
        "size": {"width": 64, "height": 64},
        "batch": {"n_iter": 3},
        "seeds": {"seed": 1000},
    }
}


def submit(server):
    answer = server.client.post("/api/v1/jobs", json=BODY)
    return answer.json()["id"]


def pixels_of(server, job):
    return [server.client.get(image["url"]).content for image in job["images"] if is_single(image)]


def is_single(image):
    return image["kind"] == "image"


def wait_until_running(server, job_id):
    while server.client.get(f"/api/v1/jobs/{job_id}").json()["step"] == 0:
        time.sleep(0.01)


@pytest.mark.slow
def test_kills_in_mid_run_lose_nothing_and_the_next_jobs_are_fine(real_server):
    expected = pixels_of(real_server, real_server.finished(submit(real_server), 300))
    assert len(expected) == 3
    chance = random.Random(4)
    resumed = failed = 0
    for _ in range(KILLS):
        job_id = submit(real_server)
        wait_until_running(real_server, job_id)
        time.sleep(chance.uniform(0, 1))
        os.kill(real_server.app.status().pid, signal.SIGKILL)
        job = real_server.finished(job_id, 300)
        if job["status"] == "finished":
            resumed += 1
            assert pixels_of(real_server, job) == expected
        else:
            failed += 1
            assert "killed" in job["error"]["message"]
        following = real_server.finished(submit(real_server), 300)
        assert following["status"] == "finished"
        assert pixels_of(real_server, following) == expected
    print(f"{KILLS} kills: {resumed} jobs finished all the same, {failed} failed clearly")
    assert resumed + failed == KILLS
