"""A description of the installation for bug reports, without anything secret."""

import hashlib
import json
import os
import platform
import sys
from importlib.metadata import distributions
from typing import Any

import psutil

from modules.service.app import App
from modules.version import VERSION

ENVIRONMENT = (
    "COMMANDLINE_ARGS",
    "CUDA_VISIBLE_DEVICES",
    "GRADIO_ANALYTICS_ENABLED",
    "OMP_NUM_THREADS",
    "TORCH_COMMAND",
    "TORCH_INDEX_URL",
    "VENV_DIR",
)
SECRET = ("auth", "ngrok")
"""Arguments with one of these words in them may hold a password."""


def sysinfo(app: App) -> dict[str, Any]:
    """Return everything a stranger needs to understand a failure here, under A1111's keys."""
    memory = psutil.virtual_memory()
    engine = app.status()
    found: dict[str, Any] = {
        "Platform": platform.platform(),
        "Python": platform.python_version(),
        "Version": VERSION,
        "Data path": str(app.paths.data),
        "Commandline": shown(sys.argv),
        "CPU": {"model": platform.processor(), "count logical": psutil.cpu_count()},
        "RAM": {"total": memory.total, "free": memory.available},
        "Engine": {
            "state": engine.state,
            "device": engine.device,
            "restarts": engine.restarts,
            "texts encoded": engine.texts[0],
            "texts reused": engine.texts[1],
        },
        "Extensions": [],
        "Environment": {
            name: " ".join(shown(os.environ[name].split()))
            for name in ENVIRONMENT
            if name in os.environ
        },
        "Config": app.settings.options(),
        "Flags": app.launch.flags(),
        "Problems": [*app.settings.notices, *app.catalogue().problems],
        "Packages": sorted({f"{one.name}=={one.version}" for one in distributions()}),
    }
    text = json.dumps(found, sort_keys=True, default=str)
    return found | {"Checksum": hashlib.sha256(text.encode()).hexdigest()}


def shown(words: list[str]) -> list[str]:
    """Return a command line with passwords left out, also those that follow their flag."""
    found: list[str] = []
    hide = False
    for word in words:
        flag = word.startswith("--")
        secret = flag and any(part in word for part in SECRET)
        if hide and not flag:
            found.append("(hidden)")
        elif secret and "=" in word:
            found.append(f"{word.partition('=')[0]}=(hidden)")
        else:
            found.append(word)
        hide = secret and "=" not in word if flag else hide
    return found
