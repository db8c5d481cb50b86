// Settings that their owner wants to see at all times: some of the advanced controls once more, above them.

import { pictureControls, textControls } from "./bridge.js";
import { debounced } from "./dom.js";
import { fieldOf } from "./fields.js";
import { preference } from "./preferences.js";

const NAME = "advanced";

class Quick extends HTMLElement {
	connectedCallback() {
		if (this.all) return;
		this.tab = this.getAttribute("tab");
		this.all = JSON.parse(this.getAttribute("fields"));
		this.controls = this.tab === "img2img" ? pictureControls : textControls;
		this.fields = [];
		window.addEventListener("easel:preferences", () => this.draw());
		this.controls.onChange((_, changed) => changed.has(NAME) && this.show());
		const soon = debounced(() => this.tell(), 150);
		this.addEventListener("input", soon);
		this.addEventListener("change", () => this.tell());
		this.addEventListener("keydown", (event) => event.key === "Enter" && this.tell(), true);
		this.draw();
	}

	/** What the advanced controls hold: { values, menus }. */
	held() {
		return JSON.parse(this.controls.valueOf(NAME) || "{}");
	}

	draw() {
		const names = preference("quicksettings_list", []);
		const wanted = names.map((name) => this.all.find(({ setting }) => setting === name)).filter(Boolean);
		const { values = {} } = this.held();
		this.fields = wanted.map((field) => ({ path: field.path, control: fieldOf(field, values[field.path] ?? field.value, `${this.tab}_quick_${field.name}`) }));
		this.replaceChildren(...this.fields.map(({ control }) => control.element));
	}

	show() {
		const { values = {}, menus = {} } = this.held();
		for (const { path, control } of this.fields) {
			const typing = control.element.contains(document.activeElement);
			if (path in values && !typing) control.set(values[path], menus[path]);
		}
	}

	tell() {
		const held = this.held();
		const now = Object.fromEntries(this.fields.map(({ path, control }) => [path, control.read()]));
		const values = { ...held.values, ...now };
		if (JSON.stringify(values) !== JSON.stringify(held.values)) this.controls.setValues({ [NAME]: JSON.stringify({ values }) });
	}
}

customElements.define("easel-quick", Quick);
