// The tools: what a press, a move and a release do. Pointers and keys both speak to them.

import { Stroke } from "./stroke.js";
import { fillBox, fillOutline } from "./shapes.js";
import { bytesOf, hexOf } from "./store.js";

/** @typedef {import("./canvas.js").Canvas} Canvas */
/** @typedef {{x: number, y: number, pressure: number, clientX?: number, clientY?: number}} Sample */

/**
 * @typedef {object} Gesture one press of a tool, from down to up
 * @property {(samples: Sample[]) => void} move
 * @property {() => void} up
 * @property {() => void} cancel
 */

/** In toolbar order. `ring` shows the brush's outline at the pointer. */
export const TOOLS = [
	{ id: "brush", label: "Brush", key: "b", ring: true },
	{ id: "eraser", label: "Eraser", key: "e", ring: true },
	{ id: "lasso", label: "Lasso fill", key: "l" },
	{ id: "rectangle", label: "Rectangle fill", key: "r" },
	{ id: "pick", label: "Pick a colour", key: "i" },
	{ id: "frame", label: "Frame: what is drawn anew, also beyond the picture", key: "v" },
	{ id: "hand", label: "Move the view", key: "h" },
];

/**
 * Begin to use a tool.
 * @param {Canvas} canvas
 * @param {string} id
 * @param {Sample} sample where it was pressed
 * @param {{alt?: boolean, line?: boolean, erase?: boolean}} how the other way round; straight from the last point; pen's eraser end
 * @returns {Gesture | null}
 */
export function press(canvas, id, sample, how = {}) {
	if (!canvas.document.base) return null;
	if (id === "pick") return new Pick(canvas, sample);
	if (id === "lasso") return new Lasso(canvas, sample, how);
	if (id === "rectangle") return new Rectangle(canvas, sample, how);
	return new Draw(canvas, sample, { ...how, erase: how.erase || id === "eraser" });
}

/** Whether a shape takes away: as chosen, or with Alt the other way round. */
const takesAway = ({ store }, alt) => store.values.subtract !== Boolean(alt);

/** What is put on the active layer. */
function inkOf({ store: { values } }, erase) {
	const opacity = values.layer === "mask" ? 1 : values.opacity;
	return { erase: Boolean(erase), opacity, color: bytesOf(values.color) };
}

/** The layer drawn on, made visible first: nobody should draw without seeing it. */
function activeLayer(canvas) {
	const { layer } = canvas.store.values;
	if (!canvas.document.layer(layer).visible) canvas.show(layer, { visible: true });
	return layer;
}

class Draw {
	constructor(canvas, sample, { erase, line }) {
		this.canvas = canvas;
		const { values } = canvas.store;
		const layer = activeLayer(canvas);
		this.edit = canvas.document.begin(layer, erase ? "erase" : "brush");
		const from = line && canvas.lastPoint ? { ...canvas.lastPoint, pressure: sample.pressure } : sample;
		this.stroke = new Stroke(this.edit, values, inkOf(canvas, erase), canvas.document.area);
		this.stroke.start(from);
		if (from !== sample) {
			this.stroke.to(sample);
			this.stroke.end();
		}
		this.show();
	}

	move(samples) {
		for (const sample of samples) this.stroke.to(sample);
		this.show();
	}

	up() {
		this.stroke.end();
		this.show();
		this.canvas.lastPoint = this.stroke.last;
		this.edit.commit();
	}

	cancel() {
		this.edit.cancel();
	}

	show() {
		if (!this.edit.open) return; // an undo or a new picture came in between
		const changed = this.stroke.flush();
		if (changed) this.canvas.view.invalidate(changed);
	}
}

class Lasso {
	constructor(canvas, sample, { alt }) {
		Object.assign(this, { canvas, alt, outline: [sample] });
	}

	move(samples) {
		for (const sample of samples) {
			const last = this.outline.at(-1);
			if (Math.hypot(sample.x - last.x, sample.y - last.y) * this.canvas.view.scale >= 1) this.outline.push(sample);
		}
		this.canvas.overlay.outline(this.outline);
	}

	up() {
		this.canvas.overlay.outline(null);
		if (this.outline.length < 3) return;
		const { document } = this.canvas;
		document.change(activeLayer(this.canvas), "lasso", (edit) =>
			fillOutline(edit, this.outline, inkOf(this.canvas, takesAway(this.canvas, this.alt)), document.area));
	}

	cancel() {
		this.canvas.overlay.outline(null);
	}
}

class Rectangle {
	constructor(canvas, sample, { alt }) {
		Object.assign(this, { canvas, alt, from: sample, to: sample });
	}

	get box() {
		const { from, to } = this;
		return {
			x0: Math.round(Math.min(from.x, to.x)),
			y0: Math.round(Math.min(from.y, to.y)),
			x1: Math.round(Math.max(from.x, to.x)),
			y1: Math.round(Math.max(from.y, to.y)),
		};
	}

	move(samples) {
		this.to = samples.at(-1);
		const { x0, y0, x1, y1 } = this.box;
		this.canvas.overlay.outline([{ x: x0, y: y0 }, { x: x1, y: y0 }, { x: x1, y: y1 }, { x: x0, y: y1 }]);
	}

	up() {
		this.canvas.overlay.outline(null);
		const { x0, y0, x1, y1 } = this.box;
		if (x1 <= x0 || y1 <= y0) return;
		const { document } = this.canvas;
		document.change(activeLayer(this.canvas), "rectangle", (edit) =>
			fillBox(edit, this.box, inkOf(this.canvas, takesAway(this.canvas, this.alt)), document.area));
	}

	cancel() {
		this.canvas.overlay.outline(null);
	}
}

class Pick {
	constructor(canvas, sample) {
		this.canvas = canvas;
		this.move([sample]);
	}

	move(samples) {
		const { x, y } = samples.at(-1);
		const color = this.canvas.document.colorAt(x, y);
		if (color) this.canvas.store.set({ color: hexOf(color) });
	}

	up() {
		this.canvas.say(`Colour ${this.canvas.store.values.color}`);
	}

	cancel() {}
}

/** Moving the view. */
export class Pan {
	constructor(canvas, sample) {
		Object.assign(this, { canvas, x: sample.clientX, y: sample.clientY });
		canvas.stage.classList.add("panning");
	}

	move(samples) {
		const { clientX, clientY } = samples.at(-1);
		this.canvas.view.pan(clientX - this.x, clientY - this.y);
		Object.assign(this, { x: clientX, y: clientY });
	}

	up() {
		this.canvas.stage.classList.remove("panning");
	}

	cancel() {
		this.up();
	}
}
