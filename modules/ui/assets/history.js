// The History tab: every picture, newest first, more while scrolling.

import { get } from "./api.js";
import { h, iconButton, copyText } from "./dom.js";
import { onJobs, state } from "./jobs.js";
import { pictureButtons } from "./picture.js";
import { showLarge } from "./viewer.js";

const PAGE = 60;

class History extends HTMLElement {
	connectedCallback() {
		this.images = [];
		this.words = h("input", { type: "search", placeholder: "Search in prompts and settings", "aria-label": "Search pictures", oninput: () => this.draw() });
		this.count = h("span.count", { role: "status" });
		this.grid = h("div.easel-grid", { role: "list", "aria-label": "All pictures" });
		this.end = h("div.end");
		this.replaceChildren(h("header", {}, this.words, this.count), this.grid, this.end);
		this.seen = new IntersectionObserver((entries) => entries.some((entry) => entry.isIntersecting) && this.come());
		this.seen.observe(this.end);
		this.off = onJobs(() => this.onJob());
	}

	disconnectedCallback() {
		this.off?.();
		this.seen?.disconnect();
	}

	/** The end of the list came into view, or the whole tab did. */
	come() {
		this.more(this.stale || !this.images.length);
		this.stale = false;
	}

	/** A new picture anywhere: begin again, if someone is looking. */
	onJob() {
		const newest = state.images[0]?.id;
		if (newest === this.newest) return;
		this.newest = newest;
		this.done = false;
		if (this.offsetParent) this.more(true);
		else this.stale = true;
	}

	async more(fresh = false) {
		if (this.loading || (this.done && !fresh)) return;
		this.loading = true;
		const last = fresh ? null : this.images.at(-1);
		const from = last ? `&before=${last.sequence}` : "";
		const page = await get(`api/v1/images?limit=${PAGE}${from}`).catch(() => null);
		this.loading = false;
		if (!page) return;
		this.images = fresh ? page : [...this.images, ...page];
		this.done = page.length < PAGE;
		this.draw();
	}

	draw() {
		const words = this.words.value.toLowerCase().split(/\s+/).filter(Boolean);
		const fits = (image) => words.every((word) => (image.infotext ?? "").toLowerCase().includes(word));
		const found = this.images.filter(fits);
		this.count.textContent = found.length ? `${found.length}${this.done ? "" : "+"} pictures` : "";
		const tiles = found.map((image) => this.tile(image, found));
		const nothing = h("p.nothing", {}, words.length ? "Nothing found among the loaded pictures." : "No pictures yet.");
		this.grid.replaceChildren(...(tiles.length ? tiles : [nothing]));
	}

	tile(image, all) {
		const prompt = (image.infotext ?? "").split("\n")[0];
		return h("figure.tile", { role: "listitem" },
			h("button.picture", { type: "button", "aria-label": prompt || "Picture", onclick: () => showLarge(all, image.id) },
				h("img", { src: image.thumb, alt: "", loading: "lazy" }), image.kind === "grid" && h("span.badge", {}, "grid")),
			h("figcaption", {}, h("span", { title: prompt }, prompt),
				h("div.row", {}, ...pictureButtons(image).map(onlyIcon), iconButton("copy", "Copy recipe", () => copyText(image.infotext ?? ""), true))));
	}
}

function onlyIcon(button) {
	const name = button.querySelector("span:not(.icon-glyph)");
	if (name) {
		button.setAttribute("aria-label", name.textContent);
		button.classList.add("quiet");
		name.remove();
	}
	return button;
}

customElements.define("easel-history", History);
