"""Imports of one extension: A1111's names mean our stand-ins there, and there alone.

Files of the extension run with an `__import__` of their own, so `modules.shared` never appears in
`sys.modules`, our own `modules` package stays what it is, and two extensions that both have a
`utils.py` do not meet.
"""

import builtins
import importlib
import sys
from collections.abc import Callable, Mapping, Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from types import ModuleType
from typing import Any

from modules.compat.missing import MissingModule, MissingThing
from modules.extension.folders import Folder

FOREIGN = frozenset({"modules", "launch", "gradio"})
"""Top-level names that mean our stand-ins."""
NEVER = frozenset({"ldm", "sgm", "k_diffusion", "ldm_patched", "modules_forge", "backend"})
"""Insides of other programs."""

Members = Mapping[str, Any]


class Live:
    """A member whose value is asked for each time."""

    def __init__(self, get: Callable[[], Any]) -> None:
        self.get = get


class Facade(ModuleType):
    """A module as one extension sees it."""

    def __init__(self, name: str, scope: "Scope") -> None:
        super().__init__(name)
        self.__path__: list[str] = []
        self.__dict__["_scope"] = scope

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return self.__dict__["_scope"].member(self.__name__, name)


class Scope:
    """What one extension's files import."""

    def __init__(
        self,
        folder: Folder,
        surface: Mapping[str, Callable[["Scope"], Members]],
        note: Callable[[str, str], None],
    ) -> None:
        """`surface` makes the members of each module; `note(extension, thing)` hears of misses."""
        self.folder, self.name = folder, folder.name
        self._surface, self._note = surface, note
        self._members: dict[str, Members] = {}
        self._facades: dict[str, Facade] = {}
        self.builtins = {**vars(builtins), "__import__": self.import_}

    def import_(
        self,
        name: str,
        globals: Mapping[str, Any] | None = None,
        locals: Mapping[str, Any] | None = None,
        fromlist: Sequence[str] | None = (),
        level: int = 0,
    ) -> Any:
        """Stand in for `__import__`. Raises ImportError."""
        root = name.partition(".")[0]
        if level == 0 and root in NEVER:
            self._note(self.name, name)
            raise MissingModule(name, self.name)
        if level == 0 and root in FOREIGN:
            return self._foreign(name, fromlist or ())
        if level == 0 and (inside := self._own(root)):
            return self._import_own(f"{inside}.{name}", f"{inside}.{root}", fromlist or ())
        return builtins.__import__(name, globals, locals, fromlist or (), level)

    def _foreign(self, name: str, fromlist: Sequence[str]) -> ModuleType:
        parts = name.split(".")
        for end in range(1, len(parts) + 1):
            self.facade(".".join(parts[:end]))
        if not fromlist:
            return self.facade(parts[0])
        module = self.facade(name)
        for item in fromlist:
            if item != "*" and not hasattr(module, item):
                raise MissingModule(f"{name}.{item}", self.name)
        if "*" in fromlist:
            module.__dict__["__all__"] = [
                one for one in self.members(name) if not one.startswith("_")
            ]
        return module

    def _own(self, root: str) -> str:
        """The package below which the extension has a file of that name; "" if it has none."""
        for place, package in (
            (self.folder.path, self.folder.package),
            (self.folder.path / "scripts", f"{self.folder.package}.scripts"),
        ):
            if (place / f"{root}.py").is_file() or (place / root).is_dir():
                return package
        return ""

    def _import_own(self, full: str, root: str, fromlist: Sequence[str]) -> ModuleType:
        module = importlib.import_module(full)
        for item in fromlist:
            if item != "*" and not hasattr(module, item) and hasattr(module, "__path__"):
                importlib.import_module(f"{full}.{item}")
        return module if fromlist else sys.modules[root]

    def facade(self, name: str) -> Facade:
        """The stand-in for a module. Raises MissingModule."""
        if name not in self._facades:
            if name not in self._surface and not any(
                one.startswith(f"{name}.") for one in self._surface
            ):
                self._note(self.name, name)
                raise MissingModule(name, self.name)
            self._facades[name] = Facade(name, self)
        return self._facades[name]

    def members(self, module: str) -> Members:
        """Everything a module has, for this extension."""
        if module not in self._members:
            make = self._surface.get(module)
            self._members[module] = {} if make is None else make(self)
        return self._members[module]

    def member(self, module: str, name: str) -> Any:
        """One member of a module. Raises MissingThing."""
        known = self.members(module)
        if name in known:
            value = known[name]
            return value.get() if isinstance(value, Live) else value
        inner = f"{module}.{name}"
        if inner in self._surface or any(one.startswith(f"{inner}.") for one in self._surface):
            return self.facade(inner)
        fallback = known.get("__getattr__")
        if fallback is not None:
            return fallback(name)
        self._note(self.name, inner)
        raise MissingThing(inner, self.name)


class ScopedLoader(SourceFileLoader):
    """Runs a file with the imports of its extension."""

    def __init__(self, fullname: str, path: str, scope: Scope) -> None:
        super().__init__(fullname, path)
        self._scope = scope

    def exec_module(self, module: ModuleType) -> None:
        """Run the file in `module`."""
        module.__dict__["__builtins__"] = self._scope.builtins
        super().exec_module(module)


class ScopedFinder(MetaPathFinder):
    """Finds the files of extensions, by their packages; installed while there are any."""

    def __init__(self) -> None:
        self.scopes: dict[str, Scope] = {}

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Find a file of an extension."""
        scope = self.scopes.get(fullname.partition(".")[0])
        if scope is None:
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is not None and isinstance(spec.loader, SourceFileLoader) and spec.origin:
            spec.loader = ScopedLoader(fullname, spec.origin, scope)
        return spec

    def install(self) -> None:
        """Be asked for imports before others."""
        if self not in sys.meta_path:
            sys.meta_path.insert(0, self)

    def uninstall(self) -> None:
        """Be asked no more."""
        if self in sys.meta_path:
            sys.meta_path.remove(self)
        self.scopes.clear()
