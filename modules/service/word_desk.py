"""What helps with writing prompts, in one place for all doors."""

from collections.abc import Callable
from random import randrange

from modules.paths import Paths
from modules.prompt.count import count_tokens, embedding_index
from modules.prompt.dynamic_syntax import Marks
from modules.prompt.styles import StyleBook
from modules.prompt.tokenizer import ClipTokenizer
from modules.schema.catalogue import Catalogue
from modules.schema.request import GenerationRequest, TextOptions
from modules.service.complete import LONGEST_PROMPT
from modules.service.completion import Completer, Completion
from modules.service.database import Database
from modules.service.prompt_history import PromptHistory
from modules.service.wildcards import WildcardFolder, tries
from modules.service.wording import marks_of


class WordDesk:
    """Completions, wildcards, and the prompts of before."""

    def __init__(
        self,
        paths: Paths,
        database: Database,
        catalogue: Callable[[], Catalogue],
        styles: Callable[[], StyleBook],
    ) -> None:
        self._paths, self._catalogue, self._styles = paths, catalogue, styles
        self._completer = Completer(paths)
        self.history = PromptHistory(database)

    def complete(self, text: str, limit: int) -> list[Completion]:
        """The best offers for the piece of a prompt before the cursor."""
        return self._completer.complete(text, self._catalogue(), self._styles(), limit)

    def count_tokens(
        self,
        text: str,
        wish: TextOptions,
        *,
        steps: int = 20,
        negative: bool = False,
        syntax: str = "A1111",
    ) -> tuple[int, int]:
        """Return the tokens of a prompt, and how many fit into the chunks it has begun.

        `wish` says how the text is read, as it does when it is drawn.
        """
        tokenizer = ClipTokenizer.load()
        count = count_tokens(
            text[:LONGEST_PROMPT],
            tokenizer,
            steps=steps,
            negative=negative,
            backtrack=wish.comma_backtrack,
            syntax=syntax,
            emphasis=wish.emphasis,
            comments=wish.comments,
            embeddings=embedding_index(self._catalogue().embedding_vectors, tokenizer),
        )
        return count.used, count.room

    def wildcards(self) -> WildcardFolder:
        """The folder of wildcards as it is now."""
        return WildcardFolder(self._paths.wildcards)

    def tries(
        self, text: str, base: GenerationRequest, *, seed: int = -1, count: int = 5
    ) -> list[str]:
        """What a template becomes for a few pictures. Raises NotFound, InvalidRequest."""
        marks = marks_of(base)
        first = seed if seed >= 0 else randrange(2**32)
        shown = Marks(unescape=marks.unescape)
        return tries(self.wildcards(), text, seed=first, count=count, marks=shown)
