"""What a network is told of the picture to begin with, in the place of words about its size."""

import numpy as np
import torch
from torch import Tensor

from modules.model.loader import Model, open_model
from modules.model.unclip import embedding_of, own_encoder, told_of
from modules.pipeline.pictures import as_picture
from modules.schema.request import GenerationRequest


def picture_vector(request: GenerationRequest, model: Model) -> Tensor | None:
    """The picture's embedding and its degree of noise, (width,) float32, for families told of it.

    None without a picture, for other families, and for checkpoints without the encoder: they draw
    by words alone. The noise is drawn from the request's seed.
    """
    wish, width = request.img2img, model.unet.config.adm_in_channels
    if not model.family.told_of_pictures or wish is None or not wish.images or width is None:
        return None
    with open_model(model.path) as weights:
        encoder = own_encoder(weights)
        if encoder is None:
            return None
        embedding = embedding_of(encoder, np.asarray(as_picture(wish.images[0]).convert("RGB")))
        generator = torch.Generator().manual_seed(request.seeds.seed % 2**63)
        return told_of(embedding, weights, width, generator)
