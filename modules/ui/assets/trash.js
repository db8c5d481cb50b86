// What was thrown away: look at it, put it back, or let it go for good.

import { get, post, send } from "./api.js";
import { h, iconButton, toast } from "./dom.js";

/** Show the trash; `changed` is called when something came back. */
export function showTrash(changed) {
	new Trash(changed).open();
}

class Trash {
	constructor(changed) {
		this.changed = changed;
		this.count = h("span.count", { role: "status" });
		this.grid = h("div.easel-grid", { role: "list" });
		this.all = h("button.easel-button", { type: "button", onclick: () => this.restore(this.images.map(({ id }) => id)) }, "Put everything back");
		this.empty = h("button.easel-button.danger", { type: "button", onclick: () => this.ask() }, "Empty the trash");
		this.dialog = h("dialog.easel-trash", { "aria-label": "Trash", onclose: () => this.dialog.remove() },
			h("header", {}, h("h2", {}, "Trash"), this.count, this.all, this.empty, iconButton("close", "Close", () => this.dialog.close(), true)), this.grid);
	}

	async open() {
		document.body.append(this.dialog);
		this.dialog.showModal();
		await this.load();
	}

	async load() {
		try {
			this.images = await get("api/v1/images/trash?limit=1000");
		} catch (error) {
			return toast(error.message, "error", error.hint);
		}
		const many = this.images.length;
		this.count.textContent = many ? `${many} ${many === 1 ? "picture" : "pictures"}` : "";
		this.all.hidden = this.empty.hidden = !many;
		this.sure = false;
		this.empty.textContent = "Empty the trash";
		this.grid.replaceChildren(...(many ? this.images.map((image) => this.tile(image)) : [h("p.nothing", { role: "listitem" }, "The trash is empty.")]));
	}

	tile(image) {
		const prompt = (image.infotext ?? "").split("\n")[0];
		const back = h("button.easel-button", { type: "button", onclick: () => this.restore([image.id]) }, "Put back");
		return h("figure.tile", { role: "listitem" }, h("div.picture", {}, h("img", { src: image.thumb, alt: prompt, loading: "lazy" })),
			h("figcaption", {}, h("span", { title: prompt }, prompt), h("div.row", {}, back)));
	}

	async restore(ids) {
		await this.tell(() => post("api/v1/images/restore", { ids }), ({ restored }) => `${restored} put back.`);
		this.changed();
	}

	/** There is no way back: the button is pressed twice. */
	async ask() {
		if (!this.sure) {
			this.sure = true;
			this.empty.textContent = `Delete ${this.images.length} for good?`;
			return;
		}
		await this.tell(() => send("DELETE", "api/v1/images/trash"), ({ deleted }) => `${deleted} deleted for good.`);
	}

	async tell(work, said) {
		try {
			toast(said(await work()));
		} catch (error) {
			toast(error.message, "error", error.hint);
		}
		await this.load();
	}
}
