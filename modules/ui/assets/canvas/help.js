// The table of keys, as a dialog.

import { iconButton, make } from "./elements.js";
import { GESTURES, KEYS } from "./keys.js";

const SHOWN = { " ": "Space", "=": null, "Shift+{": null, "Shift+}": null, "Shift++": null, "Shift+?": null };

export class Help {
	/** @param {import("./canvas.js").Canvas} canvas */
	constructor(canvas) {
		this.canvas = canvas;
		this.dialog = make("dialog", { class: "ec-help", "aria-label": "Keys and gestures of the canvas" });
		this.dialog.addEventListener("close", () => canvas.stage.focus({ preventScroll: true }));
		this.dialog.addEventListener("click", (event) => {
			if (event.target === this.dialog) this.dialog.close();
		});
		canvas.root.append(this.dialog);
	}

	open() {
		const usable = KEYS.filter(({ layer }) => !layer || this.canvas.layers.includes(layer));
		const rows = usable.map(({ keys, says }) => [keys.map(shownKey).filter(Boolean), says]);
		this.dialog.replaceChildren(
			make("header", {}, make("h2", {}, "Keys and gestures"), iconButton("close", "Close", () => this.dialog.close())),
			make("div", { class: "ec-help-columns" },
				list(rows.map(([keys, says]) => [keys.map((key) => make("kbd", {}, key)), says])),
				list(GESTURES)),
		);
		this.dialog.showModal();
	}
}

function shownKey(key) {
	if (key in SHOWN) return SHOWN[key];
	return key.length === 1 ? key.toUpperCase() : key.replace(/\+([a-z])$/, (_, letter) => `+${letter.toUpperCase()}`);
}

const list = (rows) => make("dl", {}, rows.map(([keys, says]) => make("div", {}, make("dt", {}, keys), make("dd", {}, says))));
