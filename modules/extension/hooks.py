"""Every hook of the door: what it is given, what it may give back, and where it runs.

An extension marks its functions with `hook`; each may name only those arguments that it wants.
Server and drawing process load the same extensions; a hook is called in one of the two.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import pluggy

from modules.schema.event import Event
from modules.schema.request import GenerationRequest
from modules.schema.result import GeneratedImage

PROJECT = "easel"
hook = pluggy.HookimplMarker(PROJECT)
spec = pluggy.HookspecMarker(PROJECT)

SERVER, ENGINE, BOTH = "server", "engine", "both"

Draw = Callable[[GenerationRequest, int, tuple[Any, ...]], Iterator[Event]]
"""(request, number of the first picture, attachments) -> the events of drawing it."""


@dataclass(frozen=True, kw_only=True)
class Attachment:
    """Functions that join the sampling loop at its named moments; tensors in and out.

    `before_network(x, level)` gives the latent (batch, channels, h, w) that is evaluated at that
    noise level, `after_network(rows, level)` every row the network answered (texts, then
    negatives), `after_guidance(combined, x, level)` what the sampler gets, `after_step(step)` only
    looks, `before_decode(latent)` gives the latent that becomes pictures.
    """

    before_network: Callable[[Any, Any], Any] | None = None
    after_network: Callable[[Any, Any], Any] | None = None
    after_guidance: Callable[[Any, Any, Any], Any] | None = None
    after_step: Callable[[Any], None] | None = None
    before_decode: Callable[[Any], Any] | None = None


class Hooks:
    """The declarations, for pluggy and for the manual."""

    @spec
    def register_samplers(self, register: Callable[..., None]) -> None:
        """Offer samplers: `register(name, "file:function", aliases=())`, a file of the folder.

        The function is a generator like those of `modules/sampling/samplers`.
        """

    @spec
    def register_settings(self, register: Callable[..., None]) -> None:
        """Offer settings: `register(name, default, label, help="", choices=())`, plain values."""

    @spec
    def register_routes(self, register: Callable[..., None]) -> None:
        """Offer REST routes: `register("name", function, methods=["GET"])`.

        They lie below `/extensions/<extension>/`.
        """

    @spec
    def prepare_request(self, request: GenerationRequest) -> GenerationRequest | None:
        """Change a request when it is handed in; what is returned is what history knows."""

    @spec
    def around_drawing(
        self, request: GenerationRequest, draw: Draw, start_image: int
    ) -> Iterator[Event] | None:
        """Draw instead: a generator of events that may call `draw` as often as it likes.

        It may leave out, change and add pictures; those before `start_image` exist already.
        """

    @spec
    def attach(self, request: GenerationRequest) -> Attachment | None:
        """Join the sampling loop with an `Attachment`."""

    @spec
    def image_ready(
        self, image: GeneratedImage, request: GenerationRequest
    ) -> GeneratedImage | None:
        """Change a finished picture, its pixels or its facts, before it leaves for the disk."""

    @spec
    def before_save(
        self, image: GeneratedImage, request: GenerationRequest
    ) -> GeneratedImage | None:
        """Change a picture, with its pixels, right before it is written."""

    @spec
    def picture_saved(self, image: GeneratedImage, request: GenerationRequest) -> None:
        """Look at a picture that is on disk now; `image.path` says where."""


@dataclass(frozen=True, kw_only=True)
class About:
    """How a hook is called."""

    where: str
    kind: str
    """ "offer", "change" or "join"."""
    returns: type | None = None
    """What may come back besides None; a generator counts as an iterator."""
    limit_s: float = 10.0
    """Seconds after which a call is too slow."""


ABOUT: Mapping[str, About] = {
    "register_samplers": About(where=BOTH, kind="offer"),
    "register_settings": About(where=SERVER, kind="offer"),
    "register_routes": About(where=SERVER, kind="offer"),
    "prepare_request": About(where=SERVER, kind="change", returns=GenerationRequest),
    "around_drawing": About(where=ENGINE, kind="join", returns=Iterator),
    "attach": About(where=ENGINE, kind="join", returns=Attachment),
    "image_ready": About(where=ENGINE, kind="change", returns=GeneratedImage, limit_s=60.0),
    "before_save": About(where=SERVER, kind="change", returns=GeneratedImage),
    "picture_saved": About(where=SERVER, kind="change"),
}


@dataclass(frozen=True, kw_only=True)
class Offered:
    """Something an extension offers."""

    extension: str
    hook: str
    name: str
    values: tuple[Any, ...] = ()
    about: Mapping[str, Any] = field(default_factory=dict)
