import torch

from modules import script_callbacks
from modules.script_callbacks import AfterCFGCallbackParams, CFGDenoiserParams


def gentle(params: CFGDenoiserParams):
    if params.sampling_step == 0:
        params.x = params.x * 0.9
    assert params.sigma.shape == (params.x.shape[0],)
    assert params.total_sampling_steps > 0


def clamp(params: AfterCFGCallbackParams):
    params.x = torch.clamp(params.x, -1.0, 1.0)


script_callbacks.on_cfg_denoiser(gentle)
script_callbacks.on_cfg_after_cfg(clamp)
