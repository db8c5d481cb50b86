"""Where a picture comes from, in the words that programs and search engines look for.

IPTC's property "Digital Source Type" says that a picture was made by a model; it lies in an XMP
packet, which PNG, JPEG, WebP and AVIF hold each in a place of its own. It tells nothing of prompts.
"""

import re
from dataclasses import dataclass

from modules.schema.request import GenerationRequest
from modules.settings.sections.recipe import FULL, PRIVATE, SHAREABLE
from modules.settings.settings import Settings
from modules.version import VERSION

VOCABULARY = "http://cv.iptc.org/newscodes/digitalsourcetype/"
TRAINED = "trainedAlgorithmicMedia"
"""Drawn by a model alone."""
COMPOSITE = "compositeWithTrainedAlgorithmicMedia"
"""Drawn over or into another picture."""
ENHANCED = "algorithmicallyEnhanced"
"""Somebody's picture, made larger or restored by a network."""
MEANINGS = {
    TRAINED: "Made by a trained model.",
    COMPOSITE: "Made by a trained model from another picture.",
    ENHANCED: "Another picture, enhanced by a program.",
}
LEVELS = (FULL, SHAREABLE, PRIVATE)
TOOL = f"Easel {VERSION}"
PACKET = """<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/">
 <rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
  <rdf:Description rdf:about=""
    xmlns:xmp="http://ns.adobe.com/xap/1.0/"
    xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/"
    xmp:CreatorTool="{tool}"
    Iptc4xmpExt:DigitalSourceType="{source}"/>
 </rdf:RDF>
</x:xmpmeta>
<?xpacket end="w"?>"""
SOURCE = re.compile(re.escape(VOCABULARY).encode() + rb"(\w{1,60})")


@dataclass(frozen=True)
class Inside:
    """What is written into a picture file beside its pixels."""

    infotext: str = ""
    xmp: str = ""


def xmp_packet(source: str) -> str:
    """The XMP packet for a kind of source, one of the terms above."""
    return PACKET.format(tool=TOOL, source=VOCABULARY + source)


def source_in(content: bytes) -> str:
    """The term of the vocabulary that a picture file, or a packet, names; "" if it names none."""
    found = SOURCE.search(content)
    return found.group(1).decode() if found is not None else ""


def source_after(content: bytes, recipe: str, *, enhanced: bool) -> str:
    """Where a result comes from that was made of a picture file with `recipe`.

    `enhanced` says that a network had a hand in it.
    """
    return source_in(content) or (TRAINED if recipe else ENHANCED if enhanced else "")


def source_of(request: GenerationRequest) -> str:
    """Where a picture of `request` comes from, one of the terms above."""
    return TRAINED if request.img2img is None else COMPOSITE


def inside(settings: Settings, infotext: str, source: str, level: str = "") -> Inside:
    """What goes into a file at a level, by default that of the settings; `source` may be ""."""
    wish = settings.recipe
    level = level or wish.level
    said = level != PRIVATE and wish.source_type and source
    return Inside(
        infotext=infotext if level == FULL and wish.write else "",
        xmp=xmp_packet(source) if said else "",
    )
