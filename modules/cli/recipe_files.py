"""What a file asks for: a picture's recipe, a recipe as text, or a body of the REST API as JSON."""

import base64
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from modules.api.overrides import permitted
from modules.api.request_json import gives_size, read_request
from modules.api.sdapi.pictures import with_pictures
from modules.api.sdapi.schemas import (
    StableDiffusionProcessing,
    StableDiffusionProcessingImg2Img,
    StableDiffusionProcessingTxt2Img,
)
from modules.api.sdapi.translate import to_request
from modules.errors import InvalidRequest
from modules.param import params_of
from modules.schema.request import GenerationRequest
from modules.settings.settings import Settings

if TYPE_CHECKING:
    from modules.service.app import App

PICTURES = (".png", ".jpg", ".jpeg", ".webp", ".avif")
LARGEST = 512 * 2**20
"""Bytes of a file."""
EXTRAS = frozenset({"upscaling_resize", "upscaler_1", "imageList", "gfpgan_visibility"})
"""Fields that only the bodies of Extras have."""
HOLD_PICTURES = frozenset(
    {"init_images", "mask", "latent_mask", "firstpass_image", "image", "imageList"}
)
"""Fields in which the name of a file stands for the file."""


@dataclass(frozen=True, kw_only=True)
class Asked:
    """One job."""

    request: GenerationRequest
    settings: Settings
    size_given: bool = True
    notices: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class AskedExtras:
    """Finished pictures to work on: a body of A1111's routes for Extras."""

    route: str
    body: dict[str, Any]


def read_source(path: Path, app: "App") -> Iterator[Asked | AskedExtras]:
    """Everything the file `path` asks for. Raises InvalidRequest, NotFound, LegacyError."""
    content = _read(path)
    if path.suffix.lower() in PICTURES:
        yield _from_recipe(content, app, path)
    elif path.suffix.lower() == ".json":
        yield from _from_json(content, app, path)
    else:
        yield _from_recipe(content.decode("utf-8-sig", "replace"), app, path)


def _read(path: Path) -> bytes:
    try:
        if path.stat().st_size > LARGEST:
            raise InvalidRequest(f"{path} is too large.", "A recipe is a small file.")
        return path.read_bytes()
    except OSError as error:
        raise InvalidRequest(
            f"{path} cannot be read: {error.strerror or error}.", "Is the name right?"
        ) from error


def _from_recipe(content: bytes | str, app: "App", path: Path) -> Asked:
    recipe = app.read_recipe(content)
    if not recipe.infotext.strip():
        raise InvalidRequest(
            f"{path.name} tells nothing of how it was made.",
            "Only pictures with their recipe inside can be drawn again.",
        )
    return Asked(
        request=recipe.request,
        settings=app.settings.settings,
        size_given=recipe.size_given,
        notices=recipe.notices,
    )


def _from_json(content: bytes, app: "App", path: Path) -> Iterator[Asked | AskedExtras]:
    try:
        body = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise InvalidRequest(f"{path.name} is no JSON: {error}.", "Look at that place.") from error
    for one in body if isinstance(body, list) else [body]:
        if not isinstance(one, dict):
            raise InvalidRequest(
                f"{path.name} must hold an object, or a list of them.",
                'For example {"prompt": "a cat", "steps": 20}.',
            )
        yield _from_body(with_files(one, path.parent), app)


def _from_body(body: dict[str, Any], app: "App") -> Asked | AskedExtras:
    if EXTRAS & body.keys():
        kind = "extra-batch-images" if "imageList" in body else "extra-single-image"
        return AskedExtras(route=f"/sdapi/v1/{kind}", body=body)
    if isinstance(body.get("request"), Mapping):
        settings, base = app.settings.with_overrides(permitted(body.get("settings") or {}))
        request = read_request(body["request"], base)
        return Asked(request=request, settings=settings, size_given=gives_size(body["request"]))
    if is_own(body):
        request = read_request(body, app.base_request())
        return Asked(request=request, settings=app.settings.settings, size_given=gives_size(body))
    form: type[StableDiffusionProcessing] = StableDiffusionProcessingTxt2Img
    if "init_images" in body:
        form = StableDiffusionProcessingImg2Img
    try:
        translated = to_request(with_pictures(app, form.model_validate(body)), app)
    except ValueError as error:  # pydantic's, over several lines: a count, the field, the reason
        lines = [line.strip().partition(" [type=")[0] for line in str(error).splitlines()]
        raise InvalidRequest(": ".join(lines[1:3]) + ".", "Look at that field.") from error
    return Asked(
        request=translated.request, settings=translated.settings, size_given=translated.size_given
    )


def is_own(body: Mapping[str, Any]) -> bool:
    """Whether a body is nested like our requests, and not flat like those of A1111."""
    parts = {item.path.partition(".")[0] for item in params_of(GenerationRequest)}
    nested = parts - {item.path for item in params_of(GenerationRequest)}
    return any(isinstance(body.get(part), Mapping) for part in nested) or "script" in body


def with_files(body: dict[str, Any], folder: Path) -> dict[str, Any]:
    """A body in which names of picture files are replaced by what the files hold, as base64."""
    return {
        name: _with_file(value, folder) if name in HOLD_PICTURES else value
        for name, value in body.items()
    }


def _with_file(value: Any, folder: Path) -> Any:
    if isinstance(value, list):
        return [_with_file(one, folder) for one in value]
    if isinstance(value, dict):
        return value | {"data": _with_file(value.get("data"), folder)}
    if isinstance(value, str) and Path(value).suffix.lower() in PICTURES:
        return base64.b64encode(_read(folder / value)).decode("ascii")
    return value
