"""The depth estimator against transformers' own, at a small size; and where it is looked for."""

import re

import pytest
import torch
from safetensors.torch import save_file

from modules.model.depth import OWN, estimated, estimator_in, fitted_sides, own_estimator
from modules.model.files import read_weights
from modules.model.networks.dpt import Dpt, DptConfig
from tests.model.tiny_checkpoints import randomised

SMALL = DptConfig(
    stem=32, widths=(128, 256, 384), depths=(1, 2, 1), width=64, intermediate=96, positions=4,
    features=32, head=32,
)  # fmt: skip
RENAMED = (
    (r"dpt\.embeddings\.cls_token", "pretrained.model.cls_token"),
    (r"dpt\.embeddings\.position_embeddings", "pretrained.model.pos_embed"),
    (r"dpt\.embeddings\.projection", "pretrained.model.patch_embed.proj"),
    (r"dpt\.embeddings\.backbone\.bit\.embedder\.convolution", "BACK.stem.conv"),
    (r"dpt\.embeddings\.backbone\.bit\.embedder\.norm", "BACK.stem.norm"),
    (r"dpt\.embeddings\.backbone\.bit\.encoder\.stages\.(\d)\.layers", r"BACK.stages.\1.blocks"),
    (r"dpt\.encoder\.layer\.(\d+)\.attention\.output\.dense", r"BLOCK.\1.attn.proj"),
    (r"dpt\.encoder\.layer\.(\d+)\.attention\.attention\.", r"BLOCK.\1.attn."),
    (r"dpt\.encoder\.layer\.(\d+)\.intermediate\.dense", r"BLOCK.\1.mlp.fc1"),
    (r"dpt\.encoder\.layer\.(\d+)\.output\.dense", r"BLOCK.\1.mlp.fc2"),
    (r"dpt\.encoder\.layer\.(\d+)\.layernorm_before", r"BLOCK.\1.norm1"),
    (r"dpt\.encoder\.layer\.(\d+)\.layernorm_after", r"BLOCK.\1.norm2"),
    (r"neck\.reassemble_stage\.readout_projects\.2\.0", "PRE.act_postprocess3.0.project.0"),
    (r"neck\.reassemble_stage\.readout_projects\.3\.0", "PRE.act_postprocess4.0.project.0"),
    (r"neck\.reassemble_stage\.layers\.2\.projection", "PRE.act_postprocess3.3"),
    (r"neck\.reassemble_stage\.layers\.3\.projection", "PRE.act_postprocess4.3"),
    (r"neck\.reassemble_stage\.layers\.3\.resize", "PRE.act_postprocess4.4"),
    (r"neck\.convs\.(\d)\.", lambda m: f"scratch.layer{int(m[1]) + 1}_rn."),
    (r"neck\.fusion_stage\.layers\.(\d)\.", lambda m: f"scratch.refinenet{4 - int(m[1])}."),
    (r"\.projection\.", ".out_conv."),
    (r"residual_layer(\d)\.convolution(\d)", r"resConfUnit\1.conv\2"),
    (r"head\.head\.", "scratch.output_conv."),
    ("BACK", "pretrained.model.patch_embed.backbone"),
    ("BLOCK", "pretrained.model.blocks"),
    ("PRE", "pretrained"),
)


def in_original_names(theirs):
    """transformers' tensors as MiDaS' files have them."""
    found, thirds = {}, {}
    for name, tensor in theirs.items():
        for pattern, new in RENAMED:
            name = re.sub(pattern, new, name)
        part = re.match(r"(.*\.attn)\.(query|key|value)\.(weight|bias)", name)
        if part:
            thirds.setdefault(f"{part[1]}.qkv.{part[3]}", {})[part[2]] = tensor
        else:
            found[name] = tensor
    for name, parts in thirds.items():
        found[name] = torch.cat([parts[part] for part in ("query", "key", "value")])
    return found


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@torch.no_grad()
def test_it_computes_what_transformers_computes():
    from transformers import BitConfig, DPTConfig, DPTForDepthEstimation

    backbone = BitConfig(
        embedding_size=32, hidden_sizes=[128, 256, 384], depths=[1, 2, 1], layer_type="bottleneck",
        global_padding="same", embedding_dynamic_padding=True,
        out_features=["stage1", "stage2", "stage3"], num_groups=32,
    )  # fmt: skip
    config = DPTConfig(
        is_hybrid=True, backbone_config=backbone, hidden_size=64, num_hidden_layers=12,
        num_attention_heads=1, intermediate_size=96, image_size=64, patch_size=16,
        backbone_featmap_shape=[1, 384, 4, 4], neck_hidden_sizes=[128, 256, 64, 64],
        fusion_hidden_size=32, readout_type="project", neck_ignore_stages=[0, 1],
        layer_norm_eps=1e-6, use_auxiliary_head=False,
    )  # fmt: skip
    theirs = randomised(DPTForDepthEstimation(config), 3)
    own = in_original_names(theirs.state_dict())
    shapes = {name: tuple(tensor.shape) for name, tensor in own.items()}
    assert DptConfig.from_shapes(shapes) == SMALL
    ours = Dpt(SMALL).eval()
    missing = ours.load_state_dict(own, strict=False).missing_keys
    assert missing == []
    x = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    expected = theirs(x).predicted_depth[:, None]
    assert expected.std() > 0
    assert (ours(x) - expected).abs().max() < 1e-4 * expected.abs().max()


def test_an_estimator_is_found_in_a_checkpoint_or_a_folder(tmp_path):
    own = randomised(Dpt(SMALL), 1).state_dict()
    save_file({OWN + name: tensor for name, tensor in own.items()}, tmp_path / "in.safetensors")
    (tmp_path / "midas").mkdir()
    assert estimator_in(tmp_path / "midas") is None
    (tmp_path / "midas" / "readme.txt").write_text("nothing")
    save_file(own, tmp_path / "midas" / "dpt_hybrid.safetensors")
    with read_weights(tmp_path / "in.safetensors") as weights:
        inside = own_estimator(weights)
    beside = estimator_in(tmp_path / "midas")
    assert inside is not None and beside is not None
    picture = torch.rand(1, 3, 40, 90) * 2 - 1
    depth = estimated(inside, picture)
    assert torch.equal(depth, estimated(beside, picture))
    assert depth.shape[:2] == (1, 1)


def test_pictures_are_looked_at_in_about_the_size_of_training():
    assert fitted_sides(512, 512) == (384, 384)
    assert fitted_sides(512, 768) == (384, 576)
    assert fitted_sides(300, 200) == (384, 256)
    assert fitted_sides(8, 4000) == (32, 384)
