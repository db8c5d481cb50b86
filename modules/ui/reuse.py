"""From a finished picture back to a request: to draw it again, or to draw it larger."""

from dataclasses import replace

from modules.errors import NotFound
from modules.schema.inputs import Hires
from modules.schema.request import Batch, GenerationRequest
from modules.service.app import App
from modules.service.picture import Picture
from modules.service.read_pixels import read_pixels
from modules.service.recipe import Recipe
from modules.service.visitor import VISITOR


def picture_called(app: App, image_id: str) -> Picture:
    """Return a picture that the one who asks may see. Raises NotFound."""
    picture = app.gallery.find(image_id)
    visitor = VISITOR.get()
    if not visitor.is_admin and picture.person != visitor.name:
        raise NotFound("picture", image_id)
    return picture


def request_behind(app: App, image_id: str, now: GenerationRequest) -> Recipe:
    """Return what a picture was asked for with: its recipe, and what recipes do not hold.

    That is how the picture it started from was resized, and whatever else its job still knows;
    how many pictures there are to be is left as it is `now`. Raises NotFound.
    """
    picture = picture_called(app, image_id)
    recipe = app.read_recipe(picture.infotext, now)
    try:
        task = app.queue.find(picture.job).task
    except NotFound:  # drawn by another program, or before its job was forgotten
        return recipe
    if not picture.infotext:
        return replace(recipe, request=replace(task, batch=now.batch))
    read = recipe.request
    request = replace(
        task,
        prompt=read.prompt,
        negative_prompt=read.negative_prompt,
        seeds=read.seeds,
        batch=now.batch,
        models=replace(task.models, checkpoint=read.models.checkpoint),
    )
    return replace(recipe, request=request)


def enlarging(app: App, image_id: str, now: GenerationRequest) -> GenerationRequest:
    """Return a request for the second pass of `now` alone, over a finished picture.

    Prompt, seed and everything else of the first pass are the picture's own, as far as it has a
    recipe. Raises NotFound, or InvalidRequest for a file that cannot be read.
    """
    picture = picture_called(app, image_id)
    image = read_pixels(app.image_file(image_id).read_bytes())
    hires = replace(now.hires or Hires(), image=image)
    own = app.read_recipe(picture.infotext, now).request if picture.infotext else now
    return replace(own, hires=hires, img2img=None, script=None, batch=Batch())
