// Keys that work anywhere on the page.

import { isActive, skip, state, stop } from "./jobs.js";
import { h, iconButton } from "./dom.js";
import { promptByKey } from "./prompt.js";
import { isLarge } from "./viewer.js";

const press = (id) => document.getElementById(id)?.click();

/** The tab that draws: Extras or img2img while it is seen. */
const tab = () => (document.querySelector("easel-extras")?.offsetParent ? "extras" : document.getElementById("img2img_page")?.offsetParent ? "img2img" : "txt2img");

/** A Gradio menu or a dialog that Esc belongs to. */
const popupOpen = () => isLarge() || document.querySelector('dialog[open], ul.options, [role="listbox"].options');

/** What people type into, and the canvas, which has keys of its own. */
const isWriting = (target) => target.closest?.("input, textarea, select, dialog, [contenteditable], easel-source");

/** Every key, and what it does; the Help tab shows the same. */
export const KEYS = [
	["Anywhere", [
		["Ctrl Enter", "Generate; while a job runs, add to the queue"],
		["Alt Enter", "Skip this batch"],
		["Esc", "Interrupt the job, or close what is open"],
		["?", "This sheet; on the canvas, the canvas's keys"],
	]],
	["In a prompt", [
		["Ctrl ↑ ↓", "More or less weight for the word or the selection"],
		["Alt ← →", "Move the part between commas"],
		["↓ ↑", "Choose among the words that are offered"],
		["Tab", "Take the word that is offered"],
	]],
	["Pictures", [
		["← →", "Previous and next picture"],
		["S", "In the large view: download"],
		["Shift click", "In History: select everything between"],
		["Ctrl V", "Take the settings of a picture; on the canvas, the picture itself"],
	]],
	["Generate", [["Right click", "Generate forever, and cancel that"]]],
];

const keysOf = (text) => text.split(" ").map((key) => h("kbd", {}, key));

/** The table of keys. */
export function keysTable() {
	const groups = KEYS.map(([title, rows]) => h("section", {}, h("h3", {}, title),
		h("dl", {}, rows.map(([keys, says]) => h("div", {}, h("dt", {}, keysOf(keys)), h("dd", {}, says))))));
	return h("div.keys", {}, groups);
}

function showKeys() {
	const dialog = h("dialog.easel-keys", { "aria-label": "Keys", onclose: () => dialog.remove() },
		h("header", {}, h("h2", {}, "Keys"), iconButton("close", "Close", () => dialog.close(), true)), keysTable());
	dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
	document.body.append(dialog);
	dialog.showModal();
}

/** The same in the Help tab. */
class Keys extends HTMLElement {
	connectedCallback() {
		this.replaceChildren(keysTable());
	}
}

customElements.define("easel-keys", Keys);

export function listenToKeys() {
	document.addEventListener("keydown", (event) => {
		if (promptByKey(event)) return;
		const active = isActive(state.job);
		if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
			event.preventDefault();
			press(`${tab()}_${active && tab() !== "extras" ? "enqueue" : "generate"}`);
		} else if (event.key === "Enter" && event.altKey && active) {
			event.preventDefault();
			skip();
		} else if (event.key === "?" && !isWriting(event.target)) {
			showKeys();
		} else if (event.key === "Escape" && active && !popupOpen()) {
			stop();
		}
	}, true);
}
