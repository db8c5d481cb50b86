"""Extensions in the process that draws: loaded when it gets ready, called around every drawing."""

import logging
from collections.abc import Callable, Iterator
from typing import Any

from modules.extension.hooks import Offered
from modules.extension.loader import Extensions
from modules.extension.manifest import BadExtension
from modules.extension.plan import NONE, Plan
from modules.extension.trouble import Trouble
from modules.sampling.catalogue import SAMPLERS, Sampler, offer_samplers
from modules.schema.event import Event, Notice
from modules.schema.request import GenerationRequest

log = logging.getLogger(__name__)

DrawPlain = Callable[[GenerationRequest, int, tuple[Any, ...]], Iterator[Event]]


class Extending:
    """Owns the extensions of this process."""

    def __init__(self, plan: Plan | None = None) -> None:
        self._plan = plan or Plan()
        self._extensions: Extensions | None = None
        self._untold: list[Trouble] = []
        self.troubles: list[Trouble] = []
        """Everything that went wrong since they were loaded."""

    def use(self, plan: Plan) -> None:
        """Begin anew with another plan, at the next drawing."""
        if self._extensions is not None:
            self._extensions.unload()
            self._extensions = None
        self._plan = plan
        self.troubles.clear()

    def load(self) -> Extensions | None:
        """Load them if that was not done yet; None if there are none to work with."""
        if self._plan.which == NONE or not any(map(self._plan.wants, self._plan.folders())):
            return None
        if self._extensions is None:
            self._extensions = Extensions(
                self._plan, "engine", make_world=_make_world, told=self._hear
            )
            self._extensions.load()
            offer_all(self._extensions)
        return self._extensions

    def _hear(self, trouble: Trouble) -> None:
        self.troubles.append(trouble)
        self._untold.append(trouble)

    def draw(self, request: GenerationRequest, draw: DrawPlain, first: int) -> Iterator[Event]:
        """Yield the events of drawing `request` with whatever extensions do about it."""
        extensions = self.load()
        if extensions is None:
            yield from draw(request, first, ())
            return
        for event in extensions.draw(request, draw, first):
            yield from self._news()
            yield event
        yield from self._news()

    def _news(self) -> Iterator[Event]:
        while self._untold:
            yield Notice(message=str(self._untold.pop(0)))


def _make_world(extensions: Extensions) -> Any:
    from modules.compat.world import World

    return World(extensions)


def offer_all(extensions: Extensions) -> None:
    """Make the samplers of extensions known in this process; a name of ours is not theirs."""
    known = {name.lower() for one in SAMPLERS for name in (one.name, *one.aliases)}
    samplers = []
    for one in extensions.offered("register_samplers"):
        try:
            sampler = sampler_of(one, extensions.package_of(one.extension))
            taken = known & {name.lower() for name in (sampler.name, *sampler.aliases)}
            if taken:
                raise BadExtension(f"There is a sampler called {taken.pop()!r} already.")
        except (TypeError, ValueError, BadExtension) as error:
            extensions.blame(one.extension, "register_samplers", error)
            continue
        samplers.append(sampler)
    offer_samplers(samplers)


def sampler_of(offered: Offered, package: str) -> Sampler:
    """The row of the sampler menu that an extension offers."""
    [reference] = offered.values
    return Sampler(name=offered.name, implementation=f"{package}.{reference}", **offered.about)
