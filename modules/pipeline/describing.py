"""What a picture shows, in words: a sentence with phrases that suit it, or tags."""

import re
from collections.abc import Callable, Sequence

from modules.errors import NotFound
from modules.model.captioner import Captioner
from modules.model.describer_files import (
    CAPTIONER_FOLDER,
    PHRASES,
    captioner_file,
    clip_file,
    phrase_lists,
    tagger_file,
)
from modules.model.device import Device
from modules.model.phrases import PhraseChooser
from modules.model.tagger import Tagger, load_tagger
from modules.paths import Paths
from modules.pipeline.pictures import Picture, flattened
from modules.prompt.tokenizer import ClipTokenizer
from modules.prompt.word_tokenizers import BERT_FILES, find_file, read_bert
from modules.schema.picture_tasks import CLIP, DEEPBOORU, DESCRIBERS, Describe, TagOptions

Heed = Callable[[], None]
BACKGROUND = "#ffffff"


class DescriberShelf:
    """Finds what describes pictures, and keeps the networks used last."""

    def __init__(self, paths: Paths, device: Device) -> None:
        self._paths = paths
        self._device = device
        self._captioner: Captioner | None = None
        self._chooser: PhraseChooser | None = None
        self._tagger: Tagger | None = None

    def describe(self, picture: Picture, task: Describe, heed: Heed) -> str:
        """Say what `picture` shows; `heed` raises to stop. Raises NotFound, ModelError."""
        plain = flattened(picture, BACKGROUND)
        if task.by == CLIP:
            return self._sentence(plain, task, heed)
        if task.by == DEEPBOORU:
            if self._tagger is None:
                path = tagger_file(self._paths.all_models)
                self._tagger = load_tagger(path, self._device.device)
            return tags_as_text(self._tagger.look(plain), task.tags, scores=task.scores)
        raise NotFound("interrogator", task.by, DESCRIBERS)

    def _sentence(self, picture: Picture, task: Describe, heed: Heed) -> str:
        if self._captioner is None:
            self._captioner = self._read_captioner()
        wish = task.sentence
        caption = self._captioner.describe(
            picture, beams=wish.beams, least=wish.least, most=wish.most, heed=heed
        )
        return ", ".join([caption, *self._phrases(picture, task, heed)])

    def _read_captioner(self) -> Captioner:
        path = captioner_file(self._paths.all_models)
        folders = [root / CAPTIONER_FOLDER for root in self._paths.all_models]
        vocabulary = find_file([*folders, self._paths.tokenizers, folders[0]], BERT_FILES, "BERT")
        return Captioner.read(path, read_bert(vocabulary), self._device.device)

    def _phrases(self, picture: Picture, task: Describe, heed: Heed) -> list[str]:
        """Those of the user's lists that suit the picture; none without lists."""
        lists = list(phrase_lists(self._paths.data / PHRASES, task.sentence.skipped))
        if not lists:
            return []
        if self._chooser is None:
            path = clip_file(self._paths.clip)
            self._chooser = PhraseChooser.read(path, ClipTokenizer.load(), self._device.device)
        seen = self._chooser.see(picture)
        found = []
        for one in lists:
            phrases = _lines(one.path.read_text("utf-8", "replace"), task.sentence.dictionary_limit)
            if not phrases:
                continue
            vectors = self._chooser.read_phrases(phrases, self._paths.cache / "phrases", heed)
            for best in self._chooser.best(seen, phrases, vectors, one.count):
                found.append(weighted(best.phrase, best.share) if task.scores else best.phrase)
        return found

    def clear(self) -> None:
        """Give the memory back."""
        self._captioner = self._chooser = self._tagger = None


def _lines(text: str, limit: int) -> list[str]:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[:limit] if limit else lines


def weighted(text: str, score: float) -> str:
    """A word with its score as a prompt's emphasis."""
    return f"({text}:{score:.3f})"


def tags_as_text(tags: Sequence[tuple[str, float]], wish: TagOptions, *, scores: bool) -> str:
    """Tags, likeliest first, as a prompt. Tags with too small a score are left out."""
    dropped = {plain_tag(tag) for tag in wish.dropped.split(",")}
    kept = [
        (tag, score)
        for tag, score in tags
        if score >= wish.threshold and plain_tag(tag) not in dropped
    ]
    if wish.by_alphabet:
        kept.sort(key=lambda pair: pair[0])
    words = []
    for tag, score in kept:
        text = tag.replace("_", " ") if wish.spaces else tag
        text = re.sub(r"([\\()])", r"\\\1", text) if wish.escape else text
        words.append(weighted(text, score) if scores else text)
    return ", ".join(words)


def plain_tag(tag: str) -> str:
    """A tag in the one way it is compared."""
    return tag.strip().lower().replace(" ", "_")
