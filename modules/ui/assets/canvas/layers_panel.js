// The list of layers: seen or not, how strongly, and which one is drawn on.

import { icon, iconButton, make } from "./elements.js";

const ROWS = [
	{ name: "mask", label: "Mask" },
	{ name: "reference", label: "Reference" },
	{ name: "paint", label: "Colour" },
	{ name: "base", label: "Picture" },
];

export class LayersPanel {
	/** @param {import("./canvas.js").Canvas} canvas */
	constructor(canvas) {
		this.canvas = canvas;
		this.element = make("div", { class: "ec-panel", role: "group", "aria-label": "Layers", hidden: true });
		this.element.addEventListener("keydown", (event) => {
			if (event.key !== "Escape") return;
			event.stopPropagation();
			this.toggle(false);
		});
		this.rows = ROWS.map((row) => this.row(row));
		this.element.append(...this.rows.map(({ element }) => element));
		canvas.body.append(this.element);
	}

	/** Open or close. */
	toggle(open = this.element.hidden) {
		this.element.hidden = !open;
		this.canvas.toolbar.layersButton.setAttribute("aria-expanded", String(open));
		if (open) this.update();
		else this.canvas.toolbar.layersButton.focus();
	}

	row({ name, label }) {
		const { canvas } = this;
		const eye = iconButton("eye", `Show ${label.toLowerCase()}`, () => {
			canvas.show(name, { visible: !canvas.document.look(name).visible });
		});
		const opacity = make("input", {
			type: "range", min: 0, max: 100, class: "ec-range", "aria-label": `${label} opacity`, title: `${label} opacity`,
			oninput: () => canvas.show(name, { opacity: Number(opacity.value) / 100 }),
		});
		const extra = name === "reference" && make("span", { class: "ec-row-extra" },
			iconButton("open", "Choose a reference picture: shown, never drawn from", () => canvas.intake.choose("reference")),
			iconButton("clear", "Remove the reference", () => canvas.setReference(null)));
		const element = make("div", { class: "ec-layer" }, eye, make("span", { class: "ec-layer-name" }, label), opacity, extra);
		return { name, element, eye, opacity };
	}

	/** Show what is so. */
	update() {
		if (this.element.hidden) return;
		const { document, layers, store } = this.canvas;
		for (const { name, element, eye, opacity } of this.rows) {
			const look = document.look(name);
			element.hidden = (name === "mask" || name === "paint") && !layers.includes(name);
			element.classList.toggle("current", store.values.layer === name);
			eye.setAttribute("aria-pressed", String(look.visible));
			eye.replaceChildren(icon(look.visible ? "eye" : "shut"));
			opacity.value = String(Math.round(look.opacity * 100));
		}
	}
}
