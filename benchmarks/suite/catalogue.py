"""The parts of the suite, in the order of the table. Light: names and references alone."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Part:
    """Something to measure, in a process of its own.

    `quick` says whether `--quick` has it, `asked` that it is measured only when named. It is left
    out where less than `needs_gb` of memory are free; `gpu` parts where there is none.
    """

    name: str
    about: str
    measure: str
    """A function of `benchmarks.suite.parts`: "file:function"."""
    quick: bool = False
    asked: bool = False
    gpu: bool = False
    needs_gb: float = 1.0


PARTS = (
    Part(name="machine", about="what it can do", measure="machine:machine", quick=True),
    Part(
        name="embedded-128", about="the embedded model at its own size",
        measure="shapes:embedded_128", quick=True,
    ),
    Part(
        name="embedded-256", about="the embedded model at 256 x 256",
        measure="shapes:embedded_256",
    ),
    Part(
        name="sd15-256", about="SD1.5's shape at 256 x 256, beside diffusers",
        measure="shapes:sd15_256", needs_gb=10,
    ),
    Part(
        name="sd15-512", about="SD1.5's shape at 512 x 512, beside diffusers",
        measure="shapes:sd15_512", needs_gb=11,
    ),
    Part(
        name="sdxl-256", about="SDXL's shape at 256 x 256",
        measure="shapes:sdxl_256", asked=True, needs_gb=17,
    ),
    Part(
        name="sdxl-512", about="SDXL's shape at 512 x 512",
        measure="shapes:sdxl_512", asked=True, needs_gb=18,
    ),
    Part(
        name="sdxl-1024", about="SDXL's shape at 1024 x 1024, beside diffusers",
        measure="shapes:sdxl_1024", gpu=True, needs_gb=24,
    ),
    Part(
        name="start-up", about="from the command to the page and the first picture",
        measure="startup:startup", quick=True, needs_gb=2,
    ),
    Part(
        name="embedded-pieces", about="words, encoding and decoding, embedded model",
        measure="pieces:embedded_pieces", quick=True,
    ),
    Part(
        name="sd15-pieces", about="words, encoding and decoding, SD1.5's shape",
        measure="pieces:sd15_pieces", needs_gb=6,
    ),
    Part(name="saving", about="picture files", measure="service:saving", quick=True),
    Part(name="service", about="HTTP, jobs, events", measure="service:service", quick=True),
    Part(
        name="switching", about="loading and changing checkpoints",
        measure="changes:switching", needs_gb=6,
    ),
    Part(
        name="lora", about="a LoRA into the weights and out of them",
        measure="changes:networks", needs_gb=7,
    ),
    Part(
        name="beside", about="ComfyUI, A1111 and stable-diffusion.cpp, where they are",
        measure="beside:beside", quick=True,
    ),
)  # fmt: skip
