"""Extensions as their owner sees them: listed, switched, installed, removed, begun anew."""

import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from modules.compat.world import World
from modules.engine.engine import Engine
from modules.engine.extending import offer_all
from modules.errors import NotFound
from modules.extension.folders import Folder
from modules.extension.loader import Extensions, MakeWorld
from modules.extension.plan import ALL, NONE, SHIPPED, Plan
from modules.extension.trouble import Trouble
from modules.paths import Paths
from modules.schema.infotext_parse import parse_infotext
from modules.schema.request import GenerationRequest
from modules.service.extension_install import (
    Source,
    install,
    install_zip,
    newest_commit,
    put_away,
    source_of,
    update,
)
from modules.service.extension_options import ExtensionOption, foreign_option, own_option
from modules.service.visitor import Forbidden, require_admin
from modules.settings.launch import Launch
from modules.settings.store import SettingsStore

log = logging.getLogger(__name__)


GOVERNING = ("disabled_extensions", "enabled_extensions", "disable_all_extensions")
"""Options that say which extensions work."""


@dataclass(frozen=True, kw_only=True)
class ExtensionRow:
    """One extension, as lists show it."""

    folder: Folder
    state: str
    """ "on", "off" or "broken"."""
    source: Source
    trouble: Trouble | None = None

    @property
    def notes(self) -> tuple[str, ...]:
        """What its owner should know before switching it on."""
        path = self.folder.path
        notes = []
        if (path / "install.py").is_file():
            notes.append("It has an install.py, which is not run.")
        if (path / "requirements.txt").is_file():
            notes.append("It has a requirements.txt; packages it needs are not installed for it.")
        return tuple(notes)


@dataclass(frozen=True, kw_only=True)
class ForeignScript:
    """A script of an extension for A1111's webui."""

    name: str
    """The title in lower case."""
    title: str
    always: bool
    """Whether it takes part in every job; otherwise it is chosen."""
    args: tuple[Any, ...]
    """What its controls hold at first."""
    labels: tuple[str, ...]


def plan_of(paths: Paths, launch: Launch, settings: SettingsStore) -> Plan:
    """Which extensions the flags and the settings want."""
    choice = settings.settings.extensions
    which = ALL
    if launch.safe_mode or launch.disable_all_extensions or choice.without == "all":
        which = NONE
    elif launch.disable_extra_extensions or choice.without == "extra":
        which = SHIPPED
    return Plan(paths=paths, which=which, off=frozenset(choice.off), on=frozenset(choice.on))


class ExtensionDesk:
    """Everything that is done with extensions in the server. Thread-safe."""

    def __init__(
        self,
        paths: Paths,
        launch: Launch,
        settings: SettingsStore,
        engine: Engine | None = None,
        make_world: MakeWorld | None = None,
    ) -> None:
        self._paths, self._launch, self._settings = paths, launch, settings
        self._engine = engine
        self._lock = threading.Lock()
        self._watchers: list[Callable[[], None]] = []
        self.loaded = Extensions(self.plan(), make_world=make_world)

    def plan(self) -> Plan:
        """Which extensions are wanted now."""
        return plan_of(self._paths, self._launch, self._settings)

    def start(self) -> None:
        """Load what is wanted."""
        self.loaded.load()
        self._offer()

    def _offer(self) -> None:
        offer_all(self.loaded)
        self._settings.offer({one.name: one.default for one in self.options()})

    def options(self) -> list[ExtensionOption]:
        """The options of all extensions."""
        found = []
        for one in self.loaded.offered("register_settings"):
            try:
                found.append(own_option(one))
            except (TypeError, ValueError) as error:
                self.loaded.blame(one.extension, "register_settings", error)
        if isinstance(self.loaded.world, World):
            for name, info in self.loaded.world.settings().items():
                if not info.do_not_save:
                    found.append(foreign_option(name, info))
        return found

    def prepared(self, request: GenerationRequest) -> GenerationRequest:
        """A request as extensions want it to be handed in. Raises a WebUIError of theirs."""
        changed: GenerationRequest = self.loaded.change("prepare_request", "request", request)
        return changed

    def begin_page(self) -> Any:
        """Make what holds the controls of extensions (`modules.compat.page.Page`); None if none.

        Called each time the page is built, before anything is on it.
        """
        world = self.loaded.world
        if not isinstance(world, World):
            return None
        return world.begin_page()

    def missing(self, name: str) -> list[str]:
        """What an extension asked for that is not here."""
        world = self.loaded.world
        return list(world.notes.get(name, ())) if isinstance(world, World) else []

    def scripts(self, tab: str) -> list[ForeignScript]:
        """Scripts of extensions that requests may name on a tab ("txt2img" or "img2img")."""
        world = self.loaded.world
        if not isinstance(world, World) or world.page is None:
            return []
        runner = world.runner(tab == "img2img")
        return [
            ForeignScript(
                name=str(one.name),
                title=one.title(),
                always=one.alwayson,
                args=tuple(world.page.default_args(runner.is_img2img, str(one.name))),
                labels=tuple(str(control.label or "") for control in one.controls or ()),
            )
            for one in runner.scripts
        ]

    def page_files(self) -> list[tuple[str, str]]:
        """Scripts and styles that working extensions bring to the page: extension, file."""
        found = []
        for one in self.loaded.working():
            scripts = one.path / "javascript"
            paths = sorted([*scripts.glob("*.js"), *scripts.glob("*.mjs")])
            paths += [one.path / "style.css"] if (one.path / "style.css").is_file() else []
            found += [(one.name, path.relative_to(one.path).as_posix()) for path in paths]
        return found

    def started(self, api: Any) -> None:
        """Tell extensions that the server is there; `api` is FastAPI's application."""
        world = self.loaded.world
        if not isinstance(world, World):
            return
        page = world.page
        if page is None:  # without the page scripts' controls are made all the same
            page = world.begin_page()
            page.lay_out_alone()
        page.started(api)

    def pasted(self, infotext: str) -> dict[str, Any]:
        """A recipe's values by key, as extensions leave them."""
        world = self.loaded.world
        if not isinstance(world, World):
            return {}
        return world.pasted(infotext, dict(parse_infotext(infotext)))

    def watch(self, watcher: Callable[[], None]) -> None:
        """Call `watcher` whenever extensions were loaded anew: the page is to be built again."""
        self._watchers.append(watcher)

    def reload(self) -> None:
        """Load all extensions anew, here and in the drawing process. Raises Forbidden."""
        self._may("load extensions")
        with self._lock:
            plan = self.plan()
            self.loaded.reload(plan)
            self._offer()
            if self._engine is not None:
                self._engine.use_extensions(plan)
        for watcher in self._watchers:
            watcher()

    def rows(self) -> list[ExtensionRow]:
        """Every extension, with what became of it in either process."""
        troubles = self._engine.status().troubles if self._engine is not None else ()
        there = {str(one["extension"]): one for one in troubles}
        rows = []
        for report in self.loaded.reports():
            name, trouble, state = report.folder.name, report.trouble, report.state
            if trouble is None and name in there and state == "on":
                trouble, state = Trouble(**there[name]), "broken"
            source = source_of(report.folder.path)
            rows.append(
                ExtensionRow(folder=report.folder, state=state, trouble=trouble, source=source)
            )
        return rows

    def find(self, name: str) -> Folder:
        """Look an extension up. Raises NotFound."""
        folders = self.loaded.plan.folders()
        for folder in folders:
            if folder.name.lower() == name.strip().lower():
                return folder
        raise NotFound("extension", name, [one.name for one in folders])

    def switch(self, name: str, on: bool) -> None:
        """Let an extension work or not; it counts from the next `reload` on."""
        self._may("switch extensions")
        folder = self.find(name)
        choice = self._settings.settings.extensions
        off, wanted = set(choice.off), set(choice.on)
        if on:
            off.discard(folder.name)
            if not folder.manifest.switched_on:
                wanted.add(folder.name)
        else:
            wanted.discard(folder.name)
            if folder.manifest.switched_on:
                off.add(folder.name)
        self._settings.set_options(
            {"disabled_extensions": sorted(off), "enabled_extensions": sorted(wanted)}
        )

    def install(self, source: str, *, commit: str = "") -> Folder:
        """Install from a folder, zip or Git address; switched off until somebody wants it.

        Raises Forbidden, InvalidRequest or WebUIError.
        """
        self._may("install extensions")
        return self._installed(install(source.strip(), self._paths.extensions, commit=commit))

    def install_zip(self, content: Path, name: str) -> Folder:
        """Install a zip that was sent. Raises as `install` does."""
        self._may("install extensions")
        return self._installed(install_zip(content, self._paths.extensions, name))

    def _installed(self, folder: Folder) -> Folder:
        log.info("Extension %s was installed into %s", folder.name, folder.path)
        if folder.manifest.switched_on:
            self.switch(folder.name, on=False)
        return folder

    def remove(self, name: str) -> Path:
        """Move an extension to the trash; returns where it is. Raises Forbidden, NotFound."""
        self._may("remove extensions")
        folder = self.find(name)
        if folder.shipped:
            raise Forbidden(f"{folder.name} came with the program.", "Switch it off instead.")
        return put_away(folder.path, self._paths.extensions)

    def newest(self, name: str) -> str:
        """Ask for an extension's newest commit, over the network. Raises WebUIError."""
        self._may("look for updates")
        return newest_commit(self.find(name).path)

    def update(self, name: str, commit: str = "") -> Source:
        """Bring an extension to a commit, or to the newest. Raises WebUIError."""
        self._may("update extensions")
        return update(self.find(name).path, commit)

    def check_options(self, options: Mapping[str, Any]) -> None:
        """Raise Forbidden for options that would switch extensions where that is not allowed.

        Clients send all options back; those that stay as they are do no harm.
        """
        now = self._settings.options()
        if any(name in options and options[name] != now[name] for name in GOVERNING):
            self._may("switch extensions")

    def _may(self, what: str) -> None:
        require_admin(what)
        if self._launch.exposed and not self._launch.enable_insecure_extension_access:
            raise Forbidden(
                f"Nobody may {what} while other computers can reach this server.",
                "Use the command line (webui.py extensions), or start without --listen and "
                "--share. --enable-insecure-extension-access lifts this.",
            )
