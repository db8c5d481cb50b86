// The advanced controls: many, seldom touched, so they are one value to Gradio and drawn here.

import { pictureControls, textControls } from "./bridge.js";
import { debounced, h } from "./dom.js";
import { fieldOf } from "./fields.js";

const NAME = "advanced";

class Sheet extends HTMLElement {
	connectedCallback() {
		if (!this.fields) this.build();
		this.off = this.controls.onChange((values, changed) => changed.has(NAME) && this.show(values[NAME]));
	}

	disconnectedCallback() {
		this.off?.();
	}

	build() {
		const tab = this.getAttribute("tab");
		this.controls = tab === "img2img" ? pictureControls : textControls;
		this.fields = new Map();
		const groups = JSON.parse(this.getAttribute("groups")).map(({ title, fields }) => {
			const made = fields.map((field) => {
				const control = fieldOf(field, field.value, `${tab}_${field.name}`);
				this.fields.set(field.path, control);
				return control.element;
			});
			return made.length ? h("section", {}, h("h3", {}, title), h("div.sheet-fields", {}, made)) : "";
		});
		this.replaceChildren(...groups);
		const soon = debounced(() => this.tell(), 150);
		this.addEventListener("input", soon);
		this.addEventListener("change", () => this.tell());
		document.addEventListener("keydown", (event) => event.key === "Enter" && this.contains(event.target) && this.tell(), true);
	}

	show(text) {
		if (!text || text === this.said) return;
		this.said = text;
		const { values, menus = {} } = JSON.parse(text);
		for (const [path, control] of this.fields) if (path in values) control.set(values[path], menus[path]);
	}

	tell() {
		const values = Object.fromEntries([...this.fields].map(([path, control]) => [path, control.read()]));
		const text = JSON.stringify({ values });
		if (text === this.said) return;
		this.said = text;
		this.controls.setValues({ [NAME]: text });
	}
}

customElements.define("easel-sheet", Sheet);
