"""The token counter beside a prompt box."""

from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple

from modules.prompt.chunks import ChunkedText, EmbeddingIndex, EmbeddingWord, chunk_prompt
from modules.prompt.comments import strip_comments
from modules.prompt.compose import split_composition
from modules.prompt.networks import take_networks
from modules.prompt.schedule import parse_schedule
from modules.prompt.tokenizer import ClipTokenizer


class TokenCount(NamedTuple):
    """Tokens used, and how many fit into the chunks begun; shown as `12/75`."""

    used: int
    room: int

    def __str__(self) -> str:
        return f"{self.used}/{self.room}"


def count_tokens(
    text: str,
    tokenizer: ClipTokenizer,
    *,
    steps: int = 20,
    negative: bool = False,
    embeddings: EmbeddingIndex | None = None,
    backtrack: int = 20,
    syntax: str = "A1111",
    emphasis: str = "Original",
    comments: bool = True,
) -> TokenCount:
    """Count the tokens of a prompt: of its longest part and version, without networks.

    Styles, where they should count, are merged into `text` by the caller. A negative prompt is not
    split at AND, and `<…>` in it is text.
    """
    text = strip_comments(text) if comments else text
    parts = [text]
    if not negative:
        parts = [part.text for part in split_composition(take_networks(text)[0])]
    versions = {version.text for part in parts for version in parse_schedule(part, steps)}
    counted = (
        chunk_prompt(
            version,
            tokenizer,
            embeddings,
            backtrack=backtrack,
            syntax=syntax,
            parse=emphasis != "None",
        )
        for version in versions
    )
    return _longest(counted)


@lru_cache(maxsize=4)
def embedding_index(sizes: tuple[tuple[str, int], ...], tokenizer: ClipTokenizer) -> EmbeddingIndex:
    """The names of embeddings among tokens, for pairs of name and number of vectors."""
    return EmbeddingIndex(
        EmbeddingWord(name, tuple(tokenizer.encode(name)), vectors) for name, vectors in sizes
    )


def _longest(texts: Iterable[ChunkedText]) -> TokenCount:
    longest = max(texts, key=lambda text: text.count)
    return TokenCount(longest.count, longest.room)


def unbalanced_brackets(text: str) -> str:
    """Return the kinds of brackets that do not pair up, such as "() []"; empty if all do."""
    bare = text.replace("\\\\", "")
    wrong = []
    for opening, closing in ("()", "[]", "{}"):
        plain = bare.replace("\\" + opening, "").replace("\\" + closing, "")
        if plain.count(opening) != plain.count(closing):
            wrong.append(opening + closing)
    return " ".join(wrong)
