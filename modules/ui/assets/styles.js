// Styles: chosen beside the prompt, applied when the job is handed in, kept and changed in a dialog.

import { get, post } from "./api.js";
import { pictureControls, textControls } from "./bridge.js";
import { h, icon, iconButton, toast } from "./dom.js";

const changes = new EventTarget();
let listed = null;

/** Every style, asked for once. */
function styles() {
	listed ??= get("api/v1/styles");
	listed.catch(() => (listed = null));
	return listed;
}

function replaceStyles(all) {
	listed = Promise.resolve(all);
	changes.dispatchEvent(new Event("change"));
}

/** A style's text put around a prompt, or behind it. */
const merged = (style, prompt) => (style.includes("{prompt}") ? style.replaceAll("{prompt}", prompt)
	: [prompt.trim(), style.trim()].filter(Boolean).join(", "));

class Styles extends HTMLElement {
	connectedCallback() {
		if (this.menu) return;
		this.tab = this.getAttribute("tab");
		this.controls = this.tab === "img2img" ? pictureControls : textControls;
		this.chosen = [];
		this.chips = h("div.chips", { id: `${this.tab}_styles` });
		this.open = h("button.chip.add", { type: "button", title: "Choose styles", onclick: () => this.toggle() }, icon("plus"), "Styles");
		this.menu = h("div.easel-menu.styles", { popover: "auto", "aria-label": "Styles" });
		this.replaceChildren(this.chips, this.menu);
		this.draw();
		this.controls.onChange((values, changed) => changed.has("styles") && this.show(values.styles));
		changes.addEventListener("change", () => this.draw());
	}

	show(text) {
		this.chosen = text ? JSON.parse(text) : [];
		this.draw();
	}

	draw() {
		const chips = this.chosen.map((name) => h("button.chip", { type: "button", "aria-pressed": "true", title: `Take ${name} away`, onclick: () => this.set(this.chosen.filter((one) => one !== name)) }, `${name} ×`));
		this.chips.replaceChildren(this.open, ...chips);
	}

	set(names) {
		this.controls.setValues({ styles: names.length ? JSON.stringify(names) : "" });
	}

	async toggle() {
		let all;
		try {
			all = await styles();
		} catch (error) {
			return toast(error.message, "error", error.hint);
		}
		const rows = all.map((style) => {
			const box = h("input", { type: "checkbox", checked: this.chosen.includes(style.name), onchange: () => this.set(box.checked ? [...this.chosen, style.name] : this.chosen.filter((name) => name !== style.name)) });
			return h("label", { translate: "no", title: [style.prompt, style.negative_prompt].filter(Boolean).join("\n") }, box, style.name);
		});
		const apply = h("button", { type: "button", id: `${this.tab}_style_apply`, onclick: () => this.apply(all) }, "Write them into the prompts");
		const edit = h("button", { type: "button", id: `${this.tab}_styles_edit_button`, onclick: () => this.edit(all) }, rows.length ? "Edit styles…" : "Keep a first style…");
		this.menu.replaceChildren(h("div.rows", {}, rows), ...(rows.length ? [apply] : []), edit);
		const { left, bottom } = this.open.getBoundingClientRect();
		this.menu.style.left = `${left}px`;
		this.menu.style.top = `${bottom + 4}px`;
		this.menu.showPopover();
		this.menu.querySelector("input, button").focus();
	}

	/** The chosen styles become text in the prompts. */
	apply(all) {
		this.menu.hidePopover();
		let [prompt, negative] = ["prompt", "negative_prompt"].map((path) => String(this.controls.valueOf(path) ?? ""));
		for (const name of this.chosen) {
			const style = all.find((one) => one.name === name);
			if (!style) continue;
			prompt = merged(style.prompt, prompt);
			negative = merged(style.negative_prompt, negative);
		}
		this.controls.setValues({ prompt, negative_prompt: negative, styles: "" });
	}

	edit(all) {
		this.menu.hidePopover();
		editStyles(this.tab, this.controls, all, this.chosen[0]);
	}
}

/** The dialog in which styles are kept, changed and deleted. */
function editStyles(tab, controls, all, first = "") {
	const ids = `${tab}_edit_style`;
	const field = (label, input) => h("label.field.wide", {}, h("span", {}, label), input);
	const list = h("datalist", { id: `${ids}_names` }, all.map(({ name }) => h("option", { value: name })));
	const name = h("input", { id: `${tab}_styles_edit_select`, list: list.id, autocomplete: "off", placeholder: "A new name, or one that is kept", oninput: () => pick() });
	const prompt = h("textarea", { rows: "3", id: `${ids}_prompt`, placeholder: "{prompt} stands for the prompt; without it, this is added behind" });
	const negative = h("textarea", { rows: "2", id: `${ids}_neg_prompt` });
	const known = () => all.find((style) => style.name === name.value.trim());
	const remove = h("button.easel-button.danger", { type: "button", id: `${ids}_delete`, onclick: () => run("styles/delete", { name: known().name }) }, "Delete");
	const save = h("button.easel-button.primary", { type: "submit", id: `${ids}_save` }, "Keep");
	const take = h("button.easel-button", { type: "button", id: `${tab}_style_copy`, onclick: () => {
		prompt.value = controls.valueOf("prompt") ?? "";
		negative.value = controls.valueOf("negative_prompt") ?? "";
	} }, "Take the prompts");
	const pick = () => {
		const style = known();
		remove.hidden = !style;
		if (style) [prompt.value, negative.value] = [style.prompt, style.negative_prompt];
	};
	const run = async (path, body) => {
		try {
			replaceStyles(await post(`api/v1/${path}`, body));
			dialog.close();
		} catch (error) {
			toast(error.message, "error", error.hint);
		}
	};
	const keep = (event) => {
		event.preventDefault();
		run("styles", { name: name.value, prompt: prompt.value, negative_prompt: negative.value });
	};
	const dialog = h("dialog.easel-edit", { id: `${tab}_styles_dialog`, "aria-label": "Styles", onclose: () => dialog.remove() },
		h("form", { onsubmit: keep }, h("header", {}, h("h2", {}, "Styles"), iconButton("close", "Close", () => dialog.close(), true)), list,
			h("div.fields", {}, field("Name", name), field("Prompt", prompt), field("Negative prompt", negative)),
			h("div.buttons", {}, take, remove, save)));
	name.value = first;
	pick();
	document.body.append(dialog);
	dialog.showModal();
}

customElements.define("easel-styles", Styles);
