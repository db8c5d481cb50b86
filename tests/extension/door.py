"""Extensions made by tests, and a drawing without networks for them to join."""

from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent
from typing import Any

from modules.extension.loader import Extensions
from modules.extension.plan import ALL, Plan
from modules.paths import Paths
from modules.schema.event import Event, ImageReady
from modules.schema.inputs import ImageData
from modules.schema.request import GenerationRequest
from modules.schema.result import GeneratedImage


def make_extension(
    data: Path, name: str, code: str, hooks: tuple[str, ...] = (), more: str = ""
) -> Path:
    """Write an extension below `data`."""
    folder = data / "extensions" / name
    folder.mkdir(parents=True)
    listed = ", ".join(f'"{hook}"' for hook in hooks)
    manifest = f'name = "{name}"\nversion = "1.0"\nhooks = [{listed}]\n{more}'
    (folder / "extension.toml").write_text(manifest)
    (folder / "extension.py").write_text(
        "from modules.extension.hooks import Attachment, hook\n" + dedent(code)
    )
    return folder


def plan_for(data: Path, **more: Any) -> Plan:
    """All extensions below `data`."""
    return Plan(paths=Paths(data=data, program=data / "nowhere"), which=ALL, **more)


def loaded(data: Path, process: str = "server", **more: Any) -> Extensions:
    """The extensions below `data`, loaded."""
    extensions = Extensions(plan_for(data, **more), process)
    extensions.load()
    return extensions


def picture(index: int, seed: int = 7) -> GeneratedImage:
    """A grey picture of 8 x 8 pixels."""
    return GeneratedImage(
        index=index,
        seed=seed + index,
        subseed=0,
        prompt="a cat",
        negative_prompt="",
        width=8,
        height=8,
        image=ImageData(8, 8, "RGB", bytes([100] * 192)),
    )


def plain_draw(
    request: GenerationRequest, start_image: int, attachments: tuple[Any, ...] = ()
) -> Iterator[Event]:
    """Draw grey pictures; each attachment sees a number where a latent would be."""
    for index in range(start_image, request.batch.total):
        x = 1.0
        for one in attachments:
            if one.before_network is not None:
                x = one.before_network(x, 0.5)
        yield ImageReady(image=picture(index, int(x)))
