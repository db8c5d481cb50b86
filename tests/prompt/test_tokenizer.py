"""CLIP's tokenizer, against published ids and the transformers library."""

import subprocess
import sys
import time

import pytest

from modules.prompt.tokenizer import MERGES, ClipTokenizer, clean_text, read_merges

NASTY = (
    "a cat|it's|IT'S we'll I'M|naïve café|ÜNÏCODE ẞ|日本語 テキスト|한국어|emoji 😀👨‍👩‍👧|"
    "a\u00a0b\u3000c|ﬁne ﬂow|"
    "“quotes” ‘x’|a &amp; b &#39; &nbsp; c <b>|Ã©tÃ©|tab\tnew\nline|control\x00\x07x|"
    "<|endoftext|".replace("|", "¦", 1)
    + "|1234 12.5 ½ ²|___---===|(((a:1.2)))|\u0301\u0301a|Ａ Ｂ|"
    "don't 'll|a,b,c.,!?|#@$%^&*|\ufeffbom|\u200bzero|𝒜𝓑|ﷺ|\\|  lead||   |<|a<b|&lt;a&gt;|؀١٢٣|ไทย"
).split("|")


@pytest.fixture(scope="module")
def tokenizer():
    return ClipTokenizer.load()


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("a cat", [320, 2368]),
        ("masterpiece, 1girl", [12066, 267, 272, 1611]),
        (".,", [5276]),
        ("", []),
        ("A  Cat ", [320, 2368]),
        ("<|endoftext|>", [49407]),
    ],
)
def test_published_ids(tokenizer, text, ids):
    assert tokenizer.encode(text) == ids


def test_the_special_tokens_have_their_ids(tokenizer):
    assert (tokenizer.start, tokenizer.end, tokenizer.comma) == (49406, 49407, 267)
    assert len(tokenizer.vocabulary()) == 49408


def test_text_is_cleaned_before_it_is_cut():
    assert clean_text(" “A”\u00a0\nﬁ ") == '"a" fi'
    assert clean_text("a &amp; b") == "a & b"
    assert clean_text("a &amp; <b>") == "a &amp; <b>"
    assert clean_text("a &amp;amp; <b>", unescape=True) == "a & <b>"


def test_one_instance_serves_everyone(tokenizer):
    assert ClipTokenizer.load() is tokenizer


def test_a_megabyte_of_one_word_takes_no_time(tokenizer):
    start = time.perf_counter()
    assert len(tokenizer.encode("x" * 1_000_000)) > 1000
    assert time.perf_counter() - start < 5


@pytest.mark.slow
def test_ids_are_those_of_the_transformers_library(tokenizer):
    transformers = pytest.importorskip("transformers")
    reference = transformers.CLIPTokenizer(vocab=tokenizer.vocabulary(), merges=read_merges(MERGES))
    for text in NASTY:
        ids = reference(clean_text(text), add_special_tokens=False)["input_ids"]
        assert tokenizer.encode(text) == ids, text


def test_it_loads_without_torch():
    script = (
        "import sys; from modules.prompt.count import count_tokens;"
        "from modules.prompt.tokenizer import ClipTokenizer;"
        "count_tokens('a', ClipTokenizer.load()); sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
