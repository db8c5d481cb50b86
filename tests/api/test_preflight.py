"""Estimates over HTTP, from either way of asking for pictures."""

REQUEST = {
    "prompt": "a cat",
    "sampling": {"sampler": "Euler", "steps": 8},
    "size": {"width": 64, "height": 64},
}
LEGACY = {"prompt": "a cat", "sampler_name": "Euler", "steps": 8, "width": 64, "height": 64}


def ask(server, body):
    return server.client.post("/api/v1/preflight", json=body)


def test_both_ways_of_asking_foretell_the_same(server):
    job = server.client.post("/api/v1/jobs", json={"request": REQUEST}).json()
    server.finished(job["id"])
    one, other = ask(server, {"request": REQUEST}).json(), ask(server, LEGACY).json()
    for name in ("seconds", "low", "high", "load_s", "images"):
        assert one[name] == other[name]
    assert one["seconds"] > 0
    assert one["low"] < one["seconds"] < one["high"]
    assert one["memory"]["bytes"] > 0
    assert one["disk"]["bytes"] > 0
    assert other["disk"]["bytes"] == 0  # A1111's clients save only where they ask for it
    assert one["accuracy"]["jobs"] >= 0


def test_nothing_is_drawn_or_put_in_line(server):
    before = server.client.get("/api/v1/jobs?limit=1").json()
    ask(server, {"request": REQUEST})
    assert server.client.get("/api/v1/jobs?limit=1").json() == before


def test_pictures_need_not_be_sent_to_know_what_they_cost(server):
    body = {"request": {**REQUEST, "img2img": {"denoising_strength": 0.5}}}
    assert ask(server, body).json()["images"] == 1
    legacy = {**LEGACY, "init_images": ["https://example.org/never-fetched.png"]}
    assert ask(server, legacy).json()["images"] == 1


def test_the_size_that_is_left_out_is_the_models(server):
    small = ask(server, {"request": {"sampling": REQUEST["sampling"]}}).json()
    given = ask(server, {"request": REQUEST}).json()
    assert small["seconds"] == given["seconds"]  # the engine of tests draws 64 x 64


def test_mistakes_are_named(server):
    wrong = ask(server, {"request": {"sampling": {"sampler": "Eulerr"}}})
    assert wrong.status_code == 404
    assert "Euler" in wrong.text
    both = ask(server, {"request": REQUEST, "steps": 3})
    assert both.status_code == 422
    assert "steps" in both.text
    text = ask(server, {"steps": "many"})
    assert text.status_code == 422
    assert "steps" in text.text


def test_what_generate_would_refuse_is_refused_here(server):
    for body in ({**LEGACY, "width": -5}, {"request": {"size": {"width": -5, "height": 64}}}):
        answer = ask(server, body)
        assert answer.status_code == 422
        assert "must be at least 16" in answer.json()["detail"]
