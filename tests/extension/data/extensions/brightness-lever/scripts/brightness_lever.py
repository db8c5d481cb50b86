import gradio as gr
from PIL import ImageEnhance

from modules import script_callbacks, scripts
from modules.ui_components import InputAccordion


class BrightnessLever(scripts.Script):
    def title(self):
        return "Brightness lever"

    def show(self, is_img2img):
        return scripts.AlwaysVisible

    def ui(self, is_img2img):
        with InputAccordion(False, label=self.title(), elem_id=self.elem_id("enable")) as enabled:
            with gr.Row():
                factor = gr.Slider(
                    minimum=0.1, maximum=3.0, step=0.1, value=1.5, label="Factor", elem_id=self.elem_id("factor")
                )
                words = gr.Textbox(label="Words to add", value="", elem_id=self.elem_id("words"))
            reset = gr.Button("Reset", variant="tool")
            reset.click(fn=lambda: gr.Slider.update(value=1.5), _js="() => []", inputs=[], outputs=[factor])
        self.infotext_fields = [
            (enabled, lambda d: "Lever factor" in d),
            (factor, "Lever factor"),
        ]
        self.paste_field_names = ["Lever factor"]
        return [enabled, factor, words]

    def process(self, p, enabled, factor, words):
        if not enabled:
            return
        p.extra_generation_params["Lever factor"] = factor
        if words:
            p.all_prompts = [f"{prompt}, {words}" for prompt in p.all_prompts]

    def postprocess_image(self, p, pp, enabled, factor, words):
        if enabled:
            pp.image = ImageEnhance.Brightness(pp.image).enhance(factor)


def remember(component, **kwargs):
    if kwargs.get("elem_id") == "txt2img_generate":
        BrightnessLever.generate_button = component


script_callbacks.on_after_component(remember)
