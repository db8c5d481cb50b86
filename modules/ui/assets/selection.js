// Several pictures of the History tab at once: rate, tag, keep, download, compare, delete.

import { post } from "./api.js";
import { compare } from "./compare.js";
import { h, iconButton, toast } from "./dom.js";

/** What is most often asked to stand above pictures of a grid; any key of a recipe may. */
const CAPTIONS = ["File name", "Prompt", "Seed", "Model", "Sampler", "Steps", "CFG scale", "Size", "Lora hashes"];

export class Selection {
	/** `listed()` gives the pictures on the page; `changed(fresh)` is called when they must be drawn again. */
	constructor(listed, changed) {
		this.listed = listed;
		this.changed = changed;
		this.ids = new Set();
		this.deleted = [];
		this.text = h("b", {});
		this.undo = this.button("Put back", () => this.restore());
		this.compareButton = this.button("Compare", () => this.compare());
		this.rating = h("select", { "aria-label": "Rate", onchange: () => this.rate() },
			h("option", { value: "" }, "Rate…"), ...[5, 4, 3, 2, 1].map((stars) => h("option", { value: stars }, "★".repeat(stars))), h("option", { value: 0 }, "No stars"));
		this.tools = h("span.tools", {}, this.rating, this.button("Tag…", () => this.tag()), this.button("Save", () => this.save()),
			this.button("Download ZIP", () => this.zip()), this.button("Grid…", () => this.grid()), this.compareButton, this.button("Delete", () => this.delete()), this.button("Select none", () => this.clear()));
		this.bar = h("div.easel-selection", { role: "toolbar", "aria-label": "Selected pictures" }, this.text, this.tools, this.undo);
		this.update();
	}

	button(name, work) {
		const run = async () => {
			try {
				await work();
			} catch (error) {
				toast(error.message, "error", error.hint);
			}
		};
		return h("button.easel-button", { type: "button", onclick: run }, name);
	}

	/** The box that puts a picture into the selection; with Shift all between the last one and this. */
	box(image) {
		const box = h("input.pick", { type: "checkbox", "aria-label": "Select this picture", onclick: (event) => this.pick(image.id, box.checked, event.shiftKey) });
		box.checked = this.ids.has(image.id);
		return box;
	}

	pick(id, on, range) {
		const ids = this.listed().map((image) => image.id);
		const [from, to] = [ids.indexOf(this.last), ids.indexOf(id)].sort((a, b) => a - b);
		const chosen = range && from >= 0 ? ids.slice(from, to + 1) : [id];
		for (const one of chosen) this.ids[on ? "add" : "delete"](one);
		this.last = id;
		if (chosen.length > 1) this.changed(false);
		this.update();
	}

	update() {
		const count = this.ids.size;
		this.bar.hidden = !count && !this.deleted.length;
		this.tools.hidden = !count;
		this.undo.hidden = !this.deleted.length;
		this.compareButton.hidden = count !== 2;
		this.text.textContent = count ? `${count} selected` : this.deleted.length ? `${this.deleted.length} deleted` : "";
	}

	clear() {
		this.ids.clear();
		this.deleted = [];
		this.changed(false);
		this.update();
	}

	get body() {
		return { ids: [...this.ids] };
	}

	async rate() {
		const rating = Number(this.rating.value);
		this.rating.value = "";
		await post("api/v1/images/mark", { ...this.body, rating }).catch((error) => toast(error.message, "error", error.hint));
		this.changed(true);
	}

	async tag() {
		const words = window.prompt("Tags to add, with commas between them; -tag takes one away.");
		const tags = (words ?? "").split(",").map((tag) => tag.trim()).filter(Boolean);
		if (!tags.length) return;
		const add = tags.filter((tag) => !tag.startsWith("-"));
		const remove = tags.filter((tag) => tag.startsWith("-")).map((tag) => tag.slice(1));
		await post("api/v1/images/mark", { ...this.body, add_tags: add, remove_tags: remove });
		this.changed(true);
	}

	async save() {
		const { saved } = await post("api/v1/images/save", this.body);
		toast(`${saved} saved.`);
	}

	async zip() {
		const answer = await fetch("api/v1/images/zip", {
			method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(this.body),
		});
		if (!answer.ok) throw new Error("The archive could not be made.");
		const link = h("a", { href: URL.createObjectURL(await answer.blob()), download: "pictures.zip" });
		link.click();
		setTimeout(() => URL.revokeObjectURL(link.href), 60000);
	}

	/** Lay the chosen ones out in one picture, the oldest first, with words above each. */
	grid() {
		const chosen = this.listed().filter((image) => this.ids.has(image.id)).reverse();
		const field = (label, input) => h("label.field", {}, h("span", {}, label), input);
		const columns = h("input", { type: "number", min: 0, max: 100, value: "0" });
		const margin = h("input", { type: "number", min: 0, max: 500, value: "8" });
		const caption = h("input", { list: "grid-captions", autocomplete: "off", placeholder: "None" });
		const list = h("datalist", { id: "grid-captions" }, CAPTIONS.map((value) => h("option", { value })));
		const make = async (event) => {
			event.preventDefault();
			const body = { ids: chosen.map(({ id }) => id), columns: Number(columns.value), margin: Number(margin.value), caption: caption.value };
			try {
				const { name } = await post("api/v1/images/grid", body);
				dialog.close();
				toast("The grid is saved.", "info", name);
			} catch (error) {
				toast(error.message, "error", error.hint);
			}
		};
		const dialog = h("dialog.easel-edit", { "aria-label": "Grid", onclose: () => dialog.remove() },
			h("form", { onsubmit: make }, h("header", {}, h("h2", {}, "Grid"), iconButton("close", "Close", () => dialog.close(), true)), list,
				h("div.fields", {}, field("Columns (0: square)", columns), field("Margin in pixels", margin), field("Words above each picture", caption)),
				h("div.buttons", {}, h("button.easel-button.primary", { type: "submit" }, "Make the grid"))));
		document.body.append(dialog);
		dialog.showModal();
	}

	async delete() {
		const body = this.body;
		await post("api/v1/images/delete", body);
		this.deleted = body.ids;
		this.ids.clear();
		this.changed(true);
		this.update();
	}

	async restore() {
		await post("api/v1/images/restore", { ids: this.deleted });
		this.deleted = [];
		this.changed(true);
		this.update();
	}

	async compare() {
		const chosen = this.listed().filter((image) => this.ids.has(image.id));
		if (chosen.length === 2) await compare(...chosen.reverse()); // the older one is on the left
	}
}
