// The Script menu of a tab, and the fields of the chosen script; its value is one text on the form.

import { get } from "./api.js";
import { pictureControls, textControls } from "./bridge.js";
import { debounced, h } from "./dom.js";
import { fieldOf } from "./fields.js";

const NONE = "None";

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
		this.inputs = (script?.fields ?? []).filter(({ advanced }) => !advanced).map((field) => fieldOf(field, args[field.name] ?? field.value, `script_${this.tab}_${elementName(script.name)}_${field.name}`));
		this.fields.replaceChildren(...this.inputs.map(({ element }) => element), ...this.swaps(script));
		for (const [name, by] of Object.entries(script?.fills?.by ?? {})) this.offerFill(name, by, script.fills.texts);
		this.fields.oninput = () => this.soon();
		this.fields.onchange = () => this.tell();
	}

	input(name) {
		return this.inputs.find((input) => input.name === name);
	}

	/** A button that writes all values of the chosen kind into a field, where there is a list of them. */
	offerFill(name, by, texts) {
		const [target, source] = [this.input(name), this.input(by)];
		const fill = () => {
			target.set(texts[source.read()]);
			this.tell();
		};
		const button = h("button.fill", { type: "button", title: `Write all values of the ${by.replace("_", " ")}`, onclick: fill }, "All values");
		const look = () => (button.hidden = !texts[source.read()]);
		source.element.addEventListener("change", look);
		target.element.append(button);
		look();
	}

	/** Buttons that exchange what belongs to two beginnings of names, such as the axes of a plot. */
	swaps(script) {
		const exchange = (one, other) => {
			for (const { name } of this.inputs.filter((input) => input.name.startsWith(`${one}_`))) {
				const [a, b] = [this.input(name), this.input(name.replace(one, other))];
				const [was, now] = [a.read(), b.read()];
				a.set(now);
				b.set(was);
				for (const { element } of [a, b]) element.dispatchEvent(new Event("change"));
			}
			this.tell();
		};
		const buttons = (script?.swaps ?? []).map(([one, other]) =>
			h("button.swap", { type: "button", onclick: () => exchange(one, other) }, `Swap ${one.toUpperCase()}/${other.toUpperCase()}`));
		return buttons.length ? [h("div.swaps", {}, buttons)] : [];
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

customElements.define("easel-script", ScriptMenu);
