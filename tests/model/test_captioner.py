"""BLIP and its search for words, against transformers; phrases by CLIP; taggers."""

import csv
import sys
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from modules.errors import ModelError
from modules.model.beam_search import Wanted, likeliest
from modules.model.captioner import BEGINNING, Captioner, author_name, prepared
from modules.model.networks.danbooru import Danbooru, DanbooruConfig, same_padding
from modules.model.phrases import PhraseChooser
from modules.model.tagger import fitted, load_tagger
from modules.prompt.tokenizer import ClipTokenizer
from modules.prompt.word_tokenizers import read_bert
from tests.model.onnx_files import model, node

MARKS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
WORDS = ("a", "picture", "of", "cat", "dog", "red", "##s", "on", "the", "hill", "sea", "sun")
END = MARKS.index("[SEP]")
SIZE = len(MARKS) + len(WORDS) + 2


@pytest.fixture(scope="module")
def vocabulary(tmp_path_factory):
    path = tmp_path_factory.mktemp("words") / "vocab.txt"
    path.write_text("\n".join(MARKS + WORDS))
    return read_bert(path)


def random_blip(seed):
    from transformers import BlipConfig, BlipForConditionalGeneration

    torch.manual_seed(seed)
    text = {
        "vocab_size": SIZE, "hidden_size": 128, "encoder_hidden_size": 128,
        "intermediate_size": 96, "num_hidden_layers": 2, "num_attention_heads": 2,
        "max_position_embeddings": 40, "bos_token_id": SIZE - 2, "sep_token_id": END,
        "eos_token_id": END, "pad_token_id": 0, "initializer_range": 0.3,
    }  # fmt: skip
    vision = {
        "hidden_size": 128, "intermediate_size": 80, "num_hidden_layers": 2, "image_size": 32,
        "num_attention_heads": 2, "patch_size": 8, "layer_norm_eps": 1e-6,
        "initializer_range": 0.3,
    }  # fmt: skip
    config = BlipConfig(
        text_config=text, vision_config=vision, image_text_hidden_size=16, projection_dim=16
    )
    return BlipForConditionalGeneration(config).eval()


def tensors_of(network):
    return {name: value.clone() for name, value in network.state_dict().items()}


def with_picture(seed=0):
    return Image.fromarray(
        np.random.default_rng(seed).integers(0, 256, (48, 40, 3), dtype=np.uint8)
    )


@pytest.mark.parametrize("beams", [1, 3])
def test_captions_are_those_of_transformers(tmp_path, vocabulary, beams):
    for seed in range(4):
        theirs = random_blip(seed)
        save_file(tensors_of(theirs), tmp_path / "model.safetensors")
        ours = Captioner.read(tmp_path / "model.safetensors", vocabulary)
        picture = with_picture(seed)
        begin = [SIZE - 2, *vocabulary.encode(BEGINNING)]
        with torch.no_grad():
            seen = theirs.vision_model(prepared(picture, 32)).last_hidden_state
            (told,) = theirs.text_decoder.generate(
                input_ids=torch.tensor([begin]),
                encoder_hidden_states=seen,
                num_beams=beams,
                min_length=8,
                max_length=20,
                do_sample=False,
            ).tolist()
        words = told[len(begin) :]
        words = words[: words.index(END)] if END in words else words
        caption = ours.describe(picture, beams=beams, least=8, most=20)
        assert caption == vocabulary.decode(words)


def test_the_authors_names_are_read_as_transformers_are(tmp_path, vocabulary):
    theirs = tensors_of(random_blip(1))
    table = {author_name(name): value for name, value in theirs.items()}
    for name in ("weight", "bias"):  # kept once, under the other name
        del table[f"text_decoder.cls.predictions.decoder.{name}"]
    assert "visual_encoder.blocks.1.attn.qkv.weight" in table
    torch.save({"model": table}, tmp_path / "model_base_caption.pth")
    save_file(theirs, tmp_path / "model.safetensors")
    captions = {
        Captioner.read(tmp_path / name, vocabulary).describe(
            with_picture(), beams=1, least=6, most=12
        )
        for name in ("model_base_caption.pth", "model.safetensors")
    }
    assert len(captions) == 1


def test_a_file_of_another_kind_is_no_captioner(tmp_path, vocabulary):
    save_file({"a": torch.zeros(1)}, tmp_path / "x.safetensors")
    with pytest.raises(ModelError, match=r"x\.safetensors is no captioner"):
        Captioner.read(tmp_path / "x.safetensors", vocabulary)


def walk(table):
    """A step whose scores depend on the newest word alone."""
    return lambda ids, place, rows: torch.tensor([table[int(word)] for word in ids]).log()


def test_a_wide_search_finds_what_a_narrow_one_passes_by():
    """After 0 the likelier 1 leads to nothing; 2 leads to a sure end."""
    unlikely = 1e-9
    table = {
        0: [unlikely, 0.6, 0.4, unlikely],
        1: [0.25, 0.25, 0.25, 0.25],
        2: [unlikely, unlikely, unlikely, 1.0],
    }
    wanted = {"begin": (0,), "end": 3, "least": 1, "most": 3}
    assert likeliest(walk(table), Wanted(**wanted, beams=1))[:1] == [1]
    assert likeliest(walk(table), Wanted(**wanted, beams=2)) == [2]


def test_a_sentence_is_as_long_as_it_has_to_be_and_no_longer():
    table = {0: [0.1, 0.2, 0.7], 1: [0.1, 0.2, 0.7]}
    for least, most, length in ((1, 9, 0), (4, 9, 3), (1, 1, 0)):
        wanted = Wanted(begin=(0,), end=2, least=least, most=most)
        assert len(likeliest(walk(table), wanted)) == length


def test_a_caption_ends_when_it_should(tmp_path, vocabulary):
    save_file(tensors_of(random_blip(0)), tmp_path / "model.safetensors")
    heard = []

    def heed():
        heard.append(1)
        if len(heard) > 6:
            raise ModelError("enough")

    captioner = Captioner.read(tmp_path / "model.safetensors", vocabulary)
    with pytest.raises(ModelError, match="enough"):
        captioner.describe(with_picture(), beams=1, least=30, most=30, heed=heed)


def random_clip():
    from transformers import CLIPConfig, CLIPModel

    torch.manual_seed(0)
    sizes = {"hidden_size": 64, "intermediate_size": 64, "num_hidden_layers": 2}
    text = {**sizes, "num_attention_heads": 1, "eos_token_id": 49407}
    vision = {**sizes, "num_attention_heads": 1, "image_size": 28, "patch_size": 14}
    config = CLIPConfig(text_config=text, vision_config=vision, projection_dim=16)
    return CLIPModel(config).eval()


def test_phrases_are_ranked_as_transformers_clip_ranks_them(tmp_path):
    theirs = random_clip()
    save_file(tensors_of(theirs), tmp_path / "model.safetensors")
    chooser = PhraseChooser.read(tmp_path / "model.safetensors", ClipTokenizer.load())
    phrases = ["a red cat", "by the sea, in a long and winding sentence", "oil", "high contrast"]
    vectors = chooser.read_phrases(phrases, tmp_path / "kept")
    seen = chooser.see(with_picture())
    found = chooser.best(seen, phrases, vectors, 4)

    from modules.model.safety import prepared as as_clip_sees

    tokenizer = ClipTokenizer.load()
    rows = [[tokenizer.start, *tokenizer.encode(one), tokenizer.end] for one in phrases]
    wanted = []
    with torch.no_grad():
        picture = as_clip_sees(np.asarray(with_picture()), 28)
        eye = theirs.visual_projection(theirs.vision_model(picture).pooler_output)
        eye = eye / eye.norm()
        for row in rows:
            states = theirs.text_model(torch.tensor([row])).pooler_output
            wanted.append(theirs.text_projection(states)[0])
        shares = torch.stack([100 * (eye @ (one / one.norm())) for one in wanted]).softmax(0)
    order = shares[:, 0].argsort(descending=True).tolist()
    assert [one.phrase for one in found] == [phrases[at] for at in order]
    assert [one.share for one in found] == pytest.approx(shares[order, 0].tolist(), abs=1e-3)
    assert torch.equal(chooser.read_phrases(phrases, tmp_path / "kept"), vectors)
    assert len(list((tmp_path / "kept").iterdir())) == 1


def save_danbooru(path, *, shortcut_first, tags=3):
    torch.manual_seed(0)
    table, number = {}, 0

    def put(after, before, side):
        nonlocal number
        weight = torch.randn(after, before, side, side) / (before * side * side) ** 0.5
        table[f"n_Conv_{number}.weight"], table[f"n_Conv_{number}.bias"] = (
            weight,
            torch.zeros(after),
        )
        number += 1

    put(4, 3, 7)
    before = 4
    for wide, repeats in ((16, 1), (16, 2), (32, 0)):
        for at in range(repeats + 1):
            if at == 0 and shortcut_first:
                put(wide, before, 1)
            put(wide // 4, before, 1)
            put(wide // 4, wide // 4, 3)
            put(wide, wide // 4, 1)
            if at == 0 and not shortcut_first:
                put(wide, before, 1)
            before = wide
    put(tags, before, 1)
    names = ["long_hair", "rating:safe", "smile_(medium)"][:tags]
    torch.save({**table, "tags": names}, path)
    return table


@pytest.mark.parametrize("shortcut_first", [True, False])
def test_blocks_are_read_off_the_shapes(tmp_path, shortcut_first):
    table = save_danbooru(tmp_path / "x.pt", shortcut_first=shortcut_first)
    config = DanbooruConfig.from_shapes({name: tuple(t.shape) for name, t in table.items()})
    assert [row.stride for row in config.rows] == [1, 1, 2, 1, 1, 2]
    assert [row.shortcut is not None for row in config.rows] == [1, 0, 1, 0, 0, 1]
    network = Danbooru(config)
    network.load_state_dict(table)
    scores = network(torch.rand(1, 3, 64, 64))
    assert scores.shape == (1, 3)
    assert 0 < scores.min() < scores.max() < 1


def test_the_published_tagger_has_57_blocks():
    shapes, before = [(64, 3, 7, 7)], 64
    plan = ((256, 2), (512, 7), (1024, 19), (1024, 19), (2048, 2), (4096, 2))
    for wide, repeats in plan:
        for at in range(repeats + 1):
            shortcut = [(wide, before, 1, 1)] if at == 0 else []
            inner = wide // 4
            shapes += [*shortcut, (inner, before, 1, 1), (inner, inner, 3, 3), (wide, inner, 1, 1)]
            before = wide
    shapes.append((9176, 4096, 1, 1))
    assert len(shapes) == 179  # n_Conv_0 to n_Conv_178
    config = DanbooruConfig.from_shapes({f"n_Conv_{n}.weight": s for n, s in enumerate(shapes)})
    assert len(config.rows) == 57
    assert sum(row.stride == 2 for row in config.rows) == 5


@pytest.mark.parametrize(
    ("length", "side", "stride", "pads"),
    [(512, 7, 2, (2, 3)), (256, 3, 2, (0, 1)), (9, 3, 1, (1, 1))],
)
def test_edges_are_padded_as_tensorflow_does(length, side, stride, pads):
    padded = same_padding(torch.ones(1, 1, 1, length), 1, 1)
    assert padded.shape[-1] == length
    padded = same_padding(torch.ones(1, 1, length, length), side, stride)
    row = padded[0, 0, length // 2].tolist()
    assert (row.index(1), row[::-1].index(1)) == pads


def test_deepdanbooru_names_tags_likeliest_first_without_ratings(tmp_path):
    save_danbooru(tmp_path / "model-resnet_custom_v3.pt", shortcut_first=True)
    tagger = load_tagger(tmp_path / "model-resnet_custom_v3.pt")
    found = tagger.look(with_picture())
    assert sorted(tag for tag, _ in found) == ["long_hair", "smile_(medium)"]
    assert found[0][1] >= found[1][1]


@pytest.mark.parametrize(
    ("content", "words"), [({"a": torch.zeros(1)}, "does not name its tags"), (None, "no tagger")]
)
def test_a_file_that_is_no_tagger_is_refused(tmp_path, content, words):
    torch.save(content or {"tags": ["a"], "n_Conv_0.weight": torch.zeros(1)}, tmp_path / "x.pt")
    with pytest.raises(ModelError, match=words):
        load_tagger(tmp_path / "x.pt")


def save_onnx_tagger(folder):
    """A tagger that scores how blue, green and red the middle of a picture is."""
    weights = np.eye(3, dtype=np.float32) / 255
    nodes = [
        node("Transpose", ["input"], ["turned"], perm=[0, 3, 1, 2]),
        node("GlobalAveragePool", ["turned"], ["mean"]),
        node("Reshape", ["mean", "shape"], ["flat"]),
        node("Gemm", ["flat", "weights"], ["scores"]),
    ]
    constants = {"shape": np.array([1, 3]), "weights": weights}
    content = model(nodes, constants, {"input": [1, 448, 448, 3]}, {"scores": [1, 3]})
    (folder / "model.onnx").write_bytes(content)
    with (folder / "selected_tags.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerows([["tag_id", "name", "category", "count"], [1, "general", 9, 1]])
        rows.writerows([[2, "green_hair", 0, 1], [3, "red_dress", 0, 1]])
    return folder / "model.onnx"


def test_an_onnx_tagger_is_computed_without_onnxruntime(tmp_path):
    tagger = load_tagger(save_onnx_tagger(tmp_path))
    red = Image.new("RGB", (100, 100), (204, 51, 0))
    assert tagger.look(red) == [
        ("red_dress", pytest.approx(0.8, abs=0.01)),
        ("green_hair", pytest.approx(0.2, abs=0.01)),
    ]


def test_onnxruntime_is_used_where_it_is_installed(tmp_path, monkeypatch):
    asked = []

    class Session:
        def __init__(self, path, providers):
            asked.append(path)

        def get_inputs(self):
            return [SimpleNamespace(name="input")]

        def run(self, names, given):
            assert given["input"].shape == (1, 448, 448, 3)
            return [np.array([[0.1, 0.9, 0.2]])]

    library = SimpleNamespace(InferenceSession=Session, __spec__=SimpleNamespace())
    monkeypatch.setitem(sys.modules, "onnxruntime", library)
    path = save_onnx_tagger(tmp_path)
    assert load_tagger(path).look(with_picture())[0] == ("green_hair", 0.9)
    assert asked == [str(path)]


def test_a_tagger_without_its_list_says_which_file_is_missing(tmp_path):
    path = save_onnx_tagger(tmp_path)
    (tmp_path / "selected_tags.csv").unlink()
    with pytest.raises(ModelError, match=r"selected_tags\.csv"):
        load_tagger(path)


def test_the_whole_picture_is_looked_at():
    wide = Image.new("RGB", (200, 100), (255, 0, 0))
    square = fitted(wide, 64, edge=False)
    assert square.shape == (64, 64, 3)
    assert square[0, 0].tolist() == [255, 255, 255]
    assert square[32, 0].tolist() == [255, 0, 0]
    assert fitted(wide, 64, edge=True)[0, 0].tolist() == [255, 0, 0]
