"""Gradio, imported without what only its own developers need."""

import importlib
import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from types import ModuleType

MAKER = "gradio.component_meta"
"""The module that makes component classes."""
STUBS = "create_or_modify_pyi"
"""Its function that compares each class's source with the stub file beside it, and rewrites that.

Editors read these files; a program that runs does not. It parses every component's source twice,
which is more than half of the time that importing Gradio takes.
"""


def import_gradio() -> None:
    """Import Gradio, leaving its stub files for editors as they are. Harmless when it is there."""
    if "gradio" in sys.modules:
        return
    finder = _WithoutStubs()
    sys.meta_path.insert(0, finder)
    try:
        importlib.import_module("gradio")
    finally:
        sys.meta_path.remove(finder)


def leave_stubs(*_: object) -> None:
    """Stand in for the function that writes stub files."""


class _WithoutStubs(MetaPathFinder):
    """Finds one module, as it would be found anyway."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname != MAKER:
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is not None and isinstance(spec.loader, SourceFileLoader):
            spec.loader = _Loader(fullname, spec.loader.path)
        return spec


class _Loader(SourceFileLoader):
    """Loads it, and takes that one function away."""

    def exec_module(self, module: ModuleType) -> None:
        super().exec_module(module)
        if hasattr(module, STUBS):
            setattr(module, STUBS, leave_stubs)
