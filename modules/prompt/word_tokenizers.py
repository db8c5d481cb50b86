"""The tokenizers of BERT and T5, from files of the user's; without torch.

Their vocabularies do not come with the program. They are looked for in the model's own folder and
in `models/tokenizers`, as the files that come with those models.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path

from tokenizers import Regex, Tokenizer, decoders, normalizers, pre_tokenizers
from tokenizers.models import Unigram, WordPiece

from modules.errors import ModelError
from modules.prompt.piece_model import PieceModel, read_piece_model

BERT_FILES = ("vocab.txt", "tokenizer.json")
BERT_MARKS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
T5_FILES = ("tokenizer.json", "spiece.model")
LARGEST = 64 * 2**20
"""Bytes of a file; real ones have less than three million."""
LONGEST_WORD = 100
EXTRA_IDS = 100
"""Words `<extra_id_99>` to `<extra_id_0>` that T5 adds to the vocabulary in its file."""


class WordTokenizer:
    """Text to token ids of a fixed number, with the marks that the model expects.

    Immutable, so one instance serves everyone.
    """

    def __init__(self, tokenizer: Tokenizer, *, start: int | None, end: int, pad: int) -> None:
        self._tokenizer = tokenizer
        self.start, self.end, self.pad = start, end, pad

    @property
    def size(self) -> int:
        """Words in the vocabulary."""
        return int(self._tokenizer.get_vocab_size())

    def encode(self, text: str) -> list[int]:
        """Return the ids of a text, without any marks."""
        return list(self._tokenizer.encode(text, add_special_tokens=False).ids)

    def decode(self, ids: Sequence[int]) -> str:
        """Return the text of ids, without marks."""
        marks = set(map(self._tokenizer.token_to_id, BERT_MARKS))
        words = [number for number in ids if number not in marks]
        return str(self._tokenizer.decode(words, skip_special_tokens=True))

    def marked(self, ids: Sequence[int], length: int) -> list[int]:
        """Put marks around `ids`, cut what is too long, fill what is too short: `length` ids."""
        start = [] if self.start is None else [self.start]
        kept = [*start, *ids[: length - len(start) - 1], self.end]
        return kept + [self.pad] * (length - len(kept))


def find_file(folders: Iterable[Path], names: Sequence[str], title: str) -> Path:
    """The first of the files `names` in one of `folders`; ModelError says where it belongs."""
    places = list(folders)
    for folder in places:
        for name in names:
            if (folder / name).is_file():
                return folder / name
    raise ModelError(
        f"The vocabulary of {title} is missing.",
        f"Put its {' or '.join(names)} into {places[-1]}.",
    )


def read_bert(path: Path) -> WordTokenizer:
    """BERT's tokenizer of lower case (Devlin et al. 2018): `vocab.txt` or `tokenizer.json`."""
    if path.suffix == ".json":
        tokenizer = read_tokenizer(path)
    else:
        words = read_text(path).splitlines()
        vocabulary = {word.strip(): number for number, word in enumerate(words) if word.strip()}
        tokenizer = Tokenizer(
            WordPiece(vocabulary, unk_token="[UNK]", max_input_chars_per_word=LONGEST_WORD)
        )
        tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
        tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
        tokenizer.decoder = decoders.WordPiece()
    start, end, pad, _ = (
        known(tokenizer, mark, path) for mark in ("[CLS]", "[SEP]", "[PAD]", "[UNK]")
    )
    return WordTokenizer(tokenizer, start=start, end=end, pad=pad)


def read_t5(path: Path) -> WordTokenizer:
    """T5's tokenizer (Raffel et al. 2019) from its `tokenizer.json` or `spiece.model`."""
    if path.suffix == ".json":
        tokenizer = read_tokenizer(path)
    else:
        model = read_piece_model(path)
        try:
            tokenizer = from_pieces(model)
        except Exception as error:  # the library raises nothing more special
            raise ModelError(f"{path} cannot be used: {error}.", "Get it again.") from error
    end, pad = (known(tokenizer, mark, path) for mark in ("</s>", "<pad>"))
    return WordTokenizer(tokenizer, start=None, end=end, pad=pad)


def from_pieces(model: PieceModel) -> Tokenizer:
    """A tokenizer that finds the likeliest pieces (Kudo 2018) of a SentencePiece model."""
    extra = [(f"<extra_id_{number}>", 0.0) for number in reversed(range(EXTRA_IDS))]
    tokenizer = Tokenizer(Unigram([*model.pieces, *extra], model.unknown, byte_fallback=False))
    cleaned = [normalizers.Precompiled(model.normalisation)] if model.normalisation else []
    single = normalizers.Replace(Regex(" {2,}"), " ")
    tokenizer.normalizer = normalizers.Sequence([*cleaned, single, normalizers.Strip()])
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always")
    return tokenizer


def read_tokenizer(path: Path) -> Tokenizer:
    """A tokenizer in the library's own format. Raises ModelError."""
    text = read_text(path)
    try:
        return Tokenizer.from_str(text)
    except Exception as error:  # the library raises nothing more special
        raise ModelError(f"{path} is not a tokenizer: {error}.", "Get it again.") from error


def read_text(path: Path) -> str:
    """The content of a file of reasonable size. Raises ModelError."""
    try:
        if path.stat().st_size > LARGEST:
            raise ModelError(f"{path} is too large for a vocabulary.")
        return path.read_text("utf-8")
    except (OSError, UnicodeError) as error:
        raise ModelError(f"{path} cannot be read: {error}.") from error


def known(tokenizer: Tokenizer, mark: str, path: Path) -> int:
    """The id of a word that must be in the vocabulary. Raises ModelError."""
    number = tokenizer.token_to_id(mark)
    if number is None:
        raise ModelError(
            f"{path} is not the vocabulary expected here: it lacks {mark}.",
            "Take the file that came with the model.",
        )
    return int(number)
