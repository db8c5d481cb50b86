// Things to click that fill in controls: example prompts and sizes of the chosen checkpoint.

import { get } from "./api.js";
import { onChange, pictureControls, setValues, textControls, valueOf } from "./bridge.js";
import { h } from "./dom.js";

let models = null;

/** The checkpoints as the server lists them, once; `fresh` asks again. */
export async function listModels(fresh = false) {
	if (!models || fresh) {
		models = get("api/v1/models").then((answer) => answer.checkpoints);
		models.catch(() => (models = null));
	}
	return models;
}

/** The record of the chosen checkpoint. */
export async function chosenModel() {
	const title = valueOf("models.checkpoint");
	const known = await listModels();
	return known.find((model) => model.title === title) ?? known.find((model) => title && model.title.startsWith(title)) ?? known[0];
}

const SHAPES = [["Native", 1, 1], ["3:2", 3, 2], ["2:3", 2, 3], ["16:9", 16, 9], ["9:16", 9, 16]];

/** Sides of the shape with about the model's own area, in steps of 8. */
export function sizeFor([width, height], across, down) {
	if (across === down) return [width, height];
	const area = width * height;
	const round = (side) => Math.max(64, Math.round(side / 8) * 8);
	return [round(Math.sqrt((area * across) / down)), round(Math.sqrt((area * down) / across))];
}

class Chips extends HTMLElement {
	connectedCallback() {
		this.off = onChange((_, changed) => this.watches.some((path) => changed.has(path)) && this.update());
		this.update();
	}

	disconnectedCallback() {
		this.off?.();
	}
}

class Examples extends Chips {
	watches = ["models.checkpoint", "prompt"];

	async update() {
		const model = await chosenModel().catch(() => null);
		const examples = model?.examples ?? [];
		const chips = examples.map((text) => h("button.chip", {
			type: "button", translate: "no", title: text, "aria-pressed": String(valueOf("prompt") === text), onclick: () => setValues({ prompt: text }),
		}, text));
		this.hidden = !chips.length;
		if (this.mark === examples.join()) {
			chips.forEach((chip, at) => this.row.children[at].setAttribute("aria-pressed", chip.getAttribute("aria-pressed")));
			return;
		}
		this.mark = examples.join();
		this.row = h("div.chips.scroll", { role: "group", "aria-label": "Examples this model can draw" }, chips);
		this.replaceChildren(h("span.chips-label", {}, "Try"), this.row);
	}
}

class Sizes extends Chips {
	watches = ["models.checkpoint", "size.width", "size.height"];

	async update() {
		const model = await chosenModel().catch(() => null);
		const native = model?.native_size ?? [512, 512];
		this.follow(native);
		const current = [valueOf("size.width"), valueOf("size.height")].join("×");
		const chips = SHAPES.map(([name, across, down]) => {
			const [width, height] = sizeFor(native, across, down);
			return h("button.chip", {
				type: "button", title: `${width}×${height}`, "aria-pressed": String(current === `${width}×${height}`),
				onclick: () => setValues({ "size.width": width, "size.height": height }),
			}, name === "Native" ? `${width}×${height}` : name);
		});
		this.replaceChildren(h("div.chips", { role: "group", "aria-label": "Sizes" }, chips));
	}

	/** Another checkpoint with another size of its own: go along, unless a size was chosen by hand. */
	follow(native) {
		const before = this.native;
		this.native = native;
		if (!before || before.join() === native.join()) return;
		if (valueOf("size.width") !== before[0] || valueOf("size.height") !== before[1]) return;
		setValues({ "size.width": native[0], "size.height": native[1] });
	}
}

/** What the server's settings begin with, for values that only some models want otherwise. */
let usually = null;
const defaultOf = async (path) => {
	usually ??= get("api/v1/request");
	return path.split(".").reduce((part, name) => part?.[name], await usually);
};

/** Another checkpoint that likes other steps or guidance: go along, where nothing was chosen by hand. */
async function followUsual(last, usual) {
	if (JSON.stringify(last) === JSON.stringify(usual)) return;
	for (const controls of [textControls, pictureControls]) {
		const given = {};
		for (const path of new Set([...Object.keys(last), ...Object.keys(usual)])) {
			const before = last[path] ?? (await defaultOf(path));
			if (controls.valueOf(path) === before) given[path] = usual[path] ?? (await defaultOf(path));
		}
		if (Object.keys(given).length) controls.setValues(given);
	}
}

let usualValues = null;
onChange(async (_, changed) => {
	if (usualValues && !changed.has("models.checkpoint")) return;
	const model = await chosenModel().catch(() => null);
	const last = usualValues;
	usualValues = model?.usual ?? {};
	if (last) await followUsual(last, usualValues);
});

customElements.define("easel-examples", Examples);
customElements.define("easel-sizes", Sizes);
