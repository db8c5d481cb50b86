import gradio as gr
from fastapi import FastAPI
from pydantic import BaseModel

from greetings_lib import greeting
from modules import script_callbacks, sd_models


class Greeting(BaseModel):
    name: str = "world"


def on_app_started(demo: gr.Blocks, app: FastAPI):
    @app.get("/greeting/models")
    async def models():
        return [info.title for info in sd_models.checkpoints_list.values()]

    @app.post("/greeting/say")
    async def say(body: Greeting):
        return greeting(body.name)


script_callbacks.on_app_started(on_app_started)
