// Mouse, pen and fingers on the stage.

import { Pan, press } from "./tools.js";

const SECOND_FINGER_MS = 250; // a stroke this young is taken back when it turns out to be a pinch

export class PointerInput {
	/** @param {import("./canvas.js").Canvas} canvas */
	constructor(canvas) {
		this.canvas = canvas;
		this.gesture = null;
		this.pointer = null; // the one the gesture belongs to
		this.fingers = new Map();
		this.pinch = null;
		this.penSeen = false;
		this.spaceHeld = false;
		const { stage } = canvas;
		stage.addEventListener("pointerdown", (event) => this.down(event));
		stage.addEventListener("pointermove", (event) => this.move(event));
		stage.addEventListener("pointerup", (event) => this.up(event));
		stage.addEventListener("pointercancel", (event) => this.lost(event));
		stage.addEventListener("pointerenter", () => this.enter());
		stage.addEventListener("pointerleave", () => canvas.overlay.hideRing());
		stage.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
		stage.addEventListener("contextmenu", (event) => event.preventDefault());
	}

	get busy() {
		return this.gesture !== null || this.pinch !== null;
	}

	/** Keys work as soon as the pointer is here, unless somebody is busy elsewhere on the page. */
	enter() {
		if (document.activeElement === document.body) this.canvas.stage.focus({ preventScroll: true });
	}

	down(event) {
		if (event.target.closest("button, input, label")) return;
		this.canvas.stage.focus({ preventScroll: true });
		this.canvas.keyboard.leave();
		if (event.pointerType === "touch") {
			this.fingers.set(event.pointerId, { x: event.clientX, y: event.clientY });
			if (this.fingers.size === 2) return this.beginPinch();
			if (this.fingers.size > 2) return;
		}
		if (this.busy || (event.button !== 0 && event.button !== 1 && event.button !== 5)) return;
		event.preventDefault();
		this.penSeen ||= event.pointerType === "pen";
		this.canvas.stage.setPointerCapture(event.pointerId);
		this.canvas.view.holdStill(true);
		this.pointer = event.pointerId;
		this.began = event.timeStamp;
		this.gesture = this.begin(event);
	}

	begin(event) {
		const { canvas } = this;
		const sample = this.sample(event);
		const { tool } = canvas.store.values;
		const palm = event.pointerType === "touch" && this.penSeen; // the pen draws, the hand moves
		if (event.button === 1 || this.spaceHeld || palm || tool === "hand" || tool === "frame") return new Pan(canvas, sample);
		const draws = tool === "brush" || tool === "eraser";
		if (draws && event.altKey) return press(canvas, "pick", sample);
		return press(canvas, tool, sample, { alt: event.altKey, line: draws && event.shiftKey, erase: event.button === 5 });
	}

	/** Positions on the picture. A mouse presses fully; only pens know better. */
	sample(event) {
		const at = this.canvas.view.toPicture(event.clientX, event.clientY);
		const pressure = event.pointerType === "pen" ? event.pressure : 1;
		return { ...at, pressure, clientX: event.clientX, clientY: event.clientY };
	}

	move(event) {
		if (this.pinch && this.fingers.has(event.pointerId)) return this.movePinch(event);
		if (event.pointerType !== "touch") this.canvas.hover(event.clientX, event.clientY);
		if (!this.gesture || event.pointerId !== this.pointer) return;
		const events = event.getCoalescedEvents?.() ?? [];
		this.gesture.move((events.length ? events : [event]).map((each) => this.sample(each)));
	}

	up(event) {
		this.fingers.delete(event.pointerId);
		if (this.pinch) return this.endPinch();
		if (event.pointerId === this.pointer) this.finish("up");
	}

	lost(event) {
		this.fingers.delete(event.pointerId);
		if (this.pinch) this.endPinch();
		if (event.pointerId === this.pointer) this.finish("cancel");
	}

	/** End the gesture, keeping ("up") or dropping ("cancel") what it did. */
	finish(how) {
		const { gesture } = this;
		Object.assign(this, { gesture: null, pointer: null });
		this.canvas.view.holdStill(false);
		gesture?.[how]();
	}

	beginPinch() {
		if (this.gesture) this.finish(performance.now() - this.began < SECOND_FINGER_MS ? "cancel" : "up");
		this.pinch = this.spread();
	}

	spread() {
		const [a, b] = [...this.fingers.values()];
		return { x: (a.x + b.x) / 2, y: (a.y + b.y) / 2, length: Math.max(1, Math.hypot(a.x - b.x, a.y - b.y)) };
	}

	movePinch(event) {
		this.fingers.set(event.pointerId, { x: event.clientX, y: event.clientY });
		const now = this.spread();
		const { view, stage } = this.canvas;
		const box = stage.getBoundingClientRect();
		view.pan(now.x - this.pinch.x, now.y - this.pinch.y);
		view.zoomAt(now.length / this.pinch.length, now.x - box.left, now.y - box.top);
		this.pinch = now;
	}

	endPinch() {
		if (this.fingers.size < 2) this.pinch = null;
	}

	/** Wheel scales, with Alt it sizes the brush, with Shift it moves sideways. */
	wheel(event) {
		if (!this.canvas.document.base) return;
		event.preventDefault();
		const lines = event.deltaMode === WheelEvent.DOM_DELTA_LINE ? 16 : 1;
		const turn = (event.deltaY || event.deltaX) * lines;
		const { view, stage } = this.canvas;
		if (event.altKey) return this.canvas.resizeBrush(Math.exp(-turn / 500));
		if (event.shiftKey) return view.pan(-turn, 0);
		const box = stage.getBoundingClientRect();
		const pinched = event.ctrlKey ? 4 : 1; // a touchpad's pinch comes as small steps with Ctrl
		view.zoomAt(Math.exp((-turn * pinched) / 500), event.clientX - box.left, event.clientY - box.top);
		this.canvas.hover(event.clientX, event.clientY);
	}
}
