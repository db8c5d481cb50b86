// How large the second pass gets, beside its tick box, while the controls are moved.

import { say } from "./dom.js";
import { onChange } from "./bridge.js";

/**
 * From a first pass of `w` x `h`: the size that results, as `modules/schema/hires_size.py` has it.
 * @param {{scale: number, x: number, y: number}} wish
 */
export function hiresSize(w, h, { scale, x, y }) {
	if (!x && !y) return [Math.trunc(w * scale), Math.trunc(h * scale)];
	if (!y) return [x, Math.floor((x * h) / w)];
	if (!x) return [Math.floor((y * w) / h), y];
	return [x, y];
}

class HiresSize extends HTMLElement {
	connectedCallback() {
		this.off = onChange((values) => this.update(values));
	}

	disconnectedCallback() {
		this.off?.();
	}

	update(values) {
		const number = (path) => Number(values[path]) || 0;
		const [w, h] = [number("size.width"), number("size.height")];
		const wish = { scale: number("hires.scale") || 1, x: number("hires.resize_x"), y: number("hires.resize_y") };
		const [width, height] = w && h ? hiresSize(w, h, wish) : [0, 0];
		const text = values.hires && width ? `from ${w}×${h} to ${width}×${height}` : "";
		say(this, text);
		document.getElementById("txt2img_hr")?.toggleAttribute("data-sized", Boolean(wish.x || wish.y));
	}
}

customElements.define("easel-hires-size", HiresSize);
