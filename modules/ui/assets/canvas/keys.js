// Every key the canvas knows, once: the keyboard acts by this table and the help shows it.

import { clamp } from "./geometry.js";
import { TOOLS } from "./tools.js";

/** @typedef {import("./canvas.js").Canvas} Canvas */

/**
 * @typedef {object} Key
 * @property {string[]} keys as pressed: "Ctrl+Shift+z"; letters are lower case, Ctrl is also Cmd
 * @property {string} says for the help
 * @property {(canvas: Canvas) => void} act
 * @property {"mask" | "paint"} [layer] only where this layer can be drawn on
 */

const FINER = 0.8;

/** @type {Key[]} */
export const KEYS = [
	...TOOLS.map(({ id, label, key }) => ({ keys: [key], says: label, act: (canvas) => canvas.store.set({ tool: id }) })),
	{ keys: ["x"], says: "Draw on the other layer: mask or colour", act: (canvas) => canvas.switchLayer() },
	{ keys: ["[", "q"], says: "Smaller brush", act: (canvas) => canvas.resizeBrush(FINER) },
	{ keys: ["]", "w"], says: "Larger brush", act: (canvas) => canvas.resizeBrush(1 / FINER) },
	{ keys: ["{", "Shift+{"], says: "Softer brush", act: (canvas) => harden(canvas, -0.1) },
	{ keys: ["}", "Shift+}"], says: "Harder brush", act: (canvas) => harden(canvas, 0.1) },
	{ keys: ["Ctrl+z"], says: "Undo", act: (canvas) => canvas.undo() },
	{ keys: ["Ctrl+Shift+z", "Ctrl+y"], says: "Redo", act: (canvas) => canvas.redo() },
	{ keys: ["+", "=", "Shift++"], says: "Zoom in", act: (canvas) => canvas.view.zoomAt(1.25) },
	{ keys: ["-"], says: "Zoom out", act: (canvas) => canvas.view.zoomAt(0.8) },
	{ keys: ["0", "s"], says: "Show everything", act: (canvas) => canvas.view.fit() },
	{ keys: ["1"], says: "One picture pixel to a screen pixel", act: ({ view }) => view.zoomAt(1 / view.scale / view.ratio) },
	{ keys: ["Shift+i"], says: "Invert the mask", layer: "mask", act: (canvas) => canvas.document.invertMask() },
	{ keys: ["Shift+f"], says: "Mask everything", layer: "mask", act: (canvas) => canvas.document.fillMask() },
	{ keys: ["Delete", "Backspace"], says: "Clear the layer drawn on", act: (canvas) => canvas.document.clearLayer(canvas.store.values.layer) },
	{ keys: ["?", "Shift+?"], says: "This help", act: (canvas) => canvas.help.open() },
];

/** What the table above cannot hold, for the help. */
export const GESTURES = [
	["Wheel, pinch", "Zoom"],
	["Space + drag, middle button, two fingers", "Move the view"],
	["Alt + wheel", "Brush size"],
	["Alt + click", "Pick a colour; with lasso and rectangle: take away instead of add"],
	["Shift + click", "Straight line from the last point"],
	["Arrow keys", "Move the drawing cursor (Shift: by one pixel)"],
	["Space", "At the drawing cursor: brush down, brush up"],
	["Esc", "Drop the stroke being drawn, hide the cursor"],
	["Ctrl+V, drop a file", "New picture"],
];

/** The name a key event has in the table. @param {KeyboardEvent} event */
export function nameOf(event) {
	const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
	return `${event.ctrlKey || event.metaKey ? "Ctrl+" : ""}${event.shiftKey ? "Shift+" : ""}${key}`;
}

function harden({ store }, by) {
	store.set({ hardness: clamp(Math.round((store.values.hardness + by) * 10) / 10, 0, 1) });
}
