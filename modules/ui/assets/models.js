// The Models tab: a card for every model file. The server searches; only what is in view is in the page.

import { get, post } from "./api.js";
import { pictureControls, setValues, textControls, valueOf } from "./bridge.js";
import { debounced, h, iconButton, sizeText, throttled, toast } from "./dom.js";
import { isIn, toggled } from "./insertion.js";
import { ModelSheet } from "./model_sheet.js";

const PAGE = 60;
const MARGIN_ROWS = 2; // rows kept ready above and below what is seen
const KINDS = [["lora", "Lora"], ["textual_inversion", "Textual Inversion"], ["hypernetworks", "Hypernetworks"], ["checkpoints", "Checkpoints"], ["vae", "VAE"]];
const SORTS = [["path", "Path"], ["name", "Name"], ["created", "Date created"], ["modified", "Date modified"], ["size", "Size"]];

/** The prompt box that was used last: cards write there. */
const active = { controls: textControls, tab: "txt2img", path: "prompt" };
document.addEventListener("focusin", (event) => {
	const box = event.target.closest?.("#txt2img_prompt, #txt2img_neg_prompt, #img2img_prompt, #img2img_neg_prompt");
	if (!box) return;
	active.tab = box.id.startsWith("img2img") ? "img2img" : "txt2img";
	active.controls = active.tab === "img2img" ? pictureControls : textControls;
	active.path = box.id.endsWith("neg_prompt") ? "negative_prompt" : "prompt";
});

class Models extends HTMLElement {
	connectedCallback() {
		if (this.built) return;
		this.built = true;
		this.kind = "lora";
		this.search = h("input", { type: "search", placeholder: "Search names, notes, hashes", "aria-label": "Search models", oninput: debounced(() => this.begin(), 200) });
		this.folder = h("select", { "aria-label": "Folder", onchange: () => this.begin() });
		this.sort = h("select", { "aria-label": "Sort by", onchange: () => this.begin() }, SORTS.map(([value, text]) => h("option", { value }, text)));
		this.turned = h("button.easel-button.quiet.direction", { type: "button", "aria-label": "Descending", title: "Ascending or descending", "aria-pressed": "false", onclick: () => this.turn() }, "↓");
		this.fitting = h("input", { type: "checkbox", id: "models_fitting", onchange: () => this.begin() });
		this.fittingLabel = h("label.fitting", { for: "models_fitting", title: "Leave out what was made for another family of models" }, this.fitting, "Only what fits the checkpoint");
		this.count = h("span.count", { role: "status" });
		this.refresh = iconButton("reuse", "Look at the folders again", () => this.lookAgain(), true);
		this.tabs = h("div.kinds", { role: "tablist", "aria-label": "Kinds of models" }, KINDS.map(([kind, title]) =>
			h("button", { type: "button", role: "tab", id: `models_${kind}`, "aria-selected": String(kind === this.kind), onclick: () => this.choose(kind) }, title)));
		this.grid = h("div.easel-cards", { role: "list", "aria-label": "Models" });
		this.target = h("div.target");
		this.sheet = new ModelSheet((card) => this.replaced(card));
		this.replaceChildren(this.tabs, h("header", {}, this.search, this.folder, this.sort, this.turned, this.fittingLabel, this.count, this.refresh), this.grid, this.target);
		this.forget();
		document.addEventListener("scroll", throttled(() => this.draw(), 60), { capture: true, passive: true });
		new ResizeObserver(() => this.come()).observe(this);
		for (const controls of [textControls, pictureControls]) {
			controls.onChange((_, changed) => {
				if (changed.has("models.checkpoint")) this.fitted = null;
				if (["prompt", "negative_prompt", "models.checkpoint"].some((path) => changed.has(path))) this.mark();
			});
		}
	}

	/** The tab came into view, or changed its width. */
	come() {
		if (!this.offsetParent) return;
		if (this.stale) this.begin();
		else this.draw();
		this.mark();
	}

	forget() {
		this.pages = new Map();
		this.total = 0;
		this.stale = true;
	}

	choose(kind) {
		this.kind = kind;
		for (const tab of this.tabs.children) tab.setAttribute("aria-selected", String(tab.id === `models_${kind}`));
		this.folder.value = "";
		this.begin();
	}

	turn() {
		const down = this.turned.getAttribute("aria-pressed") !== "true";
		this.turned.setAttribute("aria-pressed", String(down));
		this.turned.textContent = down ? "↑" : "↓";
		this.begin();
	}

	async lookAgain() {
		try {
			await post("api/v1/models/refresh");
		} catch (error) {
			toast(error.message, "error", error.hint);
		}
		this.begin();
		setTimeout(() => this.begin(), 1500); // by then new files have been read
	}

	/** The family of the chosen checkpoint, as cards name it. */
	async base() {
		if (this.fitted === null || this.fitted === undefined) {
			const title = valueOf("models.checkpoint") ?? "";
			const answer = await get(`api/v1/models/cards?kind=checkpoints&limit=1000`);
			this.fitted = answer.cards.find((card) => card.title && card.title === title)?.base ?? "";
		}
		return this.fitted;
	}

	/** Ask for the first page of what is searched; the old cards stay until it is there. */
	async begin() {
		this.stale = false;
		const turn = (this.asked = (this.asked ?? 0) + 1);
		const network = ["lora", "textual_inversion"].includes(this.kind);
		const wanted = new URLSearchParams({ kind: this.kind, sort: this.sort.value, descending: String(this.turned.getAttribute("aria-pressed") === "true") });
		if (this.search.value.trim()) wanted.set("q", this.search.value.trim());
		if (this.folder.value) wanted.set("folder", this.folder.value);
		try {
			this.known ??= await get("api/v1/models/kinds").then((known) => {
				this.fitting.checked = !known.show_all;
				return known;
			});
			const base = network ? await this.base() : "";
			this.fittingLabel.hidden = !base;
			if (base && this.fitting.checked) wanted.set("base", base);
			const [first, known] = await Promise.all([get(`api/v1/models/cards?limit=${PAGE}&${wanted}`), get("api/v1/models/kinds")]);
			if (turn !== this.asked) return;
			this.known = known;
			this.wanted = wanted;
			this.pages = new Map([[0, first.cards]]);
			this.total = first.total;
			this.listing = first.listing;
		} catch (error) {
			this.stale = true;
			return toast(error.message, "error", error.hint);
		}
		this.listFolders();
		this.draw(true);
		if (this.listing || this.pages.get(0).some((card) => !card.described)) setTimeout(() => turn === this.asked && this.offsetParent && this.begin(), 2000);
	}

	listFolders() {
		const folders = (this.known.kinds[this.kind] ?? []).filter(({ folder }) => folder);
		const chosen = this.folder.value;
		this.folder.replaceChildren(h("option", { value: "" }, "All folders"), ...folders.map(({ folder, count }) => h("option", { value: folder }, `${folder} (${count})`)));
		this.folder.value = folders.some(({ folder }) => folder === chosen) ? chosen : "";
		this.folder.hidden = !folders.length;
	}

	async load(page) {
		if (this.pages.has(page)) return;
		const turn = this.asked;
		this.pages.set(page, null);
		const answer = await get(`api/v1/models/cards?limit=${PAGE}&skip=${page * PAGE}&${this.wanted}`).catch(() => null);
		if (turn !== this.asked) return;
		if (answer) this.pages.set(page, answer.cards);
		else this.pages.delete(page);
		this.draw(true);
	}

	/** Show the rows in view; the room of all others is kept by padding. */
	draw(anew = false) {
		if (!this.offsetParent) return;
		this.count.textContent = this.total ? `${this.total.toLocaleString()} ${this.total === 1 ? "model" : "models"}` : "";
		const style = getComputedStyle(this.grid);
		const columns = style.gridTemplateColumns.split(" ").length;
		const height = () => this.grid.querySelector(".model")?.offsetHeight ?? 0;
		const row = (height() || 262) + parseFloat(style.rowGap);
		const rows = Math.ceil(this.total / columns);
		const above = Math.max(0, -this.grid.getBoundingClientRect().top);
		const first = Math.max(0, Math.min(rows - 1, Math.floor(above / row) - MARGIN_ROWS));
		const last = Math.min(rows, first + Math.ceil(window.innerHeight / row) + 2 * MARGIN_ROWS);
		const mark = [first, last, columns].join();
		if (mark === this.shown && !anew) return;
		this.shown = mark;
		const focus = this.grid.contains(document.activeElement) ? document.activeElement.closest(".model")?.dataset.id : null;
		const cards = [];
		for (let index = first * columns; index < Math.min(this.total, last * columns); index++) cards.push(this.card(this.pages.get(Math.floor(index / PAGE))?.[index % PAGE]));
		this.grid.style.paddingTop = `${first * row}px`;
		this.grid.style.paddingBottom = `${Math.max(0, rows - last) * row}px`;
		this.grid.replaceChildren(...(cards.length ? cards : [this.nothing()]));
		if (cards.length && height() + parseFloat(style.rowGap) !== row) return this.draw(true); // now its height is known
		if (focus) this.grid.querySelector(`[data-id="${focus}"] button.take`)?.focus({ preventScroll: true });
		this.mark();
		for (let page = Math.floor((first * columns) / PAGE); page * PAGE < Math.min(this.total, last * columns); page++) this.load(page);
	}

	nothing() {
		if (this.listing) return h("p.nothing", { role: "listitem" }, "Looking at the folders…");
		const searched = this.search.value.trim() || this.folder.value || this.wanted?.has("base");
		const place = { lora: "models/Lora", textual_inversion: "embeddings", hypernetworks: "models/hypernetworks", checkpoints: "models/Stable-diffusion", vae: "models/VAE" };
		return h("p.nothing", { role: "listitem" }, searched ? "Nothing found." : `No files yet. Put some into ${place[this.kind]}.`);
	}

	card(card) {
		if (!card) return h("article.model.coming", { role: "listitem" }, h("div.take"), h("div.about", {}, h("b", {}, "…")));
		const picture = card.preview ? h("img", { src: card.preview, alt: "", loading: "lazy" }) : h("span.letter", { "aria-hidden": "true" }, (card.name[0] ?? "?").toUpperCase());
		const badges = [card.note && h("span.badge.bad", { title: card.note }, card.note.startsWith("incomplete") ? card.note : "cannot be used"), card.base && h("span.badge", {}, card.base)];
		const title = [card.folder ? `${card.folder}/${card.file}` : card.file, sizeText(card.size), card.hash].filter(Boolean).join(" · ");
		return h("article.model", { role: "listitem", "data-id": card.id, "data-name": card.name, title },
			h("button.take", { type: "button", "aria-label": `Use ${card.name}`, onclick: () => this.take(card) }, picture, h("span.badges", {}, badges)),
			h("div.about", { translate: "no" }, h("b", {}, card.name), h("span", {}, card.activation || card.description || sizeText(card.size))),
			iconButton("brush", `Notes on ${card.name}`, () => this.sheet.open(card), true));
	}

	/** A click on a card: into the prompt or out of it, or another checkpoint. */
	take(card) {
		if (card.note) toast(`${card.name}: ${card.note}`, "error");
		if (card.kind === "checkpoints") {
			if (!card.title) return toast(`${card.name} cannot be drawn with.`, "error", card.note ?? "");
			setValues({ "models.checkpoint": card.title });
			return toast(`${card.name} is the checkpoint now.`);
		}
		if (card.kind === "vae") return this.sheet.open(card);
		const { controls, tab } = active;
		const prompts = { prompt: String(controls.valueOf("prompt") ?? ""), negative_prompt: String(controls.valueOf("negative_prompt") ?? "") };
		const plain = card.kind === "textual_inversion" && active.path === "negative_prompt";
		const now = plain
			? { ...prompts, negative_prompt: toggled({ prompt: prompts.negative_prompt, negative_prompt: "" }, card.insert, this.known.separator).prompt }
			: toggled(prompts, card.insert, this.known.separator);
		controls.setValues(now);
		const box = plain ? "negative prompt" : "prompt";
		const added = now.prompt.length + now.negative_prompt.length > prompts.prompt.length + prompts.negative_prompt.length;
		toast(`${card.name} ${added ? "put into" : "taken out of"} the ${box} of ${tab}.`);
	}

	/** Show which cards are in use, and where a click writes. */
	mark() {
		if (!this.offsetParent) return;
		const { controls, tab } = active;
		const prompts = ["prompt", "negative_prompt"].map((path) => String(controls.valueOf(path) ?? ""));
		for (const element of this.grid.querySelectorAll(".model[data-id]")) {
			const card = [...this.pages.values()].flatMap((page) => page ?? []).find(({ id }) => id === element.dataset.id);
			const used = card?.kind === "checkpoints" ? card.title === valueOf("models.checkpoint") : card && prompts.some((text) => isIn(text, card.insert.prompt));
			element.classList.toggle("used", Boolean(used));
			element.querySelector(".take").setAttribute("aria-pressed", String(Boolean(used)));
		}
		this.target.hidden = ["checkpoints", "vae"].includes(this.kind);
		this.target.replaceChildren(h("b", {}, `Prompt of ${tab}`), h("span", {}, prompts[0] || "(empty)"));
	}

	/** A card's notes or picture were changed. */
	replaced(card) {
		for (const page of this.pages.values()) {
			const at = page?.findIndex(({ id }) => id === card.id) ?? -1;
			if (at >= 0) page[at] = { ...page[at], ...card };
		}
		this.draw(true);
	}
}

customElements.define("easel-models", Models);
