"""Loads extensions and calls their hooks; one that breaks is switched off, and nothing else is."""

import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Protocol

import pluggy

from modules.errors import WebUIError, closest_hint
from modules.extension.folders import A1111, Folder
from modules.extension.hooks import (
    ABOUT,
    BOTH,
    PROJECT,
    SERVER,
    Attachment,
    Draw,
    Hooks,
    Offered,
)
from modules.extension.importing import forget_packages, open_package, run_file
from modules.extension.manifest import BadExtension
from modules.extension.plan import Plan
from modules.extension.trouble import TooSlow, Trouble, trouble_of, within
from modules.schema.event import Event, ImageReady, Notice
from modules.schema.request import GenerationRequest
from modules.version import VERSION

log = logging.getLogger(__name__)

IMPORT_S = 60.0
"""Seconds that an extension's files may take to be imported."""

Blame = Callable[[str, str, BaseException], None]
"""(extension, where, error): reports it and switches the extension off."""


class World(Protocol):
    """What makes extensions of another program run: one for all of them in a process."""

    def load(self, folder: Folder) -> None:
        """Run an extension's files. Raises whatever they raise."""

    def drop(self, name: str) -> None:
        """Call nothing of an extension any more."""

    def unload(self) -> None:
        """Forget everything."""


MakeWorld = Callable[["Extensions"], World]


@dataclass(frozen=True, kw_only=True)
class Report:
    """An extension and what became of it in one process."""

    folder: Folder
    state: str
    """ "on", "off" or "broken"."""
    trouble: Trouble | None = None


@dataclass
class _Loaded:
    """What this process holds of an extension."""

    folder: Folder
    state: str = "on"
    trouble: Trouble | None = None
    offered: list[Offered] = field(default_factory=list)


class Extensions:
    """The extensions of one process."""

    def __init__(
        self,
        plan: Plan | None = None,
        process: str = SERVER,
        *,
        make_world: MakeWorld | None = None,
        told: Callable[[Trouble], None] = lambda trouble: None,
    ) -> None:
        """`make_world` knows extensions of another program; `told` hears of every trouble."""
        self.plan = plan or Plan()
        self.process = process
        self._make_world = make_world
        self._told = told
        self._lock = threading.RLock()
        self._loaded: dict[str, _Loaded] = {}
        self.world: World | None = None
        self._plugins = pluggy.PluginManager(PROJECT)
        self._plugins.add_hookspecs(Hooks)

    def load(self) -> None:
        """Import whatever the plan wants; nothing that an extension does is raised."""
        for folder in self.plan.folders():
            wanted = self.plan.wants(folder)
            state = "off" if not wanted else "on"
            with self._lock:
                if folder.name in self._loaded:
                    continue  # the second of a name is only listed
                self._loaded[folder.name] = _Loaded(folder, state)
            if wanted:
                self._load_one(folder)

    def _load_one(self, folder: Folder) -> None:
        began = time.perf_counter()
        try:
            if folder.problem:
                raise BadExtension(folder.problem)
            self._check_requires(folder)
            within(IMPORT_S, partial(self._import, folder))
        except BaseException as error:
            self.blame(folder.name, "import", error)
            return
        taken = time.perf_counter() - began
        log.info("Extension %s %s: %.2f s", folder.name, folder.manifest.version, taken)

    def _check_requires(self, folder: Folder) -> None:
        for need in folder.manifest.requires:
            name, above, version = need.partition(">=")
            if name.strip() == PROJECT:
                if above and _numbers(version) > _numbers(VERSION):
                    raise BadExtension(
                        f"It needs Easel {version} or newer; this is {VERSION}.", "Update Easel."
                    )
            elif not any(one in self._names() for one in name.strip().split("|")):
                raise BadExtension(f"It needs the extension {name}, which is not there.")

    def _names(self) -> set[str]:
        return {one.name for one in self.plan.folders() if self.plan.wants(one)}

    def _import(self, folder: Folder) -> None:
        open_package(folder)
        if folder.kind == A1111:
            if self._make_world is None:
                raise BadExtension("Extensions of A1111's webui cannot run here.")
            if self.world is None:
                self.world = self._make_world(self)
                self._plugins.register(self.world, f"{A1111} layer")
            self.world.load(folder)
            return
        module = run_file(folder, folder.path / "extension.py", "extension")
        self._check_permissions(folder, module)
        self._plugins.register(module, folder.name)
        self._gather_offers(folder.name)

    def _check_permissions(self, folder: Folder, module: Any) -> None:
        mark = f"{PROJECT}_impl"
        for name, thing in vars(module).items():
            if not callable(thing) or not hasattr(thing, mark):
                continue
            if name not in ABOUT:
                raise BadExtension(f"There is no hook {name!r}.", closest_hint(name, ABOUT))
            if name not in folder.manifest.hooks:
                raise BadExtension(
                    f"It uses the hook {name}, which its manifest does not ask for.",
                    f'Add "{name}" to hooks in extension.toml.',
                )

    def _gather_offers(self, name: str) -> None:
        offered = self._loaded[name].offered
        for hook, about in ABOUT.items():
            if about.kind != "offer" or about.where not in (BOTH, self.process):
                continue

            def register(title: str, *values: Any, _hook: str = hook, **more: Any) -> None:
                one = Offered(extension=name, hook=_hook, name=title, values=values, about=more)
                offered.append(one)

            for plugin, function, names in self._implementations(hook):
                if plugin == name:
                    function(**{"register": register} if "register" in names else {})

    def offered(self, hook: str) -> list[Offered]:
        """What extensions offered through a hook, in the order they were loaded."""
        with self._lock:
            return [
                one
                for loaded in self._loaded.values()
                if loaded.state == "on"
                for one in loaded.offered
                if one.hook == hook
            ]

    def package_of(self, name: str) -> str:
        """The Python package of a loaded extension."""
        return self._loaded[name].folder.package

    def working(self) -> list[Folder]:
        """The extensions that are loaded and not broken."""
        with self._lock:
            return [one.folder for one in self._loaded.values() if one.state == "on"]

    def reports(self) -> list[Report]:
        """Every extension there is, with what became of it here."""
        reports = []
        for folder in self.plan.folders():
            one = self._loaded.get(folder.name)
            if one is None or one.folder.path != folder.path:
                trouble = None
                if folder.problem:
                    trouble = Trouble(extension=folder.name, where="", message=folder.problem)
                reports.append(Report(folder=folder, state="off", trouble=trouble))
            else:
                reports.append(Report(folder=folder, state=one.state, trouble=one.trouble))
        return reports

    def blame(self, name: str, where: str, error: BaseException) -> None:
        """Report what an extension did and call nothing of it any more."""
        trouble = trouble_of(name, where, error, self.process)
        log.error("%s", trouble)
        log.info("%s", trouble.details)
        with self._lock:
            one = self._loaded.get(name)
            if one is not None:
                one.state, one.trouble = "broken", trouble
            if self._plugins.has_plugin(name):
                self._plugins.unregister(name=name)
        if self.world is not None:
            self.world.drop(name)
        self._told(trouble)

    def _implementations(self, hook: str) -> list[tuple[str, Callable[..., Any], tuple[str, ...]]]:
        """Who implements a hook, in the order of loading: plugin, function, arguments wanted."""
        caller = getattr(self._plugins.hook, hook)
        with self._lock:
            found = [
                (one.plugin_name, one.function, tuple(one.argnames))
                for one in caller.get_hookimpls()
            ]
        order = [*self._loaded, f"{A1111} layer"]
        return sorted(found, key=lambda one: order.index(one[0]) if one[0] in order else -1)

    def change(self, hook: str, subject: str, value: Any, **context: Any) -> Any:
        """Hand `value` from extension to extension; each returns a new one, or nothing."""
        for plugin, function, names in self._implementations(hook):
            given = {name: item for name, item in {**context, subject: value}.items()}
            answer = self._call(hook, plugin, function, names, given)
            value = value if answer is None else answer
        return value

    def ask(self, hook: str, **context: Any) -> list[tuple[str, Any]]:
        """Ask all; returns who answered something, and what."""
        answers = []
        for plugin, function, names in self._implementations(hook):
            answer = self._call(hook, plugin, function, names, context)
            if answer is not None:
                answers.append((plugin, answer))
        return answers

    def _call(
        self,
        hook: str,
        plugin: str,
        function: Callable[..., Any],
        names: tuple[str, ...],
        given: Mapping[str, Any],
    ) -> Any:
        """Call one implementation. Only a deliberate WebUIError passes; the rest is its trouble."""
        about = ABOUT[hook]
        work = partial(function, **{name: given[name] for name in names if name in given})
        began = time.perf_counter()
        try:
            answer = within(about.limit_s, work) if self.process == SERVER else work()
            if answer is not None and not (
                about.returns is not None and isinstance(answer, about.returns)
            ):
                raise TypeError(f"{hook} returned a {type(answer).__name__}")
        except TooSlow as error:
            self.blame(plugin, hook, error)
            return None
        except WebUIError:
            raise
        except Exception as error:
            self.blame(plugin, hook, error)
            return None
        taken = time.perf_counter() - began
        if taken > about.limit_s:
            self.blame(plugin, hook, TooSlow(f"{hook} took {taken:.0f} seconds."))
        return answer

    def draw(
        self,
        request: GenerationRequest,
        draw: Draw,
        start_image: int,
    ) -> Iterator[Event]:
        """Draw `request` with everything that extensions put around it. In the drawing process."""
        for plugin, function, names in self._implementations("around_drawing"):
            draw = partial(self._around, plugin, function, names, draw)
        attachments = tuple(
            self._guarded(plugin, one) for plugin, one in self.ask("attach", request=request)
        )
        for event in draw(request, start_image, attachments):
            if isinstance(event, ImageReady):
                image = self.change("image_ready", "image", event.image, request=request)
                event = ImageReady(image=image)
            yield event

    def _around(
        self,
        plugin: str,
        function: Callable[..., Any],
        names: tuple[str, ...],
        draw: Draw,
        request: GenerationRequest,
        start_image: int,
        attachments: tuple[Any, ...],
    ) -> Iterator[Event]:
        """One extension's drawing; should it break, the rest is drawn without it."""

        def inner(
            asked: GenerationRequest, first: int, more: tuple[Any, ...] = ()
        ) -> Iterator[Event]:
            try:
                yield from draw(asked, first, (*attachments, *more))
            except Exception as error:
                raise _Theirs(error) from error

        context = {"request": request, "draw": inner, "start_image": start_image}
        done = start_image
        try:
            events = self._call("around_drawing", plugin, function, names, context)
            if events is None:
                yield from draw(request, start_image, attachments)
                return
            for event in events:
                if isinstance(event, ImageReady) and event.image.kind == "image":
                    done = event.image.index + 1
                yield event
            return
        except _Theirs as not_its_fault:
            raise not_its_fault.error from None
        except WebUIError:
            raise
        except Exception as error:
            self.blame(plugin, "around_drawing", error)
        yield Notice(message=f"The extension {plugin} broke; drawing goes on without it.")
        if done < request.batch.total:
            yield from draw(request, done, attachments)

    def _guarded(self, plugin: str, one: Attachment) -> Attachment:
        """The same attachment; a function that raises is not called again, and changes nothing."""

        def guard(name: str) -> Callable[..., Any] | None:
            function = getattr(one, name)
            if function is None:
                return None
            broken: list[bool] = []

            def guarded(first: Any, *rest: Any) -> Any:
                if broken:
                    return first
                try:
                    answer = function(first, *rest)
                except WebUIError:
                    raise
                except Exception as error:
                    broken.append(True)
                    self.blame(plugin, f"attach.{name}", error)
                    return first
                return first if answer is None else answer

            return guarded

        return Attachment(**{name: guard(name) for name in vars(one)})

    def unload(self) -> None:
        """Forget every extension, so that `load` reads its files again."""
        with self._lock:
            for name, _ in self._plugins.list_name_plugin():
                self._plugins.unregister(name=name)
            packages = [one.folder.package for one in self._loaded.values()]
            self._loaded.clear()
        if self.world is not None:
            self.world.unload()
            self.world = None
        forget_packages(packages)

    def reload(self, plan: Plan) -> None:
        """Begin anew with another plan."""
        self.unload()
        self.plan = plan
        self.load()


class _Theirs(Exception):
    """Carries what drawing itself raised past the extension around it."""

    def __init__(self, error: Exception) -> None:
        super().__init__(str(error))
        self.error = error


def _numbers(version: str) -> tuple[int, ...]:
    parts = version.strip().split(".")
    return tuple(int(part) for part in parts if part.isdigit())
