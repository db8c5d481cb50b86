"""Cards of model files: found, searched, in order, with what people wrote beside them."""

import json
import logging
import shutil
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from modules.errors import InvalidRequest, NotFound, WebUIError
from modules.paths import Paths
from modules.service.card_details import metadata_of, tags_of, thumbnail_of
from modules.service.card_files import folders_of_models
from modules.service.cards import CardIndex, CardSearch
from modules.service.sidecars import read_notes, write_notes

KEY = "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn2_to_k.lora_down.weight"


def write_lora(path: Path, width: int = 768, missing: int = 0, **metadata: str) -> Path:
    """A file with the header of a LoRA, and zeros."""
    tensor = {"dtype": "F16", "shape": [4, width], "data_offsets": [0, 8 * width]}
    header = json.dumps({"__metadata__": metadata, KEY: tensor}).encode()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(len(header).to_bytes(8, "little") + header + bytes(8 * width - missing))
    return path


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    paths = Paths(data=tmp_path)
    write_lora(paths.lora / "style v10.safetensors", ss_output_name="Painter")
    write_lora(paths.lora / "style v9.safetensors", 2048)
    write_lora(paths.lora / "people" / "ann.safetensors", missing=100)
    write_lora(paths.lora / "people" / "old" / "bob_x.safetensors", sshs_model_hash="ab" * 32)
    write_lora(paths.lora / ".secret" / "hidden.safetensors")
    (paths.lora / "people" / "notes.txt").write_text("not a model")
    (paths.lora / "broken.safetensors").write_bytes(b"\x10\0\0\0\0\0\0\0{no json       }")
    return paths


@pytest.fixture
def index(paths: Paths) -> Iterator[CardIndex]:
    one = CardIndex(paths.cache / "cards.db", lambda: folders_of_models(paths))
    one.look()
    yield one
    one.close()


def names(index: CardIndex, **search: Any) -> list[str]:
    return [card.name for card in index.page(CardSearch(**search))[1]]


def test_files_are_listed_as_people_count_folders_after_each_other(index: CardIndex) -> None:
    assert names(index) == ["broken", "style v9", "style v10", "ann", "bob_x"]
    assert names(index, sort="name", descending=True)[0] == "style v10"
    total, cards = index.page(CardSearch(), limit=2, skip=1)
    assert (total, [card.name for card in cards]) == (5, ["style v9", "style v10"])
    assert index.folders("lora") == [("", 3), (".secret", 1), ("people", 1), ("people/old", 1)]
    with pytest.raises(NotFound, match="lora"):
        names(index, kind="loras")
    with pytest.raises(InvalidRequest, match="modified"):
        names(index, sort="beauty")


def test_a_search_finds_paths_aliases_and_hashes(index: CardIndex) -> None:
    assert names(index, text="painter") == ["style v10"]
    assert names(index, text="people old") == ["bob_x"]
    assert names(index, text="abab") == ["bob_x"]
    assert names(index, text="hid") == []  # in a folder with a dot
    assert names(index, text="hidden") == ["hidden"]
    assert names(index, folder="people") == ["ann", "bob_x"]
    assert names(index, folder="peopl_") == []
    assert "style v9" not in names(index, base="SD1")
    assert names(index, text="%") == []


def test_a_card_says_what_the_file_says(index: CardIndex) -> None:
    painter = index.named("lora", "Painter")
    assert (painter.name, painter.base, painter.note) == ("style v10", "SD1", "")
    assert index.named("lora", "style v9").base == "SDXL"
    assert index.named("lora", "ann").note.startswith("incomplete: 6.2 of 6.3 kB")
    assert "damaged" in index.named("lora", "broken").note
    assert index.named("lora", "bob_x").hash == "abababababab"
    with pytest.raises(NotFound, match="style v9"):
        index.named("lora", "style v8")


def test_what_changes_on_the_disk_changes_on_the_card(index: CardIndex, paths: Paths) -> None:
    before = index.named("lora", "style v9")
    (paths.lora / "style v9.json").write_text('{"description": "soft colours"}')
    Image.new("RGB", (900, 300), "red").save(paths.lora / "style v9.preview.png")
    (paths.lora / "broken.safetensors").unlink()
    assert index.look() == 1
    after = index.find(before.id)
    assert (after.description, after.preview) == ("soft colours", "style v9.preview.png")
    assert after.stamp != before.stamp
    assert names(index, text="soft") == ["style v9"]
    assert "broken" not in names(index)
    with Image.open(thumbnail_of(after, paths.cache)) as small:
        assert (small.format, small.size) == ("WEBP", (512, 171))
    Image.new("RGB", (8, 8)).save(paths.lora / "style v9.png")
    index.look()
    assert index.find(before.id).preview == "style v9.png"  # the plain name goes first


def test_a_damaged_cache_is_made_anew(paths: Paths, caplog: pytest.LogCaptureFixture) -> None:
    paths.cache.mkdir(parents=True)
    (paths.cache / "cards.db").write_bytes(b"not a database" * 100)
    with caplog.at_level(logging.WARNING):
        index = CardIndex(paths.cache / "cards.db", lambda: folders_of_models(paths))
        assert len(names(index)) == 5
    assert "read anew" in caplog.text
    index.close()


def test_the_first_page_shows_names_before_anything_was_read(paths: Paths) -> None:
    index = CardIndex(paths.cache / "cards.db", lambda: folders_of_models(paths))
    assert [card.described for card in index.page(CardSearch())[1]] == [False] * 5
    card = index.page(CardSearch(text="v10"))[1][0]
    assert index.find(card.id).alias == "Painter"  # one card is read when it is looked at
    index.close()


def test_a_page_does_not_wait_for_a_long_look_at_the_folders(paths: Paths) -> None:
    asked = threading.Event()

    def slow() -> dict[str, list[Path]]:
        asked.wait(10)
        return folders_of_models(paths)

    index = CardIndex(paths.cache / "cards.db", slow)
    index.start()
    began = time.monotonic()
    assert (index.page(CardSearch())[0], index.is_listing) == (0, True)
    assert time.monotonic() - began < 2
    asked.set()
    while index.is_listing:
        time.sleep(0.02)
    assert index.page(CardSearch())[0] == 5
    index.close()


def test_links_in_circles_and_to_nowhere_are_no_trouble(index: CardIndex, paths: Paths) -> None:
    (paths.lora / "people" / "up").symlink_to(paths.lora)
    (paths.lora / "gone.safetensors").symlink_to(paths.lora / "nowhere")
    index.look()
    assert len(names(index)) == 5


def test_every_kind_of_model_has_cards(index: CardIndex, paths: Paths) -> None:
    golden = Path(__file__).parents[1] / "golden" / "parity" / "data"
    shutil.copytree(golden / "embeddings", paths.embeddings, dirs_exist_ok=True)
    shutil.copytree(golden / "Stable-diffusion", paths.checkpoints, dirs_exist_ok=True)
    (paths.hypernetworks).mkdir(parents=True)
    (paths.hypernetworks / "hyper.pt").write_bytes(b"PK")
    (paths.checkpoints / "a diffusers folder").mkdir()
    (paths.checkpoints / "a diffusers folder" / "model_index.json").write_text("{}")
    index.look()
    assert names(index, kind="textual_inversion") == ["bad-tiny_neg", "ptemb", "tinyemb"]
    assert names(index, kind="checkpoints") == ["a diffusers folder", "tiny"]
    assert names(index, kind="hypernetworks") == ["hyper"]
    assert names(index, kind="vae") == []


def test_notes_are_read_as_a1111_and_its_helpers_write_them(tmp_path: Path) -> None:
    model = tmp_path / "it.safetensors"
    helper = {
        "baseModel": "Pony",
        "trainedWords": ["a bird", " wings, "],
        "model": {"description": "<p>Draws <b>birds</b> &amp; bees</p><script>x</script>"},
    }
    (tmp_path / "it.civitai.info").write_text(json.dumps(helper))
    found = read_notes(model)
    assert (found.base, found.activation) == ("SDXL", "a bird, wings")
    assert found.description == "Draws birds & bees\nx"
    own = {"description": "Mine", "sd version": "SD2", "preferred weight": 0.7, "tags": [1, 2]}
    (tmp_path / "it.json").write_text(json.dumps(own))
    found = read_notes(model)
    assert (found.base, found.description, found.weight) == ("SD2", "Mine", 0.7)


def test_notes_that_are_written_leave_other_entries_alone(tmp_path: Path) -> None:
    model, place = tmp_path / "it.safetensors", tmp_path / "it.json"
    place.write_text('{"modelId": 7, "notes": "old"}')
    write_notes(model, {"activation": "blue", "weight": 0.5, "notes": "new"})
    expected = {"modelId": 7, "notes": "new", "activation text": "blue", "preferred weight": 0.5}
    assert json.loads(place.read_text()) == expected
    assert place.read_text().startswith('{\n    "modelId": 7')
    for wrong in ({"weight": "much"}, {"notes": 3}, {"colour": "x"}, {"weight": True}):
        with pytest.raises(InvalidRequest):
            write_notes(model, wrong)
    place.write_text("[1, 2, 3]")
    with pytest.raises(WebUIError, match="not a table"):
        write_notes(model, {"notes": "x"})
    assert place.read_text() == "[1, 2, 3]"


def test_metadata_tells_the_tags_it_was_trained_with(tmp_path: Path) -> None:
    tags = {"1_a": {"bird": 3, "blue ": 1}, "2_b": {"bird": 2, "odd": "x"}}
    place = write_lora(
        tmp_path / "it.safetensors", ss_tag_frequency=json.dumps(tags), ssmd_cover_images="[1]"
    )
    metadata = metadata_of(place)
    assert metadata == {"ss_tag_frequency": tags}
    assert tags_of(metadata) == [("bird", 5), ("blue", 1)]


def test_two_thousand_files_are_listed_and_searched_quickly(tmp_path: Path) -> None:
    paths = Paths(data=tmp_path)
    paths.lora.mkdir(parents=True)
    for number in range(2000):
        (paths.lora / f"model {number}.pt").write_bytes(b"")
    index = CardIndex(paths.cache / "cards.db", lambda: folders_of_models(paths))
    index.list_files()
    began = time.process_time()
    total, cards = index.page(CardSearch(text="model 1"), limit=60)
    assert time.process_time() - began < 0.2
    assert (total, len(cards), cards[1].name) == (1271, 60, "model 10")
    index.close()
