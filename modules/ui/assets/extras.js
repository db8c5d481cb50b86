// The Extras tab: pictures handed in, what is done with them, how far that is, and what came of it.

import { get, Hints, post, upload } from "./api.js";
import { copyText, h, icon, iconButton, toast } from "./dom.js";
import { fieldOf } from "./fields.js";
import { onlyIcon, pictureButtons } from "./picture.js";
import { showLarge } from "./viewer.js";

const KEY = "easel.extras";
const WAYS = ["Single Image", "Batch Process", "Batch from Directory"];
const [SINGLE, BATCH, FOLDER] = [0, 1, 2];
const ENDED = ["finished", "stopped", "failed"];
const IDS = {
	factor: "extras_upscaling_resize", width: "extras_upscaling_resize_w", height: "extras_upscaling_resize_h", crop: "extras_upscaling_crop",
	gfpgan_visibility: "extras_gfpgan_visibility", codeformer_visibility: "extras_codeformer_visibility", codeformer_weight: "extras_codeformer_weight",
	upscaler: "extras_upscaler_1", second: "extras_upscaler_2", share: "extras_upscaler_2_visibility", longest: "extras_upscale_max_side_length",
};
const BY = ["factor", "longest"];
const TO = ["width", "height", "crop"];
const FACES = { gfpgan: ["gfpgan_visibility"], codeformer: ["codeformer_visibility", "codeformer_weight"] };
/** Every operation, as it is called in the order that the settings may change. */
const TITLES = {
	upscale: "Upscale", gfpgan: "GFPGAN", codeformer: "CodeFormer", split: "Split oversized images", focal: "Auto focal point crop",
	autocrop: "Auto-sized crop", flips: "Create flipped copies", caption: "Caption",
};

let sent = null;
window.addEventListener("easel:extras", (event) => {
	sent = event.detail;
	document.querySelector("easel-extras")?.takeSent?.();
});

class Extras extends HTMLElement {
	connectedCallback() {
		if (this.form) return;
		this.kept = read();
		this.tokens = new WeakMap(); // files that the server has already
		this.files = [];
		this.hints = new Hints(() => this.look());
		this.fields = JSON.parse(this.getAttribute("fields"));
		this.form = h("form.extras-form", { onsubmit: (event) => this.begin(event), onchange: () => this.keep() },
			this.sources(), (this.operations = h("div.extras-operations", {}, Object.keys(TITLES).map((name) => this.operation(name)))));
		this.status = h("p.hint", { role: "status" });
		this.fill = h("div.fill");
		this.bar = h("div.easel-bar", { hidden: true }, this.fill);
		this.notes = h("div.easel-note", {});
		this.grid = h("div.easel-grid", { id: "extras_gallery", role: "list", "aria-label": "Results" });
		this.replaceChildren(this.form, h("div.extras-results", {}, this.buttons(), this.bar, this.status, this.notes, this.grid));
		this.choose(this.kept.way ?? SINGLE);
		this.scale(this.kept.scale ?? 0);
		this.ask();
		document.addEventListener("paste", (event) => this.paste(event), true);
		this.takeSent();
	}

	/** The picture that was sent here, perhaps before this tab was first opened. */
	takeSent() {
		if (!sent) return;
		this.take([sent], SINGLE);
		sent = null;
	}

	sources() {
		this.ways = WAYS.map((name, at) => h("button.segment", { type: "button", onclick: () => this.choose(at) }, name));
		this.chooser = h("input", { type: "file", accept: "image/*", "aria-label": "Choose pictures", onchange: () => this.take([...this.chooser.files]) });
		this.said = h("span", {});
		this.views = h("div.batch-views", {});
		this.zone = h("label.dropzone", {}, this.chooser, h("span.invite", {}, icon("picture"), this.said), this.views);
		for (const kind of ["dragenter", "dragover"]) this.addEventListener(kind, (event) => event.preventDefault());
		this.addEventListener("drop", (event) => {
			event.preventDefault();
			this.take([...event.dataTransfer.files].filter((file) => file.type.startsWith("image/")));
		});
		const folder = (name, label, help) => fieldOf({ name, label, help, value: "" }, this.kept.folder?.[name] ?? "", `extras_batch_${name}`);
		this.folder = [
			folder("input_dir", "Input directory", "A folder on the server."),
			folder("output_dir", "Output directory", "Empty saves where results of Extras are saved."),
			fieldOf({ name: "shown", label: "Show result images", help: "", value: true }, this.kept.folder?.shown ?? true, "extras_show_extras_results"),
		];
		this.folderBox = h("div.sheet-fields", {}, this.folder.map(({ element }) => element));
		return h("section", {}, h("div.segments", { id: "mode_extras", role: "group", "aria-label": "Where the pictures are" }, this.ways), this.zone, this.folderBox);
	}

	upscaling() {
		this.upscale = this.make("upscale");
		this.scales = ["Scale by", "Scale to"].map((name, at) => h("button.segment", { type: "button", onclick: () => this.scale(at) }, name));
		const swap = h("button.easel-button.quiet", { type: "button", id: "upscaling_res_switch_btn", title: "Swap width and height", "aria-label": "Swap width and height", onclick: () => this.swap() }, "⇅");
		const of = (names) => names.map((name) => this.upscale.get(name).element);
		this.by = h("div.sheet-fields", {}, of(BY));
		this.to = h("div.sheet-fields", {}, of(TO), swap);
		return this.accordion("upscale", [
			h("div.segments", { id: "extras_resize_mode", role: "group", "aria-label": "Size" }, this.scales), this.by, this.to,
			h("div.sheet-fields", {}, of(["upscaler", "second", "share"])),
		], true);
	}

	operation(name) {
		if (name === "upscale") return this.upscaling();
		this[name] = FACES[name] ? this.make("faces", name) : this.make(name);
		const missing = FACES[name] && h("p.hint", { hidden: true });
		if (missing) (this.missing ??= new Map()).set(name, missing);
		return this.accordion(name, [h("div.sheet-fields", {}, [...this[name].values()].map(({ element }) => element)), ...(missing ? [missing] : [])], false);
	}

	/** The controls of a part; of those for faces only what belongs to one network. */
	make(part, name = part) {
		const kept = this.kept[name] ?? {};
		const fields = this.fields[part].filter((field) => !FACES[name] || FACES[name].includes(field.name));
		return new Map(fields.map((field) => [field.name, fieldOf(field, kept[field.name] ?? field.value, (["upscale", "faces"].includes(part) && IDS[field.name]) || `extras_${part}_${field.name}`)]));
	}

	/** An operation with the tick that turns it on. */
	accordion(name, inside, usually) {
		const on = this.kept.on?.[name] ?? usually;
		const tick = h("input", { type: "checkbox", id: `extras_${name}_on`, checked: on });
		const body = h("div", { hidden: !on }, inside);
		tick.addEventListener("change", () => (body.hidden = !tick.checked));
		(this.ticks ??= new Map()).set(name, tick);
		return h("section", { "data-operation": TITLES[name].toLowerCase() }, h("label.extras-title", {}, tick, h("h3", {}, TITLES[name])), body);
	}

	/** In the order of the settings, without what they hide. */
	arrange(operations, hidden) {
		const unseen = new Set(hidden.map((title) => title.toLowerCase()));
		for (const title of operations.map((one) => one.toLowerCase())) {
			const section = [...this.operations.children].find((one) => one.dataset.operation === title);
			if (!section) continue;
			section.hidden = unseen.has(title);
			this.operations.append(section);
		}
	}

	/** Say which file a network for faces wants, where it is not there. */
	tellMissing(restorers) {
		const files = { gfpgan: "Put GFPGANv1.4.pth into models/GFPGAN.", codeformer: "Put codeformer-v0.1.0.pth into models/Codeformer." };
		for (const [name, note] of this.missing) {
			note.hidden = restorers.includes(TITLES[name]);
			note.textContent = files[name];
		}
	}

	buttons() {
		this.generate = h("button.easel-button.primary", { type: "button", id: "extras_generate", onclick: () => this.form.requestSubmit() }, "Generate");
		this.stopper = iconButton("stop", "Stop", () => this.stop());
		this.stopper.id = "extras_interrupt";
		this.skipper = iconButton("skip", "Skip", () => this.skip());
		this.skipper.id = "extras_skip";
		this.stopper.hidden = this.skipper.hidden = true;
		return h("div.row", {}, this.generate, this.skipper, this.stopper);
	}

	choose(way) {
		this.way = way;
		this.ways.forEach((button, at) => button.setAttribute("aria-pressed", String(at === way)));
		this.zone.hidden = way === FOLDER;
		this.zone.id = way === BATCH ? "extras_image_batch" : "extras_image";
		this.chooser.multiple = way === BATCH;
		this.folderBox.hidden = way !== FOLDER;
		if (way === SINGLE) this.files = this.files.slice(0, 1);
		this.show();
		this.keep();
	}

	scale(at) {
		this.scaling = at;
		this.scales.forEach((button, one) => button.setAttribute("aria-pressed", String(at === one)));
		this.by.hidden = at !== 0;
		this.to.hidden = at !== 1;
		this.keep();
	}

	swap() {
		const [width, height] = ["width", "height"].map((name) => this.upscale.get(name));
		const before = width.read();
		width.set(height.read());
		height.set(before);
		this.keep();
	}

	/** Files of this computer, or pictures of the gallery. */
	take(files, way = this.way) {
		if (!files.length) return;
		if (way === FOLDER) way = files.length > 1 ? BATCH : SINGLE;
		this.files = way === SINGLE ? files.slice(0, 1) : files;
		this.choose(way === SINGLE && files.length > 1 ? ((this.files = files), BATCH) : way);
	}

	paste(event) {
		const files = [...(event.clipboardData?.files ?? [])].filter((file) => file.type.startsWith("image/"));
		if (!this.offsetParent || !files.length) return;
		event.preventDefault();
		event.stopPropagation();
		this.take(files);
	}

	show() {
		for (const view of this.views.children) if (view.src.startsWith("blob:")) URL.revokeObjectURL(view.src);
		const seen = this.files.slice(0, 60);
		this.views.replaceChildren(...seen.map((file) => h("img", { src: file.id ? file.thumb : URL.createObjectURL(file), alt: file.name ?? "", loading: "lazy" })));
		const count = this.files.length;
		const invite = this.way === BATCH ? "Drop pictures here, or click to choose them" : "Drop a picture here, or click to choose one";
		this.said.textContent = count === 0 ? invite : count === 1 ? "1 picture chosen" : `${count} pictures chosen`;
	}

	values(part) {
		return Object.fromEntries([...this[part]].map(([name, control]) => [name, control.read()]));
	}

	/** What is asked for, without the pictures. */
	wish() {
		const wish = {};
		for (const [name, tick] of this.ticks) {
			if (!tick.checked || tick.closest("section").hidden) continue;
			if (FACES[name]) Object.assign(wish, this.values(name));
			else wish[name] = this.values(name);
		}
		for (const name of this.scaling ? BY : TO) if (wish.upscale) delete wish.upscale[name];
		return wish;
	}

	async begin(event) {
		event.preventDefault();
		if (this.generate.disabled) return;
		this.generate.disabled = true;
		try {
			const from = await this.handedIn();
			const run = from && (await post("api/v1/extras", { ...this.wish(), ...from }));
			if (run) this.follow(run);
		} catch (error) {
			this.status.textContent = "";
			toast(error.message, "error", error.hint);
		}
		this.generate.disabled = false;
	}

	async handedIn() {
		if (this.way === FOLDER) {
			const [folder, output, shown] = this.folder.map((one) => one.read());
			return { folder, output, shown };
		}
		if (!this.files.length) {
			toast("There is no picture yet.", "error", "Drop one, paste one, or send one from the history.");
			return null;
		}
		const pictures = [];
		for (const [at, file] of this.files.entries()) {
			if (this.files.length > 1) this.status.textContent = `Sending picture ${at + 1} of ${this.files.length}`;
			if (!file.id && !this.tokens.has(file)) this.tokens.set(file, (await upload("api/v1/extras/pictures", file)).upload);
			pictures.push(file.id ? { image: file.id } : { upload: this.tokens.get(file) });
		}
		return { pictures, batch: this.way === BATCH };
	}

	/** Ask for the menus, and for the run that goes on since before the page was opened. */
	async ask() {
		const nothing = { upscalers: [], restorers: [], operations: [], hidden: [], runs: [] };
		const { upscalers, restorers, operations, hidden, runs } = await get("api/v1/extras").catch(() => nothing);
		this.arrange(operations, hidden);
		this.tellMissing(restorers);
		if (upscalers.length) {
			const first = upscalers.find((name) => !["None", "Nearest", "Lanczos"].includes(name)) ?? "Lanczos";
			const kept = this.kept.upscale ?? {};
			for (const [name, usual] of [["upscaler", first], ["second", "None"]]) {
				const wanted = kept[name] ?? usual;
				this.upscale.get(name).set(upscalers.includes(wanted) ? wanted : usual, upscalers);
			}
			this.listed = true;
		}
		this.keep();
		if (runs[0] && !this.run) this.follow(runs[0]);
	}

	follow(run) {
		this.run = run;
		this.draw(run);
		this.hints.listen(ENDED.includes(run.status) ? null : `api/v1/extras/${run.id}/events`);
	}

	async look() {
		if (!this.run || ENDED.includes(this.run.status)) return;
		const run = await get(`api/v1/extras/${this.run.id}`).catch((error) => (error.status === 404 ? { ...this.run, status: "stopped" } : null));
		if (run?.id !== this.run.id) return;
		this.follow(run);
		if (run.error) toast(run.error.message, "error", run.error.hint);
	}

	async stop() {
		try {
			this.follow(await post(`api/v1/extras/${this.run.id}/stop`));
		} catch (error) {
			toast(error.message, "error", error.hint);
		}
	}

	async skip() {
		try {
			this.follow(await post(`api/v1/extras/${this.run.id}/skip`));
		} catch (error) {
			toast(error.message, "error", error.hint);
		}
	}

	draw(run) {
		const active = !ENDED.includes(run.status);
		this.stopper.hidden = this.skipper.hidden = this.bar.hidden = !active;
		this.bar.style.display = active ? "block" : "";
		this.fill.style.width = `${100 * run.fraction}%`;
		const tiles = run.tiles > 1 ? `, tile ${Math.min(run.tile + 1, run.tiles)} of ${run.tiles}` : "";
		const words = { waiting: "Waiting", running: `Picture ${Math.min(run.done + 1, run.total)} of ${run.total}${tiles}`, finished: "Finished", stopped: "Stopped", failed: "Nothing was made" };
		this.status.textContent = `${words[run.status]}${active ? "" : `: ${run.images.length} shown`}`;
		const said = [...run.notices, ...(run.error && !run.notices.includes(run.error.message) ? [`${run.error.message} ${run.error.hint}`] : [])];
		this.notes.replaceChildren(...said.map((text) => h("div.card.error", {}, h("p", {}, text))));
		const mark = run.images.map((image) => image.id).join();
		if (mark === this.mark) return;
		this.mark = mark;
		this.grid.replaceChildren(...run.images.map((image) => this.tile(image, run)).reverse());
	}

	tile(image, run) {
		const buttons = pictureButtons(image, { few: true }).map(onlyIcon);
		return h("figure.tile", { role: "listitem", "data-id": image.id },
			h("button.picture", { type: "button", "aria-label": image.name, onclick: () => showLarge([...run.images].reverse(), image.id) }, h("img", { src: image.thumb, alt: "", loading: "lazy" })),
			h("figcaption", {}, h("span", {}, `${image.name}, ${image.width} × ${image.height}`),
				h("div.row", {}, buttons, image.infotext && iconButton("copy", "Copy recipe", () => copyText(image.infotext), true))));
	}

	keep() {
		if (!this.ticks || this.ticks.size < Object.keys(TITLES).length || !this.folder) return;
		const on = Object.fromEntries([...this.ticks].map(([name, tick]) => [name, tick.checked]));
		const parts = Object.fromEntries([...this.ticks.keys()].map((name) => [name, this.values(name)]));
		if (!this.listed) parts.upscale = this.kept.upscale; // the menus are not known yet
		const folder = Object.fromEntries(this.folder.map((one) => [one.name, one.read()]));
		try {
			localStorage.setItem(KEY, JSON.stringify({ way: this.way, scale: this.scaling, on, folder, ...parts }));
		} catch {
			// A browser that keeps nothing works all the same.
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

customElements.define("easel-extras", Extras);
