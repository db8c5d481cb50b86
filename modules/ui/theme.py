"""Colours, type and spacing of the page, for light and dark; the rest is in `assets/*.css`.

Fonts are the system's own, so nothing is fetched and text looks like the rest of the desktop.
"""

import gradio as gr
from gradio.themes.utils.colors import Color

SANS = ("system-ui", "-apple-system", "Segoe UI", "Roboto", "Helvetica Neue", "sans-serif")
MONO = ("ui-monospace", "SF Mono", "Cascadia Mono", "Menlo", "Consolas", "monospace")

INK = Color(
    name="ink",
    c50="#f7f8fa",
    c100="#eef0f4",
    c200="#dfe3ea",
    c300="#c5cbd6",
    c400="#929bab",
    c500="#687183",
    c600="#4d5566",
    c700="#363d4b",
    c800="#232833",
    c900="#181c24",
    c950="#11141a",
)
TEAL = Color(
    name="teal",
    c50="#ecfdf8",
    c100="#cff9ec",
    c200="#a2f0db",
    c300="#67e0c6",
    c400="#33c8ac",
    c500="#17ab92",
    c600="#0d8878",
    c700="#0d6c61",
    c800="#0f564f",
    c900="#114742",
    c950="#052a28",
)


def page_theme() -> gr.themes.Base:
    """Return the theme given to Gradio where the page is mounted."""
    theme = gr.themes.Base(
        primary_hue=TEAL,
        secondary_hue=INK,
        neutral_hue=INK,
        font=SANS,
        font_mono=MONO,
        text_size=gr.themes.sizes.text_sm,
        spacing_size=gr.themes.sizes.spacing_sm,
        radius_size=gr.themes.sizes.radius_md,
    )
    return theme.set(**SHADES)


SHADES = {
    "body_background_fill": "#f4f5f8",
    "body_background_fill_dark": "#11141a",
    "body_text_color": "#1d2330",
    "body_text_color_dark": "#e4e8ef",
    "body_text_color_subdued": "#5a6373",
    "body_text_color_subdued_dark": "#98a2b3",
    "background_fill_primary": "#ffffff",
    "background_fill_primary_dark": "#181c24",
    "background_fill_secondary": "#f4f5f8",
    "background_fill_secondary_dark": "#1d222c",
    "border_color_primary": "#dde1e9",
    "border_color_primary_dark": "#2c333f",
    "block_background_fill": "transparent",
    "block_background_fill_dark": "transparent",
    "block_border_width": "0px",
    "block_border_width_dark": "0px",
    "block_shadow": "none",
    "block_shadow_dark": "none",
    "block_padding": "0px",
    "block_label_background_fill": "transparent",
    "block_label_background_fill_dark": "transparent",
    "block_title_text_color": "#4a5363",
    "block_title_text_color_dark": "#a9b2c1",
    "block_title_text_weight": "500",
    "block_title_text_size": "12.5px",
    "block_info_text_size": "11.5px",
    "layout_gap": "10px",
    "form_gap_width": "0px",
    "input_background_fill": "#ffffff",
    "input_background_fill_dark": "#1d222c",
    "input_border_color": "#d3d8e1",
    "input_border_color_dark": "#333b49",
    "input_border_color_focus": "#17ab92",
    "input_border_color_focus_dark": "#33c8ac",
    "input_border_width": "1px",
    "input_shadow": "none",
    "input_shadow_dark": "none",
    "input_shadow_focus": "0 0 0 3px rgba(23, 171, 146, 0.18)",
    "input_shadow_focus_dark": "0 0 0 3px rgba(51, 200, 172, 0.2)",
    "input_placeholder_color": "#697282",
    "input_placeholder_color_dark": "#8b95a6",
    "input_padding": "7px 10px",
    "button_primary_background_fill": "#0d7d6f",
    "button_primary_background_fill_dark": "#17ab92",
    "button_primary_background_fill_hover": "#0b6c60",
    "button_primary_background_fill_hover_dark": "#33c8ac",
    "button_primary_text_color": "#ffffff",
    "button_primary_text_color_dark": "#052a28",
    "button_primary_border_color": "transparent",
    "button_primary_border_color_dark": "transparent",
    "button_secondary_background_fill": "#ffffff",
    "button_secondary_background_fill_dark": "#232934",
    "button_secondary_background_fill_hover": "#eef0f4",
    "button_secondary_background_fill_hover_dark": "#2b3240",
    "button_secondary_border_color": "#d3d8e1",
    "button_secondary_border_color_dark": "#363e4c",
    "button_secondary_text_color": "#2b3342",
    "button_secondary_text_color_dark": "#dce1ea",
    "button_border_width": "1px",
    "slider_color": "#0d8878",
    "slider_color_dark": "#33c8ac",
    "checkbox_background_color_selected": "#0d8878",
    "checkbox_background_color_selected_dark": "#17ab92",
    "checkbox_border_color_selected": "#0d8878",
    "checkbox_border_color_selected_dark": "#17ab92",
    "checkbox_label_background_fill": "transparent",
    "checkbox_label_background_fill_dark": "transparent",
    "checkbox_label_background_fill_hover": "transparent",
    "checkbox_label_background_fill_hover_dark": "transparent",
    "checkbox_label_border_width": "0px",
    "checkbox_label_padding": "4px 0px",
}
