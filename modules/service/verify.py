"""Drawing a picture again from its recipe, and saying why the result is another one, if it is.

The new picture brings a recipe of its own, which names the files it was really drawn with. What the
two recipes do not agree on, what could not be used, and what happened to the file are the causes.
"""

import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from PIL import Image

from modules.errors import InvalidRequest, WebUIError
from modules.param import get_at, params_of
from modules.prompt.networks import take_networks
from modules.schema.catalogue import Catalogue
from modules.schema.control import active_units
from modules.schema.infotext_hashes import named_hashes
from modules.schema.infotext_parse import parse_infotext
from modules.schema.infotext_read import means_hires
from modules.schema.request import Batch, GenerationRequest
from modules.schema.result import GeneratedImage
from modules.schema.watermark import METHODS, Watermark
from modules.service.app import App
from modules.service.compare import Likeness, compare_pixels
from modules.service.inputs import KEY
from modules.service.read_pixels import read_pixels
from modules.service.recipe import Recipe
from modules.version import RECIPE_VERSION

IDENTICAL, SAME, DIFFERENT, IMPOSSIBLE = "identical", "same composition", "different", "impossible"
SENTENCES = {
    IDENTICAL: "Drawn again from its recipe, the picture is the same in every pixel.",
    SAME: "Drawn again, the picture has the same composition, but not the same pixels.",
    DIFFERENT: "Drawn again from its recipe, it is another picture.",
    IMPOSSIBLE: "The picture cannot be drawn again.",
}
LOSSLESS_WEBP = b"VP8L"
AFTERWARDS = ("Postprocess upscale by", "Postprocess upscaler", "Postprocess upscale to")
COMPARED_APART = frozenset(
    {
        *("Prompt", "Negative prompt", "Sampler", "Schedule type", "Version", "User", "App"),
        *("Model", "Model hash", "VAE", "VAE hash", "Lora hashes", "TI hashes", "Hashes"),
        *("Hires sampler", "Hires schedule type", "Size-1", "Size-2", "Script"),
        *("Device", "Precision", "Compiled", KEY),
    }
)
"""Keys with rules of their own, and names that changed over the years."""
UNSAID = "pictures.", "options.", "text."
"""Parts of a request with knobs that recipes do not mention."""


@dataclass(frozen=True)
class Cause:
    """Why a picture came out otherwise."""

    kind: str
    """"model", "vae", "lora", "embedding", "sampler", "key", "file", "size", "program", ..."""
    text: str


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What came of drawing a picture again."""

    outcome: str
    sentence: str
    causes: tuple[Cause, ...] = ()
    """The surest first."""
    changed: float = 1.0
    """Share of values that differ, 0 to 1."""
    largest: int = 255
    """The largest difference of a value, 0 to 255."""
    job: str = ""
    image: str = ""
    """Id of the new picture, which is kept for two days."""


def verify_picture(app: App, content: bytes) -> Verdict:
    """Draw the picture of a file again as a job, wait for it, and compare.

    Raises InvalidRequest for a file that is no picture or has no recipe.
    """
    recipe, kept = _with_inputs(app, content)
    if not recipe.infotext:
        raise InvalidRequest(
            "This picture carries no recipe to draw it from.", "Choose one that was saved with it."
        )
    original = read_pixels(content)
    said = parse_infotext(recipe.infotext)
    missing = tuple(_impossible(recipe, said, kept=kept))
    if missing:
        return Verdict(outcome=IMPOSSIBLE, sentence=SENTENCES[IMPOSSIBLE], causes=missing)
    try:
        job, drawn = _draw(app, recipe)
    except WebUIError as error:
        causes = (*_unusable(recipe, set()), Cause("request", str(error)))
        return Verdict(outcome=IMPOSSIBLE, sentence=SENTENCES[IMPOSSIBLE], causes=causes)
    likeness = compare_pixels(original, read_pixels(app.image_file(drawn.id).read_bytes()))
    outcome = SAME if likeness.same_composition else DIFFERENT
    causes = ()
    if likeness.identical:
        outcome = IDENTICAL
    else:
        sizes = f"{original.width} x {original.height}", f"{drawn.width} x {drawn.height}"
        found = [
            *_other_files(recipe, drawn.infotext, app.catalogue()),
            *_file(content, likeness, sizes, said),
            *_other_device(recipe, drawn.infotext),
            *_other_keys(recipe, drawn.infotext),
            *_settings(app.base_request()),
        ]
        kinds = {cause.kind for cause in found}
        told = [*_unusable(recipe, kinds), *found, *_elsewhere(recipe)]
        causes = tuple(told) or (_unexplained(app.status().device),)
    return Verdict(
        outcome=outcome,
        sentence=SENTENCES[outcome],
        causes=causes,
        changed=likeness.changed,
        largest=likeness.largest,
        job=job,
        image=drawn.id,
    )


def _with_inputs(app: App, content: bytes) -> tuple[Recipe, bool]:
    """A picture's recipe with the pictures it began with, and whether those are here."""
    named = parse_infotext(app.read_picture(content)[0]).get(KEY, "")
    inputs = app.gallery.inputs.find(named)
    if inputs is None:
        recipe = app.read_recipe(content)
        return replace(recipe, request=replace(recipe.request, img2img=None, control=())), False
    base = app.base_request()
    base = replace(base, img2img=inputs.img2img, control=inputs.control, pictures=inputs.pictures)
    recipe = app.read_recipe(content, base)
    hires = recipe.request.hires
    if hires is not None and inputs.hires is not None:
        hires = replace(hires, image=inputs.hires.image)
    return replace(recipe, request=replace(recipe.request, hires=hires)), True


def _mark(recipe: Recipe) -> Watermark | None:
    """The watermark that a recipe tells of, if it is one that can be hidden."""
    said = parse_infotext(recipe.infotext)
    method = said.get("Watermark", "")
    return Watermark.of(method, said.get("Watermark text", "")) if method in METHODS else None


def _draw(app: App, recipe: Recipe) -> tuple[str, GeneratedImage]:
    """Draw one picture of a recipe; returns the job's id, too. Raises WebUIError."""
    request = replace(recipe.request, script=None, batch=Batch(), watermark=_mark(recipe))
    job = app.submit(request, save=False, origin="verify", overrides={"samples_format": "png"})
    for _ in app.follow(job.id):
        pass
    snapshot = app.snapshot(job.id)
    if snapshot.error is not None:
        raise WebUIError(snapshot.error.message, snapshot.error.hint)
    for image in snapshot.images:
        if image.kind == "image":
            return job.id, image
    raise WebUIError("The job was stopped before its picture was drawn.", "Verify again.")


def _impossible(recipe: Recipe, said: Mapping[str, str], *, kept: bool) -> Iterator[Cause]:
    """Why there is nothing to draw; `kept` says that what it was drawn from is here."""
    if "Steps" not in said:
        yield Cause("recipe", "The recipe is a prompt only: no steps, no seed.")
    if kept:
        return
    if KEY in said:
        text = f"The pictures it was drawn from ({said[KEY]}) are not here, or were changed."
        yield Cause("start picture", text)
    elif "Denoising strength" in said and not means_hires(dict(said)):
        yield Cause("start picture", "It began with another picture, which recipes do not contain.")
    if active_units(recipe.request.control):
        yield Cause("control picture", "A picture steered it that recipes do not contain.")


def _unusable(recipe: Recipe, known: set[str]) -> Iterator[Cause]:
    """What reading the recipe gave up, unless the same is told better."""
    for notice in recipe.notices:
        lower = notice.lower()
        words = ("model", "sampler", "schedul")
        kind = next((word for word in words if word in lower), "key")
        kind = "sampler" if kind == "schedul" else kind
        if kind not in known:
            yield Cause(kind, notice)


def _other_files(recipe: Recipe, new: str, catalogue: Catalogue) -> Iterator[Cause]:
    """Models, VAEs, networks and embeddings that are missing here, or others."""
    said, done = parse_infotext(recipe.infotext), parse_infotext(new)
    for key, kind, title in (("Model", "model", "model"), ("VAE", "vae", "VAE")):
        theirs, ours = (found.get(f"{key} hash", "").lower() for found in (said, done))
        name = said.get(key, "")
        if theirs and ours and not (theirs.startswith(ours) or ours.startswith(theirs)):
            here = f"{done.get(key, '')} [{ours}]"
            yield Cause(kind, f"Another {title}: {name} [{theirs}] then, {here} now.")
        elif kind == "vae" and (theirs or name) and not ours:
            yield Cause(kind, f"The VAE {name or theirs} is not here.")
        elif kind == "vae" and ours and not theirs and not name:
            yield Cause(kind, f"Drawn with the VAE {done.get(key, ours)} now, with none before.")
    old, now = named_hashes(recipe.infotext), named_hashes(new)
    networks = take_networks(recipe.request.prompt)[1]
    marks = {network.name for network in networks if network.kind in ("lora", "lyco")}
    known = {name.lower() for name in catalogue.loras}
    missing = {name for name in marks if name.lower() not in known} - now.loras.keys()
    yield from (Cause("lora", f"The LoRA {name} is not here.") for name in sorted(missing))
    for kind, title, before, after in (
        ("lora", "LoRA", old.loras, now.loras),
        ("embedding", "embedding", old.embeddings, now.embeddings),
    ):
        for name, digest in before.items():
            if name not in after and name not in missing:
                if not any(digest.startswith(one) for one in after.values()):
                    yield Cause(kind, f"The {title} {name} is not here, or it was not used.")
            elif name in after and not _same(digest, after[name]):
                yield Cause(kind, f"The {title} {name} is another file: {digest} then.")


def _other_device(recipe: Recipe, new: str) -> Iterator[Cause]:
    """Another kind of device, or another number type."""
    theirs, ours = (_computed(parse_infotext(text)) for text in (recipe.infotext, new))
    if theirs and ours and theirs != ours:
        yield Cause("device", f"Computed in {theirs} then, in {ours} now: the last bits differ.")


def _computed(said: Mapping[str, str]) -> str:
    """Where and in what precision a picture was computed; "" if its recipe leaves that open."""
    compiled = ", compiled" if said.get("Compiled") else ""
    if "Device" in said:
        return said["Device"] + compiled
    precision = said.get("Precision", "")
    if not precision and not said.get("Version", "").startswith("easel-"):
        return ""
    return f"cpu {precision or 'float32'}{compiled}"


def _same(digest: str, other: str) -> bool:
    return digest.startswith(other) or other.startswith(digest)


def _file(
    content: bytes, likeness: Likeness, sizes: tuple[str, str], said: Mapping[str, str]
) -> Iterator[Cause]:
    """What happened to the file after the picture was drawn."""
    with Image.open(io.BytesIO(content)) as picture:
        kind = picture.format or ""
    if not likeness.same_size:
        what = "enlarged afterwards" if any(key in said for key in AFTERWARDS) else "resized or cut"
        yield Cause("size", f"The file was {what}: {sizes[0]}, but drawn as {sizes[1]}.")
    if kind in ("JPEG", "AVIF") or (kind == "WEBP" and LOSSLESS_WEBP not in content[:40]):
        yield Cause("file", f"{kind} does not keep exact pixels; only the composition can agree.")


def _other_keys(recipe: Recipe, new: str) -> Iterator[Cause]:
    """Keys of the old recipe that the new one does not repeat."""
    said, done = parse_infotext(recipe.infotext), parse_infotext(new)
    for one in recipe.unmapped:
        yield Cause("key", f"Has no place here: {one}.")
    told = {one.partition(":")[0] for one in recipe.unmapped}
    for key, value in said.items():
        if key in COMPARED_APART or key in told or key in AFTERWARDS:
            continue
        if done.get(key) != value and not _equal_numbers(value, done.get(key, "")):
            now = f"{done[key]!r} now" if key in done else "not used now"
            yield Cause("key", f"{key}: {value!r} then, {now}.")


def _equal_numbers(one: str, other: str) -> bool:
    try:
        return float(one) == float(other)
    except ValueError:
        return False


def _settings(base: GenerationRequest) -> Iterator[Cause]:
    """Knobs of the settings that recipes never mention, where they are not the usual ones."""
    for item in params_of(GenerationRequest):
        if item.param.infotext or not item.param.setting or not item.path.startswith(UNSAID):
            continue
        value = get_at(base, item.path)
        if value != item.default:
            text = f"The setting {item.param.label!r} is {value} here; recipes do not mention it."
            yield Cause("setting", text)


def _elsewhere(recipe: Recipe) -> Iterator[Cause]:
    """Another program or another release computes a little otherwise."""
    version = parse_infotext(recipe.infotext).get("Version", "")
    if recipe.program not in ("Easel", "A1111", ""):
        yield Cause("program", f"Drawn by {recipe.program}, which computes otherwise.")
    elif version and version != RECIPE_VERSION:
        yield Cause("version", f"Drawn by version {version}; this is {RECIPE_VERSION}.")


def _unexplained(device: str) -> Cause:
    where = f" (here: {device})" if device else ""
    return Cause(
        "unexplained",
        "Nothing in the recipe explains it: the pixels or the recipe were edited afterwards, or it "
        f"was drawn on another device{where}, in another precision or in a batch.",
    )
