"""Under which names the networks and embeddings of other people's recipes lie here."""

import logging
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from modules.model.hashes import FileFacts
from modules.model.network_hash import DIGITS, named_hash, tensor_hash
from modules.paths import Paths
from modules.schema.infotext_hashes import named_hashes, rename_embeddings, rename_networks
from modules.schema.request import GenerationRequest

log = logging.getLogger(__name__)

NETWORKS = (".safetensors", ".pt", ".ckpt", ".bin")
EMBEDDINGS = (*NETWORKS, ".png", ".webp")
READ_AT_MOST = 2**30
"""Bytes of files whose hash nobody knows that are read for one recipe: a second or two."""


class LocalNames:
    """Finds files by the hashes in a recipe; remembers hashes once computed. Thread-safe."""

    def __init__(self, paths: Paths) -> None:
        self._paths = paths
        self._facts = FileFacts(paths.cache / "network-facts.json")

    def renamed(self, request: GenerationRequest, text: str) -> GenerationRequest:
        """`request`, read from the recipe `text`, with the names that its networks have here.

        A file that lies here under the recipe's own name is kept, unless another one has the hash.
        """
        hashes = named_hashes(text)

        def lora(name: str, digest: str) -> str | None:
            return self._find(self._paths.lora, NETWORKS, name, digest)

        def embedding(name: str, digest: str) -> str | None:
            return self._find(self._paths.embeddings, EMBEDDINGS, name, digest)

        def prompt(old: str) -> str:
            return rename_embeddings(
                rename_networks(old, hashes.loras, lora), hashes.embeddings, embedding
            )

        def negative(old: str) -> str:
            return rename_embeddings(old, hashes.embeddings, embedding)

        request = replace(
            request,
            prompt=prompt(request.prompt),
            negative_prompt=negative(request.negative_prompt),
        )
        if request.hires is None:
            return request
        hires = replace(
            request.hires,
            prompt=prompt(request.hires.prompt),
            negative_prompt=negative(request.hires.negative_prompt),
        )
        return replace(request, hires=hires)

    def _find(self, folder: Path, suffixes: tuple[str, ...], name: str, digest: str) -> str | None:
        """The stem of the file with this hash; None to leave the name as it is."""
        files = sorted(_files(folder, suffixes), key=lambda path: path.stat().st_size)
        own = [path for path in files if path.stem.lower() == name.lower()]
        left = READ_AT_MOST
        for path in [*own, *(path for path in files if path not in own)]:
            known = self._known(path)
            enough = known and len(digest) == DIGITS  # sites also give those of whole files
            if not enough and len(known) < 2 and path.stat().st_size <= left:
                left -= path.stat().st_size
                known = self._computed(path)
            if any(one.startswith(digest) or digest.startswith(one) for one in known):
                return None if path in own else path.stem
        return None

    def _known(self, path: Path) -> list[str]:
        """Hashes that cost next to nothing."""
        kept = (self._facts.known(path, key) for key in ("tensors", "sha256"))
        return [digest for digest in (named_hash(path), *kept) if digest]

    def _computed(self, path: Path) -> list[str]:
        try:
            digest = tensor_hash(path)
            self._facts.learn({path: {"tensors": digest}})
            return [digest, self._facts.sha256(path)]
        except OSError as error:
            log.warning("%s cannot be read: %s", path.name, error.strerror)
            return []


def _files(folder: Path, suffixes: tuple[str, ...]) -> Iterator[Path]:
    if folder.is_dir():
        yield from (path for path in folder.rglob("*") if path.suffix.lower() in suffixes)
