// Keys that work anywhere on the page.

import { isActive, skip, state, stop } from "./jobs.js";
import { weightByKey } from "./prompt.js";
import { isLarge } from "./viewer.js";

const press = (id) => document.getElementById(id)?.click();

/** A Gradio menu or a dialog that Esc belongs to. */
const popupOpen = () => isLarge() || document.querySelector('dialog[open], ul.options, [role="listbox"].options');

export function listenToKeys() {
	document.addEventListener("keydown", (event) => {
		if (weightByKey(event)) return;
		const active = isActive(state.job);
		if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
			event.preventDefault();
			press(active ? "txt2img_enqueue" : "txt2img_generate");
		} else if (event.key === "Enter" && event.altKey && active) {
			event.preventDefault();
			skip();
		} else if (event.key === "Escape" && active && !popupOpen()) {
			stop();
		}
	}, true);
}
