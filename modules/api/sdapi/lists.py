"""The lists clients fill their menus from."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
from fastapi import APIRouter

from modules.sampling.catalogue import SCHEDULES, SUFFIXES, Sampler, all_samplers
from modules.schema.catalogue import CheckpointInfo
from modules.schema.hires_size import LATENT_UPSCALERS, PLAIN_UPSCALERS
from modules.service.app import App
from modules.service.card_details import metadata_of
from modules.service.cards import CardSearch
from modules.service.visitor import require_admin

Rows = list[dict[str, Any]]


def list_routes(app: App) -> APIRouter:
    """Read-only lists, and the buttons that read them again."""
    routes = APIRouter(prefix="/sdapi/v1", tags=["sdapi"])
    _sampler_routes(routes)
    _model_routes(routes, app)
    _upscaler_routes(routes, app)

    @routes.get("/prompt-styles")
    def styles() -> Rows:
        """List the styles of `styles.csv`."""
        return [
            {"name": one.name, "prompt": one.prompt, "negative_prompt": one.negative_prompt}
            for one in app.styles()
        ]

    @routes.get("/memory")
    def memory() -> dict[str, Any]:
        """Say how much memory there is, in bytes."""
        used = psutil.Process().memory_info().rss
        machine = psutil.virtual_memory()
        cuda = dict(app.status().memory).get("cuda", {"error": "unavailable"})
        return {
            "ram": {"free": machine.available, "used": used, "total": machine.total},
            "cuda": cuda,
        }

    return routes


def _sampler_routes(routes: APIRouter) -> None:
    @routes.get("/samplers")
    def samplers() -> Rows:
        """List samplers, then the combined names of older versions."""
        menu = [one for one in all_samplers() if one.in_menu]
        return [*map(_sampler, menu), *(row for one in menu for row in _combined(one))]

    @routes.get("/schedulers")
    def schedulers() -> Rows:
        """List schedule types."""
        return [
            {
                "name": one.name.lower().replace(" ", "_"),
                "label": one.name,
                "aliases": list(one.aliases) or None,
                "default_rho": DEFAULT_RHO.get(one.name, -1.0),
                "need_inner_model": one.name in ("SGM Uniform", "Simple", "Normal", "DDIM", "Beta"),
            }
            for one in SCHEDULES
            if one.in_menu
        ]


DEFAULT_RHO = {"Karras": 7.0, "Polyexponential": 1.0}


def _sampler(sampler: Sampler) -> dict[str, Any]:
    options = {}
    if sampler.schedule:
        options["scheduler"] = sampler.schedule.lower()
    if sampler.second_order:
        options["second_order"] = "True"
    if sampler.brownian:
        options["brownian_noise"] = "True"
    if sampler.discard_penultimate:
        options["discard_next_to_last_sigma"] = "True"
    if sampler.uses_ensd:
        options["uses_ensd"] = "True"
    plain = [one for one in sampler.aliases if not one.endswith(tuple(SUFFIXES))]
    return {"name": sampler.name, "aliases": plain, "options": options}


def _combined(sampler: Sampler) -> Iterator[dict[str, Any]]:
    for alias in sampler.aliases:
        for ending, label in SUFFIXES.items():
            if alias.endswith(ending):
                row = _sampler(sampler)
                options = row["options"] | {"scheduler": label.lower()}
                yield {"name": f"{sampler.name} {label}", "aliases": [alias], "options": options}


def _model_routes(routes: APIRouter, app: App) -> None:
    @routes.get("/sd-models")
    def models() -> Rows:
        """List checkpoints."""
        return [_model(one) for one in app.catalogue().checkpoints]

    @routes.get("/sd-vae")
    @routes.get("/sd-modules")
    def vaes() -> Rows:
        """List external VAEs."""
        found = app.catalogue()
        pairs = zip(found.vaes, found.vae_paths, strict=True)
        return [{"model_name": name, "filename": path} for name, path in pairs]

    @routes.get("/loras")
    def loras() -> Rows:
        """List networks for `<lora:name:weight>`."""
        return [_lora(app.paths.lora / name) for name in app.catalogue().loras]

    @routes.get("/embeddings")
    def embeddings() -> dict[str, Any]:
        """List textual inversion embeddings; which of them fit is known when they are used."""
        unknown = {"step": None, "sd_checkpoint": None, "sd_checkpoint_name": None, "shape": None}
        known = app.catalogue().embedding_vectors
        return {
            "loaded": {name: unknown | {"vectors": count} for name, count in known},
            "skipped": {},
        }

    @routes.get("/hypernetworks")
    def hypernetworks() -> Rows:
        """List networks for `<hypernet:name:weight>`."""
        _, found = app.cards.page(CardSearch(kind="hypernetworks"), limit=10_000)
        return [{"name": card.name, "path": str(card.path)} for card in found]

    for name in ("refresh-checkpoints", "refresh-vae", "refresh-embeddings", "refresh-loras"):
        routes.add_api_route(f"/{name}", _refresher(app), methods=["POST"], name=name)

    @routes.post("/unload-checkpoint")
    def unload() -> dict[str, Any]:
        """Give the memory of the loaded model back."""
        require_admin("take the model out of memory")
        app.engine.unload()
        return {}

    @routes.post("/reload-checkpoint")
    def reload() -> dict[str, Any]:
        """Load the chosen model again."""
        require_admin("load the model")
        app.warm()
        return {}


def _lora(path: Path) -> dict[str, Any]:
    """Describe a network with the metadata of its file, pictures left out."""
    metadata = metadata_of(path)
    return {
        "name": path.stem,
        "alias": metadata.get("ss_output_name") or path.stem,
        "path": str(path),
        "metadata": metadata,
    }


def _refresher(app: App) -> Any:
    def refresh() -> None:
        """Look at the model folders again."""
        app.catalogue(refresh=True)
        app.cards.refresh()

    return refresh


def _model(checkpoint: CheckpointInfo) -> dict[str, Any]:
    path = Path(checkpoint.path)
    config = path.with_suffix(".yaml")
    return {
        "title": checkpoint.title,
        "model_name": checkpoint.stem,
        "hash": checkpoint.short_hash or None,
        "sha256": checkpoint.sha256 or None,
        "filename": str(path.absolute()),
        "config": str(config.absolute()) if config.is_file() else None,
    }


def _upscaler_routes(routes: APIRouter, app: App) -> None:
    """Lists of what enlarges, and of what there is none of yet: clients get no error."""

    @routes.get("/upscalers")
    def upscalers() -> Rows:
        """List upscalers: the plain ones, then files."""
        nothing = {"model_name": None, "model_path": None, "model_url": None, "scale": 4.0}
        networks = [
            {**nothing, "name": name, "model_name": Path(path).name, "model_path": path}
            for name, path in app.catalogue().upscalers
        ]
        return [*({**nothing, "name": name} for name in PLAIN_UPSCALERS), *networks]

    @routes.get("/latent-upscale-modes")
    def latent_modes() -> Rows:
        """List ways to enlarge a latent."""
        return [{"name": name} for name in LATENT_UPSCALERS]

    def none() -> Rows:
        """Return an empty list."""
        return []

    @routes.get("/face-restorers")
    def restorers() -> Rows:
        """List networks that restore faces."""
        found = app.catalogue().restorers
        return [{"name": name, "cmd_dir": str(Path(path).parent)} for name, path in found]

    for name in ("realesrgan-models",):
        routes.add_api_route(f"/{name}", none, methods=["GET"], name=name)
