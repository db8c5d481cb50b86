"""A program with users: nobody comes in without a name and a password."""

import base64
import time

import httpx
import pytest

from modules.api.doors.identity import Identity
from modules.api.doors.throttle import TRIES
from modules.engine.fake import FakeEngine
from modules.service.users import Users
from modules.settings.launch import Launch
from tests.conftest import serve

ANNA = ("anna", "right horse")
BEN = ("ben", "battery staple")
RED_DOT = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGP4z8AAAAMBAQDJ/pLvAAAAAElFTkSuQmCC"
)


@pytest.fixture(scope="module")
def locked(tmp_path_factory):
    data = tmp_path_factory.mktemp("locked")
    users = Users(data / "users.json")
    users.add(*ANNA, "admin")
    users.add(*BEN, "user")
    launch = Launch(data_dir=str(data), api_auth="cleo:her password")
    yield from serve(data, FakeEngine(step_s=0.001), launch)


@pytest.fixture
def visitor(locked):
    """A client that knows no cookies yet."""
    with httpx.Client(base_url=locked.url, timeout=30) as client:
        yield client


def log_in(client, name, password, **headers):
    return client.post("/login", data={"username": name, "password": password}, headers=headers)


def test_programs_are_asked_for_a_password(visitor):
    answer = visitor.get("/sdapi/v1/options")
    assert answer.status_code == 401
    assert answer.json()["detail"] == "Not authenticated"
    assert answer.headers["www-authenticate"].startswith("Basic")
    wrong = visitor.get("/sdapi/v1/options", auth=("anna", "wrong"))
    assert (wrong.status_code, wrong.json()["detail"]) == (401, "Incorrect username or password")


@pytest.mark.parametrize("who", [ANNA, BEN, ("cleo", "her password")])
def test_programs_with_a_password_are_served(visitor, who):
    assert visitor.get("/sdapi/v1/options", auth=who).status_code == 200
    assert visitor.get("/api/v1/jobs", auth=who).status_code == 200


def test_people_are_sent_to_the_login_page(visitor):
    answer = visitor.get("/openapi.json", headers={"accept": "text/html"})
    assert (answer.status_code, answer.headers["location"]) == (303, "login")
    page = visitor.get("/login", headers={"accept": "text/html"})
    assert page.status_code == 200
    assert 'type="password"' in page.text
    assert "script-src" in page.headers["content-security-policy"]


def test_who_logged_in_stays_in_until_logging_out(visitor):
    answer = log_in(visitor, *BEN, accept="text/html")
    assert answer.status_code == 303
    assert "HttpOnly" in answer.headers["set-cookie"]
    assert "SameSite=Strict" in answer.headers["set-cookie"]
    assert visitor.get("/api/v1/jobs").status_code == 200
    assert visitor.post("/logout").status_code == 303
    assert visitor.get("/api/v1/jobs").status_code == 401


def test_a_wrong_password_is_told_on_the_page(visitor):
    answer = log_in(visitor, "anna", "<script>", accept="text/html")
    assert answer.status_code == 401
    assert "Incorrect" in answer.text
    assert log_in(visitor, "anna", "x").json()["detail"].startswith("Incorrect")


@pytest.mark.parametrize("change", ["name", "time", "signature", "all"])
def test_forged_sessions_open_nothing(visitor, change):
    log_in(visitor, *BEN)
    [(name, value)] = visitor.cookies.items()
    parts = value.strip('"').split(".")
    forged = {
        "name": ["YW5uYQ==", *parts[1:]],
        "time": [parts[0], str(int(parts[1]) + 1), parts[2]],
        "signature": [*parts[:2], parts[2][::-1]],
        "all": ["", "", ""],
    }[change]
    visitor.cookies.clear()
    answer = visitor.get("/api/v1/jobs", headers={"Cookie": f"{name}={'.'.join(forged)}"})
    assert answer.status_code == 401


def test_other_sites_cannot_log_anybody_in(visitor):
    answer = log_in(visitor, *BEN, origin="http://evil.test")
    assert answer.status_code == 403
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize(
    ("route", "body"),
    [
        ("/sdapi/v1/options", {"samples_format": "jpg"}),
        ("/sdapi/v1/unload-checkpoint", None),
        ("/sdapi/v1/reload-checkpoint", None),
    ],
)
def test_users_do_not_decide_for_everybody(visitor, route, body):
    answer = visitor.post(route, json=body, auth=BEN)
    assert answer.status_code == 403
    assert "administrator" in answer.json()["detail"]
    assert visitor.post(route, json=body, auth=ANNA).status_code == 200
    visitor.post("/sdapi/v1/options", json={"samples_format": "png"}, auth=ANNA)


def test_people_do_not_see_or_stop_what_others_draw(visitor):
    work = {"request": {"prompt": "mine", "sampling": {"steps": 900}, "batch": {"n_iter": 3}}}
    job_id = visitor.post("/api/v1/jobs", json=work, auth=ANNA).json()["id"]
    path = f"/api/v1/jobs/{job_id}"
    while visitor.get(path, auth=ANNA).json()["status"] != "running":
        time.sleep(0.01)
    assert visitor.get("/sdapi/v1/progress", auth=ANNA).json()["progress"] > 0
    assert visitor.get("/sdapi/v1/progress", auth=BEN).json()["progress"] == 0
    visitor.post("/sdapi/v1/interrupt", auth=BEN)
    visitor.post("/sdapi/v1/skip", auth=BEN)
    task = {"id_task": job_id}
    assert not visitor.post("/internal/progress", json=task, auth=BEN).json()["active"]
    assert visitor.post("/internal/progress", json=task, auth=ANNA).json()["active"]
    for answer in (
        visitor.get(path, auth=BEN),
        visitor.get(f"{path}/events?format=json", auth=BEN),
        visitor.get(f"{path}/preview.jpg", auth=BEN),
        visitor.post(f"{path}/stop", auth=BEN),
        visitor.post(f"{path}/skip", auth=BEN),
    ):
        assert answer.status_code == 404
    for route in ("jobs", "queue", "status"):
        assert job_id not in visitor.get(f"/api/v1/{route}", auth=BEN).text
        assert job_id in visitor.get(f"/api/v1/{route}", auth=ANNA).text
    assert visitor.get("/api/v1/queue", auth=BEN).json()["others"] == 1
    assert visitor.get(path, auth=ANNA).json()["status"] == "running"
    visitor.post("/sdapi/v1/interrupt", auth=ANNA)


def test_people_do_not_see_what_others_drew(locked, visitor):
    small = {"width": 64, "height": 64, "steps": 1, "save_images": True}
    visitor.post("/sdapi/v1/txt2img", json=small, auth=ANNA)
    job = locked.app.jobs(1)[0]
    image = f"/api/v1/images/{job.images[0].id}"
    assert job.person == "anna"
    assert visitor.get(image, auth=ANNA).status_code == 200
    assert visitor.get(image, auth=BEN).status_code == 404
    assert visitor.get(f"{image}/thumb.webp", auth=BEN).status_code == 404
    assert job.images[0].id not in visitor.get("/api/v1/images", auth=BEN).text


@pytest.mark.parametrize("name", ["folder", "output"])
def test_users_do_not_reach_folders_of_the_server_through_extras(visitor, name, tmp_path):
    body = {"upscale": {"upscaler": "Lanczos"}, name: str(tmp_path)}
    answer = visitor.post("/api/v1/extras", json=body, auth=BEN)
    assert answer.status_code == 403
    assert "administrator" in answer.text
    assert visitor.post("/api/v1/extras", json=body, auth=ANNA).status_code == 422


def test_people_do_not_see_or_stop_what_others_enlarge(locked, visitor):
    sent = {"file": ("small.png", base64.b64decode(RED_DOT))}
    picture = visitor.post("/api/v1/extras/pictures", files=sent, auth=ANNA).json()
    body = {"pictures": [picture], "upscale": {"upscaler": "Lanczos", "factor": 8}}
    run_id = visitor.post("/api/v1/extras", json=body, auth=ANNA).json()["id"]
    run = f"/api/v1/extras/{run_id}"
    while visitor.get(run, auth=ANNA).json()["status"] != "finished":
        time.sleep(0.01)
    assert visitor.get("/api/v1/extras", auth=BEN).json()["runs"] == []
    for answer in (
        visitor.get(run, auth=BEN),
        visitor.get(f"{run}/events", auth=BEN),
        visitor.post(f"{run}/stop", auth=BEN),
    ):
        assert answer.status_code == 404
    [image] = visitor.get(run, auth=ANNA).json()["images"]
    assert visitor.get(image["url"], auth=BEN).status_code == 404
    assert locked.app.image_file(image["id"]).parent.name == "anna"
    stolen = {**body, "pictures": [{"image": image["id"]}]}
    assert visitor.post("/api/v1/extras", json=stolen, auth=BEN).status_code == 404


def test_users_write_nowhere_else(visitor):
    body = {"override_settings": {"outdir_txt2img_samples": "/tmp"}, "save_images": True}
    answer = visitor.post("/sdapi/v1/txt2img", json=body, auth=BEN)
    assert answer.status_code == 403
    settings = {"settings": {"outdir_samples": "/tmp"}}
    assert visitor.post("/api/v1/jobs", json=settings, auth=BEN).status_code == 403


def test_rights_and_sessions_end_with_the_account(locked, visitor):
    users = Users(locked.app.paths.users)
    users.add("dora", "only for now", "user")
    log_in(visitor, "dora", "only for now")
    assert visitor.get("/api/v1/jobs").status_code == 200
    users.remove("dora")
    assert visitor.get("/api/v1/jobs").status_code == 401
    users.add("dora", "another one", "user")
    assert visitor.get("/api/v1/jobs").status_code == 401
    assert visitor.get("/api/v1/jobs", auth=("dora", "only for now")).status_code == 401


def test_flags_never_show_passwords(visitor):
    text = visitor.get("/sdapi/v1/cmd-flags", auth=ANNA).text
    assert "her password" not in text
    assert "hidden" in text


@pytest.mark.anyio
async def test_guessing_is_slowed_down(tmp_path):
    users = Users(tmp_path / "users.json")
    users.add(*ANNA)
    identity, said = Identity(users), []
    for _ in range(TRIES + 3):
        try:
            await identity.log_in("anna", "a guess", "10.0.0.9")
        except Exception as error:
            said.append(error.status)
    assert said == [401] * TRIES + [429] * 3
    assert (await identity.log_in(*ANNA, "10.0.0.8")).name == "anna"
