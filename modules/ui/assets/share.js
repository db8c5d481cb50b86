// A copy of a picture to give away: choose how much it tells, see exactly what a stranger can read, take it.

import { get } from "./api.js";
import { h, iconButton, sizeText } from "./dom.js";

const LEVELS = [
	["full", "Everything", "The whole recipe with its prompts."],
	["shareable", "Where it comes from", "That a model made it. No prompts, no seed."],
	["private", "Nothing", "The pixels alone."],
];
const FORMATS = [["", "As it is"], ["png", "PNG"], ["jpg", "JPEG"], ["webp", "WebP"], ["avif", "AVIF"]];
const NOTHING = "Nothing but the pixels can be read in this file.";
const SIGNED = "Content Credentials (C2PA): others can check that nobody changed it";
const UNSIGNED = "This needs the Python library c2pa-python";
const TITLE = "What a stranger can read";

/** Show the sheet for one picture. */
export function share(image) {
	new Share(image);
}

/** What can be read in a picture file, as a table. */
export function contentsOf(entries) {
	if (!entries.length) return h("p", {}, NOTHING);
	const rows = entries.map(({ where, text, size }) =>
		h("tr", {}, h("th", { scope: "row" }, where, h("small", {}, sizeText(size))), h("td", {}, h("pre", { tabindex: "0" }, text))));
	return h("table.easel-contents", {}, h("tbody", {}, rows));
}

class Share {
	constructor(image) {
		this.image = image;
		this.found = h("div.found", { role: "status", "aria-live": "polite" });
		this.format = h("select", { onchange: () => this.look() }, FORMATS.map(([value, name]) => h("option", { value }, name)));
		this.signs = h("input", { type: "checkbox", onchange: () => this.look() });
		this.levels = LEVELS.map(([value, name, help], number) => {
			const radio = h("input", { type: "radio", name: "share-level", value, checked: number === 1, onchange: () => this.look() });
			return { radio, row: h("label.level", {}, radio, h("span", {}, h("b", {}, name), h("small", {}, help))) };
		});
		this.save = h("button.easel-button.primary", { type: "button", id: "share_download", onclick: () => this.download() }, "Download the copy");
		this.dialog = h("dialog.easel-edit.easel-share", { "aria-label": "Share a copy", onclose: () => this.dialog.remove() },
			h("header", {}, h("h2", {}, "Share a copy"), iconButton("close", "Close", () => this.dialog.close(), true)),
			h("fieldset", {}, h("legend", {}, "The copy tells"), this.levels.map(({ row }) => row)),
			h("div.fields", {},
				h("label.field", {}, h("span", {}, "Format"), this.format),
				this.sign = h("label.sign", { title: SIGNED }, this.signs, h("span", {}, "Sign it"))),
			h("h3", {}, TITLE), this.found,
			h("div.buttons", {}, h("button.easel-button", { type: "button", onclick: () => this.dialog.close() }, "Cancel"), this.save));
		document.body.append(this.dialog);
		this.dialog.showModal();
		this.look();
	}

	/** The address of the copy that is wished, or of the list of what is in it. */
	address(what = "") {
		const level = this.levels.find(({ radio }) => radio.checked).radio.value;
		this.signs.disabled = level === "private" || this.unable;
		const wish = { level, format: this.format.value, credentials: this.signs.checked && !this.signs.disabled };
		return `api/v1/images/${this.image.id}/copy${what}?${new URLSearchParams(wish)}`;
	}

	download() {
		const link = h("a", { href: this.address(), download: this.name });
		link.click();
	}

	async look() {
		const asked = this.address("/contents");
		this.asked = asked;
		this.save.disabled = true;
		let told;
		try {
			told = await get(asked);
		} catch (error) {
			if (this.asked === asked) this.found.replaceChildren(h("p.bad", {}, error.message), h("p", {}, error.hint));
			return;
		}
		if (this.asked !== asked) return;
		this.unable = !told.credentials_available;
		this.sign.title = this.unable ? UNSIGNED : SIGNED;
		this.address();
		this.name = told.name;
		this.save.disabled = false;
		this.found.replaceChildren(
			h("p.quiet", {}, `${told.name} · ${sizeText(told.size)}`),
			...told.notices.map((text) => h("p.bad", {}, text)),
			contentsOf(told.entries));
	}
}
