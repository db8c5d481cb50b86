// The PNG Info tab: how a picture was made, read from the file; what else can be found out about it.

import { examine, exported, readRecipe } from "./api.js";
import { restore, showTab } from "./bridge.js";
import { copyText, h, icon, iconButton, toast } from "./dom.js";
import { contentsOf } from "./share.js";

/** Do something that takes a while, with its button switched off meanwhile. */
async function during(button, work) {
	button.disabled = true;
	try {
		await work();
	} catch (error) {
		toast(error.message, "error", error.hint);
	} finally {
		button.disabled = false;
	}
}

/** The verdict of drawing a picture again, as a paragraph and a list of causes. */
export function verdictParts(verdict) {
	return [
		h(`p.verdict.${verdict.outcome.replace(" ", "-")}`, {}, verdict.sentence),
		verdict.causes.length > 0 && h("ul.causes", {}, verdict.causes.map(({ text }) => h("li", {}, text))),
		verdict.image && verdict.outcome !== "identical" &&
			h("p.hint", {}, h("a", { href: `api/v1/images/${verdict.image}`, target: "_blank", rel: "noopener" }, "The picture as it was drawn now")),
	].filter(Boolean);
}

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
		this.file = file;
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
		this.found = h("div.found", { id: "pnginfo_found" });
		const isPicture = !this.preview.hidden;
		const mark = isPicture && this.button("pnginfo_watermark", "Check watermark", async () => {
			this.found.replaceChildren(h("p", {}, (await examine("watermark", this.file)).sentence));
		});
		const inside = isPicture && this.button("pnginfo_contents", "What is inside", async () => {
			this.found.replaceChildren(contentsOf((await examine("contents", this.file)).entries));
		});
		if (!recipe.infotext) {
			this.answer.replaceChildren(h("p.nothing", {}, "Nothing found: this file carries no recipe."), h("div.row", {}, mark || "", inside || ""), this.found);
			return;
		}
		const send = () => {
			restore({ infotext: recipe.infotext });
			showTab("txt2img");
			toast("Settings restored.");
		};
		const verify = isPicture && this.button("pnginfo_verify", "Verify", async () => {
			this.found.replaceChildren(h("p.hint", {}, "Drawing it again…"));
			try {
				this.found.replaceChildren(...verdictParts(await examine("verify", this.file)));
			} catch (error) {
				this.found.replaceChildren();
				throw error;
			}
		});
		const copy = (id, name, form) => this.button(id, name, async () => copyText(await exported(form, recipe.infotext), `${name} copied.`));
		this.answer.replaceChildren(
			h("div.row", {}, iconButton("reuse", "Send to txt2img", send), iconButton("copy", "Copy", () => copyText(recipe.infotext)),
				copy("pnginfo_json", "JSON", "json"), copy("pnginfo_diffusers", "diffusers script", "diffusers"), verify || "", mark || "", inside || ""),
			this.found,
			h("h3", {}, recipe.program && recipe.program !== "Easel" ? `parameters, written by ${recipe.program}` : "parameters"),
			h("pre", { id: "pnginfo_generation_info" }, recipe.infotext),
			...(recipe.notices ?? []).map((text) => h("p.hint", {}, text)),
			...(recipe.unmapped?.length ? [h("h3", {}, "What has no place here"),
				h("ul.causes", { id: "pnginfo_unmapped" }, recipe.unmapped.map((text) => h("li", {}, text)))] : []));
	}

	button(id, name, work) {
		const button = h("button.easel-button", { id, type: "button", onclick: () => during(button, work) }, name);
		return button;
	}
}

customElements.define("easel-pnginfo", PngInfo);
