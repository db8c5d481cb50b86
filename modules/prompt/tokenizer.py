"""CLIP's byte-pair tokenizer, without torch (Radford et al. 2021; the vocabulary is theirs)."""

import gzip
import html
import re
from functools import lru_cache
from pathlib import Path

import ftfy
from tokenizers import AddedToken, Regex, Tokenizer
from tokenizers.models import BPE
from tokenizers.pre_tokenizers import ByteLevel, Sequence, Split

MERGES = Path(__file__).parent / "data" / "bpe_simple_vocab_16e6.txt.gz"
MERGE_COUNT = 48894
START_WORD, END_WORD = "<|startoftext|>", "<|endoftext|>"

_WORDS = r"'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"
_SPACE = re.compile(r"\s+")


def clean_text(text: str, *, unescape: bool = False) -> str:
    """Bring text into the form the vocabulary was made for.

    Repairs wrong encodings and odd characters (ftfy), makes every space one plain space, and turns
    everything lower case. `unescape` also resolves HTML entities twice, as OpenCLIP does; without
    it ftfy resolves them only in text without a `<`, as for the first Stable Diffusion models.
    """
    text = ftfy.fix_text(text)
    if unescape:
        text = html.unescape(html.unescape(text))
    return _SPACE.sub(" ", text).strip().lower()


class ClipTokenizer:
    """Text to token ids, 0 to 49407; immutable, so one instance serves everyone."""

    def __init__(self, merges: list[tuple[str, str]], *, unescape: bool = False) -> None:
        letters = byte_letters()
        words = [*letters, *(letter + "</w>" for letter in letters)]
        words += ["".join(pair) for pair in merges] + [START_WORD, END_WORD]
        self._ids = {word: number for number, word in enumerate(words)}
        self._unescape = unescape
        self._tokenizer = _bpe(self._ids, merges)
        self.start: int = self._ids[START_WORD]
        self.end: int = self._ids[END_WORD]
        self.comma: int = self._ids[",</w>"]

    @classmethod
    def load(cls, *, unescape: bool = False) -> "ClipTokenizer":
        """Return the tokenizer of the vocabulary that comes with this program."""
        return _load(unescape)

    def encode(self, text: str) -> list[int]:
        """Return the ids of a text, without the marks for its start and end."""
        cleaned = clean_text(text, unescape=self._unescape)
        return list(self._tokenizer.encode(cleaned, add_special_tokens=False).ids)

    def vocabulary(self) -> dict[str, int]:
        """Every word of the vocabulary, in its byte letters, with its id."""
        return dict(self._ids)


@lru_cache(maxsize=2)
def _load(unescape: bool) -> ClipTokenizer:
    return ClipTokenizer(read_merges(MERGES), unescape=unescape)


def read_merges(path: Path) -> list[tuple[str, str]]:
    """Read the pairs to merge, most frequent first, from CLIP's vocabulary file."""
    with gzip.open(path, "rt", encoding="utf-8") as file:
        lines = file.read().split("\n")[1 : MERGE_COUNT + 1]
    pairs = (line.partition(" ") for line in lines)
    return [(left, right) for left, _, right in pairs]


def byte_letters() -> list[str]:
    """The printable letters that stand for the bytes, in the order of the vocabulary.

    Bytes that print stand for themselves and come first; the others are moved beyond 255.
    """
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = len(set(range(256)) - set(printable))
    return [chr(code) for code in printable] + [chr(256 + code) for code in range(others)]


def _bpe(ids: dict[str, int], merges: list[tuple[str, str]]) -> Tokenizer:
    model = BPE(vocab=ids, merges=merges, end_of_word_suffix="</w>", unk_token=END_WORD)
    tokenizer = Tokenizer(model)
    split = Split(Regex(_WORDS), behavior="removed", invert=True)
    tokenizer.pre_tokenizer = Sequence([split, ByteLevel(add_prefix_space=False)])
    tokenizer.add_special_tokens(
        [AddedToken(word, normalized=False, special=True) for word in (START_WORD, END_WORD)]
    )
    return tokenizer
