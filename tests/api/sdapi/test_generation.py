"""txt2img as clients of A1111 call it."""

import base64
import io
import json
import threading
import time

import pytest
from PIL import Image

from modules.schema.infotext_parse import parse_infotext

SMALL = {"steps": 3, "width": 64, "height": 64}


def txt2img(server, **body):
    return server.client.post("/sdapi/v1/txt2img", json=SMALL | body)


def read_info(answer):
    assert answer.status_code == 200, answer.text
    return json.loads(answer.json()["info"])


def pictures(answer):
    assert answer.status_code == 200, answer.text
    return [Image.open(io.BytesIO(base64.b64decode(one))) for one in answer.json()["images"]]


def test_a_default_call_returns_its_pictures_and_no_grid(server):
    answer = txt2img(server, prompt="a cat", batch_size=2, n_iter=2, seed=5)
    found = pictures(answer)
    info = json.loads(answer.json()["info"])
    assert [picture.size for picture in found] == [(64, 64)] * 4
    assert info["all_seeds"] == [5, 6, 7, 8]
    assert info["index_of_first_image"] == 0
    assert info["infotexts"] == [picture.text["parameters"] for picture in found]
    assert not answer.json()["images"][0].startswith("data:")


def test_defaults_are_those_of_the_api_and_not_of_the_page(server):
    body = server.client.post("/sdapi/v1/txt2img", json={}).json()
    info = json.loads(body["info"])
    assert (info["sampler_name"], info["steps"], info["cfg_scale"]) == ("Euler", 50, 7.0)
    assert (info["width"], info["height"]) == (64, 64)  # the model's own size
    assert "CFG scale: 7.0" in info["infotexts"][0]
    assert body["parameters"]["sampler_index"] == "Euler"
    assert body["parameters"]["steps"] == 50
    assert body["parameters"]["enable_hr"] is False


def test_saved_jobs_have_the_grid_first(server):
    answer = txt2img(server, batch_size=2, save_images=True, seed=1)
    info = json.loads(answer.json()["info"])
    assert [picture.size for picture in pictures(answer)] == [(128, 64), (64, 64), (64, 64)]
    assert info["index_of_first_image"] == 1
    assert len(info["infotexts"]) == 3


def test_pictures_can_be_left_out(server):
    assert txt2img(server, send_images=False).json()["images"] == []


def test_a_random_seed_is_reported(server):
    info = json.loads(txt2img(server, seed=-1, subseed="").json()["info"])
    assert info["seed"] >= 0
    assert info["subseed"] >= 0


def test_null_means_the_default_and_unknown_keys_are_ignored(server):
    known = server.client.get("/openapi.json").json()["components"]["schemas"]
    names = known["StableDiffusionProcessingTxt2Img"]["properties"]
    body = dict.fromkeys(names) | {"steps": 2, "from_the_future": {"a": 1}}
    assert server.client.post("/sdapi/v1/txt2img", json=body).status_code == 200


def test_what_the_usual_python_client_sends_is_accepted(server):
    body = {
        "sampler_name": "Euler a",
        "sampler_index": "Euler a",
        "scheduler": "automatic",
        "denoising_strength": 0.7,
        "eta": 1.0,
        "s_churn": 0,
        "s_tmin": 0,
        "s_tmax": 0,
        "s_noise": 1,
        "restore_faces": False,
        "hr_scheduler": None,
        "firstphase_width": 0,
        "styles": [],
        "override_settings": {},
        "script_args": [],
        "alwayson_scripts": {"ControlNet": {"args": []}, "ADetailer": {"args": [False]}},
    }
    info = json.loads(txt2img(server, **body).json()["info"])
    assert info["sampler_name"] == "Euler a"


@pytest.mark.parametrize(
    ("names", "sampler", "schedule"),
    [
        ({"sampler_name": "DPM++ 2M SDE Karras"}, "DPM++ 2M SDE Karras", None),
        ({"sampler_name": "k_dpmpp_2m_ka"}, "DPM++ 2M Karras", None),
        ({"sampler_name": "dpm++ 2m"}, "DPM++ 2M", None),
        ({"sampler_name": "DPM++ 2M", "scheduler": "karras"}, "DPM++ 2M", "Karras"),
        ({"sampler_name": "DPM++ 2M", "scheduler": "Exponential"}, "DPM++ 2M", "Exponential"),
        ({"sampler_index": "Heun"}, "Heun", None),
        ({"sampler_index": "Heun", "sampler_name": "LMS"}, "LMS", None),
    ],
)
def test_old_and_new_sampler_names_mean_what_they_meant(server, names, sampler, schedule):
    info = json.loads(txt2img(server, **names).json()["info"])
    assert info["sampler_name"] == sampler
    assert info["extra_generation_params"].get("Schedule type", schedule) == schedule
    text = info["infotexts"][0]
    assert f"Sampler: {sampler}," in text
    assert ("Schedule type" in text) is (schedule is not None)


def test_settings_can_differ_for_one_request(server):
    overrides = {
        "samples_format": "jpg",
        "CLIP_stop_at_last_layers": 2,
        "randn_source": "CPU",
        "nothing_we_know": 1,
    }
    answer = txt2img(server, override_settings=overrides)
    assert pictures(answer)[0].format == "JPEG"
    info = json.loads(answer.json()["info"])
    assert info["clip_skip"] == 2
    assert "RNG: CPU" in info["infotexts"][0]
    assert pictures(txt2img(server))[0].format == "PNG"
    assert server.client.get("/sdapi/v1/options").json()["CLIP_stop_at_last_layers"] == 1


def test_a_recipe_fills_what_the_request_leaves_open(server):
    text = (
        "a dog\nNegative prompt: rain\nSteps: 7, Sampler: Heun, CFG scale: 4.5, Seed: 99, "
        "Size: 48x32, Clip skip: 2, RNG: CPU, Version: v1.10.0"
    )
    body = {"infotext": text, "seed": 3, "override_settings": {"CLIP_stop_at_last_layers": 3}}
    info = json.loads(server.client.post("/sdapi/v1/txt2img", json=body).json()["info"])
    assert (info["prompt"], info["negative_prompt"]) == ("a dog", "rain")
    assert (info["steps"], info["sampler_name"], info["cfg_scale"]) == (7, "Heun", 4.5)
    assert (info["width"], info["height"]) == (48, 32)
    assert (info["seed"], info["clip_skip"]) == (3, 3)


def test_a_recipe_of_1_8_is_answered_in_its_words(server):
    text = (
        "a dog\nSteps: 3, Sampler: DPM++ 2M Karras, CFG scale: 5, Seed: 9, Size: 32x32, "
        "Denoising strength: 0.5, RNG: CPU, Hires upscale: 2, Hires sampler: DPM++ SDE Karras, "
        "Hires upscaler: Latent, Version: v1.6.0"
    )
    info = read_info(server.client.post("/sdapi/v1/txt2img", json={"infotext": text}))
    found = parse_infotext(info["infotexts"][0])
    wanted = parse_infotext(text) | {"CFG scale": "5.0", "Hires upscale": "2.0"}
    wanted["Downcast alphas_cumprod"] = "True"
    for own in ("Version", "Model", "Model hash"):
        found.pop(own, None)
        wanted.pop(own, None)
    assert found == wanted


def test_a_recipe_with_schedules_keeps_their_names(server):
    text = (
        "a dog\nSteps: 3, Sampler: DPM++ 2M, Schedule type: Exponential, CFG scale: 5, Seed: 9, "
        "Size: 32x32, RNG: CPU, Version: v1.10.0"
    )
    info = read_info(server.client.post("/sdapi/v1/txt2img", json={"infotext": text}))
    assert "Sampler: DPM++ 2M, Schedule type: Exponential, CFG scale: 5.0" in info["infotexts"][0]


def test_eta_goes_to_any_sampler_and_is_written_under_its_name(server):
    def text(sampler, **more):
        return read_info(txt2img(server, sampler_name=sampler, **more))["infotexts"][0]

    assert "Eta: 0.0" in text("Euler a", eta=0.0)
    assert "Eta DDIM: 1.0" in text("DDIM", eta=1.0)
    assert "Eta" not in text("DDIM", override_settings={"eta_ancestral": 0.5})
    assert "Eta" not in text("DPM++ 2M", eta=0.5)


def test_churn_is_written_as_an_option_and_not_as_a_field_like_1_8_does(server):
    def text(**more):
        return read_info(txt2img(server, sampler_name="Heun", **more))["infotexts"][0]

    assert "Sigma churn" not in text(s_churn=3.0)
    assert "Sigma churn: 3.0" in text(override_settings={"s_churn": 3.0})
    assert "Sigma churn: 3.0" in text(s_churn=3.0, scheduler="Automatic")


def test_styles_are_applied(server):
    server.app.paths.styles.write_text("name,prompt,negative_prompt\nold,an old {prompt},new\n")
    try:
        info = json.loads(txt2img(server, prompt="cat", styles=["old", "no such"]).json()["info"])
        assert (info["prompt"], info["negative_prompt"]) == ("an old cat", "new")
        assert info["styles"] == ["old", "no such"]
        [style] = server.client.get("/sdapi/v1/prompt-styles").json()
        assert style["name"] == "old"
    finally:
        server.app.paths.styles.unlink()


def test_a_schedule_by_hand_of_1_8_stands_beside_the_sampler_s_whole_name(server):
    def text(sampler):
        overrides = {"k_sched_type": "exponential"}
        return read_info(txt2img(server, sampler_name=sampler, override_settings=overrides))

    assert (
        "Sampler: DPM++ 2M Karras, Schedule type: exponential"
        in text("DPM++ 2M Karras")["infotexts"][0]
    )
    assert "Sampler: Euler, Schedule type: exponential" in text("Euler")["infotexts"][0]
    assert "Schedule type" not in text("DDIM")["infotexts"][0]


def test_styles_in_a_recipe_are_named_or_taken_out(server):
    text = "old, red\nSteps: 3, Sampler: Euler, CFG scale: 5, Seed: 9, Size: 32x32"
    server.app.paths.styles.write_text("name,prompt,negative_prompt\ncolour,red,\n")

    def drawn(mode):
        overrides = {"infotext_styles": mode}
        body = {"infotext": text, "override_settings": overrides}
        return read_info(server.client.post("/sdapi/v1/txt2img", json=body))

    try:
        known = drawn("Apply if any")
        assert (known["prompt"], known["styles"]) == ("old, red", ["colour"])
        assert drawn("Discard")["prompt"] == "old"
        assert drawn("Ignore")["styles"] == []
    finally:
        server.app.paths.styles.unlink()


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        ({"sampler_name": "Huler"}, 400, "Sampler not found"),
        ({"scheduler": "karas"}, 400, "Scheduler not found"),
        ({"script_name": "no such"}, 422, "Script 'no such' not found"),
        ({"alwayson_scripts": {"x": {"args": [True]}}}, 422, "Script 'x' not found"),
        ({"enable_hr": True, "hr_upscaler": "Latnt"}, 404, "Did you mean 'Latent'"),
        ({"enable_hr": True, "hr_sampler_name": "Huler"}, 404, "No sampler called 'Huler'"),
        ({"enable_hr": True, "hr_scale": 0.01}, 422, "Upscale by is 0.01"),
        ({"steps": 0}, 422, "at least 1"),
        ({"steps": 10**9}, 422, "at most 1000"),
        ({"width": 7}, 422, "at least 16"),
        ({"prompt": "x" * 1_000_000}, 422, "at most 100,000"),
        ({"override_settings": {"sd_model_checkpoint": "fakr"}}, 404, "Did you mean 'fake'"),
    ],
)
def test_bad_input_is_explained_and_the_next_job_runs(server, body, status, words):
    answer = txt2img(server, **body)
    assert answer.status_code == status
    error = answer.json()
    assert words in error["detail"]
    assert set(error) >= {"error", "detail", "body", "errors"}
    assert txt2img(server).status_code == 200


def test_the_wrong_type_is_the_framework_s_422(server):
    answer = txt2img(server, steps="many")
    assert answer.status_code == 422
    assert answer.json()["detail"][0]["loc"][-1] == "steps"


def test_img2img_without_a_picture_says_so_in_the_words_clients_know(server):
    post = server.client.post
    assert post("/sdapi/v1/img2img", json={}).json()["detail"] == "Init image not found"
    answer = post("/sdapi/v1/img2img", json={"init_images": ["x"]})
    assert (answer.status_code, answer.json()["detail"]) == (422, "Invalid encoded image")


def test_parallel_requests_are_drawn_one_after_another_and_never_mixed_up(server):
    results = {}

    def draw(seed):
        results[seed] = json.loads(txt2img(server, seed=seed, prompt=f"no {seed}").json()["info"])

    threads = [threading.Thread(target=draw, args=(seed,)) for seed in range(100, 112)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {seed: info["prompt"] for seed, info in results.items()} == {
        seed: f"no {seed}" for seed in range(100, 112)
    }
    assert all(info["seed"] == seed for seed, info in results.items())


def in_background(server, **body):
    answers = []
    thread = threading.Thread(target=lambda: answers.append(txt2img(server, **body)))
    thread.start()
    return thread, answers


def wait_for_progress(server):
    while True:
        progress = server.client.get("/sdapi/v1/progress").json()
        if progress["state"]["sampling_step"] > 0:
            return progress


def test_progress_before_during_and_after(server):
    idle = server.client.get("/sdapi/v1/progress").json()
    assert idle["progress"] == idle["eta_relative"] == idle["state"]["job_count"] == 0
    assert idle["current_image"] is None
    thread, _ = in_background(server, steps=300, n_iter=2)
    during = wait_for_progress(server)
    assert 0 < during["progress"] <= 1
    assert during["state"]["job_count"] == 2
    assert during["state"]["sampling_steps"] == 300
    preview = Image.open(io.BytesIO(base64.b64decode(during["current_image"])))
    assert preview.format == "PNG"
    skipped = server.client.get("/sdapi/v1/progress", params={"skip_current_image": True}).json()
    assert skipped["current_image"] is None
    server.client.post("/sdapi/v1/interrupt")
    thread.join()
    assert server.client.get("/sdapi/v1/progress").json()["progress"] == 0


def test_interrupting_returns_what_is_finished_with_200(server):
    thread, answers = in_background(server, steps=200, n_iter=4)
    wait_for_progress(server)
    while not server.app.current().images:
        time.sleep(0.01)
    answer = server.client.post("/sdapi/v1/interrupt")
    assert (answer.status_code, answer.json()) == (200, {})
    thread.join()
    assert 1 <= len(pictures(answers[0])) < 4


def test_skipping_goes_on_with_the_next_batch(server):
    thread, answers = in_background(server, steps=100, n_iter=2, seed=50)
    wait_for_progress(server)
    answer = server.client.post("/sdapi/v1/skip")
    assert (answer.status_code, answer.json()) == (200, None)
    thread.join()
    assert json.loads(answers[0].json()["info"])["infotexts"][0].count("Seed: 51") == 1


def test_buttons_are_harmless_when_nothing_runs(server):
    assert server.client.post("/sdapi/v1/interrupt").json() == {}
    assert server.client.post("/sdapi/v1/skip").json() is None


def test_many_waiting_requests_do_not_hold_up_the_others(server):
    """More than the framework has threads (40)."""
    threads = [in_background(server, steps=30)[0] for _ in range(60)]
    while len(server.app.queue.waiting()) < 45:
        time.sleep(0.01)
    slowest = 0.0
    for _ in range(10):
        began = time.perf_counter()
        assert server.client.get("/api/v1/status").status_code == 200
        slowest = max(slowest, time.perf_counter() - began)
    for job_id in [*reversed(server.app.queue.waiting()), *server.app.queue.running()]:
        server.app.stop(job_id)
    for thread in threads:
        thread.join()
    assert slowest < 2
