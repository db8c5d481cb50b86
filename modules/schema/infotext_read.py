"""A picture's recipe back to a request."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol

from modules.errors import InvalidRequest, WebUIError
from modules.param import Field, check_value, get_at, replace_at
from modules.schema.control_text import read_control
from modules.schema.infotext import recipe_fields
from modules.schema.infotext_parse import (
    Release,
    fill_defaults,
    parse_infotext,
    release_of,
    size_of,
)
from modules.schema.infotext_paste import tidy
from modules.schema.inputs import Hires, SoftInpaint
from modules.schema.request import EXACT, GenerationRequest

HIRES_KEYS = ("Hires upscale", "Hires upscaler", "Hires resize-1")
MEANT_BY_ABSENCE: dict[str, Any] = {"RNG": "GPU", "Mask blur": 0}
"""Values of missing keys where they are not our defaults."""

KEPT_BY_ABSENCE = frozenset({"Steps", "CFG scale", "Seed"})
"""Keys that every recipe has; where one is missing nothing is known, so the field stays."""

RESOLVED = frozenset({"Sampler", "Schedule type"})
"""Keys whose values are names from a catalogue."""

SLIPS = {
    "SGM noise multplier": "SGM noise multiplier",
    "Beta scheduler alpha": "Beta schedule alpha",
    "Beta scheduler beta": "Beta schedule beta",
}
"""Other spellings of keys that versions of A1111 wrote or read."""

UNREADABLE = 40
"""Characters of a bad value that a notice repeats."""


class SamplerResolver(Protocol):
    """Answers `(sampler, schedule)` for the names in a recipe, old ones included.

    `schedule` is empty where the recipe has none; `version` is then the version of A1111 whose
    meaning of the name counts ("1.8" before schedules had a name of their own). Raises NotFound.
    """

    def __call__(self, name: str, schedule: str, version: str | None) -> tuple[str, str]:
        """Resolve one pair of names."""


def keep_names(name: str, schedule: str, version: str | None) -> tuple[str, str]:
    """A resolver that believes everything; for readers without a catalogue."""
    return name, schedule or ("" if version else "Automatic")


def read_infotext(
    text: str,
    base: GenerationRequest,
    *,
    resolve_sampler: SamplerResolver = keep_names,
    resolve_checkpoint: Callable[[str, str], str | None] | None = None,
    old_versions: bool = True,
    skip: Iterable[str] = (),
) -> tuple[GenerationRequest, list[str]]:
    """Make the request that draws the picture of `text`; returns it with notices for the reader.

    What a recipe never holds (batch, pictures, extensions' values) stays as in `base`, and so does
    everything but the prompt if the text has no parameters. `resolve_checkpoint` gets model name
    and hash, "" where unknown, and answers a title, or None if there is no such model here; without
    it the request names the model as `name [hash]`. `skip` lists keys to ignore. Never fails: what
    cannot be used becomes a notice.
    """
    found = parse_infotext(tidy(_without_surrogates(text)))
    found = {SLIPS.get(key, key): value for key, value in found.items()}
    skipped = {name for key in skip for name in (key, f"{key}-1", f"{key}-2")}
    found = {key: _without_surrogates(value) for key, value in found.items() if key not in skipped}
    if len(found.keys() - {"Prompt", "Negative prompt"}) == 0:
        return _only_prompts(found, base), []
    full = fill_defaults(found, old_versions=old_versions)
    reader = _Reader(found, full, base)
    reader.read_fields()
    reader.read_size()
    reader.read_control()
    reader.read_models(resolve_checkpoint)
    reader.read_sampler(resolve_sampler)
    reader.read_hires_sampler(resolve_sampler)
    reader.tell_about_version(old_versions)
    return reader.request, reader.notices


def _only_prompts(found: dict[str, str], base: GenerationRequest) -> GenerationRequest:
    request = replace_at(base, "prompt", found.get("Prompt", base.prompt))
    negative = found.get("Negative prompt")
    return replace_at(request, "negative_prompt", negative) if negative else request


def _without_surrogates(text: str) -> str:
    """Replace halves of character pairs, which no file and no database can hold."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def means_hires(found: dict[str, Any]) -> bool:
    """Whether the recipe describes a second pass."""
    return "Denoising strength" in found and any(key in found for key in HIRES_KEYS)


class _Reader:
    """One recipe being read into one request."""

    def __init__(
        self, found: dict[str, str], full: dict[str, Any], base: GenerationRequest
    ) -> None:
        self.found = found
        self.full = full
        self.notices: list[str] = []
        self.request = replace_at(base, "prompt", full.get("Prompt", base.prompt))
        negative = full.get("Negative prompt", base.negative_prompt)
        self.request = replace_at(self.request, "negative_prompt", negative)
        self._open_optional_parts()

    def _open_optional_parts(self) -> None:
        hires = means_hires({**self.found, **self._converted()})
        self.request = replace_at(self.request, "hires", Hires() if hires else None)
        strength = "Denoising strength" in self.found
        if strength and not hires and self.request.img2img is None:
            self.notices.append(
                "This picture was made from another picture, which its recipe does not contain."
            )
        if hires and self.request.img2img is not None:
            self.request = replace_at(self.request, "img2img", None)
        if get_at(self.request, "img2img.inpaint") is not None and self._tells_of_pictures():
            soft = SoftInpaint() if "Soft inpainting enabled" in self.found else None
            self.request = replace_at(self.request, "img2img.inpaint.soft", soft)

    def _tells_of_pictures(self) -> bool:
        """Whether the recipe is of a picture made from another one."""
        return "Denoising strength" in self.found and self.request.hires is None

    def _converted(self) -> dict[str, Any]:
        """The hires size of an early text, which is nowhere in the text as such."""
        key = "Hires resize-1"
        return {key: self.full[key]} if self.full.get(key) else {}

    def read_fields(self) -> None:
        """Fill every field that has a key; a missing key means the default."""
        for key, places in recipe_fields().items():
            if key in RESOLVED or (key in KEPT_BY_ABSENCE and key not in self.found):
                continue
            for item in places:
                if item.path.startswith("img2img.") and not self._tells_of_pictures():
                    continue
                parent, _, _ = item.path.rpartition(".")
                if not parent or get_at(self.request, parent) is not None:
                    value = self._value(key, item)
                    self.request = replace_at(self.request, item.path, value)
        # its ratio is that of the picture, whichever tab drew it
        self.request = replace_at(self.request, "options.token_merging_img2img", 0.0)
        # what a named speed set is told value by value
        self.request = replace_at(self.request, "options.speed", EXACT)

    def _value(self, key: str, item: Field) -> Any:
        text = self.full.get(key) if key in self.found else self._meaning(key)
        both = f"{key}-1" in self.found and f"{key}-2" in self.found
        if text is None and both and item.type is str:  # a text such as "3x4" was taken for a size
            text = f"{self.found[f'{key}-1']}x{self.found[f'{key}-2']}"
        if text is None:
            return MEANT_BY_ABSENCE.get(key, item.default)
        try:
            value = from_text(item, text)
            check_value(item, value)
        except (InvalidRequest, ValueError):
            self._unusable(key, text, item.default)
            return item.default
        choices = item.param.choices
        if choices and isinstance(choices, tuple) and value not in choices:
            self._unusable(key, text, item.default)
            return item.default
        return value

    def _meaning(self, key: str) -> Any:
        """What old versions add to the text."""
        return self.full.get(key) if isinstance(self.full.get(key), bool) else None

    def _unusable(self, key: str, text: Any, instead: Any) -> None:
        self.notices.append(f"{key}: {str(text)[:UNREADABLE]!r} cannot be used; it is {instead}.")

    def read_size(self) -> None:
        """Take the first pass's size and the size the seed was resized from."""
        for key, width, height in (
            ("Size", "size.width", "size.height"),
            ("Seed resize from", "seeds.resize_from_w", "seeds.resize_from_h"),
            ("Hires resize", "hires.resize_x", "hires.resize_y"),
        ):
            if key == "Hires resize" and self.request.hires is None:
                continue
            sides = size_of(self.full, key)
            if sides is None and key == "Size":
                continue
            changed = replace_at(self.request, width, sides[0] if sides else 0)
            changed = replace_at(changed, height, sides[1] if sides else 0)
            try:
                changed.check()
            except InvalidRequest as error:
                self.notices.append(f"{key}: {error.message}")
            else:
                self.request = changed

    def read_control(self) -> None:
        """Take the units of control; pictures stay those that are here."""
        units, notices = read_control(self.found, self.request.control)
        self.request = replace_at(self.request, "control", units)
        self.notices += notices

    def read_models(self, resolve: Callable[[str, str], str | None] | None) -> None:
        """Choose the checkpoint the picture was drawn with, if it is named and here."""
        name = self.found.get("Model", "").strip()
        digest = self.found.get("Model hash", "").strip()
        if not name and not digest:
            return
        named = f"{name} [{digest}]" if name and digest else name or digest
        title = named if resolve is None else resolve(name, digest)
        if title is None:
            self.notices.append(
                f"The model of this picture, {named}, is not here; the current one is kept."
            )
        else:
            self.request = replace_at(self.request, "models.checkpoint", title)

    def read_sampler(self, resolve: SamplerResolver) -> None:
        """Resolve sampler and schedule as the version that wrote the text meant them."""
        if not RESOLVED & self.found.keys():
            return
        name = self.found.get("Sampler", self.request.sampling.sampler)
        schedule = self.found.get("Schedule type", "")
        try:
            sampler, schedule = resolve(name, schedule, None if schedule else self._dialect())
        except WebUIError as error:
            self.notices.append(str(error))
            return
        self.request = replace_at(self.request, "sampling.sampler", sampler)
        self.request = replace_at(self.request, "sampling.schedule", schedule)

    def read_hires_sampler(self, resolve: SamplerResolver) -> None:
        """Split the second pass's sampler where the text is of a time without schedule names."""
        name, schedule = self.found.get("Hires sampler"), self.found.get("Hires schedule type")
        if self.request.hires is None or not name or schedule or not self._dialect():
            return
        try:
            sampler, schedule = resolve(name, "", self._dialect())
        except WebUIError as error:
            self.notices.append(str(error))
            sampler = schedule = ""
        self.request = replace_at(self.request, "hires.sampler", sampler)
        self.request = replace_at(self.request, "hires.schedule", schedule)

    def _dialect(self) -> str | None:
        """The version whose sampler names count: "1.8" before schedules were named, else None."""
        return "1.8" if of_old_manner(self.found) else None

    def tell_about_version(self, old_versions: bool) -> None:
        """Name the old behaviours that were switched on."""
        added = [
            key
            for key, value in self.full.items()
            if value is True and key not in self.found and key in recipe_fields()
        ]
        if added and old_versions:
            self.notices.append(
                f"Made with version {self.found['Version'][:UNREADABLE]}: "
                f"{' and '.join(added)} switched on, as it worked then."
            )


def of_old_manner(found: Mapping[str, str]) -> bool:
    """Whether a parsed recipe is of a time when a sampler's name told its schedule, too."""
    version = found.get("Version")
    release = schedule_release(version)
    return not version or (release is not None and release < Release(1, 9))


def schedule_release(version: str | None) -> Release | None:
    """The version of A1111 that counts for the meaning of a sampler's name.

    Forks write theirs before that of the original (`f2.0.1v1.10.1-...`). Our own recipes name the
    schedule always, except for requests in the manner of 1.8, and then in that version's meaning.
    """
    if not version:
        return None
    if version.startswith("easel-"):
        return Release(1, 8)
    forked = version.partition("v")[2] if version[:1] in "fr" else ""
    return release_of(forked.partition("-")[0]) if forked else release_of(version)


def from_text(item: Field, text: Any) -> Any:
    """Read a field's value as a recipe writes it; ValueError if it is of the wrong kind.

    A whole number in a float field stays one, so that it is written as it was read.
    """
    kinds = {item.type, *getattr(item.type, "__args__", ())}
    if bool in kinds:
        lowered = str(text).strip().lower()
        if lowered not in ("true", "false"):
            raise ValueError(text)
        return lowered == "true"
    if kinds & {int, float}:
        return _number(str(text).strip(), whole=float not in kinds)
    return str(text)


def _number(text: str, *, whole: bool) -> int | float:
    if text.lstrip("-").isdecimal() and len(text) <= 20:
        return int(text)
    value = float(text)
    if whole:
        if not value.is_integer():
            raise ValueError(text)
        return int(value)
    return value
