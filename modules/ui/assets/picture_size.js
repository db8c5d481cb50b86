// How large the picture is drawn that starts from another: a size, or a factor of what is on the canvas.

import { pictureControls as controls } from "./bridge.js";
import { h } from "./dom.js";

const CHIPS = [0.5, 1, 1.5, 2];
const KEY = "easel.img2img.scale";
const LEAST = 0.05;
const MOST = 4;

let canvas = null;
const parts = new Set();

/** The canvas changed, or there is one at last. */
export function showSizes(shown) {
	canvas = shown;
	for (const part of parts) part.update();
}

/** Set width and height of the tab to those of a picture, scaled, in steps of 8. */
export function setSize({ width, height }, scale) {
	const round = (side) => Math.max(64, Math.round((side * scale) / 8) * 8);
	controls.setValues({ "size.width": round(width), "size.height": round(height) });
}

/** By how much the picture is to be resized, or null where width and height say so. */
export const scaleWished = () => (kept().by ? kept().scale : null);

/** Let width and height decide again. */
export function resizeTo() {
	keep({ ...kept(), by: false });
}

function kept() {
	try {
		return { by: false, scale: 1, ...JSON.parse(localStorage.getItem(KEY) ?? "{}") };
	} catch {
		return { by: false, scale: 1 };
	}
}

function keep(wish) {
	localStorage.setItem(KEY, JSON.stringify(wish));
	for (const part of parts) part.update();
}

/** The choice between the two, and the factor. */
class Resize extends HTMLElement {
	connectedCallback() {
		parts.add(this);
		this.to = this.tab("Resize to", false);
		this.by = this.tab("Resize by", true);
		const limits = { min: LEAST, max: MOST, step: 0.05, oninput: (event) => this.turn(event.target.value) };
		this.slider = h("input", { type: "range", "aria-label": "Scale", ...limits });
		this.number = h("input", { type: "number", "aria-label": "Scale, as a number", ...limits });
		this.preview = h("span.resize-preview", { id: "img2img_scale_resolution_preview", role: "status" });
		this.scale = h("div.resize-scale", { id: "img2img_scale" }, h("label", {}, "Scale"), this.number, this.slider);
		this.replaceChildren(h("div.segments", { role: "group", "aria-label": "Size", id: "img2img_tabs_resize" }, this.to, this.by), this.scale, this.preview);
		this.update();
	}

	disconnectedCallback() {
		parts.delete(this);
	}

	tab(text, by) {
		return h("button.segment", { type: "button", onclick: () => keep({ ...kept(), by }) }, text);
	}

	turn(value) {
		const scale = Math.min(MOST, Math.max(LEAST, Number(value) || 1));
		keep({ ...kept(), scale });
	}

	update() {
		const { by, scale } = kept();
		this.to.setAttribute("aria-pressed", String(!by));
		this.by.setAttribute("aria-pressed", String(by));
		this.closest(".work-page")?.toggleAttribute("data-resize-by", by);
		for (const input of [this.slider, this.number]) {
			if (document.activeElement !== input || Number(input.value) !== scale) input.value = String(scale);
		}
		this.scale.hidden = this.preview.hidden = !by;
		const size = canvas?.size();
		const frame = canvas?.hasFrame();
		this.preview.textContent = frame ? "The frame decides." : size ? describe(size, scale) : "No picture yet.";
	}
}

function describe({ width, height }, scale) {
	return `from ${width}×${height} to ${Math.trunc(width * scale)}×${Math.trunc(height * scale)}`;
}

/** Sizes that fit the picture on the canvas. */
class PictureSizes extends HTMLElement {
	connectedCallback() {
		parts.add(this);
		this.update();
	}

	disconnectedCallback() {
		parts.delete(this);
	}

	update() {
		const size = canvas?.size();
		if (!size) return this.replaceChildren();
		if (canvas.hasFrame()) {
			const { width, height } = canvas.frame();
			return this.replaceChildren(h("span.chips-label", {}, `The frame decides: ${width} × ${height}`));
		}
		const chips = CHIPS.map((scale) => h("button.chip", {
			type: "button", id: scale === 1 ? "img2img_detect_image_size_btn" : undefined,
			title: `${Math.round(size.width * scale)} × ${Math.round(size.height * scale)}`, onclick: () => setSize(size, scale),
		}, scale === 1 ? `Picture ${size.width}×${size.height}` : `× ${scale}`));
		this.replaceChildren(h("div.chips", { role: "group", "aria-label": "Sizes" }, chips));
	}
}

customElements.define("easel-resize", Resize);
customElements.define("easel-picture-sizes", PictureSizes);
