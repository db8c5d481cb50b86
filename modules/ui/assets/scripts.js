// The Script menu of a tab, and the fields of the chosen script; its value is one text on the form.

import { get } from "./api.js";
import { pictureControls, textControls } from "./bridge.js";
import { debounced, h } from "./dom.js";

const NONE = "None";
const LONG = 60; // characters from which a text deserves the whole width

let listed = null;

/** What scripts there are, by tab; asked for once. */
function scriptsOf(tab) {
	listed ??= get("api/v1/scripts");
	listed.catch(() => (listed = null));
	return listed.then((all) => all[tab] ?? []);
}

/** A1111's name of a script's element: "X/Y/Z plot" is xyz_plot. */
export const elementName = (title) => title.toLowerCase().replace(/[ -]+/g, "_").replace(/[^a-z0-9_]/g, "");

class ScriptMenu extends HTMLElement {
	async connectedCallback() {
		if (this.menu) return;
		this.tab = this.getAttribute("tab");
		this.controls = this.tab === "img2img" ? pictureControls : textControls;
		this.inputs = [];
		this.kept = {}; // values of scripts that were chosen before, by name
		this.menu = h("select", { id: `${this.tab}_script_list`, "aria-label": "Script", onchange: () => this.choose() }, h("option", {}, NONE));
		this.fields = h("div.script-fields", {});
		this.help = h("p.script-help", { hidden: true });
		this.replaceChildren(h("label", { for: this.menu.id }, "Script"), this.menu, this.help, this.fields);
		this.soon = debounced(() => this.tell(), 200);
		document.addEventListener("keydown", (event) => event.key === "Enter" && this.contains(event.target) && this.tell(), true);
		this.scripts = await scriptsOf(this.tab).catch(() => []);
		this.menu.append(...this.scripts.map(({ name }) => h("option", {}, name)));
		this.controls.onChange((values, changed) => changed.has("script") && this.show(values.script));
	}

	get script() {
		return this.scripts.find(({ name }) => name === this.menu.value);
	}

	/** The form says which script is meant: a draft, or a picture's settings. */
	show(text) {
		if ((text || "") === (this.said ?? "")) return;
		this.said = text || "";
		const said = text ? JSON.parse(text) : { name: NONE };
		this.menu.value = this.scripts.some(({ name }) => name === said.name) ? said.name : NONE;
		this.draw(said.args ?? {});
	}

	choose() {
		this.draw(this.kept[this.menu.value] ?? {});
		this.tell();
	}

	draw(args) {
		const { script } = this;
		this.help.hidden = !script?.help;
		this.help.textContent = script?.help ?? "";
		this.inputs = (script?.fields ?? []).map((field) => fieldOf(field, args[field.name] ?? field.value, `script_${this.tab}_${elementName(script.name)}_${field.name}`));
		this.fields.replaceChildren(...this.inputs.map(({ element }) => element));
		this.fields.oninput = () => this.soon();
		this.fields.onchange = () => this.tell();
	}

	tell() {
		const { script } = this;
		const args = Object.fromEntries(this.inputs.map(({ name, read }) => [name, read()]));
		if (script) this.kept[script.name] = args;
		const text = script ? JSON.stringify({ name: script.name, args }) : "";
		if (text === this.said) return;
		this.said = text;
		this.controls.setValues({ script: text });
	}
}

/** One control: { name, element, read() }. */
function fieldOf(field, value, id) {
	const kind = typeof field.value === "boolean" ? tick : Array.isArray(field.value) ? many
		: field.choices ? select : typeof field.value === "number" ? number : text;
	const { input, read, style = "" } = kind(field, value, id);
	const label = h("label", { for: id, title: field.help }, field.label);
	const parts = style.includes("tick") ? [input, label] : [label, input];
	return { name: field.name, read, element: h(`div.script-field${style}`, {}, parts) };
}

function tick(field, value, id) {
	const input = h("input", { type: "checkbox", id, checked: Boolean(value) });
	return { input, read: () => input.checked, style: ".tick" };
}

function select(field, value, id) {
	const input = h("select", { id }, field.choices.map((choice) => h("option", { value: choice }, choice || "(automatic)")));
	input.value = value;
	return { input, read: () => input.value };
}

function number(field, value, id) {
	const input = h("input", { type: "number", id, min: field.minimum, max: field.maximum, step: field.step ?? "any" });
	input.value = value;
	return { input, read: () => (input.value === "" ? field.value : Number(input.value)) };
}

function text(field, value, id) {
	const input = h("textarea", { id, rows: "1", spellcheck: "false" });
	input.value = value ?? "";
	const wide = /prompt|values|list|text/i.test(field.label) || String(value).length > LONG;
	return { input, read: () => input.value, style: wide ? ".wide" : "" };
}

/** Several of a list, or a text with commas where there is no list. */
function many(field, value, id) {
	if (!field.choices) {
		const { input } = text(field, value.join(", "), id);
		return { input, read: () => input.value.split(",").map((word) => word.trim()).filter(Boolean), style: ".wide" };
	}
	const boxes = field.choices.map((choice) => h("input", { type: "checkbox", value: choice, checked: value.includes(choice) }));
	const input = h("div.script-many", { id, role: "group", "aria-label": field.label }, boxes.map((box) => h("label", {}, box, box.value)));
	return { input, read: () => boxes.filter((box) => box.checked).map((box) => box.value), style: ".wide" };
}

customElements.define("easel-script", ScriptMenu);
