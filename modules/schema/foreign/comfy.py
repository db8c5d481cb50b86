"""ComfyUI's graphs, followed from the sampler backwards to what it draws with.

A picture holds the graph that was run (`prompt`: node id to class and inputs) and the one that was
drawn on the screen (`workflow`). An input is a value or a link `[node id, output]`.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from modules.schema.foreign.values import (
    Facts,
    Pairs,
    Reading,
    lora_marks,
    number_of,
    plain_name,
    short,
    size,
    text_of,
    written,
)

Node = Mapping[str, Any]

DEEPEST = 200
"""Nodes that are followed through a graph; some that are made by hand run in circles."""
MOST_NODES = 5000
QUIET = ("Save", "Preview", "VAEDecode", "VAEEncode", "Note", "Reroute", "Primitive", "Seed")
"""Beginnings of the names of nodes that change nothing a recipe could tell."""
TEXTS = ("text", "text_g", "t5xxl", "string", "value", "prompt", "wildcard_text", "populated_text")
NUMBERS = ("value", "seed", "noise_seed", "int", "float", "number", "steps", "cfg")
WIDGETS = {
    "KSampler": ("seed", "", "steps", "cfg", "sampler_name", "scheduler", "denoise"),
    "KSamplerAdvanced": ("", "noise_seed", "", "steps", "cfg", "sampler_name", "scheduler"),
    "CLIPTextEncode": ("text",),
    "EmptyLatentImage": ("width", "height"),
    "CheckpointLoaderSimple": ("ckpt_name",),
    "LoraLoader": ("lora_name", "strength_model", "strength_clip"),
    "VAELoader": ("vae_name",),
    "CLIPSetLastLayer": ("stop_at_clip_layer",),
    "LatentUpscaleBy": ("upscale_method", "scale_by"),
}
"""The values on a node's face, in order; the graph of the screen has no names for them."""


def read_graph(table: Mapping[str, Any]) -> Reading | None:
    """Read the graph that was run; None if it has no sampler."""
    graph = _Graph(table)
    return graph.reading() if graph.samplers else None


def read_workflow(table: Mapping[str, Any]) -> Reading | None:
    """Read the graph of the screen; None if it has no sampler."""
    return read_graph(_run_from_screen(table))


def _run_from_screen(table: Mapping[str, Any]) -> dict[str, Node]:
    """The graph that would be run, as far as its nodes are known."""
    links = {}
    for link in table.get("links") or () if isinstance(table.get("links"), list) else ():
        if isinstance(link, list) and len(link) >= 3 and isinstance(link[0], int):
            links[link[0]] = [str(link[1]), link[2]]
    nodes: dict[str, Node] = {}
    listed = table.get("nodes")
    for node in listed if isinstance(listed, list) else ():
        if not isinstance(node, dict):
            continue
        kind = text_of(node.get("type"))
        values = node.get("widgets_values")
        inputs: dict[str, Any] = {}
        if isinstance(values, list):
            pairs = zip(WIDGETS.get(kind, ()), values, strict=False)
            inputs |= {name: value for name, value in pairs if name}
        slots = node.get("inputs")
        for slot in slots if isinstance(slots, list) else ():
            if isinstance(slot, dict) and isinstance(slot.get("link"), int):
                inputs[text_of(slot.get("name"))] = links.get(slot["link"])
        nodes[str(node.get("id"))] = {"class_type": kind, "inputs": inputs}
    return nodes


class _Graph:
    """One graph that is being followed; remembers which of its nodes were understood."""

    def __init__(self, table: Mapping[str, Any]) -> None:
        self.nodes: dict[str, Node] = {
            key: node
            for key, node in list(table.items())[:MOST_NODES]
            if isinstance(node, dict) and isinstance(node.get("inputs"), dict)
        }
        self.used: set[str] = set()
        self.facts = Facts({})
        self.samplers = [
            key
            for key, node in self.nodes.items()
            if _kind(node).startswith(("KSampler", "SamplerCustom"))
            and _kind(node) != "KSamplerSelect"
        ]

    def reading(self) -> Reading:
        """The recipe of the first pass, of a second one behind it, and what is left."""
        first = next((key for key in self.samplers if not self._before(key)), self.samplers[0])
        inputs = self._open(first)
        guider = self._inputs_behind(inputs.get("guider")) or inputs
        positive, negative = guider.get("positive"), guider.get("negative")
        if positive is None:
            positive = guider.get("conditioning")
        prompt, refused = self._text(positive), self._text(negative)
        model = guider.get("model", inputs.get("model"))
        pairs = list(self._pairs(inputs, guider, model))
        prompt += lora_marks(self._loras(model))
        pairs += self._second_pass(first)
        text = written(prompt, refused, iter(pairs))
        return Reading(program="ComfyUI", infotext=text, unmapped=tuple(self._left()))

    def _pairs(self, inputs: Node, guider: Node, model: Any) -> Pairs:
        picked = self._inputs_behind(inputs.get("sampler"))
        sigmas = self._inputs_behind(inputs.get("sigmas"))
        noise = self._inputs_behind(inputs.get("noise"))
        yield "Steps", self._number(inputs.get("steps", sigmas.get("steps")), 20)
        name = text_of(inputs.get("sampler_name") or picked.get("sampler_name"))
        yield from self.facts.sampler(
            name, text_of(inputs.get("scheduler") or sigmas.get("scheduler"))
        )
        yield "CFG scale", self._number(inputs.get("cfg", guider.get("cfg")), 8)
        seed = inputs.get("seed", inputs.get("noise_seed", noise.get("noise_seed")))
        yield "Seed", self._number(seed, None)
        latent = self._find(inputs.get("latent_image"), "width")
        if not latent and not isinstance(inputs.get("latent_image"), list):
            empty = (key for key, node in self.nodes.items() if "EmptyLatent" in _kind(node))
            latent = next((self._open(key) for key in empty), {})
        if "height" in latent:
            yield from size(
                self._number(latent.get("width"), None), self._number(latent.get("height"), None)
            )
        else:
            yield "Denoising strength", self._number(inputs.get("denoise"), None)
        for name in ("ckpt_name", "unet_name"):
            yield "Model", plain_name(text_of(self._of_model(model, name)))
        vaes = (key for key, node in self.nodes.items() if _kind(node) == "VAELoader")
        for key in vaes:
            yield "VAE", text_of(self._open(key).get("vae_name"))
            break
        layers = (key for key, node in self.nodes.items() if _kind(node) == "CLIPSetLastLayer")
        for key in layers:
            layer = number_of(self._open(key).get("stop_at_clip_layer"))
            yield "Clip skip", -int(layer) if layer and -13 < layer < -1 else None
            break
        yield "RNG", "CPU"

    def _second_pass(self, first: str) -> Pairs:
        """A sampler that goes on with the enlarged latents of the first is a hires pass."""
        behind = [key for key in self.samplers if first in self._before(key)]
        if len(self.samplers) != 2 or not behind:
            return
        inputs = self.nodes[behind[0]]["inputs"]
        larger = self._find(inputs.get("latent_image"), "scale_by", use=False)
        if number_of(larger.get("scale_by")) is None:
            return
        self._find(inputs.get("latent_image"), "scale_by")
        self.used.add(behind[0])
        yield "Denoising strength", self._number(inputs.get("denoise"), 1)
        yield "Hires upscale", number_of(larger.get("scale_by"))
        yield "Hires steps", self._number(inputs.get("steps"), None)
        yield "Hires upscaler", "Latent"

    def _loras(self, model: Any) -> list[tuple[Any, Any]]:
        """Those between the checkpoint and the sampler, nearest to the checkpoint first."""
        found: list[tuple[Any, Any]] = []
        chain = list(self._chain(model)) or list(reversed(self.nodes))
        for key in chain:
            inputs = self.nodes[key]["inputs"]
            if "Lora" in _kind(self.nodes[key]) and "lora_name" in inputs:
                self.used.add(key)
                found.insert(0, (inputs["lora_name"], inputs.get("strength_model")))
        return found

    def _text(self, link: Any, depth: int = 0) -> str:
        """The text behind a link, through nodes that only pass it on."""
        if isinstance(link, str):
            return link
        key = _target(link)
        if key not in self.nodes or depth > DEEPEST // 4:
            return ""
        inputs, kind = self.nodes[key]["inputs"], _kind(self.nodes[key])
        for name in TEXTS:
            if name in inputs:
                text = self._text(inputs[name], depth + 1)
                if text or isinstance(inputs[name], str):
                    self.used.add(key)
                    return text
        joint = {"ConditioningCombine": " AND ", "ConditioningConcat": " BREAK "}.get(kind)
        if joint:
            self.used.add(key)
            links = [value for value in inputs.values() if isinstance(value, list)]
            return joint.join(text for one in links[:2] if (text := self._text(one, depth + 1)))
        preferred = [inputs.get("conditioning"), inputs.get("positive"), *inputs.values()]
        links = [value for value in preferred if isinstance(value, list)]
        return next((text for one in links[:6] if (text := self._text(one, depth + 9))), "")

    def _number(self, value: Any, otherwise: float | None) -> int | float | None:
        """A value, or the number on the node that it is linked to."""
        if isinstance(value, list):
            inputs = self._inputs_behind(value)
            value = next((inputs[name] for name in NUMBERS if name in inputs), None)
        return number_of(value, otherwise)

    def _chain(self, link: Any) -> Iterator[str]:
        """Nodes from a link backwards, nearest first, each once."""
        waiting, seen = [link], set[str]()
        while waiting and len(seen) < DEEPEST:
            key = _target(waiting.pop(0))
            if key in self.nodes and key not in seen:
                seen.add(key)
                yield key
                inputs = self.nodes[key]["inputs"]
                waiting += [value for value in inputs.values() if isinstance(value, list)]

    def _before(self, key: str) -> list[str]:
        """Samplers whose pictures this one goes on with."""
        link = self.nodes[key]["inputs"].get("latent_image")
        return [one for one in self._chain(link) if one in self.samplers and one != key]

    def _of_model(self, model: Any, name: str) -> Any:
        """What loads the model; where no link leads to it, any node that loads one."""
        found = self._find(model, name)
        if name not in found and not list(self._chain(model)):
            keys = (key for key, node in self.nodes.items() if name in node["inputs"])
            found = next((self._open(key) for key in keys), {})
        return found.get(name)

    def _find(self, link: Any, name: str, *, use: bool = True) -> Node:
        """Inputs of the nearest node behind `link` that has one of this name."""
        for key in self._chain(link):
            if name in self.nodes[key]["inputs"]:
                return self._open(key) if use else self.nodes[key]["inputs"]
        return {}

    def _inputs_behind(self, link: Any) -> Node:
        key = _target(link)
        return self._open(key) if key in self.nodes else {}

    def _open(self, key: str) -> Node:
        self.used.add(key)
        inputs: Node = self.nodes[key]["inputs"]
        return inputs

    def _left(self) -> Iterator[str]:
        """What was told, and every kind of node that was not understood."""
        yield from self.facts.left()
        kinds = {_kind(node) for key, node in self.nodes.items() if key not in self.used}
        yield from (f"node {short(kind)}" for kind in sorted(kinds) if not kind.startswith(QUIET))


def _kind(node: Node) -> str:
    return text_of(node.get("class_type"))


def _target(link: Any) -> str:
    """The id of the node that a link leads to; "" if it is no link."""
    return str(link[0]) if isinstance(link, list) and link else ""
