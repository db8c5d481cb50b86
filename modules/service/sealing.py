"""Saved pictures signed with Content Credentials, where the owner wants that and it can be done."""

import logging
from dataclasses import dataclass, replace
from pathlib import Path

from modules.errors import WebUIError
from modules.service.contents import media_type_of
from modules.service.credentials import may_have_manifest, signed
from modules.service.formats import Encoded
from modules.service.provenance import ENHANCED
from modules.settings.sections.recipe import PRIVATE
from modules.settings.settings import Settings

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Seal:
    """What a file is signed with."""

    identity: Path
    """The folder of certificate and key."""
    parent: bytes = b""
    """The file it was made from; its own credentials become a part of the new ones."""


def sealed(encoded: Encoded, settings: Settings, source: str, seal: Seal | None) -> Encoded:
    """A picture file signed, if the settings say so; as it is where that does not work.

    A picture is worth more than its signature, so a failure is a line in the log.
    """
    wish = settings.recipe
    if seal is None or not wish.sign or wish.level == PRIVATE:
        return encoded
    try:
        had = may_have_manifest(seal.parent)
        parent = (media_type_of(seal.parent), seal.parent) if had else None
        kind = media_type_of(encoded.data)
        data = signed(encoded.data, kind, source or ENHANCED, seal.identity, parent)
    except WebUIError as error:
        log.warning("A picture is saved without a signature. %s", error)
        return encoded
    return replace(encoded, data=data)
