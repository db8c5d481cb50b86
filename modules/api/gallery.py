"""Routes for looking through pictures: search, mark, compare, throw away, save, download many."""

import time
from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, Field

from modules.api.describe import picture_body
from modules.api.own import check_images, mine
from modules.service.app import App
from modules.service.collection import MOST_AT_ONCE, zipped
from modules.service.custom_grid import GridWish, make_grid
from modules.service.search import Search
from modules.service.visitor import VISITOR

LONGEST_QUERY = 1000

Ids = Annotated[list[str], Field(min_length=1, max_length=MOST_AT_ONCE)]


class Chosen(BaseModel):
    """Pictures by their ids."""

    ids: Ids


class GridBody(Chosen):
    """Pictures for a grid, in the order they are to have, and how it looks."""

    columns: int = 0
    caption: str = Field("", max_length=100)
    margin: int = 8


class Marks(Chosen):
    """Stars and tags for pictures; what is absent stays."""

    rating: int | None = None
    add_tags: list[str] = Field(default_factory=list, max_length=50)
    remove_tags: list[str] = Field(default_factory=list, max_length=50)


def asked(
    q: str = Query("", max_length=LONGEST_QUERY),
    negative: str = Query("", max_length=LONGEST_QUERY),
    model: str = Query("", max_length=LONGEST_QUERY),
    sampler: str = Query("", max_length=LONGEST_QUERY),
    lora: str = Query("", max_length=LONGEST_QUERY),
    tag: str = Query("", max_length=LONGEST_QUERY),
    size: str = Query("", max_length=40),
    seed: int | None = None,
    rating: int = Query(0, ge=0, le=5),
    kind: str = Query("", max_length=20),
    since: float | None = Query(None, ge=0, le=1e11),
    until: float | None = Query(None, ge=0, le=1e11),
) -> Search:
    """Collect what a query asks for; everything that is given must hold."""
    return Search(
        text=q,
        negative=negative,
        model=model,
        sampler=sampler,
        lora=lora,
        tag=tag,
        size=size,
        seed=seed,
        rating=rating,
        kind=kind,
        person=mine(),
        since=since,
        until=until,
    )


Asked = Annotated[Search, Depends(asked)]


def gallery_routes(app: App) -> APIRouter:
    """Routes below `/api/v1/images` that look at many pictures."""
    routes = APIRouter(prefix="/api/v1/images", tags=["images"])
    _add_looking(routes, app)
    _add_changing(routes, app)

    @routes.post("/zip", response_class=StreamingResponse)
    def archive(body: Chosen) -> StreamingResponse:
        """Download pictures in one ZIP, with the bytes they were saved with."""
        check_images(app, body.ids)
        pictures = app.collection.pictures(body.ids)
        name = time.strftime(f"%Y%m%d%H%M%S-{len(pictures)}.zip")
        headers = {"Content-Disposition": f'attachment; filename="{name}"'}
        return StreamingResponse(zipped(pictures), media_type="application/zip", headers=headers)

    @routes.post("/save")
    def save(body: Chosen) -> dict[str, Any]:
        """Copy pictures into the folder of kept ones and add a line to its `log.csv`."""
        check_images(app, body.ids)
        kept = app.save_copies(body.ids)
        return {"saved": len(kept), "names": [path.name for path in kept]}

    @routes.post("/grid")
    def grid(body: GridBody) -> dict[str, str]:
        """Lay pictures out in one, with words above each; it is saved with the other grids."""
        check_images(app, body.ids)
        wish = GridWish(columns=body.columns, caption=body.caption, margin=body.margin)
        pictures = app.collection.pictures(body.ids)
        person = VISITOR.get().name
        path = make_grid(pictures, wish, app.settings.settings, app.paths, person)
        app.indexer.refresh()
        return {"name": path.name}

    return routes


def _add_looking(routes: APIRouter, app: App) -> None:
    collection = app.collection

    @routes.get("")
    def find(
        search: Asked,
        limit: int = Query(50, ge=1, le=1000),
        after: str = Query("", max_length=40),
        skip: int = Query(0, ge=0, le=10**9),
        before: int | None = Query(None, ge=0, lt=2**63),
    ) -> list[dict[str, Any]]:
        """Search saved pictures, newest first; go on with `after` = the last one's `id`."""
        if before is not None and not after:
            after = app.gallery.id_of(before)
            if not after:
                return []
        pictures = collection.search(search, limit=limit, after=after, skip=skip)
        return [picture_body(picture) for picture in pictures]

    @routes.get("/count")
    def count(search: Asked) -> dict[str, int]:
        """Count the pictures a search finds."""
        return {"count": collection.count(search)}

    @routes.get("/choices")
    def choices() -> dict[str, list[dict[str, Any]]]:
        """List models, samplers, networks and tags with the number of their pictures."""
        return {
            group: [{"value": value, "count": count} for value, count in pairs]
            for group, pairs in collection.choices(mine()).items()
        }

    @routes.get("/difference")
    def difference(one: str, other: str) -> dict[str, Any]:
        """Compare the recipes of two pictures."""
        check_images(app, [one, other])
        changed, same = collection.difference(one, other)
        rows = [{"key": each.key, "one": each.one, "other": each.other} for each in changed]
        return {"different": rows, "same": same}

    @routes.get("/trash")
    def trash(limit: int = Query(200, ge=1, le=1000)) -> list[dict[str, Any]]:
        """List what was thrown away, last first."""
        return [picture_body(picture) for picture in collection.trash(limit=limit, person=mine())]

    @routes.post("/refresh")
    def refresh() -> dict[str, bool]:
        """Look at the folders of the gallery soon."""
        app.indexer.refresh()
        return {"begun": True}


def _add_changing(routes: APIRouter, app: App) -> None:
    collection = app.collection

    def each(ids: Sequence[str]) -> Sequence[str]:
        check_images(app, ids)
        return ids

    @routes.post("/mark")
    def mark(body: Marks) -> dict[str, int]:
        """Give pictures stars (0 to 5) and tags."""
        changed = collection.mark(
            each(body.ids), rating=body.rating, add=body.add_tags, remove=body.remove_tags
        )
        return {"changed": changed}

    @routes.post("/delete")
    def delete(body: Chosen) -> dict[str, int]:
        """Move pictures into the trash."""
        return {"deleted": collection.throw_away(each(body.ids))}

    @routes.post("/restore")
    def restore(body: Chosen) -> dict[str, int]:
        """Take pictures out of the trash again."""
        return {"restored": collection.restore(each(body.ids))}

    @routes.delete("/trash")
    def empty() -> dict[str, int]:
        """Delete what is in the trash for good."""
        return {"deleted": collection.empty_trash(mine())}
