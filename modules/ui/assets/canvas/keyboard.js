// Keys: shortcuts, and a way to draw without a pointer.

import { clamp } from "./geometry.js";
import { press } from "./tools.js";
import { KEYS, nameOf } from "./keys.js";

const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const STRIDE_PX = 12; // of the cursor, on the screen

export class KeyboardInput {
	/** @param {import("./canvas.js").Canvas} canvas */
	constructor(canvas) {
		this.canvas = canvas;
		this.cursor = null; // where the keyboard's cursor is; null while the pointer draws
		this.gesture = null;
		canvas.root.addEventListener("keydown", (event) => this.down(event));
		canvas.root.addEventListener("keyup", (event) => this.up(event));
		canvas.stage.addEventListener("blur", () => {
			this.leave();
			this.releaseSpace();
		});
	}

	down(event) {
		if (event.target.closest("input, select, textarea, dialog") || event.altKey) return;
		const onStage = event.target === this.canvas.stage;
		if (onStage && ARROWS[event.key] && !event.ctrlKey && !event.metaKey) return this.take(event, () => this.step(event));
		if (onStage && event.key === " ") return this.take(event, () => this.space(event));
		if (event.key === "Escape" && this.drawing) return this.take(event, () => this.drop());
		const name = nameOf(event);
		const found = KEYS.find(({ keys, layer }) => keys.includes(name) && (!layer || this.canvas.layers.includes(layer)));
		if (found && !this.canvas.pointers.busy) this.take(event, () => found.act(this.canvas));
	}

	/** The key is ours: neither the browser nor the page around acts on it. */
	take(event, act) {
		event.preventDefault();
		event.stopPropagation();
		act();
	}

	up(event) {
		if (event.key === " ") this.releaseSpace();
	}

	releaseSpace() {
		this.canvas.pointers.spaceHeld = false;
		this.canvas.stage.classList.remove("pannable");
	}

	/** Whether Esc has something to drop. */
	get drawing() {
		return this.gesture !== null || this.cursor !== null || this.canvas.pointers.busy;
	}

	/** Move the cursor; a brush that is down draws. */
	step(event) {
		const { view, document, overlay } = this.canvas;
		if (!document.base || this.canvas.pointers.busy) return;
		const { area } = document;
		const [dx, dy] = ARROWS[event.key];
		const stride = event.shiftKey ? 1 : Math.max(1, Math.round(STRIDE_PX / view.scale));
		this.cursor ??= { x: Math.round((area.x0 + area.x1) / 2), y: Math.round((area.y0 + area.y1) / 2), pressure: 1 };
		this.cursor = {
			x: clamp(this.cursor.x + dx * stride, area.x0, area.x1),
			y: clamp(this.cursor.y + dy * stride, area.y0, area.y1),
			pressure: 1,
		};
		this.gesture?.move([this.cursor]);
		overlay.ringAt(this.cursor, true);
		this.keepInView();
		this.canvas.say(`${this.cursor.x}, ${this.cursor.y}`);
	}

	/** Follow the cursor when it leaves the window. */
	keepInView() {
		const { view } = this.canvas;
		const { x, y } = view.toStage(this.cursor.x, this.cursor.y);
		const dx = clamp(x, 20, view.width - 20) - x;
		const dy = clamp(y, 20, view.height - 20) - y;
		if (dx || dy) view.pan(dx, dy);
	}

	/** At the cursor Space draws; otherwise, held, it lets the pointer move the view. */
	space(event) {
		if (event.repeat) return;
		if (!this.cursor) {
			this.canvas.pointers.spaceHeld = true;
			this.canvas.stage.classList.add("pannable");
		} else if (this.gesture) {
			this.gesture.up();
			this.gesture = null;
			this.canvas.say("Brush up");
		} else {
			const { tool } = this.canvas.store.values;
			if (tool === "frame" || tool === "hand") return;
			this.gesture = press(this.canvas, tool, this.cursor);
			this.canvas.say("Brush down");
		}
	}

	/** Drop what is being drawn; a second time, hide the cursor. */
	drop() {
		const { pointers, overlay } = this.canvas;
		if (pointers.busy) return pointers.finish("cancel");
		if (this.gesture) {
			this.gesture.cancel();
			this.gesture = null;
			this.canvas.say("Stroke dropped");
			return;
		}
		this.cursor = null;
		overlay.keys = false;
		overlay.hideRing();
	}

	/** The pointer takes over, or the focus goes elsewhere: what the keys drew is kept. */
	leave() {
		this.gesture?.up();
		this.gesture = null;
		this.cursor = null;
		if (this.canvas.overlay.keys) {
			this.canvas.overlay.keys = false;
			this.canvas.overlay.hideRing();
		}
	}
}
