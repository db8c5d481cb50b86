"""Between requests and the text in pictures: names resolved against what is here."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from modules.errors import WebUIError
from modules.prompt.styles import StyleBook
from modules.sampling.catalogue import AUTOMATIC, reads, resolve_sampler
from modules.schema.catalogue import CheckpointInfo
from modules.schema.infotext_parse import parse_infotext, size_of
from modules.schema.infotext_paste import tidy
from modules.schema.infotext_read import read_infotext
from modules.schema.request import GenerationRequest
from modules.service.resolve import find_checkpoint
from modules.settings.sections.recipe import Recipe as ReadingRules

DEFAULT_RULES = ReadingRules()


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """What a picture or a text says about how it was made."""

    infotext: str
    request: GenerationRequest
    notices: tuple[str, ...] = ()
    """What could not be used, a sentence each."""
    size_given: bool = False
    """Whether the text says how large the picture was."""
    styles: tuple[str, ...] = ()
    """Styles of which the prompts are made, in order; the prompts hold their text."""
    program: str = ""
    """Who wrote it: "A1111", "ComfyUI", ...; "" if it does not say."""
    unmapped: tuple[str, ...] = ()
    """What it says that has no place in a request here, a few words each."""


def understand(
    text: str,
    base: GenerationRequest,
    checkpoints: Sequence[CheckpointInfo],
    rules: ReadingRules = DEFAULT_RULES,
) -> Recipe:
    """Make the request that draws the picture of `text`; never fails, but says what is unusable."""

    def checkpoint(name: str, digest: str) -> str | None:
        for wanted in (digest, name):
            try:
                if wanted:
                    return find_checkpoint(wanted, checkpoints).title
            except WebUIError:
                continue
        return None

    request, notices = read_infotext(
        text,
        base,
        resolve_sampler=names_of,
        resolve_checkpoint=checkpoint,
        old_versions=rules.old_versions,
        skip={*rules.skip, *(("Model", "Model hash") if rules.ignore_model else ())},
    )
    size = size_of(dict(parse_infotext(tidy(text))), "Size")
    return Recipe(
        infotext=text, request=request, notices=tuple(notices), size_given=size is not None
    )


def with_styles_found(
    recipe: Recipe, read_book: Callable[[], StyleBook], rules: ReadingRules
) -> Recipe:
    """Name the styles in the recipe's prompts, or take their text away, as the rules ask.

    A damaged file of styles is no reason to read no recipe; it becomes a notice.
    """
    if rules.styles == "Ignore":
        return recipe
    request = recipe.request
    try:
        book = read_book()
    except WebUIError as error:
        return replace(recipe, notices=(*recipe.notices, str(error)))
    names, prompt, negative = book.extract(request.prompt, request.negative_prompt)
    if rules.styles == "Discard":
        request = replace(request, prompt=prompt, negative_prompt=negative)
        return replace(recipe, request=request)
    whole = book.apply(names, prompt, negative) == (request.prompt, request.negative_prompt)
    return replace(recipe, styles=tuple(names)) if whole else recipe


def names_of(name: str, schedule: str, version: str | None) -> tuple[str, str]:
    """Resolve sampler and schedule names of a recipe of any age. Raises NotFound."""
    resolved = resolve_sampler(name, schedule or AUTOMATIC, version=version)
    default = resolve_sampler(resolved.sampler.name, AUTOMATIC)
    same = resolved.schedule == default.schedule
    return resolved.sampler.name, AUTOMATIC if same else resolved.schedule.name


def applies_to(request: GenerationRequest) -> Callable[[str], bool]:
    """Answer for a field's path whether the request's sampler looks at it, as A1111 tells."""
    resolved = resolve_sampler(request.sampling.sampler, request.sampling.schedule)
    eta = 1.0 if request.options.eta is None else request.options.eta

    def applies(path: str) -> bool:
        return reads(resolved, path.rpartition(".")[2], eta)

    return applies
