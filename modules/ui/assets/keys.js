// Keys that work anywhere on the page.

import { isActive, skip, state, stop } from "./jobs.js";
import { weightByKey } from "./prompt.js";
import { isLarge } from "./viewer.js";

const press = (id) => document.getElementById(id)?.click();

/** The tab that draws: img2img while it is seen. */
const tab = () => (document.getElementById("img2img_page")?.offsetParent ? "img2img" : "txt2img");

/** A Gradio menu or a dialog that Esc belongs to. */
const popupOpen = () => isLarge() || document.querySelector('dialog[open], ul.options, [role="listbox"].options');

export function listenToKeys() {
	document.addEventListener("keydown", (event) => {
		if (weightByKey(event)) return;
		const active = isActive(state.job);
		if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
			event.preventDefault();
			press(`${tab()}_${active ? "enqueue" : "generate"}`);
		} else if (event.key === "Enter" && event.altKey && active) {
			event.preventDefault();
			skip();
		} else if (event.key === "Escape" && active && !popupOpen()) {
			stop();
		}
	}, true);
}
