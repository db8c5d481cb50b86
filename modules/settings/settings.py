"""Everything an owner sets once, as one frozen record."""

from dataclasses import dataclass, field

from modules.settings.sections.api import Api
from modules.settings.sections.control import ControlNet
from modules.settings.sections.describing import Describing
from modules.settings.sections.extensions import ExtensionChoice
from modules.settings.sections.extras import Extras
from modules.settings.sections.faces import FaceRestoration
from modules.settings.sections.interface import Interface
from modules.settings.sections.models import ModelMemory
from modules.settings.sections.networks import Networks
from modules.settings.sections.recipe import Recipe
from modules.settings.sections.safety import Safety
from modules.settings.sections.saving import Folders, Grids, Saving
from modules.settings.sections.upscaling import Upscaling


@dataclass(frozen=True, kw_only=True)
class Settings:
    """A snapshot: later changes make another one. What changes pixels is in the request instead."""

    saving: Saving = field(default_factory=Saving)
    grids: Grids = field(default_factory=Grids)
    folders: Folders = field(default_factory=Folders)
    recipe: Recipe = field(default_factory=Recipe)
    safety: Safety = field(default_factory=Safety)
    networks: Networks = field(default_factory=Networks)
    interface: Interface = field(default_factory=Interface)
    models: ModelMemory = field(default_factory=ModelMemory)
    api: Api = field(default_factory=Api)
    upscaling: Upscaling = field(default_factory=Upscaling)
    faces: FaceRestoration = field(default_factory=FaceRestoration)
    extras: Extras = field(default_factory=Extras)
    control: ControlNet = field(default_factory=ControlNet)
    describing: Describing = field(default_factory=Describing)
    extensions: ExtensionChoice = field(default_factory=ExtensionChoice)
