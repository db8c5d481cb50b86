"""Embeddings are counted from their headers, as the reader with torch counts them."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from modules.conditioning.textual_inversion import EmbeddingFolder
from modules.model import embedding_sizes as room
from modules.model.embedding_sizes import embedding_sizes
from modules.model.hashes import FileFacts

FOLDER = Path(__file__).parent.parent / "golden" / "parity" / "data" / "embeddings"


def test_every_layout_is_counted() -> None:
    assert embedding_sizes(FOLDER) == {"bad-tiny_neg": 8, "ptemb": 2, "tinyemb": 3}


def test_the_count_is_the_one_that_is_drawn_with(tmp_path: Path) -> None:
    torch.save({"string_to_param": {"*": torch.ones(5, 8)}, "name": "x"}, tmp_path / "new.pt")
    torch.save({"<dog>": torch.ones(8)}, tmp_path / "concept.bin")
    both = {"clip_l": torch.ones(2, 8), "clip_g": torch.ones(3, 8)}
    save_file(both, tmp_path / "xl.safetensors")
    save_file({"a": torch.ones(2, 8), "b": torch.ones(2, 8)}, tmp_path / "lora.safetensors")
    (tmp_path / "broken.safetensors").write_bytes(b"no header")
    (tmp_path / "broken.pt").write_bytes(b"PK no zip")
    loaded, notices = EmbeddingFolder(tmp_path).load()
    assert len(notices) == 3
    assert embedding_sizes(tmp_path) == {name: it.count for name, it in loaded.known.items()}


def test_no_folder_is_no_embedding(tmp_path: Path) -> None:
    assert embedding_sizes(tmp_path / "missing") == {}


def test_a_file_is_read_once_as_long_as_it_stays_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    facts = FileFacts(tmp_path / "facts.json")
    folder = tmp_path / "embeddings"
    folder.mkdir()
    save_file({"emb_params": torch.zeros(3, 8)}, folder / "one.safetensors")
    assert embedding_sizes(folder, facts) == {"one": 3}
    read: list[str] = []

    def counted(path: Path) -> int:
        read.append(path.name)
        return 5

    monkeypatch.setattr(room, "vectors_in", counted)
    assert embedding_sizes(folder, FileFacts(tmp_path / "facts.json")) == {"one": 3}
    assert read == []
    save_file({"emb_params": torch.zeros(4, 8)}, folder / "one.safetensors")
    assert embedding_sizes(folder, facts) == {"one": 5}
