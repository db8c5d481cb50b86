"""`modules.shared`, `scripts`, `script_callbacks`, `launch` and what else is about the program."""

import argparse
import importlib.util
import logging
import os
import re
import sys
import threading
import time
from collections.abc import Callable, Mapping
from functools import wraps
from pathlib import Path
from typing import Any

from modules.compat import script as script_file
from modules.compat.faces import drawing, files
from modules.compat.importing import Live, Scope
from modules.compat.missing import Cannot, MissingThing
from modules.compat.options import OptionHTML, OptionInfo, options_section
from modules.compat.runner import ScriptRunner
from modules.compat.script import Bag

Members = Mapping[str, Any]
log = logging.getLogger(__name__)


class Model:
    """`shared.sd_model`: what can be said of it without its insides."""

    def __init__(self, title: str, extension: str) -> None:
        self.__dict__["_extension"] = extension
        self.sd_checkpoint_info = Bag(
            title=title,
            name=title.rpartition(" [")[0] or title,
            filename=title.rpartition(" [")[0] or title,
            model_name=Path(title.rpartition(" [")[0] or title).stem,
            shorthash=title.rpartition("[")[2].rstrip("]") if "[" in title else None,
        )
        self.sd_model_checkpoint = self.sd_checkpoint_info.filename
        self.sd_model_hash = self.sd_checkpoint_info.shorthash

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        raise MissingThing(f"shared.sd_model.{name}", self.__dict__["_extension"])


class Flags(argparse.Namespace):
    """`shared.cmd_opts`."""

    def __init__(self, values: Mapping[str, Any], extension: str) -> None:
        super().__init__(**values)
        self.__dict__["_extension"] = extension

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        raise MissingThing(f"shared.cmd_opts.{name}", self.__dict__["_extension"])


def shared(world: Any, scope: Scope) -> Members:
    """`modules.shared`."""
    paths = world.host.paths

    def flags() -> Flags:
        return Flags({**world.host.flags(), **world.flags}, scope.name)

    def titles() -> list[str]:
        return [one.title for one in world.host.catalogue().checkpoints]

    return {
        "opts": world.opts,
        "state": world.state,
        "cmd_opts": Live(flags),
        "parser": argparse.ArgumentParser(),
        "sd_model": Live(lambda: Model(world.host.chosen_checkpoint(), scope.name)),
        "device": Live(lambda: drawing.device()),
        "demo": Live(lambda: world.page.blocks if world.page is not None else None),
        "sd_upscalers": Live(lambda: drawing.upscalers(world, scope)),
        "face_restorers": [],
        "prompt_styles": Live(lambda: files.StyleDatabase(world)),
        "latent_upscale_modes": {name: {} for name in drawing.LATENT},
        "latent_upscale_default_mode": "Latent",
        "hypernetworks": {},
        "config_filename": str(paths.settings),
        "styles_filename": str(paths.styles),
        "OptionInfo": OptionInfo,
        "OptionHTML": OptionHTML,
        "options_section": options_section,
        "options_templates": Templates(world, scope.name),
        "restricted_opts": set(),
        "hide_dirs": {},
        "tab_names": [],
        "listfiles": files.listfiles,
        "walk_files": files.walk_files,
        "natural_sort_key": files.natural_sort_key,
        "html": lambda name: (paths.program / "html" / name).read_text(encoding="utf-8"),
        "list_checkpoint_tiles": lambda use_short=False: titles(),
        "refresh_checkpoints": lambda: world.host.catalogue(),
        "list_samplers": lambda: drawing.samplers(),
        "parallel_processing_allowed": False,
        "xformers_available": False,
        "total_tqdm": Bag(updateTotal=lambda total: None, update=lambda: None, clear=lambda: None),
        "batch_cond_uncond": True,
        "gradio_theme": None,
        "mem_mon": None,
    }


class Templates(dict[str, OptionInfo]):
    """`shared.options_templates`: options that are added while a file is imported."""

    def __init__(self, world: Any, extension: str) -> None:
        super().__init__()
        self._world, self._extension = world, extension

    def update(self, *given: Any, **more: Any) -> None:
        """Add options."""
        for key, one in dict(*given, **more).items():
            one.extension = self._extension
            self._world.opts.add_option(key, one)
            self[key] = one


def shared_items(world: Any, scope: Scope) -> Members:
    """`modules.shared_items`."""
    return {
        "list_samplers": lambda: shared(world, scope)["list_samplers"](),
        "sd_vae_items": lambda: ["Automatic", "None", *world.host.catalogue().vaes],
    }


def options(world: Any, scope: Scope) -> Members:
    """`modules.options`."""
    return {
        "Options": type(world.opts),
        "OptionInfo": OptionInfo,
        "OptionHTML": OptionHTML,
        "options_section": options_section,
        "categories": Bag(register_category=lambda category_id, label: category_id),
    }


def scripts(world: Any, scope: Scope) -> Members:
    """`modules.scripts`."""
    names = (
        "Script",
        "ScriptBuiltinUI",
        "AlwaysVisible",
        "PostprocessImageArgs",
        "PostprocessBatchListArgs",
        "PostSampleArgs",
        "OnComponent",
    )
    return {
        **{name: getattr(script_file, name) for name in names},
        "basedir": lambda: str(scope.folder.path),
        "scripts_data": Live(
            lambda: [Bag(script_class=one.kind, path=one.path) for one in world.scripts]
        ),
        "postprocessing_scripts_data": [],
        "scripts_txt2img": Live(lambda: world.runner(False)),
        "scripts_img2img": Live(lambda: world.runner(True)),
        "scripts_current": Live(lambda: world.runner(False)),
        "ScriptRunner": ScriptRunner,
        "list_scripts": lambda folder, suffix, **more: _listed(scope.folder.path / folder, suffix),
        "list_files_with_name": lambda name: [],
        "loaded_scripts": {},
    }


def _listed(folder: Path, suffix: str) -> list[Any]:
    files = sorted(folder.glob(f"*{suffix}")) if folder.is_dir() else []
    return [Bag(basedir=str(folder.parent), filename=one.name, path=str(one)) for one in files]


def script_callbacks(world: Any, scope: Scope) -> Members:
    """`modules.script_callbacks`."""
    return dict(world.callbacks.members(scope.name))


def scripts_postprocessing(world: Any, scope: Scope) -> Members:
    """`modules.scripts_postprocessing`: can be derived from; nothing calls it yet."""

    class ScriptPostprocessing:
        """A step of Extras."""

        name = ""
        order = 1000
        filename = controls = args_from = args_to = None

        def __init_subclass__(cls) -> None:
            world.note(scope.name, "modules.scripts_postprocessing (steps of Extras are not run)")

        def ui(self) -> dict[str, Any]:
            """Make no controls."""
            return {}

        def process(self, pp: Any, **args: Any) -> None:
            """Do nothing."""

        def process_firstpass(self, pp: Any, **args: Any) -> None:
            """Do nothing."""

        def image_changed(self) -> None:
            """Do nothing."""

    return {"ScriptPostprocessing": ScriptPostprocessing, "PostprocessedImage": Bag}


def errors(world: Any, scope: Scope) -> Members:
    """`modules.errors`: reports of extensions go to the log, with their name."""

    def report(message: str, *, exc_info: bool = False) -> None:
        log.error("%s: %s", scope.name, message, exc_info=exc_info)

    def display(error: BaseException, task: str, *, full_traceback: bool = False) -> None:
        log.error("%s: %s: %s", scope.name, task, error, exc_info=error)

    def run(code: Callable[[], Any], task: str) -> None:
        try:
            code()
        except Exception as error:
            display(error, task)

    return {
        "report": report,
        "display": display,
        "display_once": display,
        "print_error_explanation": report,
        "run": run,
        "record_exception": lambda: None,
        "exception_records": [],
    }


def extensions(world: Any, scope: Scope) -> Members:
    """`modules.extensions`."""

    def active() -> list[Any]:
        return [
            Bag(name=one.name, path=str(one.path), enabled=True, is_builtin=one.shipped, remote="")
            for one in world.extensions.working()
        ]

    paths = world.host.paths
    return {
        "active": active,
        "extensions": Live(active),
        "extensions_dir": str(paths.extensions),
        "extensions_builtin_dir": str(paths.program / "extensions"),
        "list_extensions": lambda: None,
    }


class Timer:
    """Notes how long parts took."""

    def __init__(self, *args: Any, **more: Any) -> None:
        self.records: dict[str, float] = {}
        self.start = self._last = time.time()
        self.total = 0.0

    def record(self, category: str, extra_time: float = 0) -> None:
        """Note the time since the last note."""
        now = time.time()
        self.records[category] = self.records.get(category, 0.0) + now - self._last + extra_time
        self.total, self._last = now - self.start, now

    def summary(self) -> str:
        """All notes."""
        parts = ", ".join(f"{name}: {taken:.1f}s" for name, taken in self.records.items())
        return f"{self.total:.1f}s ({parts})"


def timer(world: Any, scope: Scope) -> Members:
    """`modules.timer`."""
    return {"Timer": Timer, "startup_timer": Timer(), "startup_record": None}


def call_queue(world: Any, scope: Scope) -> Members:
    """`modules.call_queue`: our queue does the waiting, so these only call."""

    def plain(func: Callable[..., Any], **more: Any) -> Callable[..., Any]:
        @wraps(func)
        def called(*args: Any, **given: Any) -> Any:
            return func(*args, **given)

        return called

    def wrap(func: Callable[..., Any], extra_outputs: Any = None, **more: Any) -> Any:
        return plain(func)

    return {
        "queue_lock": threading.RLock(),
        "wrap_queued_call": plain,
        "wrap_gradio_gpu_call": wrap,
        "wrap_gradio_call": wrap,
        "wrap_gradio_call_no_job": wrap,
    }


def progress(world: Any, scope: Scope) -> Members:
    """`modules.progress`."""

    def create_task_id(task_type: str) -> str:
        return f"task({task_type}-{os.urandom(8).hex()})"

    def nothing(*args: Any, **more: Any) -> None:
        """Nothing is waited for here."""

    return {
        "create_task_id": create_task_id,
        "add_task_to_queue": nothing,
        "start_task": nothing,
        "finish_task": nothing,
        "current_task": None,
    }


def launch(world: Any, scope: Scope) -> Members:
    """`launch`: looks, and installs nothing."""

    def refuse(*args: Any, **more: Any) -> None:
        raise Cannot(
            "Installing packages while the program runs",
            scope.name,
            "Install what it needs by hand, in the program's environment.",
        )

    def is_installed(package: str) -> bool:
        name = re.split(r"[<>=!\[ ]", package)[0].replace("-", "_")
        try:
            return importlib.util.find_spec(name) is not None
        except (ImportError, ValueError):
            return False

    return {
        "is_installed": is_installed,
        "run_pip": refuse,
        "run": refuse,
        "git_clone": refuse,
        "args": Live(lambda: Flags({**world.host.flags(), **world.flags}, scope.name)),
        "commit_hash": lambda: "",
        "git_tag": lambda: "",
        "skip_install": True,
        "python": sys.executable,
    }
