// Many pictures to start from: files of this computer, or a folder of the server.

import { h, icon } from "./dom.js";
import { fieldOf } from "./fields.js";

const KEY = "easel.img2img.batch";
const SHOWN = 60; // small views of chosen files

const IDS = {
	input_dir: "img2img_batch_input_dir", output_dir: "img2img_batch_output_dir", inpaint_mask_dir: "img2img_batch_inpaint_mask_dir",
	use_png_info: "img2img_batch_use_png_info", png_info_dir: "img2img_batch_png_info_dir",
};

export class BatchPanel {
	/** @param {object[]} fields what is asked about a folder */
	constructor(fields) {
		this.files = [];
		const kept = read();
		this.ways = ["Files", "Folder on the server"].map((name, at) => h("button.segment", { type: "button", onclick: () => this.choose(at) }, name));
		this.inputs = fields.map((field) => fieldOf(field, kept.args?.[field.name] ?? field.value, IDS[field.name] ?? `img2img_batch_${field.name}`));
		this.ask = h("div.batch-folder", { onchange: () => this.keep() }, this.inputs.map(({ element }) => element));
		this.element = h("div.source-batch", { hidden: true }, h("div.segments", { role: "group", "aria-label": "Where the pictures are" }, this.ways), this.zone(), this.ask);
		this.choose(kept.way ?? 0);
	}

	zone() {
		this.chooser = h("input", { type: "file", accept: "image/*", multiple: true, "aria-label": "Choose pictures", onchange: () => this.take([...this.chooser.files]) });
		this.said = h("span", {});
		this.views = h("div.batch-views", {});
		this.drop = h("label.dropzone", { id: "img2img_batch_upload" }, this.chooser, h("span.invite", {}, icon("picture"), this.said), this.views);
		for (const kind of ["dragenter", "dragover"]) this.drop.addEventListener(kind, (event) => event.preventDefault());
		this.drop.addEventListener("drop", (event) => {
			event.preventDefault();
			event.stopPropagation();
			this.take([...event.dataTransfer.files].filter((file) => file.type.startsWith("image/")));
		});
		this.take([]);
		return this.drop;
	}

	take(files) {
		this.files = files;
		for (const view of this.views.children) URL.revokeObjectURL(view.src);
		this.views.replaceChildren(...files.slice(0, SHOWN).map((file) => h("img", { src: URL.createObjectURL(file), alt: file.name, title: file.name, loading: "lazy" })));
		const many = files.length === 1 ? "1 picture chosen" : `${files.length} pictures chosen`;
		this.said.textContent = files.length ? many : "Drop pictures here, or click to choose them. Each becomes a job of its own.";
	}

	choose(way) {
		this.way = way;
		this.ways.forEach((button, at) => button.setAttribute("aria-pressed", String(at === way)));
		this.drop.hidden = way !== 0;
		this.ask.hidden = way !== 1;
		this.keep();
	}

	/** What is asked about the folder, if that is where the pictures are. */
	get folder() {
		return this.way === 1 ? this.args : null;
	}

	get args() {
		return Object.fromEntries(this.inputs.map(({ name, read: value }) => [name, value()]));
	}

	keep() {
		try {
			localStorage.setItem(KEY, JSON.stringify({ way: this.way, args: this.args }));
		} catch {
			// A browser that keeps nothing draws all the same.
		}
	}
}

function read() {
	try {
		return JSON.parse(localStorage.getItem(KEY) ?? "{}");
	} catch {
		return {};
	}
}
