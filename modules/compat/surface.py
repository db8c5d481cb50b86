"""Which of A1111's modules there are here, and who makes the members of each."""

from collections.abc import Callable, Mapping
from typing import Any

from modules.compat.faces import core, drawing, files
from modules.compat.faces.page import gradio, ui, ui_common, ui_components
from modules.compat.importing import Scope

Make = Callable[[Any, Scope], Mapping[str, Any]]
"""(the layer's world, the extension's imports) -> members by name."""

SURFACE: Mapping[str, Make] = {
    "modules.shared": core.shared,
    "modules.shared_items": core.shared_items,
    "modules.options": core.options,
    "modules.scripts": core.scripts,
    "modules.script_callbacks": core.script_callbacks,
    "modules.scripts_postprocessing": core.scripts_postprocessing,
    "modules.errors": core.errors,
    "modules.extensions": core.extensions,
    "modules.timer": core.timer,
    "modules.call_queue": core.call_queue,
    "modules.progress": core.progress,
    "launch": core.launch,
    "modules.launch_utils": core.launch,
    "modules.processing": drawing.processing,
    "modules.devices": drawing.devices,
    "modules.sd_samplers": drawing.sd_samplers,
    "modules.sd_schedulers": drawing.sd_schedulers,
    "modules.sd_models": drawing.sd_models,
    "modules.sd_vae": drawing.sd_vae,
    "modules.prompt_parser": drawing.prompt_parser,
    "modules.images": files.images,
    "modules.paths": files.paths,
    "modules.paths_internal": files.paths,
    "modules.hashes": files.hashes,
    "modules.modelloader": files.modelloader,
    "modules.util": files.util,
    "modules.styles": files.styles,
    "modules.infotext_utils": files.infotext_utils,
    "modules.generation_parameters_copypaste": files.infotext_utils,
    "modules.api.api": files.api,
    "modules.ui_components": ui_components,
    "modules.ui_common": ui_common,
    "modules.ui": ui,
    "gradio": gradio,
}
