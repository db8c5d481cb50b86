"""The layer in one process: loads extensions made for A1111's webui and calls what they bring."""

import argparse
import logging
from collections.abc import Callable, Iterator
from copy import copy
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

from modules.compat.callbacks import Callbacks
from modules.compat.drawing import KEY, Drawing, draw_inside
from modules.compat.host import Alone, Host
from modules.compat.importing import Scope, ScopedFinder, ScopedLoader
from modules.compat.options import OptionInfo, Options
from modules.compat.pictures import from_pillow, to_pillow, to_plain
from modules.compat.processing import Processed, StableDiffusionProcessing, to_request
from modules.compat.runner import ScriptRunner
from modules.compat.script import Bag, Script
from modules.compat.state import State
from modules.compat.surface import SURFACE
from modules.errors import WebUIError
from modules.extension.folders import Folder
from modules.extension.hooks import Draw, hook
from modules.extension.importing import run_file
from modules.extension.loader import Extensions
from modules.schema.event import Event
from modules.schema.request import GenerationRequest
from modules.schema.result import GeneratedImage

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class FoundScript:
    """A script class in a file of an extension."""

    kind: type[Script]
    extension: str
    path: str


class World:
    """Everything that extensions of one process share."""

    def __init__(self, extensions: Extensions, host: Host | None = None) -> None:
        self.extensions = extensions
        self.process = extensions.process
        self.host: Host = host or Alone(extensions.plan.paths)
        self.callbacks = Callbacks(self.note)
        self.state = State()
        self.opts = Options(lambda: self.host.options(), lambda new: self.host.set_options(new))
        self.templates: dict[str, OptionInfo] = {}
        self.flags: dict[str, Any] = {}
        """What `preload.py` of extensions added."""
        self.scripts: list[FoundScript] = []
        self.notes: dict[str, list[str]] = {}
        """What each extension asked for in vain."""
        self.drawing: Drawing | None = None
        self.page: Any = None
        """A `modules.compat.page.Page` once the controls were made, in the server."""
        self._runners: dict[bool, ScriptRunner] = {}
        self._finder = ScopedFinder()
        self._asked = False
        """Whether extensions were asked for their options."""

    def note(self, extension: str, thing: str) -> None:
        """Remember what an extension asked for in vain."""
        noted = self.notes.setdefault(extension, [])
        if thing not in noted:
            noted.append(thing)
            log.warning("The extension %s asks for %s, which is not here", extension, thing)

    def guard(
        self, extension: str, where: str, function: Callable[..., Any], *args: Any, **more: Any
    ) -> Any:
        """Call something of an extension; should it break, nothing of it is called any more."""
        try:
            return function(*args, **more)
        except WebUIError:
            raise
        except Exception as error:
            self.extensions.blame(extension, where, error)
            return None

    def load(self, folder: Folder) -> None:
        """Run an extension's files. Raises whatever they raise."""
        self._finder.install()
        scope = Scope(
            folder, {name: partial(make, self) for name, make in SURFACE.items()}, self.note
        )
        self._finder.scopes[folder.package] = scope
        self._asked = False
        self._preload(folder, scope)
        for path in sorted((folder.path / "scripts").glob("*.py"), key=lambda one: one.name):
            self._run(folder, path)

    def _preload(self, folder: Folder, scope: Scope) -> None:
        path = folder.path / "preload.py"
        if not path.is_file():
            return
        module = run_file(
            folder, path, "preload", ScopedLoader(f"{folder.package}.preload", str(path), scope)
        )
        parser = argparse.ArgumentParser(add_help=False)
        if hasattr(module, "preload"):
            module.preload(parser)
        self.flags.update(vars(parser.parse_args([])))

    def _run(self, folder: Folder, path: Path) -> None:
        scope = self._finder.scopes[folder.package]
        name = f"scripts.{path.stem}"
        loader = ScopedLoader(f"{folder.package}.{name}", str(path), scope)
        module = run_file(folder, path, name, loader)
        for kind in _scripts_in(module):
            self.scripts.append(FoundScript(kind, folder.name, str(path)))
        self._runners.clear()

    def drop(self, name: str) -> None:
        """Call nothing of an extension any more."""
        self.callbacks.drop(name)
        self.scripts = [one for one in self.scripts if one.extension != name]
        for runner in self._runners.values():
            runner.drop(name)
        for key in [key for key, one in self.opts.data_labels.items() if one.extension == name]:
            del self.opts.data_labels[key]

    def unload(self) -> None:
        """Forget everything."""
        for one in self.callbacks.of("script_unloaded"):
            self.guard(one.extension, "on_script_unloaded", one.function)
        self._finder.uninstall()
        self.scripts.clear()
        self._runners.clear()

    def runner(self, is_img2img: bool) -> ScriptRunner:
        """The scripts of a tab."""
        if is_img2img not in self._runners:
            runner = ScriptRunner(self.guard, self.note, is_img2img)
            for one in list(self.scripts):
                runner.add(one.kind, one.extension, one.path)
            self._runners[is_img2img] = runner
        return self._runners[is_img2img]

    def begin_page(self) -> Any:
        """Forget the controls of an earlier page, and get ready for another, which is returned."""
        from modules.compat.page import Page

        self._runners.clear()
        self.page = Page(self)
        self.page.begin()
        return self.page

    def settings(self) -> dict[str, OptionInfo]:
        """The options of all extensions, after asking for them."""
        asked, self._asked = self._asked, True
        for one in () if asked else self.callbacks.of("ui_settings"):
            before = set(self.opts.data_labels)
            self.guard(one.extension, "on_ui_settings", one.function)
            for key in set(self.opts.data_labels) - before:
                self.opts.data_labels[key].extension = one.extension
        return {**self.templates, **self.opts.data_labels}

    @hook
    def prepare_request(self, request: GenerationRequest) -> GenerationRequest | None:
        """Complete what a request says of scripts, so that it draws the same anywhere."""
        given = dict(request.extras.get(KEY, {}))
        runner = self.runner(request.img2img is not None)
        if not runner.scripts and not self.callbacks.of("cfg_denoiser"):
            return None
        if self.page is None:  # nobody looks at a page, but controls say what is usual
            self.begin_page().lay_out_alone()
            runner = self.runner(request.img2img is not None)
        usual = self.page.defaults(runner)
        scripts = {**usual, **{name: to_plain(v) for name, v in given.get("scripts", {}).items()}}
        labels = self.settings()
        stored = self.host.options()
        opts = {name: stored.get(name, one.default) for name, one in labels.items()}
        kept = {name: value for name, value in opts.items() if _is_plain(value)}
        values = {**given, "scripts": scripts, "opts": kept}
        return replace(request, extras={**request.extras, KEY: values})

    @hook
    def around_drawing(
        self, request: GenerationRequest, draw: Draw, start_image: int
    ) -> Iterator[Event] | None:
        """Draw with the scripts around."""
        if isinstance(self.host, Alone):
            self.host.brought = dict(request.extras.get(KEY, {}).get("opts", {}))
            self.host.checkpoint = request.models.checkpoint
        runner = self.runner(request.img2img is not None)
        used = runner.scripts or any(kind.startswith("cfg_") for kind in self.callbacks.kinds())
        if not used:
            return None
        return self._draw(request, draw, start_image, runner)

    def _draw(
        self, request: GenerationRequest, draw: Draw, start_image: int, runner: ScriptRunner
    ) -> Iterator[Event]:
        self.drawing = Drawing(request, draw, start_image, runner=copy(runner), world=self)
        self.state.begin("scripts_img2img" if runner.is_img2img else "scripts_txt2img")
        try:
            yield from self.drawing.run()
        finally:
            self.drawing = None
            self.state.end()

    def process_images(self, p: StableDiffusionProcessing) -> Processed:
        """Draw what `p` says and wait for it. Raises WebUIError."""
        if self.drawing is not None:
            return draw_inside(self.drawing, p)
        drawn = self.host.draw(to_request(p, GenerationRequest()))
        return Processed(
            p, [picture for picture, _ in drawn], infotexts=[text for _, text in drawn]
        )

    @hook
    def before_save(
        self, image: GeneratedImage, request: GenerationRequest
    ) -> GeneratedImage | None:
        """`on_before_image_saved`: pixels may be changed, and texts added to the recipe."""
        found = self.callbacks.of("before_image_saved")
        if not found or image.image is None:
            return None
        picture = to_pillow(image.image)
        params = Bag(image=picture, p=None, filename="", pnginfo={"parameters": image.infotext})
        for one in found:
            self.guard(one.extension, "on_before_image_saved", one.function, params)
        texts = {key: value for key, value in params.pnginfo.items() if key != "parameters"}
        facts = (*image.facts, *((key, str(value)) for key, value in texts.items()))
        if params.image is picture:
            return replace(image, facts=facts)
        pixels = from_pillow(params.image)
        return replace(image, image=pixels, width=pixels.width, height=pixels.height, facts=facts)

    @hook
    def picture_saved(self, image: GeneratedImage, request: GenerationRequest) -> None:
        """`on_image_saved`."""
        for one in self.callbacks.of("image_saved"):
            params = Bag(
                image=_Unread(image.path),
                p=None,
                filename=image.path,
                pnginfo={"parameters": image.infotext},
            )
            self.guard(one.extension, "on_image_saved", one.function, params)

    def pasted(self, infotext: str, values: dict[str, Any]) -> dict[str, Any]:
        """`on_infotext_pasted`: values by key, as extensions leave them."""
        for one in self.callbacks.of("infotext_pasted"):
            self.guard(one.extension, "on_infotext_pasted", one.function, infotext, values)
        return values


class _Unread:
    """A saved picture that is read when somebody looks at it."""

    def __init__(self, path: str) -> None:
        self._path = path

    def __getattr__(self, name: str) -> Any:
        from PIL import Image

        with Image.open(self._path) as opened:
            opened.load()
            return getattr(opened.copy(), name)


def _scripts_in(module: ModuleType) -> list[type[Script]]:
    found = [one for one in vars(module).values() if isinstance(one, type)]
    kinds = [
        one for one in found if issubclass(one, Script) and "modules.compat" not in one.__module__
    ]
    return list(dict.fromkeys(kinds))


def _is_plain(value: Any) -> bool:
    return value is None or isinstance(value, str | int | float | bool | list | dict)
