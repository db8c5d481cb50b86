// Beside the styles: the prompts of before, and the wildcards with their editor.

import { get, post, send } from "./api.js";
import { pictureControls, textControls } from "./bridge.js";
import { debounced, h, icon, iconButton, toast } from "./dom.js";

const field = (label, input) => h("label.field.wide", {}, h("span", {}, label), input);
const failed = (error) => toast(error.message, "error", error.hint);

function dialogOf(title, className, ...content) {
	const dialog = h(`dialog.easel-edit.${className}`, { "aria-label": title, onclose: () => dialog.remove() },
		h("header", {}, h("h2", {}, title), iconButton("close", "Close", () => dialog.close(), true)), ...content);
	document.body.append(dialog);
	dialog.showModal();
	return dialog;
}

/** The prompts that were drawn: searched, pinned, brought back, forgotten. */
function showPrompts(controls) {
	const search = h("input", { type: "search", placeholder: "Words of the prompt", autocomplete: "off", oninput: () => soon() });
	const list = h("ul.past-prompts", {});
	const row = (past) => {
		const bring = h("button.past", { type: "button", title: "Bring it back", onclick: () => {
			controls.setValues({ prompt: past.prompt, negative_prompt: past.negative_prompt });
			dialog.close();
		} }, h("span", {}, past.prompt), past.negative_prompt && h("small", {}, past.negative_prompt));
		const pin = iconButton("pin", past.pinned ? "Unpin" : "Pin", () => post(`api/v1/prompts/${past.id}/pin`, { pinned: !past.pinned }).then(fill, failed), true);
		pin.setAttribute("aria-pressed", String(past.pinned));
		const forget = iconButton("trash", "Forget", () => send("DELETE", `api/v1/prompts/${past.id}`).then(fill, failed), true);
		return h("li", {}, bring, pin, forget);
	};
	const fill = async () => {
		try {
			const found = await get(`api/v1/prompts?text=${encodeURIComponent(search.value)}`);
			list.replaceChildren(...(found.length ? found.map(row) : [h("li.none", {}, "No prompts yet. Each prompt you draw with is listed here.")]));
		} catch (error) {
			failed(error);
		}
	};
	const soon = debounced(fill, 150);
	const dialog = dialogOf("Prompts of before", "prompts-of-before", field("Search", search), list);
	search.focus();
	fill();
}

/** Wildcards: chosen into the prompt, made, changed, tried, deleted. */
async function showWildcards(controls) {
	let all = await get("api/v1/wildcards").catch(failed);
	if (!all) return;
	const search = h("input", { type: "search", placeholder: "Part of a name", autocomplete: "off", oninput: () => fill() });
	const list = h("ul.wildcard-names", {});
	const name = h("input", { autocomplete: "off", placeholder: "animals/cats" });
	const text = h("textarea", { rows: "9", spellcheck: false, placeholder: "red\n3::blue\na __shade__ green", oninput: () => attempt() });
	const samples = h("ol.samples", { "aria-live": "polite" });
	const insert = (one) => {
		const before = String(controls.valueOf("prompt") ?? "").replace(/\s+$/, "");
		controls.setValues({ prompt: before + (before ? " " : "") + `__${one}__` });
		toast("Added to the prompt.");
	};
	const row = (one) => h("li", {},
		h("button.past", { type: "button", title: "Add it to the prompt", onclick: () => insert(one.name) }, h("span", {}, one.name), h("small", {}, `${one.lines}`)),
		one.editable && iconButton("edit", "Change", () => edit(one.name), true),
		one.editable && iconButton("trash", "Delete", () => run("delete", { name: one.name }), true));
	const fill = () => {
		const found = all.filter((one) => one.name.toLowerCase().includes(search.value.toLowerCase()));
		list.replaceChildren(...(found.length ? found.slice(0, 500).map(row) : [h("li.none", {}, "No wildcards. Keep one here, or put text files into the folder wildcards.")]));
	};
	const edit = async (one) => {
		try {
			const read = await get(`api/v1/wildcards/text?name=${encodeURIComponent(one)}`);
			[name.value, text.value] = [read.name, read.text];
			attempt();
			text.focus();
		} catch (error) {
			failed(error);
		}
	};
	const run = async (path, body) => {
		try {
			all = (await post(`api/v1/wildcards${path ? `/${path}` : ""}`, body)).all;
			fill();
			if (!path) toast("Kept.");
		} catch (error) {
			failed(error);
		}
	};
	const attempt = debounced(async () => {
		const lines = text.value.split("\n").map((line) => line.trim()).filter((line) => line && !line.startsWith("#"));
		if (!lines.length) return samples.replaceChildren();
		try {
			const tried = await post("api/v1/wildcards/try", { text: lines.length > 1 ? `{${lines.slice(0, 2000).join("|")}}` : lines[0], count: 5 });
			samples.replaceChildren(...tried.texts.map((one) => h("li", {}, one || "(nothing)")));
		} catch (error) {
			samples.replaceChildren(h("li.wrong", {}, error.message, " ", error.hint));
		}
	}, 250);
	const keep = h("button.easel-button.primary", { type: "submit" }, "Keep");
	const again = h("button.easel-button", { type: "button", onclick: () => attempt() }, "Try again");
	const form = h("form.fields", { onsubmit: (event) => { event.preventDefault(); run("", { name: name.value, text: text.value }); } },
		field("Name; / makes folders", name), field("One possibility a line", text), h("h3", {}, "Five results"), samples, h("div.buttons", {}, again, keep));
	dialogOf("Wildcards", "wildcards", h("div.halves", {}, h("div", {}, field("Search", search), list), form));
	fill();
	search.focus();
}

class Words extends HTMLElement {
	connectedCallback() {
		if (this.firstChild) return;
		const tab = this.getAttribute("tab");
		const controls = tab === "img2img" ? pictureControls : textControls;
		this.replaceChildren(h("div.chips", {},
			h("button.chip.add", { type: "button", id: `${tab}_past_prompts`, title: "Prompts you drew with before", onclick: () => showPrompts(controls) }, icon("reuse"), "Prompts"),
			h("button.chip.add", { type: "button", id: `${tab}_wildcards`, title: "Files whose lines a prompt chooses from", onclick: () => showWildcards(controls) }, icon("sparkles"), "Wildcards")));
	}
}

customElements.define("easel-words", Words);
