"""An extension's own files as a Python package of its own, so that two never meet.

The folder is imported as `easel_extension_<name>`; nothing is added to `sys.path`.
"""

import sys
from collections.abc import Iterable
from importlib.machinery import ModuleSpec, SourceFileLoader
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

from modules.extension.folders import Folder


def open_package(folder: Folder) -> ModuleType:
    """Make the package of a folder, empty; its files are imported when they are asked for."""
    spec = ModuleSpec(folder.package, None, is_package=True)
    spec.submodule_search_locations = [str(folder.path)]
    package = module_from_spec(spec)
    sys.modules[folder.package] = package
    return package


def run_file(
    folder: Folder, path: Path, name: str, loader: SourceFileLoader | None = None
) -> ModuleType:
    """Import one file of a folder as `name` in its package. Raises whatever the file raises."""
    full = f"{folder.package}.{name}"
    spec = spec_from_file_location(full, path, loader=loader)
    assert spec is not None and spec.loader is not None, f"{path} is no Python file"
    module = module_from_spec(spec)
    sys.modules[full] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        sys.modules.pop(full, None)
        raise
    return module


def forget_packages(packages: Iterable[str]) -> None:
    """Let the next import of these packages read their files again."""
    roots = set(packages)
    for name in [name for name in sys.modules if name.partition(".")[0] in roots]:
        del sys.modules[name]
