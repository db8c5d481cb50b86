from modules import scripts, sd_hijack

sd_hijack.model_hijack.undo_hijack(None)


class Broken(scripts.Script):
    def title(self):
        return "Broken"

    def show(self, is_img2img):
        return scripts.AlwaysVisible
