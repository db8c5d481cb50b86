"""Settings on disk."""

import json
import threading

import pytest

from modules.errors import InvalidRequest, NotFound, WebUIError
from modules.param import params_of
from modules.schema.codec import from_json, to_json
from modules.schema.request import GenerationRequest
from modules.settings.settings import Settings
from modules.settings.store import SettingsStore, field_of, request_fields, settings_fields


@pytest.fixture
def path(tmp_path):
    return tmp_path / "config.json"


def written(path):
    return json.loads(path.read_text(encoding="utf-8"))


def test_a_new_folder_has_the_defaults_and_no_file(path):
    store = SettingsStore(path)
    assert store.settings == Settings()
    assert store.base_request() == GenerationRequest()
    assert not path.exists()


def test_only_what_differs_is_written(path):
    store = SettingsStore(path)
    store.set_options({"samples_format": "webp", "jpeg_quality": 80, "randn_source": "CPU"})
    assert written(path) == {"samples_format": "webp", "randn_source": "CPU"}
    again = SettingsStore(path)
    assert again.settings.saving.format == "webp"
    assert again.base_request().seeds.source == "CPU"


def test_options_are_reached_by_the_names_of_a1111(path):
    store = SettingsStore(path)
    store.set("CLIP_stop_at_last_layers", 2)
    assert store.get("CLIP_stop_at_last_layers") == 2
    assert store.base_request().text.clip_skip == 2
    with pytest.raises(NotFound, match="CLIP_stop_at_last_layers"):
        store.set("CLIP_stop_at_last_layer", 2)


def test_a_config_of_a1111_is_read_and_kept(path):
    path.write_text(
        json.dumps(
            {
                "samples_format": "jpg",
                "CLIP_stop_at_last_layers": 2.0,
                "eta_noise_seed_delta": 31337,
                "outdir_txt2img_samples": "D:\\bilder",
                "extension_thing": {"deep": ["ä"]},
                "n_rows": -1,
            },
            ensure_ascii=False,
        ),
        encoding="utf-8-sig",
    )
    store = SettingsStore(path)
    assert store.settings.saving.format == "jpg"
    assert store.base_request().text.clip_skip == 2
    assert isinstance(store.base_request().text.clip_skip, int)
    store.set_options({"samples_format": "png"})
    kept = written(path)
    assert kept["extension_thing"] == {"deep": ["ä"]}
    assert kept["n_rows"] == -1
    assert kept["samples_format"] == "png"
    assert store.options()["extension_thing"] == {"deep": ["ä"]}


@pytest.mark.parametrize("content", [b"{", b"[1]", b"\xff\xfe\x00", b"null", b"[" * 5000])
def test_a_broken_file_is_kept_aside_and_told(path, content):
    path.write_bytes(content)
    store = SettingsStore(path)
    assert store.settings == Settings()
    assert "config.json.broken-1" in store.notices[0]
    assert path.with_name("config.json.broken-1").read_bytes() == content
    store.set_options({"samples_format": "webp"})
    path.write_bytes(b"?")
    SettingsStore(path)
    assert path.with_name("config.json.broken-2").read_bytes() == b"?"
    assert path.with_name("config.json.broken-1").read_bytes() == content


def test_a_value_that_cannot_be_used_is_told_and_kept(path):
    path.write_text(json.dumps({"jpeg_quality": 900, "samples_save": "yes?", "n_rows": 3}))
    store = SettingsStore(path)
    assert store.settings.saving.quality == 80
    assert store.settings.grids.rows == 3
    assert len(store.notices) == 2
    store.set_options({"n_rows": 4})
    assert written(path)["jpeg_quality"] == 900


@pytest.mark.parametrize(
    "bad",
    [
        {"jpeg_quality": 0},
        {"jpeg_quality": 80.5},
        {"jpeg_quality": "much"},
        {"samples_save": "maybe"},
        {"samples_format": "bmp"},
        {"samples_filename_pattern": ["x"]},
        {"eta_ancestral": float("nan")},
        {"CLIP_stop_at_last_layers": 10**400},
        {"infotext_skip_pasting": 3},
    ],
)
def test_a_bad_value_changes_nothing_at_all(path, bad):
    store = SettingsStore(path)
    with pytest.raises(InvalidRequest):
        store.set_options({"n_rows": 2, **bad})
    assert store.settings == Settings()
    assert not path.exists()


def test_posting_everything_back_is_harmless(path):
    store = SettingsStore(path)
    store.set_options({"samples_format": "webp"})
    before = store.settings, store.base_request()
    everything = json.loads(json.dumps(store.options()))
    store.set_options({**everything, "unknown_option": 5})
    assert (store.settings, store.base_request()) == before
    assert "unknown_option" not in store.options()


def test_overrides_give_another_snapshot_and_change_nothing(path):
    store = SettingsStore(path)
    settings, request = store.with_overrides(
        {"samples_format": "jpg", "randn_source": "cpu", "k_sched_type": "karras", "what": 1}
    )
    assert settings.saving.format == "jpg"
    assert request.seeds.source == "CPU"
    assert request.sampling.schedule == "karras"
    assert store.settings == Settings()
    assert store.base_request() == GenerationRequest()
    assert store.with_overrides({"k_sched_type": "Automatic"})[1] == GenerationRequest()


def test_the_unset_eta_is_shown_as_one(path):
    store = SettingsStore(path)
    assert store.options()["eta_ancestral"] == 1.0
    store.set_options({"eta_ancestral": 0.5})
    assert store.base_request().options.eta == 0.5


def test_followers_hear_what_changed(path):
    store, heard = SettingsStore(path), []
    end = store.subscribe(heard.append)
    store.set_options({"n_rows": 2, "jpeg_quality": 80})
    end()
    store.set_options({"n_rows": 3})
    assert heard == [frozenset({"n_rows"})]


def test_an_unwritable_file_is_said_and_the_value_stays(path, monkeypatch):
    store = SettingsStore(path)

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("modules.settings.files.os.fsync", full)
    with pytest.raises(WebUIError, match="No space left"):
        store.set_options({"n_rows": 2})
    assert store.settings.grids.rows == -1
    assert list(path.parent.iterdir()) == []


def test_many_threads_lose_no_change(path):
    store = SettingsStore(path)
    names = ["samples_save", "grid_save", "save_txt", "webp_lossless", "save_to_dirs"]

    def flip(name):
        for _ in range(5):
            store.set_options({name: not store.get(name)})

    threads = [threading.Thread(target=flip, args=(name,)) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    again = SettingsStore(path)
    assert all(again.get(name) == (not field_of(name).default) for name in names)


def test_no_option_name_is_used_twice():
    described = [*params_of(Settings), *params_of(GenerationRequest)]
    names = [item.param.setting for item in described if item.param.setting]
    assert len(names) == len(set(names)) == len(settings_fields()) + len(request_fields())


def test_every_setting_has_a_name_and_survives_json():
    assert all(item.param.setting for item in params_of(Settings))
    assert from_json(Settings, to_json(Settings())) == Settings()


def test_what_only_clients_care_for_is_remembered(tmp_path):
    store = SettingsStore(tmp_path / "config.json")
    assert store.get("send_seed") is True
    assert store.set_options({"send_seed": False, "send_size": "no"}) == {"send_seed"}
    assert SettingsStore(store.path).options()["send_seed"] is False
    assert store.options()["send_size"] is True
    assert store.set_options({"send_seed": True}) == {"send_seed"}
