// The PNG Info tab: how a picture was made, read from the file.

import { readRecipe } from "./api.js";
import { restore, showTab } from "./bridge.js";
import { copyText, h, icon, iconButton, toast } from "./dom.js";

class PngInfo extends HTMLElement {
	connectedCallback() {
		this.input = h("input", { type: "file", accept: "image/png,image/jpeg,image/webp,image/avif,text/plain", "aria-label": "Choose a picture",
			onchange: () => this.read(this.input.files[0]) });
		this.preview = h("img", { alt: "", hidden: true });
		this.zone = h("label.dropzone", { id: "pnginfo_image" }, this.input, this.preview,
			h("span.invite", {}, icon("picture"), h("span", {}, "Drop a picture here, or click to choose one")));
		this.answer = h("div.answer", { "aria-live": "polite" });
		this.replaceChildren(this.zone, this.answer);
		for (const kind of ["dragenter", "dragover"]) {
			this.addEventListener(kind, (event) => {
				event.preventDefault();
				this.zone.classList.add("over");
			});
		}
		this.addEventListener("dragleave", () => this.zone.classList.remove("over"));
		this.addEventListener("drop", (event) => {
			event.preventDefault();
			this.zone.classList.remove("over");
			if (event.dataTransfer.files[0]) this.read(event.dataTransfer.files[0]);
		});
	}

	async read(file) {
		if (!file) return;
		if (this.preview.src) URL.revokeObjectURL(this.preview.src);
		this.preview.hidden = !file.type.startsWith("image/");
		this.preview.src = URL.createObjectURL(file);
		this.zone.classList.toggle("filled", !this.preview.hidden);
		try {
			this.show(await readRecipe(file));
		} catch (error) {
			this.answer.replaceChildren(h("p.nothing", {}, `${error.message} ${error.hint}`));
		}
	}

	show(recipe) {
		if (!recipe.infotext) {
			this.answer.replaceChildren(h("p.nothing", {}, "Nothing found: this file carries no recipe."));
			return;
		}
		const send = () => {
			restore({ infotext: recipe.infotext });
			showTab("txt2img");
			toast("Settings restored.");
		};
		this.answer.replaceChildren(
			h("div.row", {}, iconButton("reuse", "Send to txt2img", send), iconButton("copy", "Copy", () => copyText(recipe.infotext))),
			h("h3", {}, "parameters"), h("pre", { id: "pnginfo_generation_info" }, recipe.infotext),
			...(recipe.notices ?? []).map((text) => h("p.hint", {}, text)));
	}
}

customElements.define("easel-pnginfo", PngInfo);
