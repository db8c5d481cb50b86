// The frame: which part is drawn anew. Dragged beyond the picture's edge it asks for more picture.

import { clamp } from "./geometry.js";
import { make } from "./elements.js";

/** Frame sizes are multiples of this: what networks can draw. */
export const STEP = 8;
const SIZES = { least: 64, most: 8192 };
const MAGNET_PX = 7; // on the screen

/** Handles by compass point: which edges they move. */
const HANDLES = {
	nw: [-1, -1], n: [0, -1], ne: [1, -1], e: [1, 0], se: [1, 1], s: [0, 1], sw: [-1, 1], w: [-1, 0],
};

const snap = (value) => Math.round(value / STEP) * STEP;
const fitting = (size) => clamp(snap(size), SIZES.least, SIZES.most);

/**
 * The frame after one of its handles was moved by (dx, dy) picture pixels.
 * @param {import("./geometry.js").Rect} start
 * @param {[number, number]} edges per axis: -1 the near edge, 1 the far one, 0 neither
 * @returns {import("./geometry.js").Rect}
 */
export function resized(start, [across, down], dx, dy) {
	const frame = { ...start };
	if (across) frame.width = fitting(start.width + across * dx);
	if (down) frame.height = fitting(start.height + down * dy);
	if (across < 0) frame.x = start.x + start.width - frame.width;
	if (down < 0) frame.y = start.y + start.height - frame.height;
	return frame;
}

/**
 * The frame moved as a whole: in steps, but drawn to the picture's edges when near.
 * @param {import("./geometry.js").Rect} start
 * @param {{width: number, height: number}} picture
 * @param {number} reach of the edges' pull, in picture pixels
 */
export function moved(start, dx, dy, picture, reach) {
	return {
		...start,
		x: pulled(start.x + dx, start.width, picture.width, reach),
		y: pulled(start.y + dy, start.height, picture.height, reach),
	};
}

function pulled(place, size, edge, reach) {
	for (const goal of [0, edge - size, edge, -size]) if (Math.abs(place - goal) <= reach) return goal;
	return snap(place);
}

export class FrameBox {
	/** @param {import("./canvas.js").Canvas} canvas */
	constructor(canvas) {
		this.canvas = canvas;
		this.size = make("span", { class: "ec-frame-size" });
		this.element = make("div", {
			class: "ec-frame",
			role: "group",
			hidden: true,
			onpointerdown: (event) => this.grab(event, null),
			onkeydown: (event) => this.key(event),
		}, this.size);
		for (const [name, edges] of Object.entries(HANDLES)) {
			this.element.append(make("div", { class: `ec-handle ${name}`, onpointerdown: (event) => this.grab(event, edges) }));
		}
		canvas.stage.append(this.element);
	}

	/** Follow the view, the frame and the tool. */
	place() {
		const { view, document, store } = this.canvas;
		const { frame, base } = document;
		const active = store.values.tool === "frame";
		this.element.hidden = !base || (!active && document.framesPicture);
		if (this.element.hidden) return;
		const { x, y } = view.toStage(frame.x, frame.y);
		const [width, height] = [frame.width * view.scale, frame.height * view.scale];
		this.element.style.transform = `translate(${x}px, ${y}px)`;
		this.element.style.width = `${width}px`;
		this.element.style.height = `${height}px`;
		this.element.classList.toggle("active", active);
		this.element.tabIndex = active ? 0 : -1;
		this.size.textContent = `${frame.width} × ${frame.height}`;
		this.element.setAttribute("aria-label", `Frame, ${frame.width} by ${frame.height} at ${frame.x}, ${frame.y}. Arrow keys move it, with Shift they resize it.`);
	}

	grab(event, edges) {
		const { canvas } = this;
		const pans = event.button === 1 || canvas.pointers.spaceHeld;
		if (canvas.store.values.tool !== "frame" || event.button > 1 || pans) return;
		event.preventDefault();
		event.stopPropagation();
		this.element.focus({ preventScroll: true });
		const target = event.currentTarget;
		const start = canvas.document.frame;
		const drag = new AbortController();
		const drop = (keep) => {
			drag.abort();
			const end = canvas.document.frame;
			canvas.document.setFrame(start, false);
			if (keep && (end.x !== start.x || end.y !== start.y || end.width !== start.width || end.height !== start.height)) canvas.document.setFrame(end);
		};
		target.setPointerCapture(event.pointerId);
		const listen = (name, act) => target.addEventListener(name, act, { signal: drag.signal });
		listen("pointermove", (now) => this.drag(start, edges, event, now));
		listen("pointerup", () => drop(true));
		listen("pointercancel", () => drop(false));
	}

	drag(start, edges, from, to) {
		const { view, document } = this.canvas;
		const dx = (to.clientX - from.clientX) / view.scale;
		const dy = (to.clientY - from.clientY) / view.scale;
		const frame = edges ? resized(start, edges, dx, dy) : moved(start, dx, dy, document.base, MAGNET_PX / view.scale);
		document.setFrame(frame, false);
	}

	key(event) {
		const steps = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
		if (!steps || event.ctrlKey || event.metaKey) return;
		event.preventDefault();
		event.stopPropagation();
		const { document } = this.canvas;
		const [dx, dy] = steps.map((step) => step * STEP);
		const edges = /** @type {[number, number]} */ ([dx ? 1 : 0, dy ? 1 : 0]);
		document.setFrame(event.shiftKey ? resized(document.frame, edges, dx, dy) : { ...document.frame, x: document.frame.x + dx, y: document.frame.y + dy });
		const { x, y, width, height } = document.frame;
		this.canvas.say(`Frame ${width} by ${height} at ${x}, ${y}`);
	}
}
