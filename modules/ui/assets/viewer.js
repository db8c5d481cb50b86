// The large view: one picture on the whole screen, with zoom, keys and neighbours.

import { h, iconButton, copyText } from "./dom.js";
import { download, pictureButtons } from "./picture.js";

const SWIPE = 60; // pixels a finger moves to turn to the next picture

let view = null;

/** Show `images` beginning with `id`; `onmove(id)` hears which picture is looked at. */
export function showLarge(images, id, onmove = () => {}) {
	view ??= new Viewer();
	view.open(images, id, onmove);
}

export const isLarge = () => Boolean(view?.dialog.open);

class Viewer {
	constructor() {
		this.image = h("img", { alt: "", draggable: "false" });
		this.stage = h("div.stage", {}, this.image);
		this.count = h("span.count", {});
		this.tools = h("div.tools", {});
		this.text = h("pre", {});
		this.dialog = h("dialog.easel-viewer", { id: "lightboxModal", "aria-label": "Large view" },
			h("header", {}, this.count, this.tools, iconButton("close", "Close", () => this.dialog.close(), true)),
			this.stage, this.text,
			iconButton("left", "Previous picture", () => this.step(-1), true),
			iconButton("right", "Next picture", () => this.step(1), true));
		this.dialog.addEventListener("keydown", (event) => this.onKey(event));
		this.stage.addEventListener("wheel", (event) => this.onWheel(event), { passive: false });
		this.stage.addEventListener("pointerdown", (event) => this.onPress(event));
		document.body.append(this.dialog);
	}

	open(images, id, onmove) {
		Object.assign(this, { images, onmove });
		this.at = Math.max(0, images.findIndex((image) => image.id === id));
		if (!this.dialog.open) this.dialog.showModal();
		this.show();
	}

	show() {
		const image = this.images[this.at];
		this.image.src = image.url;
		this.image.alt = (image.infotext ?? "").split("\n")[0];
		this.count.textContent = `${this.at + 1} of ${this.images.length} · ${image.width}×${image.height}`;
		this.text.textContent = image.infotext ?? "";
		this.tools.replaceChildren(...pictureButtons(image), iconButton("copy", "Copy recipe", () => copyText(this.text.textContent), true));
		for (const button of this.tools.querySelectorAll("button")) {
			if (button.textContent.startsWith("Reuse")) button.addEventListener("click", () => this.dialog.close());
		}
		this.place(1, 0, 0);
		this.onmove(image.id);
	}

	step(by) {
		if (!this.images[this.at + by]) return;
		this.at += by;
		this.show();
	}

	place(scale, x, y) {
		Object.assign(this, { scale, x, y });
		this.image.style.transform = scale === 1 ? "" : `translate(${x}px, ${y}px) scale(${scale})`;
		this.stage.classList.toggle("zoomed", scale > 1);
	}

	/** Zoom so that the point under the pointer stays where it is. */
	zoom(factor, event) {
		const scale = Math.min(16, Math.max(1, this.scale * factor));
		const box = this.stage.getBoundingClientRect();
		const [px, py] = [event.clientX - box.x - box.width / 2, event.clientY - box.y - box.height / 2];
		const grown = scale / this.scale;
		if (scale === 1) this.place(1, 0, 0);
		else this.place(scale, px - (px - this.x) * grown, py - (py - this.y) * grown);
	}

	onWheel(event) {
		event.preventDefault();
		this.zoom(Math.exp(-event.deltaY / 300), event);
	}

	/** Drag moves a zoomed picture and turns the page of another; a click zooms in or back; a click beside the picture closes. */
	onPress(start) {
		const from = { x: this.x, y: this.y };
		let moved = false;
		const move = (event) => {
			moved ||= Math.hypot(event.clientX - start.clientX, event.clientY - start.clientY) > 4;
			if (this.scale > 1 && moved) this.place(this.scale, from.x + event.clientX - start.clientX, from.y + event.clientY - start.clientY);
		};
		const up = (event) => {
			window.removeEventListener("pointermove", move);
			const across = event.clientX - start.clientX;
			if (moved && this.scale === 1 && Math.abs(across) > SWIPE) this.step(across < 0 ? 1 : -1);
			if (moved) return;
			if (start.target !== this.image) this.dialog.close();
			else if (this.scale > 1) this.place(1, 0, 0);
			else this.zoom(2.5, event);
		};
		window.addEventListener("pointermove", move);
		window.addEventListener("pointerup", up, { once: true });
		start.preventDefault();
	}

	onKey(event) {
		const acts = {
			ArrowLeft: () => this.step(-1),
			ArrowRight: () => this.step(1),
			s: () => download(this.images[this.at]),
		};
		if (event.ctrlKey || event.metaKey || !acts[event.key]) return;
		event.preventDefault();
		acts[event.key]();
	}
}
