"""The house rules: which room may import which, what a file may look like, what stays light."""

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
MODULES = ROOT / "modules"

GROUND = {"errors", "param", "registry", "paths", "log", "threads", "version"}
"""Files directly in modules/: everyone may import them, and they import only each other."""

MAY_IMPORT = {
    "bootstrap": set(),
    "schema": set(),
    "settings": {"schema"},
    "prompt": set(),
    "extension": {"schema", "settings"},
    "compat": {"schema", "settings", "prompt", "extension"},
    "sampling": set(),
    "model": {"schema"},
    "conditioning": {"schema", "prompt", "model"},
    "pipeline": {"schema", "prompt", "model", "sampling", "conditioning", "extension"},
    "training": {"schema", "prompt", "model", "sampling", "conditioning"},
    "engine": {"schema", "extension"},
    "service": {"schema", "settings", "prompt", "extension", "engine", "compat"},
    "ui": {"schema", "settings", "extension", "service", "compat"},
    "api": {"schema", "settings", "extension", "service", "compat"},
    "cli": {"schema", "settings", "extension", "service"},
}
"""Room by room, besides the ground and itself."""

LATE = {
    "engine": {"pipeline", "training", "model", "sampling", "conditioning", "compat"},
}
"""Allowed inside functions only: what is heavy and first needed when a task comes."""

JOINTS = {
    "modules/cli/serve.py": {"ui", "api"},
    "modules/cli/main.py": {"bootstrap"},
    "modules/cli/recipe_files.py": {"api"},
    "modules/cli/run.py": {"api"},
    "modules/cli/documents.py": {"api", "engine"},
}
"""Single files that may reach further than their room."""

LIGHT = {
    "modules.sampling.catalogue",
    "modules.model.catalogue",
    "modules.model.control_files",
    "modules.model.embedding_sizes",
    "modules.model.face_files",
    "modules.model.hashes",
    "modules.model.folder",
    "modules.model.header",
    "modules.model.vae_files",
    "modules.model.workshop",
    "modules.model.patch.look",
    "modules.model.patch.report",
    "modules.model.network_hash",
    "modules.model.upscaler_files",
    "modules.pipeline.preprocessors.annotator_files",
    "modules.pipeline.preprocessors.catalogue",
    "modules.pipeline.preprocessors.fitting",
    "modules.pipeline.preprocessors.run",
    "modules.pipeline.preprocessors.skeleton",
    "modules.pipeline.resize",
    "modules.pipeline.watermark_reader",
    "modules.training.command",
    "modules.training.upscaler_command",
    "modules.training.companions.command",
}
"""Plain data about heavy rooms: the doors, the service and the engine may read it."""
READS_LIGHT = {"settings", "compat", "engine", "service", "ui", "api", "cli"}

OWNERS = {
    "torch": {"sampling", "model", "conditioning", "pipeline", "training"},
    "diffusers": {"model"},
    "transformers": {"model"},
    "safetensors": {"model", "training"},
    "spandrel": {"model"},
    "tokenizers": {"prompt"},
    "ray": {"engine"},
    "sqlite3": {"service"},
    "pluggy": {"extension"},
    "gradio": {"ui", "compat"},
    "fastapi": {"api", "ui"},
    "starlette": {"api", "ui"},
    "pydantic": {"api"},
    "uvicorn": {"cli"},
    "argparse": {"cli", "settings", "training", "compat"},
}
"""Libraries that only some rooms may import; whatever is not listed is free."""
LATE_LIBRARIES = {("engine", "torch"), ("compat", "torch")}

FORBIDDEN_NAMES = {"utils", "util", "helpers", "helper", "manager", "common", "misc"}
KEPT_FREE = {
    "shared",
    "scripts",
    "script_callbacks",
    "processing",
    "devices",
    "sd_models",
    "images",
}
"""Extensions written for A1111 import these from `modules`."""

LINES_A_FILE = 420
LINES_A_FUNCTION = 60
TABLES = {"modules/schema/request.py", "modules/sampling/catalogue.py"}
"""Files that are tables of data and may be as long as they are."""


@cache
def sources() -> dict[str, ast.Module]:
    """Every file of modules/, parsed, by its path from the root."""
    files = sorted(MODULES.rglob("*.py"))
    return {
        str(file.relative_to(ROOT).as_posix()): ast.parse(file.read_text(encoding="utf-8"))
        for file in files
    }


def room_of(path: str) -> str:
    """`modules/sampling/noise.py` is in the room `sampling`; the ground has no room."""
    parts = path.split("/")
    return parts[1] if len(parts) > 2 else ""


def imports_of(tree: ast.Module) -> Iterator[tuple[str, int, bool]]:
    """Yield each import's dotted name, line, and whether it is inside a function."""
    inside = {
        id(node)
        for function in ast.walk(tree)
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
        for node in ast.walk(function)
    }
    for node in ast.walk(tree):
        late = id(node) in inside
        if isinstance(node, ast.Import):
            for name in node.names:
                yield name.name, node.lineno, late
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are written in full"
            module = node.module or ""
            if module == "modules" or module.startswith("modules."):
                for name in node.names:
                    yield f"{module}.{name.name}", node.lineno, late
            else:
                yield module, node.lineno, late


def is_light(name: str) -> bool:
    return any(name == light or name.startswith(light + ".") for light in LIGHT)


def complaint_about(path: str, name: str, late: bool) -> str:
    """Say what is wrong with importing `name` in `path`; empty if nothing is."""
    room, parts = room_of(path), name.split(".")
    if parts[0] != "modules":
        owners = OWNERS.get(parts[0])
        if owners is None or room in owners or (late and (room, parts[0]) in LATE_LIBRARIES):
            return ""
        return f"{parts[0]} belongs to {', '.join(sorted(owners))}"
    target = parts[1] if len(parts) > 1 else ""
    if target in GROUND or target == room or not target:
        return ""
    allowed = MAY_IMPORT.get(room, set()) | JOINTS.get(path, set())
    if late:
        allowed |= LATE.get(room, set())
    if target in allowed or (room in READS_LIGHT and is_light(name)):
        return ""
    if target in LATE.get(room, set()):
        return f"{room} may import {target} only inside functions"
    return f"{room or 'the ground'} may not import {target}"


def report(complaints: list[str]) -> None:
    assert not complaints, "\n" + "\n".join(complaints)


def test_every_room_is_in_the_table():
    rooms = {room_of(path) for path in sources()} - {""}
    assert rooms <= set(MAY_IMPORT)


def test_imports_point_one_way():
    report(
        [
            f"{path}:{line}: {complaint} ({name})"
            for path, tree in sources().items()
            for name, line, late in imports_of(tree)
            if (complaint := complaint_about(path, name, late))
        ]
    )


def test_set_up_uses_the_standard_library_alone():
    report(
        [
            f"{path}:{line}: {name}"
            for path, tree in sources().items()
            if room_of(path) == "bootstrap"
            for name, line, _ in imports_of(tree)
            if name.split(".")[0] not in {*sys.stdlib_module_names, "modules"}
        ]
    )


def test_package_files_hold_at_most_a_docstring():
    report(
        [
            path
            for path, tree in sources().items()
            if path.endswith("/__init__.py")
            and len(tree.body) > (ast.get_docstring(tree) is not None)
        ]
    )


def test_names_say_what_is_inside():
    report([path for path in sources() if Path(path).stem in FORBIDDEN_NAMES])
    report([path for path in sources() if not room_of(path) and Path(path).stem in KEPT_FREE])
    report([room for room in MAY_IMPORT if room in KEPT_FREE])


def test_files_and_functions_stay_readable():
    complaints = []
    for path, tree in sources().items():
        lines = len((ROOT / path).read_text(encoding="utf-8").splitlines())
        if lines > LINES_A_FILE and path not in TABLES:
            complaints.append(f"{path}: {lines} lines")
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                length = (node.end_lineno or node.lineno) - node.lineno + 1
                if length > LINES_A_FUNCTION:
                    complaints.append(f"{path}:{node.lineno}: {node.name} has {length} lines")
    report(complaints)


def test_everything_public_has_a_docstring():
    complaints = []
    for path, tree in sources().items():
        if tree.body and ast.get_docstring(tree) is None:
            complaints.append(f"{path}: the file itself")
        for node in public_definitions(tree):
            if ast.get_docstring(node) is None:
                complaints.append(f"{path}:{node.lineno}: {node.name}")
    report(complaints)


def public_definitions(
    tree: ast.Module,
) -> Iterator[ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef]:
    """Yield functions, classes and methods whose names do not begin with an underscore."""
    kinds = (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    for node in tree.body:
        if isinstance(node, kinds) and not node.name.startswith("_"):
            yield node
            if isinstance(node, ast.ClassDef):
                for item in node.body:
                    if isinstance(item, kinds[1:]) and not item.name.startswith("_"):
                        yield item


def test_importing_only_defines_names():
    allowed = (
        ast.Import,
        ast.ImportFrom,
        ast.FunctionDef,
        ast.AsyncFunctionDef,
        ast.ClassDef,
        ast.Assign,
        ast.AnnAssign,
    )
    complaints = []
    for path, tree in sources().items():
        for node in tree.body:
            text = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
            if not isinstance(node, allowed) and not text and not is_guard(node):
                complaints.append(f"{path}:{node.lineno}: {ast.unparse(node)[:60]}")
    report(complaints)


def is_guard(node: ast.stmt) -> bool:
    """`if __name__ == "__main__"`, `if TYPE_CHECKING` and `if sys.platform == ...` are fine."""
    return isinstance(node, ast.If) and any(
        word in ast.unparse(node.test) for word in ("__name__", "TYPE_CHECKING", "sys.platform")
    )


def test_failures_are_not_swallowed():
    complaints = []
    for path, tree in sources().items():
        for node in ast.walk(tree):
            if isinstance(node, ast.ExceptHandler) and (
                node.type is None
                or (
                    ast.unparse(node.type) in {"Exception", "BaseException"}
                    and all(isinstance(item, ast.Pass) for item in node.body)
                )
            ):
                complaints.append(f"{path}:{node.lineno}: {ast.unparse(node)[:60]}")
    report(complaints)


def test_nothing_is_left_for_later():
    words = ("TO" + "DO", "FIX" + "ME", "X" + "XX")
    report(
        [
            f"{path}:{number}: {line.strip()}"
            for path in sources()
            for number, line in enumerate((ROOT / path).read_text("utf-8").splitlines(), 1)
            if any(f"{word}" in line.split('"')[0] for word in words)
        ]
    )


HEAVY = ["torch", "gradio", "diffusers", "transformers", "fastapi", "numpy", "PIL", "cv2"]
DOORS = {
    "modules.cli.main": set(),
    "modules.settings.store": set(),
    "modules.engine.process": set(),
    "modules.service.app": {"PIL", "numpy"},
    "modules.api.app": {"PIL", "fastapi", "numpy"},
    "modules.ui.app": {"PIL", "fastapi", "numpy", "gradio"},
}
"""What a fresh interpreter may have loaded after importing each door; torch is in none."""


@pytest.mark.parametrize("door", DOORS)
def test_a_door_loads_only_what_it_needs(door):
    script = (
        f"import json, sys, {door}; print(json.dumps([m for m in {HEAVY} if m in sys.modules]))"
    )
    answer = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    )
    loaded = set(json.loads(answer.stdout.splitlines()[-1]))
    assert loaded <= DOORS[door]


def test_help_needs_no_packages_at_all():
    answer = subprocess.run(
        [sys.executable, "-S", "webui.py", "--help"], cwd=ROOT, capture_output=True, text=True
    )
    assert answer.returncode == 0, answer.stderr
    assert "txt2img" in answer.stdout
