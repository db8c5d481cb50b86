"""The engine that a server draws with: in a process of its own, as flags and settings want it."""

from modules.engine.engine import Engine
from modules.engine.messages import EngineSpec
from modules.engine.models import ModelList
from modules.engine.process import ProcessEngine
from modules.paths import Paths
from modules.service.expect import keeping
from modules.service.extensions import plan_of
from modules.settings.launch import Launch
from modules.settings.store import SettingsStore


def engine_for(paths: Paths, launch: Launch, store: SettingsStore) -> Engine:
    """Describe the engine; its process starts when it is first needed."""
    options = {
        "extensions": plan_of(paths, launch, store),
        "paths": paths,
        "device": launch.chosen_device,
        "half": not launch.full_precision,
        "preview_interval_s": store.settings.interface.preview_interval_s,
        "half_vae": not launch.no_half_vae,
        "memory": launch.memory,
        "keeping": keeping(store.settings.models),
        "compiles": launch.compile or store.settings.models.compile,
    }
    return ProcessEngine(EngineSpec(options=options), ModelList(paths))
