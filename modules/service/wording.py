"""Templates become texts: what each picture of a request is drawn from, chosen by its seed."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import islice
from random import Random

from modules.errors import InvalidRequest
from modules.paths import Paths
from modules.prompt.comments import strip_comments
from modules.prompt.dynamic import Library, Values, draw, empty_library, every
from modules.prompt.dynamic_syntax import Marks, is_dynamic
from modules.schema.infotext_parse import parse_infotext
from modules.schema.request import Batch, GenerationRequest
from modules.schema.wording import Wording
from modules.service.complete import MOST_IMAGES, check_networks
from modules.service.recipe import Recipe
from modules.service.wildcards import WildcardFolder

MOST_TEXT = 32 * 2**20
"""Characters of all texts of a job."""


def marks_of(request: GenerationRequest) -> Marks:
    """Which marks mean something in the prompts of `request`."""
    text = request.text
    return Marks(text.wildcards, text.variants, unescape=text.syntax == "A1111")


def with_words(request: GenerationRequest, paths: Paths) -> GenerationRequest:
    """Return a complete `request` with the texts of every picture, if its prompts are templates.

    Picture i gets what follows from its seed, so that it is the same whether drawn alone or among
    others. A batch is then one picture, for its neighbours have other texts. Raises NotFound for a
    wildcard that is not there, InvalidRequest for one that leads back to itself.
    """
    request = replace(request, wordings=(), batch=_asked(request))
    marks = marks_of(request)
    texts = map(_Reader(request, empty_library, marks).plain, _templates(request))
    if not any(is_dynamic(text, marks) for text in texts):
        return request
    _check_pictures(request)
    reader = _Reader(request, WildcardFolder(paths.wildcards).lines, marks)
    seeds, total = request.seeds, request.batch.total
    if request.text.every_variant:
        wordings = reader.all() * total
        _check_count(len(wordings))
    else:
        steady = bool(seeds.subseed_strength)
        numbers = (seeds.seed + (0 if steady else index) for index in range(total))
        wordings = tuple(map(reader.drawn, numbers))
    _check_texts(request, wordings)
    return replace(
        request, wordings=wordings, batch=Batch(batch_size=1, n_iter=max(1, len(wordings)))
    )


def with_final_texts(recipe: Recipe) -> Recipe:
    """Let the texts of a finished picture stay as they are, also where they look like templates.

    What was drawn is what its recipe says. A text without parameters is somebody's prompt.
    """
    request = recipe.request
    reader = _Reader(request, empty_library, marks_of(request))
    looks = any(is_dynamic(reader.plain(text), reader.marks) for text in _templates(request))
    if not looks or "Steps" not in parse_infotext(recipe.infotext):
        return recipe
    text = replace(request.text, wildcards=False, variants=False)
    notice = "The prompt is drawn as it stands: wildcards and variants are off, under Advanced."
    return replace(recipe, request=replace(request, text=text), notices=(*recipe.notices, notice))


def _asked(request: GenerationRequest) -> Batch:
    """How many pictures are asked for, also if the texts of all of them were decided before."""
    wordings, batch = request.wordings, request.batch
    if request.text.every_variant and wordings and batch.total == len(wordings):
        return Batch(n_iter=wordings.count(wordings[0]))
    return batch


def check_words(request: GenerationRequest, paths: Paths) -> None:
    """Raise what `with_words` would, for a request whose pictures a script will decide."""
    single = replace(
        request,
        script=None,
        batch=Batch(),
        seeds=replace(request.seeds, seed=max(0, request.seeds.seed)),
        text=replace(request.text, every_variant=False),
    )
    with_words(single, paths)


def _templates(request: GenerationRequest) -> tuple[str, str, str, str]:
    hires = request.hires
    more = (hires.prompt, hires.negative_prompt) if hires is not None else ("", "")
    return request.prompt, request.negative_prompt, *more


@dataclass(frozen=True)
class _Reader:
    """Makes the texts of one request's pictures."""

    request: GenerationRequest
    library: Library
    marks: Marks

    def plain(self, text: str) -> str:
        """A template without its comments, in which nothing is to be replaced."""
        return strip_comments(text) if self.request.text.comments else text

    def text(self, template: str, random: Random, values: Values) -> str:
        """One text; a template without marks stays as it is."""
        plain = self.plain(template)
        if not is_dynamic(plain, self.marks):
            return template
        return draw(plain, self.library, random, self.marks, values)

    def drawn(self, seed: int) -> Wording:
        """The texts of the picture with that seed; each has random numbers of its own."""
        values: Values = {}
        prompt, negative, *_ = _templates(self.request)
        return self.with_hires(
            self.text(prompt, Random(f"{seed}"), values),
            self.text(negative, Random(f"{seed}/negative"), values),
            seed,
            values,
        )

    def with_hires(self, prompt: str, negative: str, seed: int, values: Values) -> Wording:
        """The texts of a picture whose first two are known."""
        again, never = _templates(self.request)[2:]
        return Wording(
            prompt=prompt,
            negative_prompt=negative,
            hires_prompt=self.text(again, Random(f"{seed}/hires"), values),
            hires_negative_prompt=self.text(never, Random(f"{seed}/hires negative"), values),
        )

    def all(self) -> tuple[Wording, ...]:
        """Every combination of prompt and negative prompt, in order. Raises InvalidRequest."""
        found = tuple(islice(self._combined(), MOST_IMAGES + 1))
        _check_count(len(found))
        return found

    def _combined(self) -> Iterator[Wording]:
        prompt, negative, *_ = map(self.plain, _templates(self.request))
        seed = self.request.seeds.seed
        for text, known in every(prompt, self.library, self.marks):
            for other, values in every(negative, self.library, self.marks, known):
                yield self.with_hires(text, other, seed, dict(values))
                seed += 1


def _check_count(count: int) -> None:
    if count > MOST_IMAGES:
        raise InvalidRequest(
            f"The prompt has more than {MOST_IMAGES:,} combinations.",
            "Turn 'Draw every combination' off, or use fewer variants.",
        )


def _check_pictures(request: GenerationRequest) -> None:
    if request.img2img is not None and len(request.img2img.images) > 1:
        raise InvalidRequest(
            "Wildcards and variants need one picture to start from, not several at once.",
            "Send a job for each picture, or write the prompt without them.",
        )


def _check_texts(request: GenerationRequest, wordings: Iterable[Wording]) -> None:
    """Raise for texts that cannot be drawn, or are too much to keep."""
    length, hires = 0, request.hires
    for words in set(wordings):
        length += len(words.prompt) + len(words.negative_prompt) + len(words.hires_prompt)
        second = hires and replace(hires, prompt=words.hires_prompt)
        check_networks(replace(request, prompt=words.prompt, hires=second))
    if length > MOST_TEXT:
        raise InvalidRequest("The texts of all pictures are too long together.", "Draw fewer.")
