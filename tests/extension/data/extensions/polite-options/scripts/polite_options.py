import modules.scripts as scripts
from modules import script_callbacks, shared
from modules.shared import opts


def on_ui_settings():
    section = ("polite", "Polite options")
    shared.opts.add_option(
        "polite_word", shared.OptionInfo("please", "Word at the end of recipes", section=section).info("Any word.")
    )
    shared.opts.add_option("polite_on", shared.OptionInfo(True, "Be polite", section=section))


def on_before_image_saved(params):
    if opts.polite_on:
        params.pnginfo["Politeness"] = opts.polite_word


def on_image_saved(params):
    with open(scripts.basedir() + "/saved.log", "a") as file:
        file.write(params.filename + "\n")


script_callbacks.on_ui_settings(on_ui_settings)
script_callbacks.on_before_image_saved(on_before_image_saved)
script_callbacks.on_image_saved(on_image_saved)
