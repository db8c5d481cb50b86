"""The deep part of a U-Net, kept from one evaluation for the next (Ma et al. 2023, "DeepCache").

Between neighbouring steps the coarse feature maps hardly change; only the finest stages must be
computed again (arXiv:2312.00858, section 3.2).
"""

from dataclasses import dataclass

from torch import Tensor


@dataclass
class Deep:
    """What the finest stages of a U-Net are joined with on its way up.

    Without `features` an evaluation runs whole and fills them in; with them it computes only
    `stages` stages on the way down and as many on the way up. More than there are means all of
    them: then the middle alone is left out.
    """

    stages: int
    features: Tensor | None = None
    """(rows, channels, h, w) in the network's type, as they come up from below."""
