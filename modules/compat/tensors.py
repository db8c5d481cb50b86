"""The hooks that see a batch as tensors; torch is only needed where a script has one of them."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from modules.compat.pictures import from_pillow, to_pillow
from modules.compat.runner import ScriptRunner
from modules.compat.script import PostprocessBatchListArgs
from modules.schema.result import GeneratedImage


def after_batch(
    runner: ScriptRunner, p: Any, drawn: Sequence[GeneratedImage], number: int
) -> list[GeneratedImage]:
    """Let scripts change a batch's pictures; they may also leave some out or add some."""
    images = list(drawn)
    if not images:
        return images
    if runner.listens("postprocess_batch"):
        import torch

        batch = torch.stack([_tensor(one) for one in images])  # (pictures, 3, height, width)
        runner.call("postprocess_batch", p, images=batch, batch_number=number)
        images = [_with(one, batch[place]) for place, one in enumerate(images)]
    if runner.listens("postprocess_batch_list"):
        args = PostprocessBatchListArgs([_tensor(one) for one in images])
        runner.call("postprocess_batch_list", p, args, batch_number=number)
        last = images[-1]
        while len(images) < len(args.images):
            images.append(replace(last, index=images[-1].index + 1))
        images = [_with(one, tensor) for one, tensor in zip(images, args.images, strict=False)]
    return images


def _tensor(image: GeneratedImage) -> Any:
    """(3, height, width), 0 to 1."""
    import numpy
    import torch

    assert image.image is not None
    pixels = numpy.asarray(to_pillow(image.image).convert("RGB"))
    return torch.from_numpy(pixels.astype(numpy.float32) / 255).permute(2, 0, 1).contiguous()


def _with(image: GeneratedImage, tensor: Any) -> GeneratedImage:
    import numpy
    from PIL import Image

    levels = (tensor.detach().float().cpu().clamp(0, 1) * 255).round().permute(1, 2, 0)
    pixels = from_pillow(Image.fromarray(levels.numpy().astype(numpy.uint8)))
    return replace(image, image=pixels, width=pixels.width, height=pixels.height)
