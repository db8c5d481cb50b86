// The History tab: every picture, searched by the server; only what is in view is in the page.

import { get, post } from "./api.js";
import { h, iconButton, copyText, debounced, throttled, toast } from "./dom.js";
import { onJobs, state } from "./jobs.js";
import { onlyIcon, pictureButtons } from "./picture.js";
import { Selection } from "./selection.js";
import { showTrash } from "./trash.js";
import { showLarge } from "./viewer.js";

const PAGE = 60;
const MARGIN_ROWS = 3; // rows kept ready above and below what is seen
const STARS = [["", "Any rating"], ["1", "★ or more"], ["3", "★★★ or more"], ["5", "★★★★★"]];

class History extends HTMLElement {
	connectedCallback() {
		this.words = h("input", { type: "search", placeholder: "Search prompts", "aria-label": "Search pictures", oninput: debounced(() => this.begin(), 250) });
		this.menus = Object.fromEntries(["model", "sampler", "tag", "rating"].map((name) => [name, this.menu(name)]));
		this.count = h("span.count", { role: "status" });
		this.selection = new Selection(() => this.images(), (fresh) => (fresh ? this.begin() : this.draw(true)));
		const trash = iconButton("trash", "Trash", () => showTrash(() => this.begin()));
		this.grid = h("div.easel-grid", { role: "list", "aria-label": "All pictures" });
		this.replaceChildren(h("header", {}, this.words, ...Object.values(this.menus), this.count, trash), this.selection.bar, this.grid);
		this.forget();
		this.onscroll = throttled(() => this.draw(), 60);
		document.addEventListener("scroll", this.onscroll, { capture: true, passive: true });
		this.sized = new ResizeObserver(() => this.come());
		this.sized.observe(this);
		this.off = onJobs(() => this.onJob());
	}

	disconnectedCallback() {
		this.off?.();
		this.sized?.disconnect();
		document.removeEventListener("scroll", this.onscroll, { capture: true });
	}

	menu(name) {
		const options = name === "rating" ? STARS : [["", `Any ${name}`]];
		return h("select", { "aria-label": name, onchange: () => this.begin() }, ...options.map(([value, text]) => h("option", { value }, text)));
	}

	/** The tab came into view, or changed its width. */
	come() {
		if (!this.offsetParent) return;
		if (this.stale) this.begin();
		else this.draw();
	}

	/** A new picture anywhere: begin again, unless someone is looking further down. */
	onJob() {
		const newest = state.images[0]?.id;
		if (newest === this.newest) return;
		this.newest = newest;
		this.stale = true;
		if (this.offsetParent && this.grid.getBoundingClientRect().top > -200) this.begin();
	}

	forget() {
		this.pages = new Map();
		this.tiles = new WeakMap();
		this.total = 0;
		this.stale = true;
	}

	/** Ask for the first page of what is searched; the old pictures stay until it is there. */
	async begin() {
		this.stale = false;
		const turn = (this.turn = (this.turn ?? 0) + 1);
		const wanted = new URLSearchParams();
		if (this.words.value.trim()) wanted.set("q", this.words.value.trim());
		for (const [name, menu] of Object.entries(this.menus)) if (menu.value) wanted.set(name, menu.value);
		wanted.set("until", String(Date.now() / 1000 + 60)); // later pictures would shift the pages
		const answers = [get(`api/v1/images?limit=${PAGE}&${wanted}`), get(`api/v1/images/count?${wanted}`), get("api/v1/images/choices")];
		const [first, number, choices] = await Promise.all(answers).catch(() => []);
		if (turn !== this.turn) return;
		if (!choices) {
			this.stale = true;
			return;
		}
		if (first.length) wanted.set("until", String(first[0].created + 0.002));
		this.wanted = wanted;
		this.pages = new Map([[0, first]]);
		this.total = number.count;
		for (const [name, group] of [["model", "model"], ["sampler", "sampler"], ["tag", "tags"]]) this.fill(name, choices[group]);
		this.draw(true);
	}

	fill(name, choices) {
		const menu = this.menus[name];
		const chosen = menu.value;
		const options = choices.map(({ value, count }) => h("option", { value }, `${value} (${count})`));
		menu.replaceChildren(menu.options[0], ...options);
		menu.value = choices.some(({ value }) => value === chosen) ? chosen : "";
		menu.hidden = !choices.length;
	}

	async load(page) {
		if (this.pages.has(page)) return;
		const turn = this.turn;
		this.pages.set(page, null);
		const images = await get(`api/v1/images?limit=${PAGE}&skip=${page * PAGE}&${this.wanted}`).catch(() => null);
		if (turn !== this.turn) return;
		if (images) this.pages.set(page, images);
		else this.pages.delete(page);
		this.mark = "";
		this.draw();
	}

	/** Pictures that are loaded, in order. */
	images() {
		const numbers = [...this.pages.keys()].sort((a, b) => a - b);
		return numbers.flatMap((number) => this.pages.get(number) ?? []);
	}

	at(index) {
		return this.pages.get(Math.floor(index / PAGE))?.[index % PAGE];
	}

	/** Show the rows in view; the room of all others is kept by padding. Tiles stay, unless all are made `anew`. */
	draw(anew = false) {
		if (!this.offsetParent) return;
		this.count.textContent = this.total ? `${this.total.toLocaleString()} ${this.total === 1 ? "picture" : "pictures"}` : "";
		const columns = getComputedStyle(this.grid).gridTemplateColumns.split(" ").length;
		const row = (this.grid.querySelector(".tile")?.offsetHeight ?? 290) + 14;
		const rows = Math.ceil(this.total / columns);
		const above = Math.max(0, -this.grid.getBoundingClientRect().top);
		const first = Math.max(0, Math.min(rows - 1, Math.floor(above / row) - MARGIN_ROWS));
		const seen = Math.max(Math.ceil(PAGE / columns), Math.ceil(window.innerHeight / row) + 2 * MARGIN_ROWS);
		const last = Math.min(rows, first + seen);
		const mark = [first, last, columns].join();
		if (mark === this.mark && !anew) return;
		this.mark = mark;
		if (anew) this.tiles = new WeakMap();
		const focus = this.grid.contains(document.activeElement) ? document.activeElement.closest(".tile")?.dataset.id : null;
		const tiles = [];
		for (let index = first * columns; index < Math.min(this.total, last * columns); index++) tiles.push(this.tileOf(this.at(index)));
		this.grid.style.paddingTop = `${first * row}px`;
		this.grid.style.paddingBottom = `${Math.max(0, rows - last) * row}px`;
		const nothing = h("p.nothing", { role: "listitem" }, this.wanted?.size > 1 ? "Nothing found." : "No pictures yet.");
		place(this.grid, tiles.length ? tiles : [nothing]);
		if (focus && !this.grid.contains(document.activeElement)) this.grid.querySelector(`[data-id="${focus}"] button.picture`)?.focus({ preventScroll: true });
		this.selection.update();
		for (let page = Math.floor((first * columns) / PAGE); page * PAGE < Math.min(this.total, last * columns); page++) this.load(page);
	}

	/** The tile that shows a picture already, or a new one. */
	tileOf(image) {
		const there = image && this.tiles.get(image);
		const tile = there ?? this.tile(image);
		if (image && !there) this.tiles.set(image, tile);
		return tile;
	}

	tile(image) {
		if (!image) return h("figure.tile.coming", { role: "listitem" }, h("div.picture"), h("figcaption", {}, h("span"), h("div.row")));
		const prompt = (image.infotext ?? "").split("\n")[0];
		return h("figure.tile", { role: "listitem", "data-id": image.id },
			this.selection.box(image),
			h("button.picture", { type: "button", translate: prompt ? "no" : undefined, "aria-label": prompt || "Picture", onclick: () => showLarge(this.images(), image.id) },
				h("img", { src: image.thumb, alt: "", loading: "lazy" }), image.kind === "grid" && h("span.badge", {}, "grid")),
			h("figcaption", {}, h("span", { title: prompt, translate: "no" }, prompt),
				h("div.row", {}, ...pictureButtons(image, { few: true }).map(onlyIcon), iconButton("copy", "Copy recipe", () => copyText(image.infotext ?? ""), true),
					starButton(image))));
	}
}

/** Let a node have these children in this order, without touching those that are in place. */
function place(parent, children) {
	const wanted = new Set(children);
	for (const child of [...parent.children]) if (!wanted.has(child)) child.remove();
	let next = parent.firstElementChild;
	for (const child of children) {
		if (child === next) next = next.nextElementSibling;
		else parent.insertBefore(child, next);
	}
}

/** A star that is on or off; other ratings come from the toolbar. */
function starButton(image) {
	const button = h("button.easel-button.quiet.star", { type: "button", "aria-label": "Star", title: "Star" });
	const show = () => {
		button.textContent = image.rating ? "★" : "☆";
		button.setAttribute("aria-pressed", String(Boolean(image.rating)));
	};
	button.addEventListener("click", async () => {
		const rating = image.rating ? 0 : 5;
		try {
			await post("api/v1/images/mark", { ids: [image.id], rating });
			image.rating = rating;
			show();
		} catch (error) {
			toast(error.message, "error", error.hint);
		}
	});
	show();
	return button;
}

customElements.define("easel-history", History);
