// The Settings tab: one list, described by the server, saved field by field when Apply is pressed.

import { get, post } from "./api.js";
import { h, toast } from "./dom.js";
import { readPreferences } from "./preferences.js";

/** Languages, as those who speak them call them. */
const OWN_NAMES = { "zh-Hans": "简体中文", ja: "日本語" };

class SettingsPage extends HTMLElement {
	connectedCallback() {
		if (this.built) return;
		this.built = true;
		this.sections = JSON.parse(this.getAttribute("sections") ?? "[]");
		this.changed = new Map();
		this.search = h("input", { type: "search", id: "settings_search", placeholder: "Search settings", "aria-label": "Search settings", oninput: () => this.filter() });
		this.apply = h("button.easel-button.primary", { type: "button", id: "settings_submit", disabled: true, onclick: () => this.save() }, "Apply settings");
		this.nav = h("nav", { "aria-label": "Sections" });
		this.list = h("div.list");
		this.append(h("header", {}, this.search, this.apply), h("div.columns", {}, this.nav, this.list));
		this.seen = new IntersectionObserver((entries) => entries.some((entry) => entry.isIntersecting) && this.load());
		this.seen.observe(this);
	}

	async load() {
		if (this.changed.size) return;
		try {
			this.values = await get("sdapi/v1/options");
		} catch (error) {
			return toast(error.message, "error", error.hint);
		}
		this.draw();
	}

	draw() {
		this.nav.replaceChildren(...this.sections.map(({ id, title }) =>
			h("button", { type: "button", onclick: () => document.getElementById(`settings_${id}`)?.scrollIntoView({ behavior: "smooth" }) }, title)));
		this.list.replaceChildren(...this.sections.map(({ id, title, fields }) =>
			h("section", { id: `settings_${id}` }, h("h2", {}, title), fields.filter(isHere).map((field) => this.row(field)))));
		this.filter();
	}

	row(field) {
		const value = this.values[field.name] ?? field.default;
		const control = controlFor(field, value);
		control.id = `setting_${field.name}`;
		control.addEventListener("input", () => this.note(field, control));
		control.addEventListener("change", () => this.note(field, control));
		const row = h("div.setting", {}, h("label", { for: control.id }, field.label), control,
			field.help && h("p", { id: `${control.id}_help` }, field.help));
		if (field.help) control.setAttribute("aria-describedby", `${control.id}_help`);
		row.dataset.words = `${field.label} ${field.name} ${field.help}`.toLowerCase();
		return row;
	}

	note(field, control) {
		const value = valueIn(field, control);
		const before = this.values[field.name] ?? field.default;
		if (JSON.stringify(value) === JSON.stringify(before)) this.changed.delete(field.name);
		else this.changed.set(field.name, value);
		this.apply.disabled = !this.changed.size;
		this.apply.textContent = this.changed.size ? `Apply ${this.changed.size} change${this.changed.size > 1 ? "s" : ""}` : "Apply settings";
	}

	async save() {
		const names = [...this.changed.keys()];
		try {
			await post("sdapi/v1/options", Object.fromEntries(this.changed));
		} catch (error) {
			return toast(error.message, "error", error.hint);
		}
		readPreferences();
		window.dispatchEvent(new Event("easel:options"));
		this.changed.clear();
		this.apply.disabled = true;
		this.apply.textContent = "Apply settings";
		toast(`${names.length} setting${names.length > 1 ? "s" : ""} changed: ${names.join(", ")}`);
		await this.load();
	}

	filter() {
		const words = this.search.value.toLowerCase().split(/\s+/).filter(Boolean);
		for (const section of this.list.children) {
			const rows = [...section.querySelectorAll(".setting")];
			for (const row of rows) row.hidden = !words.every((word) => row.dataset.words.includes(word));
			section.hidden = rows.every((row) => row.hidden);
		}
	}
}

/** What has its control above the tabs is not among the others too. */
const isHere = (field) => !document.querySelector(`#quicksettings [id="setting_${field.name}"]`);

/** What a control holds, as the kind of value the server wants. */
function valueIn(field, control) {
	if (field.kind === "bool") return control.checked;
	if (field.kind === "list") return control.value.split(",").map((word) => word.trim()).filter(Boolean);
	if (field.kind === "str") return control.value;
	return control.value === "" ? field.default : Number(control.value);
}

function controlFor(field, value) {
	if (field.kind === "bool") return h("input", { type: "checkbox", checked: Boolean(value) });
	if (field.choices.length) {
		const choices = field.choices.includes(value) ? field.choices : [value, ...field.choices];
		const select = h("select", {}, choices.map((choice) => h("option", { value: choice }, OWN_NAMES[choice] ?? (choice || "(automatic)"))));
		select.value = value;
		return select;
	}
	const number = field.kind === "int" || field.kind === "float";
	const input = h("input", number ? { type: "number", min: field.minimum, max: field.maximum, step: field.step ?? "any" } : { type: "text" });
	input.value = Array.isArray(value) ? value.join(", ") : (value ?? "");
	return input;
}

customElements.define("easel-settings", SettingsPage);
