// The drawing desk's settings: tool, layer, brush. Whoever shows or uses them subscribes.

export const DEFAULTS = {
	tool: "brush",
	layer: "mask",
	size: 48,
	hardness: 0.9,
	opacity: 1,
	color: "#d94f30",
	pressure: true,
	subtract: false, // whether lasso and rectangle take away
};

export class Store {
	constructor(values) {
		this.values = { ...values };
		this.listeners = new Set();
	}

	/** Change some values; listeners hear the whole and what changed. */
	set(patch) {
		const changed = Object.keys(patch).filter((name) => this.values[name] !== patch[name]);
		if (!changed.length) return;
		Object.assign(this.values, patch);
		for (const listener of this.listeners) listener(this.values, changed);
	}

	/** Hear of every change, and of the state now. */
	subscribe(listener) {
		this.listeners.add(listener);
		listener(this.values, Object.keys(this.values));
	}
}

/** "#rrggbb" as three bytes. @returns {[number, number, number]} */
export function bytesOf(color) {
	const number = Number.parseInt(color.slice(1), 16);
	return [number >> 16, (number >> 8) & 255, number & 255];
}

/** Three bytes as "#rrggbb". */
export const hexOf = (bytes) => `#${bytes.map((byte) => byte.toString(16).padStart(2, "0")).join("")}`;
