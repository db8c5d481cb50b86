"""From files in the usual folders to words about a picture."""

import pytest
import torch
from safetensors.torch import save_file

from modules.errors import Interrupted, ModelError
from modules.model.device import Device
from modules.model.networks.blip import Blip, BlipConfig
from modules.model.networks.clip_text import ClipText, ClipTextConfig
from modules.model.networks.clip_vision import ClipVisionConfig
from modules.model.phrases import PairNetwork
from modules.paths import Paths
from modules.pipeline.describing import DescriberShelf, tags_as_text
from modules.schema.inputs import ImageData
from modules.schema.picture_tasks import Describe, SentenceOptions, TagOptions
from tests.model.test_captioner import MARKS, SIZE, WORDS, tensors_of, with_picture

CPU = Device(torch.device("cpu"), torch.float32, "CPU")
NOTHING = ImageData(1, 1, "RGB", bytes(3))
BLIP = BlipConfig(
    side=32, patch=8, vision_width=64, vision_layers=1, vision_intermediate=64, width=64,
    layers=1, intermediate=64, vocab_size=SIZE, positions=40,
)  # fmt: skip
EYE = ClipVisionConfig(width=64, layers=1, heads=1, intermediate=64, patch=14, side=28)
READER = ClipTextConfig(width=64, layers=1, intermediate=64, projection=16)
SHORT = SentenceOptions(least=6, most=9)
FLAVOURS = ("oil on canvas", "neon lights", "pencil", "a long exposure")


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    data = tmp_path_factory.mktemp("describing")
    torch.manual_seed(0)
    eye, reader = PairNetwork(EYE, 16), ClipText(READER)
    torch.nn.init.normal_(reader.text_projection.weight)
    clip = {**tensors_of(eye), **tensors_of(reader)}
    for name, tensors in (("BLIP", tensors_of(Blip(BLIP))), ("CLIP", clip)):
        (data / "models" / name).mkdir(parents=True)
        save_file(tensors, data / "models" / name / "model.safetensors")
    (data / "models" / "tokenizers").mkdir()
    (data / "models" / "tokenizers" / "vocab.txt").write_text("\n".join(MARKS + WORDS))
    return data


@pytest.fixture
def lists(data):
    folder = data / "interrogate"
    folder.mkdir()
    (folder / "flavors.top2.txt").write_text("\n".join(FLAVOURS))
    (folder / "mediums.txt").write_text("a photograph\n\na drawing\n")
    yield folder
    for path in folder.iterdir():
        path.unlink()
    folder.rmdir()


def described(data, heed=lambda: None, **options):
    shelf = DescriberShelf(Paths(data=data, program=data), CPU)
    wish = Describe(image=NOTHING, **{"sentence": SHORT, **options})
    return shelf.describe(with_picture(), wish, heed)


def test_without_lists_a_picture_gets_its_sentence_alone(data):
    text = described(data)
    assert text
    assert set(text.replace(",", "").split()) <= {*WORDS, "reds", "cats", "dogs"} | {
        word.removeprefix("##") for word in WORDS
    }


def test_the_best_of_each_list_follow_the_sentence(data, lists):
    sentence, *phrases = described(data).split(", ")
    assert sentence == described(data, sentence=SentenceOptions(
        least=6, most=9, skipped=("flavors", "mediums")
    ))  # fmt: skip
    assert len(phrases) == 3
    assert set(phrases[:2]) < set(FLAVOURS)
    assert phrases[2] in ("a photograph", "a drawing")
    one = SentenceOptions(least=6, most=9, dictionary_limit=1)
    assert described(data, sentence=one).split(", ")[1:] == [FLAVOURS[0], "a photograph"]


def test_scores_are_written_as_emphasis(data, lists):
    phrases = described(data, scores=True).split(", ")[1:]
    shares = [float(phrase.rpartition(":")[2].rstrip(")")) for phrase in phrases]
    assert all(phrase.startswith("(") for phrase in phrases)
    assert 0 < shares[1] <= shares[0] <= 1


def test_describing_ends_when_it_should(data):
    def heed():
        raise Interrupted("Stopped.")

    with pytest.raises(Interrupted):
        described(data, heed)


def test_a_missing_vocabulary_is_named_with_its_folder(data):
    path = data / "models" / "tokenizers" / "vocab.txt"
    words = path.read_text()
    path.unlink()
    try:
        with pytest.raises(ModelError, match=r"vocab\.txt or tokenizer\.json into .*BLIP"):
            described(data)
    finally:
        path.write_text(words)


def test_tags_are_sorted_filtered_and_escaped():
    tags = [("smile", 0.9), ("blue_eyes_(medium)", 0.7), ("1girl", 0.6), ("dark", 0.2)]
    assert tags_as_text(tags, TagOptions(), scores=False) == "1girl, blue eyes \\(medium\\), smile"
    by_score = TagOptions(by_alphabet=False, dropped="1GIRL, nothing", escape=False)
    assert tags_as_text(tags, by_score, scores=True) == (
        "(smile:0.900), (blue eyes (medium):0.700)"
    )
