"""Embedding files."""

import torch
from safetensors.torch import save_file

from modules.conditioning.textual_inversion import EmbeddingFolder, Embeddings, read_embedding
from modules.prompt.tokenizer import ClipTokenizer


def test_the_reference_files_are_read_with_their_hashes(parity):
    known, notices = EmbeddingFolder(parity / "data/embeddings").load()
    assert notices == []
    assert {name: it.count for name, it in known.known.items()} == {
        "bad-tiny_neg": 8,
        "ptemb": 2,
        "tinyemb": 3,
    }
    assert known.known["ptemb"].shorthash == "3754bd5feed6"
    assert known.known["ptemb"].step == 100


def test_every_layout_in_use_is_read(tmp_path):
    vectors = torch.randn(2, 64, generator=torch.Generator().manual_seed(1))
    parameters = torch.nn.ParameterDict({"*": torch.nn.Parameter(vectors)})
    table = {"string_to_token": {"*": torch.tensor(265)}, "string_to_param": parameters}
    torch.save(table, tmp_path / "zip.pt")
    torch.save(table, tmp_path / "legacy.pt", _use_new_zipfile_serialization=False)
    torch.save({**table, "string_to_param": {"*": vectors}}, tmp_path / "dict.pt")
    torch.save({"<cat>": vectors}, tmp_path / "concept.bin")
    save_file({"emb_params": vectors.half()}, tmp_path / "half.safetensors")
    known, notices = EmbeddingFolder(tmp_path).load()
    assert notices == []
    for name in ("zip", "legacy", "dict", "concept"):
        assert torch.equal(known.vectors(name), vectors), name
    assert torch.equal(known.vectors("half"), vectors.half().float())


def test_one_vector_may_come_without_a_first_dimension(tmp_path):
    torch.save({"<cat>": torch.ones(64)}, tmp_path / "cat.bin")
    assert read_embedding(tmp_path / "cat.bin").parts["clip_l"].shape == (1, 64)


def test_a_file_that_cannot_be_used_is_a_notice(tmp_path):
    (tmp_path / "broken.pt").write_bytes(b"PK\x03\x04 and no more")
    (tmp_path / "junk.safetensors").write_bytes(b"junk" * 10)
    (tmp_path / "empty.pt").write_bytes(b"")
    (tmp_path / "page.png").write_bytes(b"<html>")
    save_file({"a": torch.ones(1), "b": torch.ones(1)}, tmp_path / "lora.safetensors")
    save_file({"a": torch.ones(1, 2, 3)}, tmp_path / "cube.safetensors")
    torch.save({"a": torch.ones(2, 64)}, tmp_path / "good.pt")
    known, notices = EmbeddingFolder(tmp_path).load()
    assert list(known.known) == ["good"]
    names = ("broken.pt", "cube.safetensors", "junk.safetensors", "lora.safetensors", "page.png")
    assert len(notices) == len(names)
    assert all(name in notice for name, notice in zip(names, notices, strict=True))


def test_files_are_read_again_only_when_they_change(tmp_path):
    path = tmp_path / "a.safetensors"
    save_file({"v": torch.ones(1, 64)}, path)
    folder = EmbeddingFolder(tmp_path)
    first = folder.load()[0]
    assert folder.load()[0].known["a"] is first.known["a"]
    save_file({"v": torch.ones(2, 64)}, path)
    second = folder.load()[0]
    assert second.known["a"].count == 2
    assert second.fingerprint != first.fingerprint
    path.unlink()
    assert folder.load()[0].known == {}


def test_a_folder_that_does_not_exist_holds_nothing(tmp_path):
    assert EmbeddingFolder(tmp_path / "none").load()[0].known == {}


def test_only_embeddings_of_the_models_width_mean_something(parity, tmp_path):
    known, _ = EmbeddingFolder(parity / "data/embeddings").load()
    assert len(known.fitting({"clip_l": 64}).known) == 3
    assert known.fitting({"clip_l": 768}).known == {}
    save_file(
        {"clip_l": torch.ones(1, 64), "clip_g": torch.ones(1, 96)}, tmp_path / "xl.safetensors"
    )
    both, _ = EmbeddingFolder(tmp_path).load()
    assert both.fitting({"clip_l": 64}).known == {}
    assert list(both.fitting({"clip_l": 64, "clip_g": 96}).known) == ["xl"]
    assert list(both.fitting({"clip_g": 96}).known) == ["xl"], "the refiner"


def test_an_embedding_of_the_folder_wins_over_a_bundled_one(tmp_path):
    torch.save({"a": torch.ones(2, 64)}, tmp_path / "a.pt")
    torch.save({"a": torch.zeros(1, 64)}, tmp_path / "b.pt")
    a, b = (read_embedding(tmp_path / name) for name in ("a.pt", "b.pt"))
    known = Embeddings({"a": a}).plus([b])
    assert set(known.known) == {"a", "b"}
    assert known.plus([read_embedding(tmp_path / "a.pt")]).known["a"] is a


def test_names_are_found_whatever_their_case(parity):
    tokenizer = ClipTokenizer.load()
    index = EmbeddingFolder(parity / "data/embeddings").load()[0].index(tokenizer)
    assert index.find(tokenizer.encode("TinyEmb"), 0).name == "tinyemb"
    assert index.find(tokenizer.encode("tiny"), 0) is None
