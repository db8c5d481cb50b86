"""The tokenizers of BERT and T5, with small vocabularies made here."""

import json
import struct

import pytest
from tokenizers import SentencePieceUnigramTokenizer, Tokenizer

from modules.errors import ModelError
from modules.prompt.word_tokenizers import BERT_FILES, find_file, read_bert, read_t5

WORDS = [
    "[PAD]",
    "[UNK]",
    "[CLS]",
    "[SEP]",
    "a",
    "photo",
    "of",
    "cat",
    "un",
    "##believ",
    "##able",
    ",",
]
TEXTS = ["a photo of a cat", "a painting of two cats, oil", "the cat sat on the photo of a dog"]


def field(number, value):
    """A field of a protocol buffer."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    if isinstance(value, float):
        return varint(number << 3 | 5) + struct.pack("<f", value)
    return varint(number << 3 | 2) + varint(len(value)) + value


def varint(value):
    low, rest = value & 0x7F, value >> 7
    return bytes([low | 0x80]) + varint(rest) if rest else bytes([low])


def piece_model(pieces):
    """A SentencePiece file of (text, score, type)."""
    made = b""
    for text, score, kind in pieces:
        piece = field(1, text.encode()) + field(2, float(score)) + field(3, kind)
        made += field(1, piece)
    return made + field(2, field(40, 2)) + field(3, field(1, b"nmt_nfkc"))


@pytest.fixture
def bert(tmp_path):
    path = tmp_path / "vocab.txt"
    path.write_text("\n".join(WORDS) + "\n", encoding="utf-8")
    return read_bert(path)


def test_bert_reads_words_as_their_longest_known_parts_in_lower_case(bert):
    words = [WORDS[number] for number in bert.encode("A Photo of  Únbelievable CAT, dog")]
    assert words == ["a", "photo", "of", "un", "##believ", "##able", "cat", ",", "[UNK]"]


def test_marks_stand_around_the_words_and_padding_after_them(bert):
    assert bert.marked([4, 5], 6) == [2, 4, 5, 3, 0, 0]
    assert bert.marked([4, 5, 6, 7, 8, 9], 6) == [2, 4, 5, 6, 7, 3]


def test_the_librarys_own_format_gives_the_same_words(bert, tmp_path):
    bert._tokenizer.save(str(tmp_path / "tokenizer.json"))
    again = read_bert(tmp_path / "tokenizer.json")
    assert again.encode("unbelievable cat") == bert.encode("unbelievable cat")


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A small SentencePiece vocabulary in both formats."""
    folder = tmp_path_factory.mktemp("t5")
    trainer = SentencePieceUnigramTokenizer()
    trainer.train_from_iterator(
        TEXTS * 20, vocab_size=60, special_tokens=["<pad>", "</s>", "<unk>"], unk_token="<unk>",
        show_progress=False,
    )  # fmt: skip
    trainer.save(str(folder / "tokenizer.json"))
    listed = json.loads((folder / "tokenizer.json").read_text())["model"]["vocab"]
    kinds = [3, 3, 2] + [1] * (len(listed) - 3)
    pieces = [(text, score, kind) for (text, score), kind in zip(listed, kinds, strict=True)]
    (folder / "spiece.model").write_bytes(piece_model(pieces))
    return folder


@pytest.mark.parametrize("text", [*TEXTS, "a  cat ", "", "cats cats", "zebra 猫"])
def test_t5_finds_the_same_pieces_in_both_formats(trained, text):
    theirs = Tokenizer.from_file(str(trained / "tokenizer.json"))
    expected = theirs.encode(text.strip(), add_special_tokens=False).ids
    assert read_t5(trained / "spiece.model").encode(text) == expected


def test_t5_chooses_the_likeliest_pieces(tmp_path):
    pieces = [
        ("<pad>", 0, 3), ("</s>", 0, 3), ("<unk>", 0, 2), ("▁ab", -5, 1), ("▁a", -1, 1),
        ("b", -1, 1), ("c", -1, 1), ("bc", -4, 1), ("▁", -9, 1),
    ]  # fmt: skip
    (tmp_path / "spiece.model").write_bytes(piece_model(pieces))
    tokenizer = read_t5(tmp_path / "spiece.model")
    assert [pieces[number][0] for number in tokenizer.encode("abc")] == ["▁a", "b", "c"]
    assert tokenizer.marked(tokenizer.encode("ab"), 5) == [4, 5, 1, 0, 0]
    assert tokenizer.size == len(pieces) + 100


@pytest.mark.parametrize("length", range(0, 60, 7))
def test_a_cut_off_file_is_refused_in_words(trained, tmp_path, length):
    path = tmp_path / "spiece.model"
    path.write_bytes((trained / "spiece.model").read_bytes()[:length])
    with pytest.raises(ModelError, match=r"spiece\.model is not a"):
        read_t5(path)


@pytest.mark.parametrize("content", [b"{", b"[]", b"\xff\xfe", b'{"model": 3}'])
def test_what_is_no_tokenizer_is_refused_in_words(tmp_path, content):
    path = tmp_path / "tokenizer.json"
    path.write_bytes(content)
    with pytest.raises(ModelError, match=r"tokenizer\.json (is not|cannot be read)"):
        read_t5(path)


def test_the_wrong_vocabulary_is_named(tmp_path):
    path = tmp_path / "vocab.txt"
    path.write_text("a\nb\n", encoding="utf-8")
    with pytest.raises(ModelError, match=r"lacks \[CLS\]"):
        read_bert(path)


def test_a_missing_file_is_asked_for_by_name_and_place(tmp_path):
    first, second = tmp_path / "model", tmp_path / "tokenizers"
    with pytest.raises(ModelError, match="vocabulary of BERT is missing") as caught:
        find_file([first, second], BERT_FILES, "BERT")
    assert str(second) in caught.value.hint and "vocab.txt" in caught.value.hint
    second.mkdir()
    (second / "vocab.txt").touch()
    assert find_file([first, second], BERT_FILES, "BERT") == second / "vocab.txt"
