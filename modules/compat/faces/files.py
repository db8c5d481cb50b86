"""`modules.images`, `paths`, `hashes`, `infotext_utils` and what else is about files and texts."""

import base64
import hashlib
import io
import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from math import ceil, floor, sqrt
from pathlib import Path
from typing import Any

from PIL import Image, ImageFont
from PIL.PngImagePlugin import PngInfo

from modules.compat.faces import drawing
from modules.compat.importing import Scope
from modules.compat.missing import Cannot
from modules.compat.script import Bag
from modules.schema.infotext_parse import parse_infotext

Members = Mapping[str, Any]
UNSAFE = re.compile(r'[\x00-\x1f#<>:"/\\|?*]')


def images(world: Any, scope: Scope) -> Members:
    """`modules.images`."""

    def font(size: int) -> Any:
        return ImageFont.load_default(size)

    return {
        "save_image": saving(world),
        "save_image_with_geninfo": save_with_text,
        "read_info_from_image": read_info,
        "resize_image": resize,
        "image_grid": grid,
        "flatten": flatten,
        "sanitize_filename_part": sanitize,
        "get_next_sequence_number": next_number,
        "get_font": font,
        "read": lambda path: Image.open(path),
        "fix_image": lambda image: image,
        "LANCZOS": Image.Resampling.LANCZOS,
        "NEAREST": Image.Resampling.NEAREST,
        "FilenameGenerator": drawing.refusing("modules.images.FilenameGenerator", scope),
    }


def save_with_text(
    image: Any, geninfo: str, filename: str, extension: str | None = None, **more: Any
) -> None:
    """Write a picture; a PNG with its text."""
    texts = PngInfo()
    for key, value in {"parameters": geninfo, **(more.get("existing_pnginfo") or {})}.items():
        if value:
            texts.add_text(str(key), str(value))
    suffix = extension or os.path.splitext(filename)[1]
    if suffix.lower() == ".png":
        image.save(filename, pnginfo=texts)
    else:
        image.convert("RGB").save(filename)


def saving(world: Any) -> Any:
    """`save_image`, for this program's folders."""

    def save_image(
        image: Any,
        path: str,
        basename: str,
        seed: Any = None,
        prompt: str | None = None,
        extension: str = "png",
        info: str | None = None,
        forced_filename: str | None = None,
        suffix: str = "",
        **more: Any,
    ) -> tuple[str, None]:
        """Write a picture below `path`, with the next number; returns where."""
        folder = world.host.paths.data / (path or "outputs/extensions")
        folder.mkdir(parents=True, exist_ok=True)
        number = next_number(str(folder), basename)
        parts = [basename, f"{number:05}", "" if seed is None else str(seed)]
        name = forced_filename or "-".join(filter(None, parts)) + suffix
        full = folder / f"{sanitize(name, False)}.{extension}"
        save_with_text(image, info or "", str(full), f".{extension}", **more)
        return str(full), None

    return save_image


def read_info(image: Any) -> tuple[str | None, dict[str, Any]]:
    """A picture's recipe, and its other texts."""
    items = {key: value for key, value in image.info.items() if isinstance(value, str)}
    return items.pop("parameters", None), items


def resize(mode: int, image: Any, width: int, height: int, upscaler_name: Any = None) -> Any:
    """Resize as img2img does: stretched, cropped or with the edges drawn out."""
    method = Image.Resampling.LANCZOS
    if mode == 0:
        return image.resize((width, height), resample=method)
    ratios = (width / image.width, height / image.height)
    factor = max(ratios) if mode == 1 else min(ratios)
    size = (max(1, round(image.width * factor)), max(1, round(image.height * factor)))
    resized = image.resize(size, resample=method)
    result = Image.new("RGB", (width, height))
    if mode != 1:
        result.paste(resized.resize((width, height), resample=method))
    result.paste(resized, ((width - size[0]) // 2, (height - size[1]) // 2))
    return result


def grid(imgs: Sequence[Any], batch_size: int = 1, rows: int | None = None) -> Any:
    """All pictures in one, in rows."""
    lines = rows or max(1, floor(sqrt(len(imgs))))
    columns = ceil(len(imgs) / lines)
    width, height = imgs[0].size
    sheet = Image.new("RGB", (columns * width, lines * height))
    for place, image in enumerate(imgs):
        sheet.paste(image, (place % columns * width, place // columns * height))
    return sheet


def flatten(img: Any, bgcolor: str) -> Any:
    """A picture without transparency."""
    if img.mode == "RGBA":
        paper = Image.new("RGBA", img.size, bgcolor)
        img = Image.alpha_composite(paper, img)
    return img.convert("RGB")


def sanitize(text: str | None, replace_spaces: bool = True) -> str | None:
    """A text that can be part of a file's name."""
    if text is None:
        return None
    plain = UNSAFE.sub("_", text.replace(" ", "_") if replace_spaces else text)
    return plain.lstrip(" ")[:128].rstrip(" .")


def next_number(path: str, basename: str) -> int:
    """One more than the largest number of a file in a folder."""
    largest = -1
    start = f"{basename}-" if basename else ""
    for name in os.listdir(path):
        if name.startswith(start):
            head = re.split(r"[-.]", name[len(start) :])[0]
            largest = max(largest, int(head)) if head.isdigit() else largest
    return largest + 1


def paths(world: Any, scope: Scope) -> Members:
    """`modules.paths` and `modules.paths_internal`."""
    here = world.host.paths
    return {
        "models_path": str(here.models),
        "data_path": str(here.data),
        "script_path": str(here.program),
        "extensions_dir": str(here.extensions),
        "extensions_builtin_dir": str(here.program / "extensions"),
        "default_output_dir": str(here.outputs),
        "modules_path": str(here.program / "modules"),
        "cwd": str(here.data),
        "roboto_ttf_file": "",
    }


def hashes(world: Any, scope: Scope) -> Members:
    """`modules.hashes`."""

    def sha256(filename: str, title: str = "", use_addnet_hash: bool = False) -> str:
        digest = hashlib.sha256()
        with open(filename, "rb") as file:
            while block := file.read(2**20):
                digest.update(block)
        return digest.hexdigest()

    return {
        "sha256": sha256,
        "calculate_sha256": sha256,
        "sha256_from_cache": lambda filename, title, use_addnet_hash=False: None,
        "cache": lambda subsection: {},
        "dump_cache": lambda: None,
    }


def modelloader(world: Any, scope: Scope) -> Members:
    """`modules.modelloader`."""

    def refuse(*args: Any, **more: Any) -> None:
        raise Cannot("Downloading files", scope.name, "Download the file by hand.")

    def load_models(
        model_path: str,
        model_url: str | None = None,
        command_path: str | None = None,
        ext_filter: Sequence[str] | None = None,
        **more: Any,
    ) -> list[str]:
        wanted = tuple(ext_filter or ("",))
        places = [place for place in (model_path, command_path) if place and Path(place).is_dir()]
        return [one for place in places for one in listfiles(place) if one.endswith(wanted)]

    return {
        "load_file_from_url": refuse,
        "load_models": load_models,
        "friendly_name": lambda file: Path(file).stem,
    }


def listfiles(dirname: str) -> list[str]:
    """Files of a folder, in their natural order."""
    found = sorted(os.listdir(dirname), key=natural_sort_key)
    full = [os.path.join(dirname, name) for name in found if not name.startswith(".")]
    return [one for one in full if os.path.isfile(one)]


def walk_files(path: str, allowed_extensions: Sequence[str] | None = None) -> Iterator[str]:
    """Files below a folder."""
    for root, _, names in os.walk(path):
        for name in sorted(names, key=natural_sort_key):
            if allowed_extensions is None or os.path.splitext(name)[1] in allowed_extensions:
                yield os.path.join(root, name)


def natural_sort_key(text: str) -> list[Any]:
    """Numbers in names count as numbers."""
    return [int(part) if part.isdigit() else part.lower() for part in re.split(r"(\d+)", text)]


def util(world: Any, scope: Scope) -> Members:
    """`modules.util`."""
    return {
        "natural_sort_key": natural_sort_key,
        "listfiles": listfiles,
        "walk_files": walk_files,
        "html_path": lambda name: str(world.host.paths.program / "html" / name),
        "open_folder": drawing.refusing("modules.util.open_folder", scope),
    }


class StyleDatabase:
    """The styles."""

    def __init__(self, world: Any) -> None:
        rows = world.host.styles()
        self.styles = {
            name: Bag(name=name, prompt=prompt, negative_prompt=negative)
            for name, prompt, negative in rows
        }

    def reload(self) -> None:
        """Do nothing: they are read whenever they are asked for."""

    def apply_styles_to_prompt(self, prompt: str, styles: Sequence[str]) -> str:
        """A prompt with styles."""
        return self._applied(prompt, [self.styles[one].prompt for one in styles])

    def apply_negative_styles_to_prompt(self, prompt: str, styles: Sequence[str]) -> str:
        """A negative prompt with styles."""
        return self._applied(prompt, [self.styles[one].negative_prompt for one in styles])

    def _applied(self, prompt: str, texts: Sequence[str]) -> str:
        for text in texts:
            if "{prompt}" in text:
                prompt = text.replace("{prompt}", prompt)
            else:
                prompt = ", ".join(filter(None, (prompt.strip(), text.strip())))
        return prompt


def styles(world: Any, scope: Scope) -> Members:
    """`modules.styles`."""
    return {"StyleDatabase": lambda path=None: StyleDatabase(world), "PromptStyle": Bag}


class PasteField(tuple[Any, Any]):
    """A control and the key of recipes that fills it."""

    api: str | None

    def __new__(cls, component: Any, target: Any, *, api: str | None = None) -> "PasteField":
        """Make the pair."""
        made = super().__new__(cls, (component, target))
        made.api = api
        return made


def infotext_utils(world: Any, scope: Scope) -> Members:
    """`modules.infotext_utils`, and its older name."""

    def parse(text: str, skip_fields: Sequence[str] | None = None) -> dict[str, Any]:
        return {
            key: value
            for key, value in parse_infotext(text).items()
            if key not in (skip_fields or ())
        }

    def quote(text: Any) -> str:
        plain = str(text)
        return json.dumps(plain, ensure_ascii=False) if re.search(r"[,\n:]", plain) else plain

    def unquote(text: str) -> str:
        try:
            return str(json.loads(text)) if text[:1] == text[-1:] == '"' else text
        except ValueError:
            return text

    names = ("create_buttons", "register_paste_params_button", "bind_buttons", "add_paste_fields")
    return {
        "parse_generation_parameters": parse,
        "quote": quote,
        "unquote": unquote,
        "PasteField": PasteField,
        "ParamBinding": Bag,
        "infotext_to_setting_name_mapping": [],
        "paste_fields": {},
        "image_from_url_text": from_url_text,
        "send_image_and_dimensions": drawing.refusing("send_image_and_dimensions", scope),
        **{name: drawing.refusing(f"modules.infotext_utils.{name}", scope) for name in names},
    }


def from_url_text(filedata: Any) -> Any:
    """A picture of a data address, or of a gallery's entry."""
    if isinstance(filedata, list) and filedata:
        filedata = filedata[0]
    if isinstance(filedata, Image.Image) or filedata is None:
        return filedata
    if isinstance(filedata, str) and filedata.startswith("data:image/"):
        content = base64.b64decode(filedata.partition(",")[2])
        return Image.open(io.BytesIO(content))
    return None


def api(world: Any, scope: Scope) -> Members:
    """`modules.api.api`."""

    def encode(image: Any) -> bytes:
        buffer = io.BytesIO()
        image.save(buffer, "PNG")
        return base64.b64encode(buffer.getvalue())

    def decode(encoding: str) -> Any:
        text = encoding.partition(",")[2] if encoding.startswith("data:image/") else encoding
        return Image.open(io.BytesIO(base64.b64decode(text)))

    return {
        "encode_pil_to_base64": encode,
        "decode_base64_to_image": decode,
        "Api": type("Api", (), {}),
    }
