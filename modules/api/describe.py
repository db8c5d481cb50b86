"""What the API says about jobs, events and pictures: plain dictionaries, ids instead of paths."""

from typing import Any

from modules.schema.codec import to_plain
from modules.schema.event import Event, ImageReady, Preview
from modules.schema.result import GeneratedImage
from modules.service.job import Snapshot
from modules.service.picture import Picture

PREFIX = "/api/v1"


def job_body(snapshot: Snapshot, *, request: bool = False) -> dict[str, Any]:
    """Describe a job; with `request` also everything that was asked for."""
    error = snapshot.error
    body = {
        "id": snapshot.id,
        "status": snapshot.status,
        "origin": snapshot.origin,
        "position": snapshot.position,
        "person": snapshot.person,
        "parent": snapshot.parent or None,
        "priority": snapshot.priority,
        "forever": snapshot.forever,
        "held": snapshot.held,
        "step": snapshot.step,
        "steps": snapshot.steps,
        "batch": snapshot.batch,
        "batches": snapshot.batches,
        "fraction": round(snapshot.fraction, 4),
        "eta_s": round(snapshot.eta_s, 2),
        "loading": snapshot.loading,
        "created": snapshot.created,
        "started": snapshot.started or None,
        "ended": snapshot.ended or None,
        "prompt": snapshot.task.prompt,
        "total": snapshot.task.batch.total,
        "images": [image_body(image) for image in snapshot.images],
        "notices": list(snapshot.notices),
        "error": {"message": error.message, "hint": error.hint} if error else None,
        "preview": preview_url(snapshot.id, snapshot.preview) if snapshot.preview else None,
        "last_event": snapshot.last_event,
    }
    return body | ({"request": to_plain(snapshot.task)} if request else {})


def image_body(image: GeneratedImage) -> dict[str, Any]:
    """Describe a finished picture of a job."""
    return {
        "id": image.id,
        "url": f"{PREFIX}/images/{image.id}",
        "thumb": f"{PREFIX}/images/{image.id}/thumb.webp",
        "infotext": image.infotext,
        "seed": image.seed,
        "index": image.index,
        "width": image.width,
        "height": image.height,
        "kind": image.kind,
    }


def picture_body(picture: Picture) -> dict[str, Any]:
    """Describe a picture of the gallery."""
    return {
        "id": picture.id,
        "url": f"{PREFIX}/images/{picture.id}",
        "thumb": f"{PREFIX}/images/{picture.id}/thumb.webp",
        "job": picture.job,
        "infotext": picture.infotext,
        "seed": picture.seed,
        "index": picture.position,
        "width": picture.width,
        "height": picture.height,
        "kind": picture.kind,
        "created": picture.created,
        "name": picture.path.name,
        "model": picture.model,
        "sampler": picture.sampler,
        "loras": list(picture.loras),
        "tags": list(picture.tags),
        "rating": picture.rating,
        "trashed": picture.trashed,
        "sequence": picture.sequence,
    }


def preview_url(job_id: str, number: int) -> str:
    """Where the newest preview of a job is; the number keeps browsers from showing an old one."""
    return f"{PREFIX}/jobs/{job_id}/preview.jpg?n={number}"


def event_body(job_id: str, number: int, event: Event) -> dict[str, Any]:
    """Describe an event; pixels are replaced by where to get them."""
    body: dict[str, Any] = {"number": number, "kind": type(event).__name__}
    if isinstance(event, Preview):
        return body | {
            "url": preview_url(job_id, number),
            "width": event.width,
            "height": event.height,
        }
    if isinstance(event, ImageReady):
        return body | {"image": image_body(event.image)}
    return body | to_plain(event) | _fraction(event)


def _fraction(event: Event) -> dict[str, float]:
    fraction = getattr(event, "fraction", None)
    return {} if fraction is None else {"fraction": round(fraction, 4)}
