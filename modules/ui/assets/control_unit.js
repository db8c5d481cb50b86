// One unit of ControlNet: its picture, the map that is made of it, and everything it asks for.

import { post, upload } from "./api.js";
import { drawOn } from "./control_draw.js";
import { controlMenus } from "./control_menus.js";
import { h, icon, iconButton, toast } from "./dom.js";
import { fieldOf } from "./fields.js";
import { sliderOf } from "./slider.js";

const ALL = "All";
const NO_MODEL = "None";
const NUMBER_HELP = "A number of the chosen preprocessor; the preview shows what it does.";
const PLACES = ["processor_res", "threshold_a", "threshold_b"];
const SLIDERS = { weight: "control_weight_slider", guidance_start: "start_control_step_slider", guidance_end: "ending_control_step_slider" };
const TICKS = { enabled: "enable_checkbox", low_vram: "low_vram_checkbox", pixel_perfect: "pixel_perfect_checkbox" };
const CHOICES = { control_mode: "control_mode_radio", resize_mode: "resize_mode_radio", hr_option: "hr_option_radio" };

/** A unit that nobody has touched. */
export const freshUnit = (fields) => ({ ...Object.fromEntries(fields.map(({ name, value }) => [name, value])), enabled: false, kind: ALL, picture: "", mask: "" });

/** Whether a unit changes the drawing. */
export const takesPart = (unit) => unit.enabled && unit.weight > 0;

const address = (token) => `api/v1/control/pictures/${token}.png`;

export class UnitPanel {
	/** @param owner has `tab`, `controls`, `fields` and `changed(unit)` */
	constructor(owner) {
		this.owner = owner;
		this.fields = new Map(owner.fields.map((field) => [field.name, field]));
		this.menus = { kinds: {}, modules: {}, models: [] };
		this.inputs = new Map();
		this.element = h("div.control-unit", {}, this.pictures(), this.ticks(), this.kinds(), this.choosers(), this.sliders(), this.modes());
	}

	id(name) {
		return `${this.owner.tab}_controlnet_ControlNet_${name}`;
	}

	// ---- parts

	pictures() {
		this.chooser = h("input", { type: "file", accept: "image/*", id: this.id("input_image"), "aria-label": "Choose a control picture", onchange: () => this.chosen() });
		this.view = h("img", { alt: "Control picture", hidden: true });
		this.said = h("span", {}, "Drop, paste or choose a picture");
		this.zone = h("label.dropzone", {}, this.chooser, h("span.invite", {}, icon("picture"), this.said), this.view);
		this.map = h("img", { alt: "Map made by the preprocessor", hidden: true });
		this.mapZone = h("figure.control-map", { hidden: true }, this.map, h("figcaption", {}, "Map"));
		this.sized = h("span.hint", { role: "status" });
		const tool = (glyph, label, work, name, quiet = false) => {
			const button = iconButton(glyph, label, work, quiet);
			button.id = this.id(name);
			return button;
		};
		this.tools = h("div.row.control-tools", {},
			tool("sparkles", "Preview the map", () => this.preview(), "trigger_preprocessor"),
			tool("brush", "Draw", () => this.draw(), "open_new_canvas_button"),
			tool("larger", "Draw at this picture's size", () => this.sendSize(), "send_dimen_button", true),
			tool("trash", "Remove", () => this.remove(), "remove_image", true), this.sized);
		const place = h("div.control-pictures", {}, this.zone, this.mapZone);
		for (const kind of ["dragenter", "dragover"]) place.addEventListener(kind, (event) => event.preventDefault());
		place.addEventListener("drop", (event) => this.dropped(event));
		this.zone.addEventListener("paste", (event) => this.pasted(event));
		return h("section", {}, place, this.tools);
	}

	ticks() {
		return h("div.row.control-ticks", {}, this.made(TICKS));
	}

	kinds() {
		this.kindList = h("div.chips", { role: "group", "aria-label": "Control type", id: this.id("type_filter_radio") });
		return h("section", {}, h("span.control-label", {}, "Control type"), this.kindList);
	}

	choosers() {
		this.module = this.input(this.fields.get("module"), this.id("preprocessor_dropdown"), []);
		this.model = this.input(this.fields.get("model"), this.id("model_dropdown"), []);
		this.refresh = iconButton("reuse", "Look for models again", () => this.again(), true);
		this.refresh.id = this.id("refresh_models");
		this.note = h("p.hint", { role: "status", hidden: true });
		this.module.element.addEventListener("change", () => this.newModule());
		this.model.element.addEventListener("change", () => this.tell());
		return h("section", {}, h("div.control-choosers", {}, this.module.element, this.model.element, this.refresh), this.note);
	}

	sliders() {
		this.own = h("div.sheet-fields", {});
		return h("section.control-sliders", {}, h("div.sheet-fields", {}, this.made(SLIDERS, sliderOf)), this.own);
	}

	modes() {
		const wanted = Object.entries(CHOICES).filter(([name]) => name !== "hr_option" || this.owner.tab === "txt2img");
		return h("div.sheet-fields", {}, this.made(Object.fromEntries(wanted)));
	}

	made(names, make = fieldOf) {
		return Object.entries(names).map(([name, id]) => {
			const field = this.fields.get(name);
			const input = make(field, field.value, this.id(id));
			input.element.addEventListener("change", () => this.tell());
			this.inputs.set(name, input);
			return input.element;
		});
	}

	input(field, id, choices) {
		return fieldOf({ ...field, choices }, field.value, id);
	}

	// ---- what it shows

	setMenus(menus) {
		this.menus = menus;
		this.kindList.replaceChildren(...Object.keys(menus.kinds).map((kind) =>
			h("button.chip", { type: "button", "aria-pressed": "false", "data-kind": kind, onclick: () => this.chooseKind(kind) }, kind)));
	}

	show(unit) {
		this.unit = { ...unit };
		for (const [name, input] of this.inputs) input.set(unit[name]);
		this.fillMenus();
		this.drawOwn();
		this.drawPicture();
		this.showMap("");
	}

	fillMenus() {
		const { unit, menus } = this;
		const kind = menus.kinds[unit.kind] ?? menus.kinds[ALL] ?? { modules: [unit.module], models: [] };
		this.module.set(unit.module, kind.modules.map((name) => [name, menus.modules[name]?.title ?? name]));
		this.model.set(unit.model, [NO_MODEL, ...kind.models]);
		for (const chip of this.kindList.children) chip.setAttribute("aria-pressed", String(chip.dataset.kind === unit.kind));
		this.tellOfModule();
	}

	tellOfModule() {
		const module = this.menus.modules[this.unit.module];
		const missing = module?.missing ? `This preprocessor needs the file ${module.missing} in models/ControlNetPreprocessor.` : "";
		const mask = module?.needs_mask ? "Mask what is to be repainted: with Draw, or in img2img." : "";
		const models = this.menus.models.length || !this.menus.kinds[ALL] ? "" : "There are no models in models/ControlNet yet.";
		const words = [missing, mask, models].filter(Boolean).join(" ");
		this.note.hidden = !words;
		this.note.textContent = words;
	}

	/** The numbers of the chosen preprocessor. */
	drawOwn() {
		const sliders = this.menus.modules[this.unit.module]?.sliders ?? [];
		this.numbers = PLACES.flatMap((name, at) => {
			const slider = sliders[at];
			if (!slider || (name === "processor_res" && this.unit.pixel_perfect)) return [];
			const field = { name, label: slider.name, help: NUMBER_HELP, value: slider.value, minimum: slider.min, maximum: slider.max, step: slider.step };
			const input = sliderOf(field, this.unit[name] < 0 ? slider.value : this.unit[name], this.id(name));
			input.element.addEventListener("change", () => this.tell());
			return [input];
		});
		this.own.replaceChildren(...this.numbers.map(({ element }) => element));
	}

	drawPicture() {
		const { picture, width, height, mask } = this.unit;
		this.view.hidden = !picture;
		this.zone.classList.toggle("filled", Boolean(picture));
		if (picture) this.view.src = address(picture);
		else this.view.removeAttribute("src");
		this.view.onload = () => this.sizes(this.view.naturalWidth, this.view.naturalHeight);
		this.view.onerror = () => this.lost();
		for (const button of [...this.tools.querySelectorAll("button")].filter((one) => !one.id.endsWith("canvas_button"))) button.disabled = !picture;
		this.sized.textContent = picture ? [width && `${width} × ${height}`, mask && "masked"].filter(Boolean).join(", ") : "";
	}

	sizes(width, height) {
		if (this.unit.width === width) return;
		Object.assign(this.unit, { width, height });
		this.drawPicture();
	}

	/** The server forgot the picture: pictures nobody uses are kept for a month. */
	lost() {
		this.said.textContent = "The picture is gone; choose it again";
		this.take({ picture: "", mask: "", width: 0, height: 0 });
	}

	// ---- what people do

	tell() {
		const before = this.unit.pixel_perfect;
		for (const [name, input] of this.inputs) this.unit[name] = input.read();
		Object.assign(this.unit, { module: this.module.read(), model: this.model.read() });
		for (const { name, read } of this.numbers ?? []) this.unit[name] = read();
		if (before !== this.unit.pixel_perfect) this.drawOwn();
		this.owner.changed({ ...this.unit });
	}

	newModule() {
		this.unit.module = this.module.read();
		const sliders = this.menus.modules[this.unit.module]?.sliders ?? [];
		PLACES.forEach((name, at) => (this.unit[name] = sliders[at]?.value ?? -1));
		this.drawOwn();
		this.tellOfModule();
		this.showMap("");
		this.tell();
	}

	chooseKind(kind) {
		const { first, model } = this.menus.kinds[kind];
		this.unit.kind = kind;
		this.unit.module = first;
		this.unit.model = model;
		this.fillMenus();
		this.newModule();
	}

	async again() {
		try {
			this.setMenus(await controlMenus(true));
			this.fillMenus();
			toast(this.menus.models.length === 1 ? "1 model found." : `${this.menus.models.length} models found.`);
		} catch (error) {
			toast(error.message, "error", error.hint);
		}
	}

	chosen() {
		const [file] = this.chooser.files;
		this.chooser.value = "";
		if (file) this.send(file);
	}

	dropped(event) {
		event.preventDefault();
		event.stopPropagation();
		const file = [...event.dataTransfer.files].find(({ type }) => type.startsWith("image/"));
		if (file) this.send(file);
		else toast("This is no picture.", "error");
	}

	pasted(event) {
		const file = [...(event.clipboardData?.files ?? [])].find(({ type }) => type.startsWith("image/"));
		if (!file) return;
		event.preventDefault();
		event.stopPropagation();
		this.send(file);
	}

	/** A picture comes: it is kept on the server, and the unit is switched on. */
	async send(file) {
		try {
			this.take({ ...(await upload("api/v1/control/pictures", file)), mask: "", enabled: true });
		} catch (error) {
			toast(error.message, "error", error.hint);
		}
	}

	take(changes) {
		Object.assign(this.unit, changes);
		this.inputs.get("enabled").set(this.unit.enabled);
		this.drawPicture();
		this.showMap("");
		this.tell();
	}

	remove() {
		this.take({ picture: "", mask: "", width: 0, height: 0 });
		this.chooser.focus();
	}

	sendSize() {
		const side = (pixels) => Math.min(2048, Math.max(64, Math.round(pixels / 8) * 8));
		this.owner.controls.setValues({ "size.width": side(this.unit.width), "size.height": side(this.unit.height) });
		toast("The size is taken.");
	}

	/** Draw on the picture, or on an empty one: colour changes it, a mask says what is repainted. */
	async draw() {
		const { controls } = this.owner;
		const size = { width: controls.valueOf("size.width") ?? 512, height: controls.valueOf("size.height") ?? 512 };
		const { unit } = this;
		const drawn = await drawOn(unit.picture && address(unit.picture), unit.mask && address(unit.mask), size);
		if (!drawn || unit !== this.unit) return;
		try {
			const changes = { enabled: true };
			if (drawn.picture) Object.assign(changes, await upload("api/v1/control/pictures", drawn.picture));
			changes.mask = drawn.mask ? (await upload("api/v1/control/pictures", drawn.mask)).picture : "";
			this.take(changes);
		} catch (error) {
			toast(error.message, "error", error.hint);
		}
	}

	/** Make the map now, as it will be read. */
	async preview() {
		const { unit, owner } = this;
		const target = ["size.width", "size.height"].map((path) => Number(owner.controls.valueOf(path)));
		const wish = {
			module: unit.module, mask: unit.mask, resolution: unit.processor_res, threshold_a: unit.threshold_a, threshold_b: unit.threshold_b,
			fit: unit.pixel_perfect && target.every(Boolean) ? target : null, resize_mode: unit.resize_mode,
		};
		this.mapZone.setAttribute("aria-busy", "true");
		this.sized.textContent = "Making the map…";
		try {
			const made = await post(`api/v1/control/pictures/${unit.picture}/map`, wish);
			if (unit !== this.unit) return;
			this.drawPicture();
			this.showMap(made.picture, `Map, ${made.width} × ${made.height}`);
		} catch (error) {
			this.drawPicture();
			toast(error.message, "error", error.hint);
		} finally {
			this.mapZone.removeAttribute("aria-busy");
		}
	}

	showMap(token, words = "") {
		this.mapZone.hidden = !token;
		this.map.hidden = !token;
		if (token) this.map.src = address(token);
		this.mapZone.querySelector("figcaption").textContent = words;
	}
}
