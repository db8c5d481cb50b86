"""Names and aliases to things, with close matches when a name is unknown."""

from collections.abc import Iterable, Iterator
from typing import Generic, TypeVar

from modules.errors import NotFound

T = TypeVar("T")


class Registry(Generic[T]):
    """An ordered table of things by name. Look-ups ignore case; aliases are not listed."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self._things: dict[str, T] = {}
        self._keys: dict[str, str] = {}

    def add(self, name: str, thing: T, aliases: Iterable[str] = ()) -> None:
        """Add `thing`; a name or alias that is taken already is our own mistake."""
        for key in (name, *aliases):
            assert key.lower() not in self._keys, f"{self.kind} {key!r} is registered twice"
            self._keys[key.lower()] = name
        self._things[name] = thing

    def __getitem__(self, name: str) -> T:
        key = self._keys.get(name.strip().lower())
        if key is None:
            raise NotFound(self.kind, name, self.names())
        return self._things[key]

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and name.strip().lower() in self._keys

    def __iter__(self) -> Iterator[T]:
        return iter(self._things.values())

    def __len__(self) -> int:
        return len(self._things)

    def names(self) -> list[str]:
        """Every name in menu order, without aliases."""
        return list(self._things)
