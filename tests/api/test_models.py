"""The model browser over HTTP: cards, notes, pictures, how much of a LoRA fits."""

import json
import shutil

import pytest
import torch
from safetensors.torch import load_file, save_file

from modules.engine.fake import FakeEngine
from modules.engine.models import ModelList
from modules.model.loader import load_model
from modules.model.patch.network_files import NetworkFolder
from modules.model.patch.patcher import Patcher
from modules.paths import Paths
from tests.conftest import GOLDEN, serve

DATA = GOLDEN / "data"


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    data = tmp_path_factory.mktemp("models")
    shutil.copytree(DATA / "Lora", data / "models" / "Lora")
    shutil.copytree(DATA / "Stable-diffusion", data / "models" / "Stable-diffusion")
    lora = load_file(data / "models" / "Lora" / "tinylora.safetensors")
    half = {key: it for key, it in lora.items() if key.startswith("lora_te_")}
    half |= {"lora_unet_elsewhere.diff": torch.ones(2, 2)}
    save_file(half, data / "models" / "Lora" / "partly.safetensors")
    words = {"description": "Brush strokes", "activation text": "oil", "preferred weight": 0.6}
    words |= {"negative text": "photo"}
    (data / "models" / "Lora" / "tinyloha.json").write_text(json.dumps(words))
    yield from serve(data, FakeEngine(catalogue=ModelList(Paths(data=data))()))


def get(browser, path, **query):
    answer = browser.client.get(f"/api/v1/{path}", params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


def card_of(browser, name, **query):
    return next(
        one for one in get(browser, "models/cards", **query)["cards"] if one["name"] == name
    )


def test_cards_come_in_pages_with_what_a_click_inserts(browser):
    answer = get(browser, "models/cards", limit=2)
    assert (answer["total"], len(answer["cards"])) == (5, 2)
    browser.app.cards.look()
    card = card_of(browser, "tinyloha")
    assert card["insert"] == {"prompt": "<lora:tinyloha:0.6> oil", "negative_prompt": "(photo:1)"}
    assert card["description"] == "Brush strokes"
    locon = card_of(browser, "tinylocon_v1")
    assert locon["insert"]["prompt"] == "<lora:tinylocon:1>"
    browser.app.set_options({"lora_preferred_name": "Filename"})
    assert card_of(browser, "tinylocon_v1")["insert"]["prompt"] == "<lora:tinylocon_v1:1>"
    browser.app.set_options({"lora_preferred_name": "Alias from file"})
    (checkpoint,) = get(browser, "models/cards", kind="checkpoints")["cards"]
    assert checkpoint["title"].startswith("tiny.safetensors")
    assert get(browser, "models/kinds")["kinds"]["lora"] == [{"folder": "", "count": 5}]
    assert str(browser.app.paths.lora) not in json.dumps(answer)


def test_a_card_tells_the_metadata_of_its_file(browser):
    card = get(browser, f"models/cards/{card_of(browser, 'tinylora')['id']}")
    assert card["metadata"]["ss_network_dim"] == "4"
    assert browser.client.get("/api/v1/models/cards/nobody").status_code == 404
    assert browser.client.get("/api/v1/models/cards", params={"kind": "x"}).status_code == 404
    assert browser.client.get("/api/v1/models/cards", params={"sort": "x"}).status_code == 422


def test_a_report_says_how_much_of_a_lora_fits(browser):
    whole = get(browser, "loras/tinylora")["report"]
    assert (whole["matched"], whole["keys"], whole["sentence"]) == (648, 648, "")
    assert sum(whole["kinds"].values()) == whole["layers"] == 216
    part = get(browser, "loras/partly")["report"]
    assert part["matched"] == part["keys"] - 1
    assert part["ignored"] == {"no such layer in the model (lora_unet_elsewhere…)": 1}
    assert "tensors fit this model" in part["sentence"]
    missing = browser.client.get("/api/v1/loras/tinylor")
    assert missing.status_code == 404
    assert "tinylora" in missing.text


def test_the_report_is_the_one_of_the_drawing_process(browser):
    folder = NetworkFolder(browser.app.paths.lora)
    patcher = Patcher(load_model(DATA / "Stable-diffusion" / "tiny.safetensors"), folder)
    for path in (browser.app.paths.lora / f"{name}.safetensors" for name in ("partly", "tinyloha")):
        theirs = patcher.report(path.stem, folder.read(path))
        ours = get(browser, f"loras/{path.stem}")["report"]
        counted = (ours["matched"], ours["keys"], ours["layers"], ours["ignored"], ours["kinds"])
        assert counted == (
            theirs.matched,
            theirs.keys,
            len(theirs.layers),
            dict(theirs.ignored),
            dict(theirs.kinds),
        )


def test_notes_and_pictures_are_changed_from_a_card(browser):
    card = card_of(browser, "tinylokr")
    request = {"prompt": "a", "sampling": {"steps": 1}, "size": {"width": 32, "height": 32}}
    job = browser.client.post("/api/v1/jobs", json={"request": request}).json()["id"]
    picture = browser.finished(job)["images"][0]["id"]
    place = f"/api/v1/models/cards/{card['id']}"
    answer = browser.client.post(f"{place}/notes", json={"notes": "mine", "weight": 0.3})
    assert answer.json()["insert"]["prompt"] == "<lora:tinylokr:0.3>"
    assert get(browser, f"models/cards/{card['id']}")["notes"] == "mine"
    wrong = browser.client.post(f"{place}/notes", json={"weight": 1000})
    assert wrong.status_code == 422
    before = browser.client.get(f"{place}/preview.webp")
    assert before.status_code == 404
    answer = browser.client.post(f"{place}/preview", json={"image": picture})
    assert answer.status_code == 200, answer.text
    url = answer.json()["preview"]
    shown = browser.client.get(url)
    assert (shown.status_code, shown.headers["content-type"]) == (200, "image/webp")
    again = browser.client.get(url, headers={"if-none-match": shown.headers["etag"]})
    assert again.status_code == 304
    copy = browser.app.paths.lora / "tinylokr.png"
    assert copy.read_bytes() == browser.app.image_file(picture).read_bytes()
    assert browser.client.post(f"{place}/preview", json={"image": "none"}).status_code == 404


def test_clients_of_a1111_find_their_routes(browser):
    rows = browser.client.get("/sdapi/v1/loras").json()
    assert {row["name"] for row in rows} >= {"tinylora", "tinylocon_v1"}
    assert set(rows[0]) == {"name", "alias", "path", "metadata"}
    for name in ("checkpoints", "loras", "embeddings", "vae"):
        answer = browser.client.post(f"/sdapi/v1/refresh-{name}")
        assert (answer.status_code, answer.json()) == (200, None)
    ask = browser.client.get
    found = ask("/sd_extra_networks/metadata", params={"page": "lora", "item": "tinylora"})
    assert json.loads(found.json()["metadata"])["ss_output_name"] == "tinylora"
    card = ask("/sd_extra_networks/get-single-card", params={"page": "Lora", "name": "tinylora"})
    assert 'data-name="tinylora"' in card.json()["html"]
    for filename in (
        str(browser.app.paths.lora / "tinylora.safetensors"),
        "/etc/passwd",
        str(browser.app.paths.lora / ".." / "Lora" / "tinylokr.png"),
    ):
        answer = ask("/sd_extra_networks/thumb", params={"filename": filename})
        assert answer.status_code == 404
    kept = str(browser.app.paths.lora / "tinylokr.png")
    assert ask("/sd_extra_networks/thumb", params={"filename": kept}).status_code == 200
