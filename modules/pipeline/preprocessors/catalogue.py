"""Every preprocessor as plain data: names, sliders, kind of map, the file it needs.

Names are those of A1111's ControlNet extension, because clients and recipes use them.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from modules.errors import NotFound
from modules.registry import Registry

RESOLUTION = "Preprocessor Resolution"
ALL = "All"


@dataclass(frozen=True)
class Slider:
    """A number of a preprocessor."""

    name: str
    value: float
    minimum: float
    maximum: float
    step: float = 1

    def chosen(self, wanted: float) -> float:
        """`wanted` inside the limits, or the default for a negative one."""
        return self.value if wanted < 0 else min(max(wanted, self.minimum), self.maximum)


Sliders = tuple[Slider | None, Slider | None, Slider | None]
"""Resolution, threshold A and threshold B, where a preprocessor has them."""

SIZE = Slider(RESOLUTION, 512, 64, 2048, 8)


@dataclass(frozen=True, kw_only=True)
class Preprocessor:
    """One way to make a map."""

    name: str
    """As requests and recipes write it."""
    run: str
    """`file:function` of this folder; empty hands the picture on."""
    title: str = ""
    """What menus show, if it is not the name."""
    aliases: tuple[str, ...] = ()
    types: tuple[str, ...] = ()
    """Kinds of control in whose menus it is."""
    sliders: Sliders = (None, None, None)
    makes: str = "map"
    """"map", or "picture" where the network of control reads the picture itself."""
    file: str = ""
    """Name of the network's file, if it needs one."""
    model_free: bool = False
    """Whether it steers without a network of control."""
    needs_mask: bool = False

    @property
    def shown(self) -> str:
        """The name in menus."""
        return self.title or self.name

    def resolution(self, wanted: int) -> int | None:
        """Pixels of the shorter side at which it looks; None for the picture as it is."""
        slider = self.sliders[0]
        return None if slider is None else int(slider.chosen(wanted))

    def threshold(self, place: int, wanted: float) -> float:
        """Threshold A (1) or B (2), -1 where it has none."""
        slider = self.sliders[place]
        return -1.0 if slider is None else float(slider.chosen(wanted))


def _with(
    a: Slider | None = None, b: Slider | None = None, size: Slider | None = SIZE
) -> tuple[Slider | None, Slider | None, Slider | None]:
    return size, a, b


FIDELITY = _with(Slider('Style Fidelity (only for "Balanced" mode)', 0.5, 0, 1, 0.01), size=None)
GAMMA = _with(Slider("Gamma Correction", 1.0, 0.1, 2.0, 0.001), size=None)

ROWS = (
    Preprocessor(name="none", run=""),
    Preprocessor(
        name="invert",
        run="colours:inverted",
        title="invert (from white bg & black line)",
        types=("Canny", "Lineart", "Scribble", "MLSD"),
    ),
    Preprocessor(
        name="canny",
        run="edges:canny",
        types=("Canny",),
        sliders=_with(
            Slider("Canny Low Threshold", 100, 1, 255), Slider("Canny High Threshold", 200, 1, 255)
        ),
    ),
    Preprocessor(
        name="depth",
        run="depth:depth",
        title="depth_midas",
        types=("Depth",),
        sliders=_with(),
        file="dpt_hybrid-midas-501f0c75.pt",
    ),
    Preprocessor(
        name="normal_map",
        run="depth:normals",
        title="normal_midas",
        types=("NormalMap",),
        sliders=_with(Slider("Normal Background Threshold", 0.4, 0, 1, 0.01)),
        file="dpt_hybrid-midas-501f0c75.pt",
    ),
    Preprocessor(
        name="openpose",
        run="pose:body_pose",
        types=("OpenPose",),
        sliders=_with(),
        file="body_pose_model.pth",
    ),
    Preprocessor(
        name="mlsd",
        run="lines:straight_lines",
        types=("MLSD",),
        sliders=_with(
            Slider("MLSD Value Threshold", 0.1, 0.01, 2.0, 0.01),
            Slider("MLSD Distance Threshold", 0.1, 0.01, 20.0, 0.01),
        ),
    ),
    Preprocessor(
        name="lineart_standard",
        run="lines:standard_lines",
        title="lineart_standard (from white bg & black line)",
        types=("Lineart",),
        sliders=_with(),
    ),
    Preprocessor(
        name="lineart",
        run="lineart:drawn",
        title="lineart_realistic",
        types=("Lineart",),
        sliders=_with(),
        file="sk_model.pth",
    ),
    Preprocessor(
        name="lineart_coarse",
        run="lineart:drawn",
        types=("Lineart",),
        sliders=_with(),
        file="sk_model2.pth",
    ),
    Preprocessor(
        name="hed",
        run="hed:soft_edges",
        title="softedge_hed",
        types=("SoftEdge",),
        sliders=_with(),
        file="ControlNetHED.pth",
    ),
    Preprocessor(
        name="hed_safe",
        run="hed:safe_edges",
        title="softedge_hedsafe",
        types=("SoftEdge",),
        sliders=_with(),
        file="ControlNetHED.pth",
    ),
    Preprocessor(
        name="scribble_hed",
        run="hed:scribble",
        types=("Scribble",),
        sliders=_with(),
        file="ControlNetHED.pth",
    ),
    Preprocessor(
        name="softedge_gradient",
        run="edges:soft_edges",
        types=("SoftEdge",),
        sliders=_with(),
    ),
    Preprocessor(
        name="scribble_xdog",
        run="edges:xdog",
        types=("Scribble",),
        sliders=_with(Slider("XDoG Threshold", 32, 1, 64)),
    ),
    Preprocessor(
        name="scribble_gradient",
        run="edges:scribble",
        types=("Scribble",),
        sliders=_with(),
    ),
    Preprocessor(
        name="threshold",
        run="colours:threshold",
        sliders=_with(Slider("Binarization Threshold", 127, 0, 255)),
    ),
    Preprocessor(name="shuffle", run="shuffle:shuffled", types=("Shuffle",)),
    Preprocessor(
        name="tile_resample",
        run="colours:shrunk",
        types=("Tile",),
        sliders=_with(Slider("Down Sampling Rate", 1.0, 1.0, 8.0, 0.01), size=None),
    ),
    Preprocessor(
        name="blur_gaussian",
        run="colours:blurred",
        types=("Tile",),
        sliders=_with(Slider("Sigma", 9.0, 0.01, 64.0, 0.01)),
    ),
    Preprocessor(
        name="inpaint",
        run="",
        title="inpaint_global_harmonious",
        types=("Inpaint",),
        needs_mask=True,
    ),
    Preprocessor(name="inpaint_only", run="", types=("Inpaint",), needs_mask=True),
    Preprocessor(
        name="color",
        run="colours:colour_grid",
        title="t2ia_color_grid",
        types=("T2I-Adapter",),
        sliders=_with(),
    ),
    Preprocessor(
        name="recolor_luminance", run="colours:luminance", types=("Recolor",), sliders=GAMMA
    ),
    Preprocessor(
        name="recolor_intensity", run="colours:intensity", types=("Recolor",), sliders=GAMMA
    ),
    Preprocessor(
        name="reference_only",
        run="",
        types=("Reference",),
        sliders=FIDELITY,
        makes="picture",
        model_free=True,
    ),
    Preprocessor(
        name="clip_vision",
        run="",
        title="t2ia_style_clipvision",
        types=("T2I-Adapter",),
        makes="picture",
    ),
    Preprocessor(name="ip-adapter-auto", run="", types=("IP-Adapter",), makes="picture"),
    Preprocessor(name="ip-adapter_clip_sd15", run="", types=("IP-Adapter",), makes="picture"),
    Preprocessor(name="ip-adapter_clip_sdxl", run="", types=("IP-Adapter",), makes="picture"),
    Preprocessor(
        name="ip-adapter_clip_sdxl_plus_vith", run="", types=("IP-Adapter",), makes="picture"
    ),
)

CONTROL_TYPES: dict[str, tuple[str, tuple[str, ...]]] = {
    ALL: ("none", ()),
    "Canny": ("canny", ("canny",)),
    "Depth": ("depth", ("depth",)),
    "NormalMap": ("normal_map", ("normal",)),
    "OpenPose": ("openpose", ("openpose",)),
    "MLSD": ("mlsd", ("mlsd",)),
    "Lineart": ("lineart_standard", ("lineart",)),
    "SoftEdge": ("softedge_gradient", ("softedge", "hed", "pidi")),
    "Scribble": ("scribble_xdog", ("scribble", "sketch")),
    "Segmentation": ("none", ("seg",)),
    "Shuffle": ("shuffle", ("shuffle",)),
    "Tile": ("tile_resample", ("tile", "blur")),
    "Inpaint": ("inpaint_only", ("inpaint",)),
    "InstructP2P": ("none", ("ip2p",)),
    "Reference": ("reference_only", ()),
    "Recolor": ("recolor_luminance", ("recolor",)),
    "T2I-Adapter": ("none", ("t2i_adapter", "t2i-adapter", "t2iadapter", "t2iastyle")),
    "IP-Adapter": ("ip-adapter-auto", ("ip-adapter", "ip_adapter")),
}
"""Kinds of control in menu order: the preprocessor they begin with, and words in models' names."""


def all_preprocessors() -> Registry[Preprocessor]:
    """The preprocessors by name, shown name and alias."""
    known: Registry[Preprocessor] = Registry("preprocessor")
    for row in ROWS:
        also = {name for name in (row.title, *row.aliases) if name and name != row.name}
        known.add(row.name, row, sorted(also))
    return known


PREPROCESSORS = all_preprocessors()
"""In menu order."""


def find_preprocessor(name: str) -> Preprocessor:
    """The preprocessor called `name`, in any of its spellings; "" is none. Raises NotFound."""
    return PREPROCESSORS[name.strip() or "none"]


def modules_of(kind: str) -> list[Preprocessor]:
    """What a kind of control offers, "none" first. Raises NotFound for an unknown kind."""
    check_kind(kind)
    return [row for row in ROWS if kind == ALL or row.name == "none" or kind in row.types]


def models_of(kind: str, models: Iterable[str]) -> list[str]:
    """The models whose names tell that they are of this kind. Raises NotFound."""
    words = CONTROL_TYPES[check_kind(kind)][1]
    return [name for name in models if kind == ALL or any(word in name.lower() for word in words)]


def check_kind(kind: str) -> str:
    """Return `kind`; raises NotFound if there is no such kind of control."""
    if kind not in CONTROL_TYPES:
        raise NotFound("kind of control", kind, CONTROL_TYPES)
    return kind


def short_title(model: str) -> str:
    """A model's entry without its hash."""
    return model.partition(" [")[0].strip()


def find_model(name: str, models: Iterable[str]) -> str:
    """The entry of a model by entry, name or hash, ignoring case; "None" is none. NotFound."""
    wanted = name.strip().lower()
    if wanted in ("", "none"):
        return "None"
    known = list(models)
    for spelled in (str.lower, lambda entry: short_title(entry).lower(), _digits):
        for entry in known:
            if spelled(entry) == wanted:
                return entry
    plain = short_title(wanted)  # named with the hash of another copy of the file
    for entry in known:
        if short_title(entry).lower() == plain:
            return entry
    raise NotFound("ControlNet model", name, known)


def _digits(entry: str) -> str:
    return entry.rpartition("[")[2].rstrip("]").lower() if entry.endswith("]") else ""
