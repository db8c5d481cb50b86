"""Gradio as it is imported by the program: the same but for stub files."""

import subprocess
import sys

WHOLE = """
import sys
from modules.ui.lean_gradio import MAKER, STUBS, import_gradio, leave_stubs

import_gradio()
import_gradio()
assert getattr(sys.modules[MAKER], STUBS) is leave_stubs, "the stubs are written after all"
assert not any(type(one).__module__ == "modules.ui.lean_gradio" for one in sys.meta_path)

import gradio as gr

with gr.Blocks(analytics_enabled=False) as page:
    box, button = gr.Textbox(), gr.Button()
    button.click(lambda text: text, box, box)
assert len(page.fns) == 1
assert type(gr.Slider()).__module__ == "gradio.components.slider"
"""


def test_components_are_whole_and_no_stub_file_is_looked_at():
    answer = subprocess.run([sys.executable, "-c", WHOLE], capture_output=True, text=True)
    assert answer.returncode == 0, answer.stderr
