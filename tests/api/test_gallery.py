"""The gallery over HTTP: search, pages, marks, trash, archives, copies, people."""

import io
import zipfile

import pytest

from modules.engine.fake import FakeEngine
from modules.service.visitor import USER, VISITOR, Visitor
from tests.conftest import serve

REQUEST = {"sampling": {"steps": 1}, "size": {"width": 32, "height": 32}}


@pytest.fixture(scope="module")
def gallery(tmp_path_factory):
    for served in serve(tmp_path_factory.mktemp("gallery"), FakeEngine()):
        for seed, prompt in enumerate(("a red apple", "a red boat", "a green tree"), start=1):
            request = {**REQUEST, "prompt": prompt, "seeds": {"seed": seed}}
            answer = served.client.post("/api/v1/jobs", json={"request": request})
            served.finished(answer.json()["id"])
        yield served


def names(gallery, **query):
    answer = gallery.client.get("/api/v1/images", params=query)
    assert answer.status_code == 200, answer.text
    return [one["infotext"].partition("\n")[0] for one in answer.json()]


def ids(gallery, **query):
    return [one["id"] for one in gallery.client.get("/api/v1/images", params=query).json()]


def test_pictures_are_searched_by_words_and_facts(gallery):
    assert names(gallery) == ["a green tree", "a red boat", "a red apple"]
    assert names(gallery, q="red") == ["a red boat", "a red apple"]
    assert names(gallery, q="red", seed=1, model="fake", size="32x32") == ["a red apple"]
    assert names(gallery, sampler="Heun") == []
    count = gallery.client.get("/api/v1/images/count", params={"q": "red"})
    assert count.json() == {"count": 2}


def test_pages_go_on_after_the_last_picture(gallery):
    first = ids(gallery, limit=2)
    assert names(gallery, after=first[-1]) == ["a red apple"]
    sequence = gallery.client.get("/api/v1/images?limit=1").json()[0]["sequence"]
    assert names(gallery, before=sequence) == ["a red boat", "a red apple"]
    assert names(gallery, before=10**9) == []
    assert gallery.client.get("/api/v1/images?after=nobody").status_code == 404


def test_stars_and_tags_are_given_to_many_at_once(gallery):
    body = {"ids": ids(gallery, q="red"), "rating": 5, "add_tags": ["fruit or not"]}
    assert gallery.client.post("/api/v1/images/mark", json=body).json() == {"changed": 2}
    assert names(gallery, tag="fruit or not", rating=4) == ["a red boat", "a red apple"]
    choices = gallery.client.get("/api/v1/images/choices").json()
    assert choices["tags"] == [{"value": "fruit or not", "count": 2}]
    assert choices["model"] == [{"value": "fake", "count": 3}]
    body = {"ids": ids(gallery), "rating": 9}
    assert gallery.client.post("/api/v1/images/mark", json=body).status_code == 422


def test_the_trash_gives_back_what_it_took(gallery):
    (boat,) = ids(gallery, q="boat")
    content = gallery.client.get(f"/api/v1/images/{boat}").content
    assert gallery.client.post("/api/v1/images/delete", json={"ids": [boat]}).json() == {
        "deleted": 1
    }
    assert names(gallery, q="boat") == []
    assert [one["id"] for one in gallery.client.get("/api/v1/images/trash").json()] == [boat]
    gallery.client.post("/api/v1/images/restore", json={"ids": [boat]})
    assert names(gallery, q="boat") == ["a red boat"]
    assert gallery.client.get(f"/api/v1/images/{boat}").content == content


def test_two_pictures_are_compared(gallery):
    boat, apple = ids(gallery, q="red")
    answer = gallery.client.get(f"/api/v1/images/difference?one={apple}&other={boat}").json()
    assert {"key": "Seed", "one": "1", "other": "2"} in answer["different"]
    assert "Steps" in answer["same"]


def test_a_selection_is_downloaded_as_one_archive(gallery):
    chosen = ids(gallery, q="red")
    answer = gallery.client.post("/api/v1/images/zip", json={"ids": chosen})
    assert answer.headers["content-type"] == "application/zip"
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        contents = {archive.read(name) for name in archive.namelist()}
    assert contents == {gallery.client.get(f"/api/v1/images/{one}").content for one in chosen}


def test_pictures_are_kept_with_a_line_in_the_log(gallery):
    answer = gallery.client.post("/api/v1/images/save", json={"ids": ids(gallery, q="apple")})
    folder = gallery.app.paths.data / "log" / "images"
    (name,) = answer.json()["names"]
    assert (folder / name).is_file()
    assert "a red apple,1,32,32" in (folder / "log.csv").read_text(encoding="utf-8")


@pytest.mark.parametrize("path", ["mark", "delete", "restore", "zip", "save"])
def test_orders_about_unknown_or_no_pictures_are_refused(gallery, path):
    for wrong, status in ((["nobody"], 404), ([], 422)):
        answer = gallery.client.post(f"/api/v1/images/{path}", json={"ids": wrong})
        assert answer.status_code == status


def test_people_see_their_own_pictures_and_jobs_only(gallery):
    from modules.api.own import check_images, check_job, mine
    from modules.errors import NotFound

    mark = VISITOR.set(Visitor("ann", USER))
    try:
        assert mine() == "ann"
        with pytest.raises(NotFound):
            check_images(gallery.app, ids(gallery)[:1])
        with pytest.raises(NotFound):
            check_job(gallery.app, gallery.app.jobs(1)[0].id)
        own = gallery.app.submit(gallery.app.jobs(1)[0].task)
        check_job(gallery.app, own.id)
        gallery.finished(own.id)
        assert {one.person for one in gallery.app.jobs(person="ann")} == {"ann"}
    finally:
        VISITOR.reset(mark)
    assert gallery.app.gallery.find(gallery.app.snapshot(own.id).images[0].id).person == "ann"


def test_chosen_pictures_become_a_grid_in_the_order_given(server):
    request = {"prompt": "grid", "size": {"width": 16, "height": 16}, "sampling": {"steps": 1}}
    answer = server.client.post(
        "/api/v1/jobs", json={"request": {**request, "batch": {"n_iter": 2}}}
    )
    images = server.finished(answer.json()["id"])["images"]
    ids = [image["id"] for image in images if image["kind"] == "image"]
    body = {"ids": ids[::-1], "columns": 2, "caption": "Seed", "margin": 0}
    answer = server.client.post("/api/v1/images/grid", json=body)
    assert answer.status_code == 200, answer.text
    (path,) = server.app.paths.outputs.rglob(answer.json()["name"])
    assert path.with_suffix(".html").is_file()
    assert server.client.post("/api/v1/images/grid", json={"ids": ["none"]}).status_code == 404
