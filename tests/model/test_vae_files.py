"""Which VAE goes with a checkpoint, by A1111's rules."""

import json

import pytest

from modules.model.vae_files import choose_vae, vae_files


@pytest.fixture
def folders(tmp_path):
    checkpoints, vaes = tmp_path / "checkpoints", tmp_path / "vae"
    for path in (
        checkpoints / "model.safetensors",
        checkpoints / "model.vae.pt",
        checkpoints / "other.ckpt",
        vaes / "sub" / "Sharp.safetensors",
        vaes / "notes.txt",
        vaes / "soft.pt",
    ):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")
    return checkpoints, vaes


def chosen(folders, wanted, checkpoint="model.safetensors", **options):
    checkpoints, vaes = folders
    path, notice = choose_vae(
        vae_files([checkpoints], vaes), wanted, checkpoints / checkpoint, **options
    )
    return path.name if path else None, notice


def note(folders, **notes):
    (folders[0] / "model.json").write_text(json.dumps(notes))


def test_files_of_both_folders_are_listed(folders):
    assert list(vae_files([folders[0]], folders[1])) == [
        "model.vae.pt",
        "Sharp.safetensors",
        "soft.pt",
    ]


def test_a_file_named_like_the_checkpoint_is_taken_by_itself(folders):
    assert chosen(folders, "Automatic") == ("model.vae.pt", "")
    assert chosen(folders, "Automatic", "other.ckpt") == (None, "")
    assert chosen(folders, "None") == (None, "")


def test_a_wish_goes_first(folders):
    note(folders, vae="soft.pt")
    assert chosen(folders, "Sharp.safetensors") == ("Sharp.safetensors", "")
    assert chosen(folders, "Automatic") == ("soft.pt", "")


def test_what_is_noted_with_the_checkpoint_goes_first_if_the_owner_says_so(folders):
    note(folders, vae="soft.pt", description="kept")
    assert chosen(folders, "Sharp.safetensors", wish_first=False) == ("soft.pt", "")
    note(folders, vae="None")
    assert chosen(folders, "Sharp.safetensors", wish_first=False) == (None, "")
    note(folders, vae="Automatic")
    assert chosen(folders, "Sharp.safetensors", wish_first=False) == ("model.vae.pt", "")
    assert chosen(folders, "Sharp.safetensors", "other.ckpt", wish_first=False) == (
        "Sharp.safetensors",
        "",
    )


def test_a_name_may_lack_its_suffix_and_an_unknown_one_is_told(folders):
    assert chosen(folders, "Sharp")[0] == "Sharp.safetensors"
    path, notice = chosen(folders, "Blunt")
    assert path is None
    assert "Blunt" in notice


@pytest.mark.parametrize("text", ["", "[1]", '{"vae": 5}', "{" * 10_000, "\ud800"])
def test_damaged_notes_are_no_notes(folders, text):
    (folders[0] / "model.json").write_bytes(text.encode("utf-8", "surrogatepass"))
    assert chosen(folders, "Automatic") == ("model.vae.pt", "")


def test_a_forced_file_goes_before_every_wish(folders, tmp_path):
    forced = tmp_path / "mine.pt"
    assert chosen(folders, "soft.pt", forced=forced) == (
        None,
        f"There is no VAE at {forced}, which --vae-path names; the checkpoint's own is used.",
    )
    forced.write_bytes(b"")
    assert chosen(folders, "soft.pt", forced=forced) == ("mine.pt", "")
    assert chosen(folders, "None", forced=forced) == ("mine.pt", "")
